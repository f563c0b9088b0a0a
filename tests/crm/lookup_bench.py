"""A look-up over a CRM that answers as it is told, by a clock that stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ivrc.crm.contact import Contact, Person
from ivrc.crm.durations import Duration
from ivrc.crm.lookup import Found, Lookup
from ivrc.crm.settings import BreakerSettings, CacheSettings, CrmSettings

CALLER = "+74951234567"
CONTACT = Contact("5", "Ivan", ("8 495 123-45-67",), (Person("17"),))


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A CRM that answers as it is told, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: list[Contact] | Exception = [CONTACT]
        self.gate: asyncio.Event | None = None
        self.closed = False

    async def find(self, number: str) -> list[Contact]:
        self.asked += 1
        answer = self.answer
        if self.gate:
            await self.gate.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def check(self) -> str:
        return "well"

    async def close(self) -> None:
        self.closed = True


class Bench:
    """A look-up over a scripted CRM by a clock that stands."""

    def __init__(self, **options: Any) -> None:
        self.crm = Scripted()
        self.clock = Clock()
        cache = CacheSettings(**options.pop("cache", {}))
        breaker = BreakerSettings(failures=3, pause=Duration(10.0))
        settings = CrmSettings(cache=cache, breaker=breaker)
        self.lookup = Lookup(options.pop("crm", self.crm), settings, country="RU", clock=self.clock)

    async def find(self, number: str = CALLER, seconds: float = 5.0) -> Found:
        return await self.lookup.find(number, seconds=seconds)


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())
