"""Calls that come while somebody looks: one look at the database a second for all who do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from ivrc.history.store import Store, StoreError

EVERY = 1.0
"""Seconds between two looks at the database."""
BEAT = 15.0
"""Seconds after which something is sent though nothing has happened, so that nobody on the way closes."""
LOG = logging.getLogger("ivrc.history.web")


class Watch:
    """Looks at the database while there are listeners, and tells them when there is something new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.looks = 0

    async def changes(self) -> AsyncIterator[bool]:
        """True when there is something new, False now and then when there is not; ends when the server does."""
        news = asyncio.Event()
        self._listeners.add(news)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            while not self._closed:
                try:
                    await asyncio.wait_for(news.wait(), BEAT)
                except TimeoutError:
                    yield False
                    continue
                news.clear()
                if not self._closed:
                    yield True
        finally:
            self._listeners.discard(news)

    async def _look(self) -> None:
        seen: Any = None
        while self._listeners:
            try:
                mark = await asyncio.to_thread(self._store.mark)
            except StoreError as fault:
                LOG.warning("the database: %s", fault)
                mark = seen
            if seen is not None and mark != seen:
                for news in self._listeners:
                    news.set()
            seen = mark
            self.looks += 1
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Let go of all listeners."""
        self._closed = True
        for news in self._listeners:
            news.set()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
