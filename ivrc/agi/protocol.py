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
_VARIABLE = re.compile(r"^(agi_[^:\n]*+):[ \t]*+([^\n]*+)$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What Asterisk sends of its own accord when the caller has gone.
_HANGUP = b"HANGUP"


class AgiError(Exception):
    """The other side does not speak AGI, or has gone. The message is for logs."""


class Request(NamedTuple):
    """The head of an AGI session: the script asked for, its arguments, and all of Asterisk's variables."""

    script: str
    arguments: tuple[str, ...]
    variables: dict[str, str]


def parse_head(head: bytes) -> Request:
    """A head without its END. AgiError if it is none."""
    text = head.decode("utf-8", "replace")
    found = _VARIABLE.findall(text)
    if len(found) != text.count("\n") + 1:
        raise AgiError("this is no AGI request")
    if len(found) > MAX_LINES:
        raise AgiError("the head of the request has too many lines")
    variables: dict[str, str] = dict(found)
    return Request(variables.get("agi_network_script", "").strip(), _arguments(variables), variables)


def _arguments(variables: dict[str, str]) -> tuple[str, ...]:
    """`agi_arg_1` and on, as far as they go without a gap."""
    found: list[str] = []
    while (value := variables.get(f"agi_arg_{len(found) + 1}")) is not None:
        found.append(value.strip())
    return tuple(found)


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
