"""The FastAGI server: one task a connection, bounded in number, size and time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from ivrc.agi.metrics import Metrics
from ivrc.agi.protocol import LINE_LIMIT, AgiError, Request, read_request, set_variable
from ivrc.agi.service import MARGIN, Outcome, Service, failure

_LOOPBACK = ("127.", "::1", "localhost")


class Server:
    """Takes connections until it is stopped. `metrics` counts what happens."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self.service = service
        self.metrics = metrics
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError if the address cannot be had."""
        if not host.startswith(_LOOPBACK):
            self.service.log.warning("listening beyond this machine: whoever reaches the port may ask", host=host)
        self._server = await asyncio.start_server(self._accept, host, port, limit=LINE_LIMIT, backlog=1024)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= self.service.settings.agi.connections:
            self.metrics.refused("too many")
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        self.metrics.connections(len(self._sessions))
        try:
            await self._session(reader, writer)
        finally:
            self._sessions.discard(task)
            self.metrics.connections(len(self._sessions))
            # Whatever the other side has not taken by now it does not want; nobody waits for it.
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        deadline = self.service.settings.agi.deadline
        try:
            async with asyncio.timeout(deadline):
                await self._converse(reader, writer, began)
        except TimeoutError:
            self.metrics.refused("too slow")
        except AgiError as fault:
            self.metrics.refused("no request")
            self.service.log.debug("a connection came to nothing", fault=str(fault))
        except (ConnectionError, OSError) as fault:
            self.metrics.refused("lost")
            self.service.log.debug("a connection was lost", fault=str(fault))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, began: float) -> None:
        request = await read_request(reader)

        def until(limit: float) -> float:
            return limit - MARGIN - (time.monotonic() - began)

        outcome = await self.service.answer(request, until)
        await self._reply(reader, writer, request, outcome, began)

    async def _reply(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: Request,
        outcome: Outcome,
        began: float,
    ) -> None:
        seconds = time.monotonic() - began
        self.metrics.answered(outcome.why, outcome.origin, seconds)
        self.service.tell(outcome, request, seconds)
        await set_variable(reader, writer, "IVRC_FOUND", outcome.line)

    async def stop(self) -> None:
        """Take no more connections, and give those under way the time that they have."""
        if self._server is not None:
            self._server.close()
        if self._sessions:
            _, late = await asyncio.wait(set(self._sessions), timeout=self.service.settings.agi.deadline)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._server is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 1)


async def run_once(service: Service, reader: asyncio.StreamReader, writer: Any, arguments: tuple[str, ...]) -> Outcome:
    """One session with an Asterisk that runs us: the same question, the same answer."""
    began = time.monotonic()
    deadline = service.settings.agi.deadline
    try:
        async with asyncio.timeout(deadline):
            request = await read_request(reader)
            request = request._replace(script="", arguments=arguments or request.arguments)
            outcome = await service.answer(request, lambda limit: limit - MARGIN - (time.monotonic() - began))
            await set_variable(reader, writer, "IVRC_FOUND", outcome.line)
    except TimeoutError:
        return failure("slow")
    except AgiError as fault:
        service.log.error("Asterisk does not ask as it should", fault=str(fault))
        return failure("error")
    service.tell(outcome, request, time.monotonic() - began)
    return outcome
