"""Threads for what blocks: files and databases. Unlike an executor's they never keep the process from ending.

A caller who stops waiting leaves the thread to its work. When all threads are so left, say by a frozen server, others
take their place: what comes later must not wait behind what never ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class _Job:
    """One piece of work and the future of who waits for it."""

    __slots__ = ("future", "left", "loop", "work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.left = False


class Threads:
    """At most `count` threads at work that somebody waits for."""

    def __init__(self, count: int, name: str, on_renewal: Callable[[], None] | None = None) -> None:
        self._count = count
        self._name = name
        self._on_renewal = on_renewal
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._running: set[_Job] = set()
        self._started = False
        self.renewed = 0
        """How often all threads were left behind."""

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, called in a thread."""
        if sum(job.left for job in list(self._running)) >= self._count:
            self._renew()
        if not self._started:
            self._start()
        job = _Job(work, asyncio.get_running_loop())
        self._queue.put(job)
        try:
            result: T = await job.future
        except asyncio.CancelledError:
            job.left = True
            raise
        return result

    def close(self) -> None:
        """Let the threads end when their work does; none is waited for."""
        if self._started:
            for _ in range(self._count):
                self._queue.put(None)
        self._started = False
        self._queue = SimpleQueue()

    def _start(self) -> None:
        self._started = True
        for number in range(self._count):
            threading.Thread(
                target=_serve, args=(self._queue, self._running), name=f"{self._name}-{number}", daemon=True
            ).start()

    def _renew(self) -> None:
        waiting = []
        with suppress(Empty):
            while True:
                waiting.append(self._queue.get_nowait())
        self.close()
        self._running = set()
        self.renewed += 1
        for job in waiting:
            self._queue.put(job)
        if self._on_renewal:
            self._on_renewal()


def _serve(queue: SimpleQueue[_Job | None], running: set[_Job]) -> None:
    """A thread's life."""
    while (job := queue.get()) is not None:
        if job.left:
            continue
        running.add(job)
        try:
            result, fault = job.work(), None
        except BaseException as raised:  # it must reach who waits, whatever it is
            result, fault = None, raised
        running.discard(job)
        # The loop is gone when the process is ending.
        with suppress(RuntimeError):
            job.loop.call_soon_threadsafe(_tell, job.future, result, fault)


def _tell(future: asyncio.Future[Any], result: Any, fault: BaseException | None) -> None:
    if future.done():
        return
    if fault is None:
        future.set_result(result)
    else:
        future.set_exception(fault)
