"""A telephone with lamps: it registers, and is told by NOTIFY how many messages wait, and who is in a call."""

from __future__ import annotations

import hashlib
import re
import socket
import time
import uuid
from typing import Self


class Lamp:
    """One registered telephone; its user name is its password."""

    def __init__(self, server_port: int, name: str) -> None:
        self._server = ("127.0.0.1", server_port)
        self._name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self._id = uuid.uuid4().hex
        self._count = 0
        # What it was told last: (new messages, old ones).
        self.messages: tuple[int, int] | None = None
        # Extension -> the state of its dialog, told last: terminated, early, confirmed.
        self.dialogs: dict[str, str] = {}

    def __enter__(self) -> Self:
        challenge = self._register()
        answer = self._register(challenge)
        assert answer.startswith("SIP/2.0 200"), answer
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def await_messages(self, wanted: tuple[int, int], seconds: float = 10.0) -> None:
        """Wait until the lamp says so."""
        until = time.monotonic() + seconds
        while self.messages != wanted:
            assert time.monotonic() < until, self.messages
            self._receive()

    def subscribe(self, extension: str) -> str:
        """Ask for an extension's lamp; the answer's first line."""
        extra = ["Event: dialog", "Accept: application/dialog-info+xml"]
        challenge = self._ask("SUBSCRIBE", extension, extra)
        return self._ask("SUBSCRIBE", extension, extra, challenge).split("\r\n")[0]

    def await_dialog(self, extension: str, wanted: str, seconds: float = 10.0) -> None:
        """Wait until the extension's lamp says so."""
        until = time.monotonic() + seconds
        while self.dialogs.get(extension) != wanted:
            assert time.monotonic() < until, self.dialogs
            self._receive()

    def _register(self, challenge: str = "") -> str:
        return self._ask("REGISTER", "", [], challenge)

    def _ask(self, method: str, to: str, extra: list[str], challenge: str = "") -> str:
        """Send a request to the server, or to one of its extensions; its final answer."""
        port = self._socket.getsockname()[1]
        uri = f"sip:{to}@127.0.0.1:{self._server[1]}" if to else f"sip:127.0.0.1:{self._server[1]}"
        self._count += 1
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{self._id}{self._count}",
            f"From: <sip:{self._name}@127.0.0.1>;tag={self._id}{to}",
            f"To: <sip:{to or self._name}@127.0.0.1>",
            f"Call-ID: {self._id}{to}",
            f"CSeq: {self._count} {method}",
            f"Contact: <sip:{self._name}@127.0.0.1:{port}>",
            "Max-Forwards: 70",
            "Expires: 600",
            *extra,
            *([self._authorization(challenge, method, uri)] if challenge else []),
            "Content-Length: 0",
        ]
        self._send(lines)
        until = time.monotonic() + 10
        while not (answer := self._receive()).startswith("SIP/2.0"):
            assert time.monotonic() < until, f"no answer to {method}"
        return answer

    def _authorization(self, challenge: str, method: str, uri: str) -> str:
        given = dict(re.findall(r'(realm|nonce|opaque)="([^"]*)"', challenge))

        def digest(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        mine = digest(f"{self._name}:{given['realm']}:{self._name}")
        response = digest(f"{mine}:{given['nonce']}:00000001:c:auth:{digest(f'{method}:{uri}')}")
        return (
            f'Authorization: Digest username="{self._name}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
            f'uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c", '
            f'opaque="{given.get("opaque", "")}"'
        )

    def _receive(self) -> str:
        """The next message, or an empty string; a NOTIFY is read and answered."""
        try:
            text = self._socket.recv(65_536).decode()
        except TimeoutError:
            return ""
        if text.startswith("NOTIFY"):
            if match := re.search(r"^Voice-Message: (\d+)/(\d+)", text, re.MULTILINE):
                self.messages = int(match[1]), int(match[2])
            if match := re.search(r'<dialog-info .*?entity="sip:(\w+)@.*?<state>(\w+)</state>', text, re.DOTALL):
                self.dialogs[match[1]] = match[2]
            same = [line for line in text.split("\r\n") if re.match(r"(Via|From|To|Call-ID|CSeq):", line)]
            self._send(["SIP/2.0 200 OK", *same, "Content-Length: 0"])
        return text

    def _send(self, lines: list[str]) -> None:
        self._socket.sendto("\r\n".join([*lines, "", ""]).encode(), self._server)
