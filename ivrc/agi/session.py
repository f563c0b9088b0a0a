"""One session: the question comes in, the answer goes out, Asterisk says that it has it; all within a time limit.

asyncio's streams would cost more than all the rest of a session, so this is a protocol of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ivrc.agi.protocol import END, LIMIT, AgiError, Request, is_taken, parse_head, set_variable
from ivrc.agi.service import Outcome
from ivrc.named import NamedTuple


class Talk(NamedTuple):
    """What became of a session. `trouble`: why there was no answer, or why Asterisk did not take it; "" if it did."""

    request: Request | None = None
    outcome: Outcome | None = None
    seconds: float = 0.0
    trouble: str = ""
    """too slow, no request, lost, stopped, error."""
    detail: str = ""


class Session(asyncio.Protocol):
    """Asks `answer(request, began)` and tells `over` once, when all is said, what became of it.

    `seconds` is all the time there is, from `began` (`time.monotonic`; else from the connection). `arguments` are those
    of the program's command line, in place of the request's.
    """

    def __init__(
        self,
        answer: Callable[[Request, float], Awaitable[Outcome]],
        over: Callable[[Session, Talk], None],
        seconds: float,
        *,
        began: float | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self._answer = answer
        self._over: Callable[[Session, Talk], None] | None = over
        self._seconds = seconds
        self._began = time.monotonic() if began is None else began
        self._arguments = arguments
        self._said = bytearray()
        self._talk = Talk()
        self._task: asyncio.Task[None] | None = None
        self._has_ended = False

    def connection_made(self, transport: Any) -> None:
        """The time runs."""
        self._channel = transport
        left = self._seconds - (time.monotonic() - self._began)
        self._clock = asyncio.get_running_loop().call_later(left, self.end, "too slow")

    def data_received(self, data: bytes) -> None:
        """A piece of the head, or of Asterisk's answer to our command."""
        if self._over is None:
            return
        self._said += data
        if len(self._said) > LIMIT:
            self.end("no request", "too much is said")
        else:
            self._proceed()

    def _proceed(self) -> None:
        try:
            if self._task is None:
                self._ask()
            elif self._talk.outcome is not None and is_taken(bytes(self._said)):
                self.end("")
        except AgiError as fault:
            self.end("no request", str(fault))

    def _ask(self) -> None:
        head, end, rest = self._said.partition(END)
        if not end:
            return
        self._said = rest
        request = parse_head(bytes(head))
        if self._arguments:
            request = request._replace(script="", arguments=self._arguments)
        self._task = asyncio.get_running_loop().create_task(self._tell(request))

    async def _tell(self, request: Request) -> None:
        try:
            outcome = await self._answer(request, self._began)
            self._talk = Talk(request, outcome, time.monotonic() - self._began)
            self._channel.write(set_variable("IVRC_FOUND", outcome.line))
        except Exception as fault:
            self.end("error" if not isinstance(fault, AgiError) else "lost", f"{type(fault).__name__}: {fault}")
            return
        # It may have said all before it was asked.
        self._proceed()
        if self._has_ended:
            self.end("lost", "the connection was closed")

    def eof_received(self) -> bool:
        """Nothing more will be said; but who has asked may listen."""
        if self._over and self._task is not None and self._talk.outcome is None:
            self._has_ended = True
            return True
        self.end("lost" if self._task else "no request", "the connection was closed")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone: the CRM need not answer any more."""
        self.end("lost", str(exc or "the connection was closed"))

    def end(self, trouble: str, detail: str = "") -> None:
        """The session is over, unless it has been."""
        if self._over is None:
            return
        over, self._over = self._over, None
        self._clock.cancel()
        if self._task is not None and self._talk.outcome is None:
            self._task.cancel()
        # What the other side has not taken by now it does not want; nobody waits for it.
        self._channel.abort() if trouble else self._channel.close()
        over(self, self._talk._replace(trouble=trouble, detail=detail))
