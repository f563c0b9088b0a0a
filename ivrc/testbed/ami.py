"""A small client of Asterisk's manager interface, on asyncio."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from ivrc.testbed.conf import AMI_SECRET, AMI_USER

Event = Mapping[str, str]
_LINE_LIMIT = 1 << 20  # bytes; a variable may be long


class AmiError(RuntimeError):
    """An action was refused, or the connection is gone."""


class Ami:
    """One connection: `events` grows while it is open (with `keep`); used as `async with Ami(port) as ami`.

    Each event is handed to the `watchers` as it comes.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", keep: bool = True):
        self.events: list[Event] = []
        self._keep = keep
        self._host, self._port = host, port
        self._replies: dict[str, asyncio.Future[Event]] = {}
        self.watchers: list[Callable[[Event], None]] = []
        self._ids = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=_LINE_LIMIT)
        await asyncio.wait_for(reader.readline(), 10)  # the banner
        self._task = asyncio.create_task(self._receive(reader))
        await self.action("Login", Username=AMI_USER, Secret=AMI_SECRET, Events="on")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()

    async def action(
        self, name: str, *, variables: Mapping[str, str] | None = None, timeout: float = 10.0, **fields: str
    ) -> Event:
        """Send an action and return its response; raises AmiError if that is an error, or TimeoutError."""
        if self._writer is None or self._task is None or self._task.done():
            raise AmiError("the manager connection is gone")
        identity = str(next(self._ids))
        pairs = [("Action", name), ("ActionID", identity), *fields.items()]
        pairs += [("Variable", f"{key}={value}") for key, value in (variables or {}).items()]
        reply: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._replies[identity] = reply
        text = "".join(f"{key}: {_one_line(value)}\r\n" for key, value in pairs)
        self._writer.write(f"{text}\r\n".encode())
        try:
            response = await asyncio.wait_for(reply, timeout)
        finally:
            self._replies.pop(identity, None)
        if response["Response"] == "Error":
            raise AmiError(f"{name}: {response.get('Message', '')}")
        return response

    async def wait_event(self, wanted: Callable[[Event], bool], timeout: float = 20.0, since: int = 0) -> Event:
        """The first event from place `since` on that is wanted, past or to come; raises TimeoutError."""
        for event in self.events[since:]:
            if wanted(event):
                return event
        found: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

        def watch(event: Event) -> None:
            if not found.done() and wanted(event):
                found.set_result(event)

        self.watchers.append(watch)
        try:
            return await asyncio.wait_for(found, timeout)
        finally:
            self.watchers.remove(watch)

    async def originate_local(
        self,
        exten: str,
        context: str,
        *,
        caller: str = "",
        variables: Mapping[str, str] | None = None,
        far: Sequence[str] = ("MusicOnHold", "default"),
        identity: str | None = None,
    ) -> str:
        """Start a call into the dialplan without SIP and return its Linkedid.

        The `;2` half runs the dialplan; the `;1` half runs `far` (application, data), which should send
        audio, for Answer() waits up to half a second for it. Press keys with `press(linkedid, …)`.
        `identity`, if given, must not be what the Linkedid of another call that is up begins with: Asterisk
        takes such a one for in use ("draw-1" beside "draw-10"), and the call fails without an event.
        """
        identity = identity or f"local-{id(self):x}-{next(self._ids):08}"
        application, data = far
        await self.action(
            "Originate", Channel=f"Local/{exten}@{context}/n", Application=application, Data=data,
            Async="true", Timeout="3600000", ChannelId=identity, OtherChannelId=f"{identity}-2",
            CallerID=caller, variables=variables,
        )  # fmt: skip
        return identity

    async def press(self, linkedid: str, digit: str, milliseconds: int = 80) -> None:
        """Press one key on the caller's half of a call of `originate_local`."""
        new = [event for event in self.events if event.get("Uniqueid") == linkedid and "Channel" in event]
        if not new:
            raise AmiError(f"no channel {linkedid}")
        await self.action(
            "PlayDTMF", Channel=new[0]["Channel"], Digit=digit, Receive="false", Duration=str(milliseconds)
        )

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        try:
            while message := await _read_message(reader):
                reply = self._replies.get(message.get("ActionID", ""))
                if "Response" in message and reply is not None and not reply.done():
                    reply.set_result(message)
                elif "Event" in message:
                    if self._keep:
                        self.events.append(message)
                    for watcher in list(self.watchers):
                        watcher(message)
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            pass  # a lost connection ends it as a closed one does
        finally:
            for future in self._replies.values():
                if not future.done():
                    future.set_exception(AmiError("the manager connection is gone"))


async def _read_message(reader: asyncio.StreamReader) -> dict[str, str]:
    """One message; repeated keys are joined by newlines. Empty when the connection is closed."""
    message: dict[str, str] = {}
    while not message:
        try:
            text = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
        except asyncio.IncompleteReadError:
            return {}
        for line in text.split("\r\n"):
            if line:
                key, _, value = line.partition(":")
                value = value.removeprefix(" ")
                message[key] = f"{message[key]}\n{value}" if key in message else value
    return message


def _one_line(value: str) -> str:
    """A value that holds a line break would start a header of its own."""
    if "\r" in value or "\n" in value:
        raise AmiError(f"a line break in {value!r}")
    return value
