"""The compiled dialplan as the history needs it: which step of the source a line of Asterisk's belongs to.

The event log names context, extension, application and arguments, but no priority. So the lines of an extension are
looked through in their order from the last one found, and arguments compared with what was compiled, in which variables
and expressions stand for anything.

Where the offices were deployed (`ivrc deploy`), names carry the mark of the part that a call is on; its folder is read
when the first call shows it, and calls on an older part are told in that part's words.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ivrc.named import NamedTuple

_STEP = re.compile(r"; (.*)    \((.+):(\d+)\)")
_MARKED = re.compile(r"ivrc~([a-z2-7]{8})-(\w+)|(ivrc\.[\w.-]+)~([a-z2-7]{8})")
_LINE = re.compile(r"(?:exten => (?P<exten>[^,]+),1| same => n)(?:\([^()]*\))?,(?P<app>\w+)\((?P<args>.*)\)")


class Step(NamedTuple):
    """A step of the source, in its words."""

    text: str
    file: str
    line: int


class _Line(NamedTuple):
    app: str
    args: re.Pattern[str]
    step: Step | None


class Person(NamedTuple):
    """An employee: the name in the source, and the one for people."""

    office: str
    name: str
    display: str


class Plan:
    """A compiled output folder: extensions.conf and manifest.json; or the parts of a folder that was deployed to."""

    def __init__(self, dialplan: str = "", manifest: dict[str, Any] | None = None, parts: Path | None = None) -> None:
        self._parts = parts
        self._read_parts: set[str] = set()
        self._lines: dict[tuple[str, str], list[_Line]] = {}
        self._office_of: dict[str, str] = {}
        self.people: dict[str, Person] = {}
        self.numbers: set[str] = set()
        self._mailboxes: dict[tuple[str, str], Person] = {}
        self._read(dialplan)
        for office in (manifest or {}).get("offices", []):
            for one in office["employees"]:
                person = Person(office["name"], one["name"], one["display"] or one["name"])
                self._mailboxes[office["name"], one.get("extension") or one["name"]] = person
                for device in one["devices"]:
                    self.people[_endpoint(device)] = person
                for mobile in one["mobiles"]:
                    self.people[mobile] = person

    def _read(self, dialplan: str) -> None:
        context = exten = ""
        step: Step | None = None
        for line in dialplan.splitlines():
            if match := _STEP.fullmatch(line):
                step = Step(match[1], match[2], int(match[3]))
            elif line.startswith("["):
                context, step = line[1:-1], None
            elif match := _LINE.fullmatch(line):
                if match["exten"]:
                    exten = match["exten"]
                self._lines.setdefault((context, exten), []).append(_Line(match["app"], _pattern(match["args"]), step))

    def find(self, context: str, exten: str, app: str, data: str, after: int) -> tuple[int, Step | None]:
        """The line that an application ran from, as (its place in the extension, its step); (-1, None) if none.

        `after` is the place of the last line found in this extension: the next that fits is taken, else the first.
        """
        if self._parts is not None:
            # A number's line leads into a part by its arguments.
            self._read_part(f"{context} {data}")
        lines = self._lines.get((context, exten), [])
        for index in (*range(after + 1, len(lines)), *range(min(after + 1, len(lines)))):
            line = lines[index]
            if line.app.lower() == app.lower() and line.args.fullmatch(data):
                return index, line.step
        return -1, None

    def _read_part(self, text: str) -> None:
        for match in _MARKED.finditer(text):
            name = f"{match[2]}~{match[1]}" if match[1] else f"{match[3]}~{match[4]}"
            if name in self._read_parts or self._parts is None:
                continue
            self._read_parts.add(name)
            for file in ("entries.conf", "extensions.conf"):
                self._read(_text(self._parts / name / file))

    def person(self, endpoint: str) -> Person | None:
        """Who an endpoint (`anna`) or a number (E.164) is."""
        return self.people.get(endpoint)

    def mailbox_owner(self, path: str) -> Person | None:
        """Whose mailbox a message of Asterisk's own lies in: `…/ivrc-acme/101/INBOX/msg0000`."""
        parts = path.split("/")
        return self._mailboxes.get((parts[-4].removeprefix("ivrc-"), parts[-3])) if len(parts) > 4 else None


def load_plan(build: Path) -> Plan:
    """The plan of an output folder, or of one deployed to; what is missing there is missing in the words only."""
    deployed = build / "active"
    parts = build / "parts" if deployed.exists() else None
    dialplan = "" if parts else _text(build / "extensions.conf")
    try:
        manifest = json.loads(((deployed if parts else build) / "manifest.json").read_bytes())
        return Plan(dialplan, manifest, parts)
    except (OSError, ValueError, KeyError, TypeError):
        return Plan(dialplan, parts=parts)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _endpoint(device: str) -> str:
    return device.partition("/")[2].split("/")[0].rpartition("@")[2]


def _pattern(args: str) -> re.Pattern[str]:
    """Arguments with anything where a variable or an expression stands."""
    parts, depth, literal = [], 0, ""
    index = 0
    while index < len(args):
        if args.startswith(("${", "$["), index):
            if depth == 0:
                parts.append(re.escape(literal))
                literal = ""
            depth += 1
            index += 2
            continue
        char = args[index]
        if depth:
            depth += (char in "{[") - (char in "}]")
            if depth == 0:
                parts.append(".*")
        else:
            literal += char
        index += 1
    return re.compile("".join([*parts, re.escape(literal)]), re.DOTALL)
