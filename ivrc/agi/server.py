"""The FastAGI server: one task a connection, bounded in number, size and time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from ivrc.agi.metrics import Metrics
from ivrc.agi.protocol import LINE_LIMIT, AgiError, Request, Writer, read_request, set_variable
from ivrc.agi.service import Outcome, Service
from ivrc.named import NamedTuple

_LOOPBACK = ("127.", "::1", "localhost")


class Talk(NamedTuple):
    """What became of a session. `trouble`: why there was no answer, or why Asterisk did not take it; "" if it did."""

    request: Request | None = None
    outcome: Outcome | None = None
    seconds: float = 0.0
    trouble: str = ""
    detail: str = ""


async def converse(
    service: Service,
    reader: asyncio.StreamReader,
    writer: Writer,
    began: float,
    arguments: tuple[str, ...] | None = None,
) -> Talk:
    """A whole session within the deadline, counted from `began` (`time.monotonic`).

    `arguments` are those of the program's command line, in place of the request's. Raises nothing but CancelledError.
    """
    talk = Talk()
    try:
        async with asyncio.timeout(service.settings.agi.deadline - (time.monotonic() - began)):
            request = await read_request(reader)
            if arguments:
                request = request._replace(script="", arguments=arguments)
            outcome = await service.answer(request, began)
            talk = Talk(request, outcome, time.monotonic() - began)
            await set_variable(reader, writer, "IVRC_FOUND", outcome.line)
    except TimeoutError:
        return talk._replace(trouble="too slow")
    except AgiError as fault:
        return talk._replace(trouble="no request", detail=str(fault))
    except OSError as fault:
        return talk._replace(trouble="lost", detail=str(fault))
    return talk


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
            self._tell(await converse(self.service, reader, writer, time.monotonic()))
        except Exception:
            self.service.log.exception("a fault of ivrc's own")
        finally:
            self._sessions.discard(task)
            self.metrics.connections(len(self._sessions))
            # Whatever the other side has not taken by now it does not want; nobody waits for it.
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    def _tell(self, talk: Talk) -> None:
        if talk.outcome is None or talk.request is None:
            self.metrics.refused(talk.trouble)
            return
        self.metrics.answered(talk.outcome.why, talk.outcome.origin, talk.seconds)
        if talk.trouble:
            self.metrics.refused("not taken")
        self.service.tell(talk.outcome, talk.request, talk.seconds, talk.trouble and f"{talk.trouble}: {talk.detail}")

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
