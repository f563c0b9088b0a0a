"""Read SIPp's message trace: which SIP messages went out and came in, and when."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_HEAD = re.compile(r"^-{20,} (\d{4}-\d\d-\d\d)[ T\t]([\d:.]+)Z?[^\n]*\n\w+ message (sent|received)[^\n]*\n\n", re.M)


@dataclass(frozen=True)
class SipMessage:
    """One message; `at` is in seconds since 1970 (SIPp runs with TZ=UTC)."""

    at: float
    sent: bool
    start: str
    headers: dict[str, str]  # lower-case name -> value of the first header of that name
    body: str

    @property
    def code(self) -> int:
        """The status code of a response, 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method, of the request or of the one that is answered."""
        return self.headers.get("cseq", "0 ?").split()[-1]

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.headers.get("call-id", "")

    @property
    def number(self) -> str:
        """A request's dialled number: the user part of its URI."""
        match = re.match(r"\S+ sips?:([^@;\s]*)@", self.start)
        return match[1] if match else ""

    @property
    def from_(self) -> str:
        """The number in From."""
        match = re.search(r"sips?:([^@;>\s]*)", self.headers.get("from", ""))
        return match[1] if match else ""


def read_trace(path: Path) -> list[SipMessage]:
    """The messages of a trace file so far; an absent file has none."""
    if not path.exists():
        return []
    text = path.read_text("utf-8", "replace").replace("\r\n", "\n")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)] * bool(heads)
    return [_message(head, text[head.end() : end]) for head, end in zip(heads, ends, strict=True)]


def _message(head: re.Match[str], text: str) -> SipMessage:
    at = datetime.fromisoformat(f"{head[1]}T{head[2]}").replace(tzinfo=UTC).timestamp()
    top, _, body = text.partition("\n\n")
    start, *lines = top.splitlines() or [""]
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return SipMessage(at=at, sent=head[3] == "sent", start=start, headers=headers, body=body)
