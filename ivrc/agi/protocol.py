"""The Asterisk Gateway Interface as bytes: a head, the one command, what Asterisk answers. No waiting here.

The same for FastAGI (a TCP connection) and for a program that Asterisk runs (stdin and stdout). What comes in is
anybody's bytes: bounded in lines and total, decoded with replacement.
"""

from __future__ import annotations

import re

from ivrc.named import NamedTuple

LIMIT = 16384
"""Bytes of a head, and of what is said after it."""
MAX_LINES = 100
END = b"\n\n"
"""What ends a head."""
_HEAD = re.compile(r"(?:agi_[^:\n]*+:[^\n]*+(?:\n|\Z))+")
_OF_USE = re.compile(r"^agi_(network_script|uniqueid|arg_\d++):([^\n]*+)", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What Asterisk sends of its own accord when the caller has gone.
_HANGUP = b"HANGUP"


class AgiError(Exception):
    """The other side does not speak AGI, or has gone. The message is for logs."""


class Request(NamedTuple):
    """What is of use in the head of an AGI session: the script asked for, its arguments, the call's unique id."""

    script: str
    arguments: tuple[str, ...]
    call: str = ""


def parse_head(head: bytes) -> Request:
    """A head without its END. AgiError if it is none."""
    text = head.decode("utf-8", "replace")
    if text.count("\n") >= MAX_LINES:
        raise AgiError("the head of the request has too many lines")
    if not _HEAD.fullmatch(text):
        raise AgiError("this is no AGI request")
    found = dict(_OF_USE.findall(text))
    arguments: list[str] = []
    while (value := found.get(f"arg_{len(arguments) + 1}")) is not None:
        arguments.append(value.strip())
    return Request(found.get("network_script", "").strip(), tuple(arguments), found.get("uniqueid", "").strip())


def set_variable(name: str, value: str) -> bytes:
    """The command that sets a channel variable."""
    return f"SET VARIABLE {name} {quoted(value)}\n".encode("utf-8", "replace")


def quoted(value: str) -> str:
    """A value as AGI reads it: in double quotes; control characters, a line end among them, become spaces."""
    return '"' + _CONTROL.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_taken(said: bytes) -> bool:
    """Whether Asterisk has taken the command: False while its answer is not complete, AgiError if it refuses."""
    explaining = False
    for line in said.split(b"\n")[:-1]:
        line = line.rstrip(b"\r")
        # An explanation has many lines, from one that begins `520-` to one that begins `520 `.
        explaining = (explaining or line.startswith(b"520-")) and not line.startswith(b"520 ")
        if explaining or not line or line == _HANGUP:
            continue
        if line.startswith(b"200 "):
            return True
        raise AgiError(f"Asterisk does not take the answer: {line[:80].decode('utf-8', 'replace')}")
    return False
