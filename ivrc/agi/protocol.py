"""The Asterisk Gateway Interface over asyncio streams: a request's head, commands, and what Asterisk answers.

The same for FastAGI (a TCP connection) and for a program that Asterisk runs (stdin and stdout). What comes in is
anybody's bytes: bounded in lines, length and total, decoded with replacement. Time limits are the caller's affair.
"""

from __future__ import annotations

import asyncio
import re
from typing import Protocol

from ivrc.named import NamedTuple

LINE_LIMIT = 4096
"""Bytes of a line; for a stream reader's `limit` too."""
MAX_LINES = 100
MAX_BYTES = 16384
_ARGUMENT = re.compile(r"agi_arg_([1-9][0-9]?)")
# What Asterisk sends of its own accord when the caller has gone.
_HANGUP = b"HANGUP"


class AgiError(Exception):
    """The other side does not speak AGI, or has gone. The message is for logs."""


class Writer(Protocol):
    """What is needed of a stream to write to."""

    def write(self, data: bytes) -> None:
        """Take bytes to send."""

    async def drain(self) -> None:
        """Wait until they are on their way."""


class Request(NamedTuple):
    """The head of an AGI session: the script asked for, its arguments, and all of Asterisk's variables."""

    script: str
    arguments: tuple[str, ...]
    variables: dict[str, str]


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read the head. AgiError if it is none, is too large, or the connection ends in it."""
    variables: dict[str, str] = {}
    total = 0
    for _ in range(MAX_LINES):
        line = await _line(reader)
        total += len(line)
        if total > MAX_BYTES:
            raise AgiError("the head of the request is too large")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            return _request(variables)
        name, colon, value = text.partition(":")
        if not colon or not name.startswith("agi_"):
            raise AgiError("this is no AGI request")
        variables[name] = value.strip()
    raise AgiError("the head of the request has too many lines")


def _request(variables: dict[str, str]) -> Request:
    if not variables:
        raise AgiError("the request is empty")
    numbered = sorted((int(match[1]), name) for name in variables if (match := _ARGUMENT.fullmatch(name)))
    arguments = tuple(variables[name] for _, name in numbered)
    return Request(variables.get("agi_network_script", ""), arguments, variables)


async def set_variable(reader: asyncio.StreamReader, writer: Writer, name: str, value: str) -> None:
    """Set a channel variable and wait until Asterisk has. AgiError if it refuses, or is gone."""
    writer.write(f"SET VARIABLE {name} {quoted(value)}\n".encode("utf-8", "replace"))
    await writer.drain()
    explaining = False
    for _ in range(MAX_LINES):
        line = (await _line(reader)).rstrip(b"\r\n")
        # An explanation has many lines, from one that begins `520-` to one that begins `520 `.
        explaining = (explaining or line.startswith(b"520-")) and not line.startswith(b"520 ")
        if explaining or not line or line == _HANGUP:
            continue
        if line.startswith(b"200 "):
            return
        raise AgiError(f"Asterisk does not take the answer: {line[:80].decode('utf-8', 'replace')}")
    raise AgiError("Asterisk's answer has no end")


def quoted(value: str) -> str:
    """A value as AGI reads it: in double quotes; control characters, a line end among them, become spaces."""
    plain = "".join(char if char >= " " and char != "\x7f" else " " for char in value)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        raise AgiError("the connection was closed") from None
    except asyncio.LimitOverrunError:
        raise AgiError("a line is too long") from None
    except OSError as fault:
        raise AgiError(f"the connection was lost: {fault}") from None
    return line
