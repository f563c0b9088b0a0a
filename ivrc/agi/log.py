"""The helper's log: one line of JSON an event on standard error; for a terminal, plain words.

A request must never wait for the log, nor fail by it: what standard error does not take at once is counted and dropped.
"""

from __future__ import annotations

import os
import select
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

LONGEST = 4000
"""Bytes of a line: a pipe takes as many in one piece."""
_TEXT = 300
_TRACE = 1500
_CUT = 100


class Log:
    """Lines on a file descriptor; None is nowhere. `lost` counts the lines that could not be written."""

    def __init__(self, descriptor: int | None, *, words: bool = False) -> None:
        self.lost = 0
        self._descriptor = descriptor
        self._words = words
        self._poll = select.poll()
        if descriptor is not None:
            self._poll.register(descriptor, select.POLLOUT)

    def info(self, event: str, **fields: Any) -> None:
        """What goes as it should."""
        self._tell("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What somebody may want to look at."""
        self._tell("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """What somebody must mend."""
        self._tell("error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """The exception that is being handled, with the end of its trace."""
        self._tell("error", event, {**fields, "trace": traceback.format_exc()[-_TRACE:]})

    def _tell(self, level: str, event: str, fields: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            line = b"" if self._words else self._line(now, level, event, fields)
        except UnicodeEncodeError:
            line = b""
        # JSON escapes what is not printable in ASCII; all else is looked at sign by sign.
        if not line or not line.isascii() or b"\x7f" in line or len(line) > LONGEST:
            told = {name: _short(value) if isinstance(value, str) else value for name, value in fields.items()}
            told |= {name: printable(value[-_TRACE:]) for name, value in fields.items() if name == "trace"}
            line = self._line(now, level, event, told)
        if len(line) > LONGEST:
            line = self._line(now, level, event, {name: str(value)[:_CUT] for name, value in told.items()})
        self._write(line)

    def _line(self, now: str, level: str, event: str, fields: dict[str, Any]) -> bytes:
        if self._words:
            told = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
            return f"{now[11:23]} {level}: {event} {told}\n".encode()
        return msgspec.json.encode({"time": now, "level": level, "event": event, **fields}) + b"\n"

    def _write(self, line: bytes) -> None:
        if self._descriptor is None:
            return
        try:
            if not self._poll.poll(0) or os.write(self._descriptor, line) < len(line):
                self.lost += 1
        except OSError:
            self.lost += 1


def make_log() -> Log:
    """The log on standard error, if there is one: its number may be another file's where it was closed."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return Log(None)
    return Log(descriptor, words=os.isatty(descriptor))


def _short(text: str) -> str:
    return printable(text[:_TEXT])


def printable(text: str) -> str:
    """A text whose control characters, line ends and invisible signs are written as escapes."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def masked(number: str) -> str:
    """A number of which only the beginning and the last two digits are told."""
    return f"{number[:5]}***{number[-2:]}" if len(number) > 8 else "***" if number else ""
