"""Asterisk's manager interface, as little of it as a deploy needs.

One question at a time; a list is read as it comes, for a large dialplan's is a hundred megabytes.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Protocol, Self

from ivrc.crm.settings import Secret
from ivrc.deploy.errors import ManagerError
from ivrc.named import NamedTuple

Message = Mapping[str, str]
_LINE_LIMIT = 1 << 20
_CHUNK = 1 << 18
_END, _LAST = b"\r\n\r\n", b"\r\nEventList: Complete"
_VALUES_AT_ONCE = 100


class Address(NamedTuple):
    """Where a manager listens, and as whom to log in. `tls`: None for an unencrypted connection."""

    host: str
    port: int
    user: str
    secret: Secret
    tls: ssl.SSLContext | None = None
    seconds: float = 10.0

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


class Turns(Protocol):
    """How many questions are asked at once, and what is between them."""

    questions: int

    async def rest(self, asked: int, began: float, ended: float) -> None:
        """After so many questions, answered between these two times of `time.monotonic`; then the next may begin."""


class Manager:
    """One connection: `async with Manager(address) as manager`. ManagerError when it fails or is lost."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        # What has come and was not taken yet begins at `_at`: cutting it off for each message would copy it each time.
        self._come, self._at = b"", 0
        self._count = 0

    async def __aenter__(self) -> Self:
        host, port = self.address.host, self.address.port
        try:
            connecting = asyncio.open_connection(
                host, port, ssl=self.address.tls, limit=_LINE_LIMIT, ssl_handshake_timeout=self._handshake()
            )
            reader, self._writer = await asyncio.wait_for(connecting, self.address.seconds)
            banner = await asyncio.wait_for(reader.readline(), self.address.seconds)
        except ssl.SSLError as fault:
            raise ManagerError(f"{host}:{port}: no TLS connection to Asterisk's manager: {_said(fault)}") from None
        except (OSError, TimeoutError, ValueError) as fault:
            raise ManagerError(f"{host}:{port}: Asterisk's manager is not reached: {_said(fault)}") from None
        if b"Asterisk Call Manager" not in banner:
            await self.close()
            said = (
                "this is not Asterisk's manager"
                if banner
                else "Asterisk's manager is not reached: is Asterisk running?"
            )
            raise ManagerError(f"{host}:{port}: {said}")
        self._reader = reader
        try:
            await self.ask("Login", Username=self.address.user, Secret=self.address.secret.reveal(), Events="off")
        except ManagerError as fault:
            await self.close()
            raise ManagerError(f"{self.address}: Asterisk's manager refuses the login: {fault}") from None
        return self

    def _handshake(self) -> float | None:
        return self.address.seconds if self.address.tls else None

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    async def ask(self, action: str, *, seconds: float | None = None, **fields: str) -> Message:
        """An action's response; ManagerError with Asterisk's own words if it is an error."""
        self._write(action, fields)
        await self._drain()
        return await self._response(action, self._count, seconds)

    async def _response(self, action: str, number: int, seconds: float | None) -> Message:
        while True:
            message = _message(await self._next(seconds))
            # Of an action that was given up there may be an answer still.
            if "Response" in message and message.get("ActionID", str(number)) == str(number):
                if message["Response"] in ("Error", "Fail"):
                    raise ManagerError(f"{action}: {message.get('Message', 'refused')}")
                return message

    async def list(self, action: str, *, seconds: float | None = None, **fields: str) -> AsyncIterator[Message]:
        """The events that answer an action, but for the last, which only says that there are no more."""
        async for raw in self.raw_list(action, seconds=seconds, **fields):
            yield _message(raw)

    async def raw_list(self, action: str, *, seconds: float | None = None, **fields: str) -> AsyncIterator[bytes]:
        """As `list`, each event as the bytes of its lines."""
        await self.ask(action, seconds=seconds, **fields)
        while (raw := await self._event(seconds)) is not None:
            yield raw

    async def texts(
        self,
        action: str,
        field: str,
        values: Iterable[str],
        *,
        absent: str,
        turns: Turns,
        seconds: float | None = None,
    ) -> AsyncIterator[tuple[str, str]]:
        """Each value of a field with the events that answer the action, as one text: it is parsed as a whole.

        The text is empty if Asterisk's error has `absent` in its words. A turn's questions are asked at once: on a busy
        machine each question alone would wait for its turn twice.
        """
        left = iter(values)
        while some := tuple(islice(left, turns.questions)):
            began, first = time.monotonic(), self._count + 1
            for value in some:
                self._write(action, {field: value})
            await self._drain()
            answers = [await self._text(action, number, absent, seconds) for number in range(first, first + len(some))]
            ended = time.monotonic()
            for answer in zip(some, answers, strict=True):
                yield answer
            await turns.rest(len(some), began, ended)

    async def _text(self, action: str, number: int, absent: str, seconds: float | None) -> str:
        try:
            await self._response(action, number, seconds)
            text = await self._until(_LAST, seconds)
            await self._next(seconds)
        except ManagerError as fault:
            if absent not in str(fault):
                raise
            return ""
        return text.decode("utf-8", "replace")

    async def values(self, expressions: Iterable[str]) -> AsyncIterator[str]:
        """What Asterisk makes of each of these functions or variables."""
        left = iter(expressions)
        while some := tuple(islice(left, _VALUES_AT_ONCE)):
            first = self._count + 1
            for expression in some:
                self._write("Getvar", {"Variable": expression})
            await self._drain()
            for number in range(first, first + len(some)):
                yield (await self._response("Getvar", number, None)).get("Value", "")

    async def _event(self, seconds: float | None) -> bytes | None:
        """The next event of a list; None for its last."""
        while True:
            raw = await self._next(seconds)
            if _LAST in raw:
                return None
            if raw.startswith(b"Event: "):
                return raw

    def _write(self, action: str, fields: Mapping[str, str]) -> None:
        if self._writer is None:
            raise ManagerError("the connection to Asterisk's manager is gone")
        self._count += 1
        lines = [f"Action: {action}", f"ActionID: {self._count}", *(f"{key}: {value}" for key, value in fields.items())]
        if any("\r" in line or "\n" in line for line in lines):
            raise ManagerError(f"{action}: a line break in what is sent")
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def _drain(self) -> None:
        if self._writer is None:
            raise ManagerError("the connection to Asterisk's manager is gone")
        try:
            await asyncio.wait_for(self._writer.drain(), self.address.seconds)
        except (OSError, TimeoutError) as fault:
            raise ManagerError(f"the connection to Asterisk's manager is lost: {_said(fault)}") from None

    async def _next(self, seconds: float | None) -> bytes:
        """The next message, without the empty line at its end."""
        return await self._until(_END, seconds)

    async def _until(self, sign: bytes, seconds: float | None) -> bytes:
        """What comes before a sign, which is taken, too."""
        reader = self._reader
        if reader is None:
            raise ManagerError("the connection to Asterisk's manager is gone")
        start = self._at
        while (end := self._come.find(sign, start)) < 0:
            rest = self._come[self._at :]
            try:
                chunk = await asyncio.wait_for(reader.read(_CHUNK), seconds or self.address.seconds)
            except (OSError, TimeoutError) as fault:
                raise ManagerError(f"Asterisk's manager does not answer: {_said(fault)}") from None
            if not chunk:
                raise ManagerError("Asterisk's manager has closed the connection")
            self._come, self._at, start = rest + chunk, 0, max(0, len(rest) - len(sign) + 1)
        found, self._at = self._come[self._at : end], end + len(sign)
        return found


def _message(raw: bytes) -> dict[str, str]:
    """A message as a dictionary; lines of one key are joined by line breaks."""
    message: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        message[key] = f"{message[key]}\n{value}" if key in message else value
    return message


def _said(fault: BaseException) -> str:
    if isinstance(fault, OSError) and fault.errno and not isinstance(fault, ssl.SSLError):
        # asyncio's own words for it name the address again, in Python's way. TLS has numbers of its own.
        return os.strerror(fault.errno)
    return str(fault) or ("it took too long" if isinstance(fault, TimeoutError) else type(fault).__name__)
