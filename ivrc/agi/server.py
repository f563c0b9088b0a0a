"""The FastAGI server: connections, bounded in number, size and time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from ivrc.agi.metrics import Metrics
from ivrc.agi.service import Service
from ivrc.agi.session import Session, Talk

_LOOPBACK = ("127.", "::1", "localhost")


class Server:
    """Takes connections until it is stopped. `metrics` counts what happens."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self.service = service
        self.metrics = metrics
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()
        self._idle = asyncio.Event()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError if the address cannot be had."""
        if not host.startswith(_LOOPBACK):
            self.service.log.warning("listening beyond this machine: whoever reaches the port may ask", host=host)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port, backlog=1024)

    def _accept(self) -> asyncio.Protocol:
        if len(self._sessions) >= self.service.settings.agi.connections:
            self.metrics.refused("too many")
            return _Refused()
        session = Session(self.service.answer, self._is_over, self.service.settings.agi.deadline)
        self._sessions.add(session)
        self.service.sessions = len(self._sessions)
        return session

    def _is_over(self, session: Session, talk: Talk) -> None:
        self._sessions.discard(session)
        if not self._sessions:
            self._idle.set()
        self.service.sessions = len(self._sessions)
        if talk.outcome is None or talk.request is None:
            self.metrics.refused(talk.trouble)
            if talk.trouble == "error":
                self.service.log.error("a fault of ivrc's own", fault=talk.detail)
            return
        self.metrics.answered(talk.outcome.why, talk.outcome.origin, talk.seconds)
        if talk.trouble:
            self.metrics.refused("not taken")
        self.service.tell(talk.outcome, talk.request, talk.seconds, talk.trouble and f"{talk.trouble}: {talk.detail}")

    async def stop(self) -> None:
        """Take no more connections, and give those under way the time that they have."""
        if self._server is None:
            return
        self._server.close()
        if self._sessions:
            self._idle.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self.service.settings.agi.deadline)
        for session in list(self._sessions):
            session.end("stopped")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 1)


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: Any) -> None:
        transport.abort()
