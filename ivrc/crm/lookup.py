"""A look-up as calls need it: never late, never an exception, sparing the CRM.

Between the calls and an adapter stand, in this order: the cache; the pause that a rate limit asks for; the breaker;
one request for all who ask the same number at once. A caller's time limit holds whatever the adapter does: it is left
behind, not waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from ivrc.crm.breaker import Breaker
from ivrc.crm.cache import Cache
from ivrc.crm.contact import Contact, Crm, CrmBusy, CrmError, CrmNonsense
from ivrc.crm.matching import choose
from ivrc.crm.numbers import normal
from ivrc.crm.settings import CrmSettings
from ivrc.named import NamedTuple

BUSY_PAUSE = 1.0
"""Seconds without asking after a rate limit that does not say how long."""
LEFT_BEHIND = 200
"""Requests that went on after everybody had left them; with so many the CRM counts as slow and is not asked."""


class Found(NamedTuple):
    """What is known of a caller. `detail` is for people and logs and has no secrets; `seconds` is how long it took."""

    why: str
    """found, unknown, down, slow, busy, refused, nonsense or error."""
    contact: Contact | None = None
    detail: str = ""
    origin: str = "crm"
    """crm, cache or stale."""
    seconds: float = 0.0


class _Flight:
    """One request under way, and how many wait for it."""

    def __init__(self, task: asyncio.Task[Found]) -> None:
        self.task = task
        self.waiting = 0


class Lookup:
    """One CRM as one country's offices ask it. For one event loop.

    `counts` has, by name: the reasons of answers (`found`, `slow`, …), their origins (`origin_cache`, …), `asked`
    (requests to the CRM) and `shared` (callers who joined a request under way).
    """

    def __init__(
        self,
        crm: Crm,
        settings: CrmSettings | None = None,
        *,
        country: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = settings or CrmSettings()
        self.crm = crm
        self.country = country
        self.counts: Counter[str] = Counter()
        self.breaker = Breaker(settings.breaker.failures, settings.breaker.pause, clock)
        self.cache: Cache[Found] = Cache(settings.cache.size, clock)
        self._times = settings.cache
        self._clock = clock
        self._busy_until = float("-inf")
        self._flights: dict[str, _Flight] = {}
        self._left: set[asyncio.Task[Found]] = set()
        self._closed = False

    async def find(self, number: str, *, seconds: float) -> Found:
        """The contact of a number, however written, within `seconds`. Raises nothing but CancelledError."""
        began = time.monotonic()
        e164 = normal(number, self.country)
        if e164 is None:
            found = Found("unknown", detail="this is no outside number")
        else:
            found = self.cache.get(e164) or await self._ask(e164, seconds)
        self.counts[found.why] += 1
        self.counts[f"origin_{found.origin}"] += 1
        return found._replace(seconds=time.monotonic() - began)

    async def _ask(self, e164: str, seconds: float) -> Found:
        if flight := self._flights.get(e164):
            self.counts["shared"] += 1
        else:
            not_now = self._not_now()
            if not_now:
                return self._instead(e164, not_now)
            flight = self._start(e164)
        found = await self._wait(e164, flight, seconds)
        return found if found.why in ("found", "unknown") else self._instead(e164, found)

    def _not_now(self) -> Found | None:
        """Why the CRM is not asked at all; None if it is. If None, the breaker has begun a request."""
        pause = self._busy_until - self._clock()
        if pause > 0:
            return Found("busy", detail=f"the CRM's rate limit is used up; asked again in {pause:.1f} s")
        if len(self._left) >= LEFT_BEHIND:
            return Found("slow", detail=f"{LEFT_BEHIND} requests are without an answer")
        if self._closed:
            return Found("down", detail="the helper is stopping")
        if not self.breaker.begin():
            return Found(
                self.breaker.last, detail=f"not asked after failures; tried again in {self.breaker.wait():.1f} s"
            )
        return None

    def _start(self, e164: str) -> _Flight:
        self.counts["asked"] += 1
        flight = _Flight(asyncio.get_running_loop().create_task(self._request(e164)))
        self._flights[e164] = flight
        flight.task.add_done_callback(lambda _: self._landed(e164, flight))
        return flight

    def _landed(self, e164: str, flight: _Flight) -> None:
        if self._flights.get(e164) is flight:
            del self._flights[e164]
        if flight.task.cancelled() and flight.task not in self._left:
            # Called off by the adapter itself, or by `close`: the breaker still waits for an end.
            self.breaker.gave_up()
        self._left.discard(flight.task)

    async def _wait(self, e164: str, flight: _Flight, seconds: float) -> Found:
        """The flight's answer within the time. The last to leave it calls it off, and does not wait for that."""
        flight.waiting += 1
        late = False
        try:
            done, _ = await asyncio.wait({flight.task}, timeout=max(seconds, 0.0))
            late = not done
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._abandon(e164, flight, late)
        if late or flight.task.cancelled():
            return Found("slow", detail=f"no answer within {seconds:.1f} s")
        return flight.task.result()

    def _abandon(self, e164: str, flight: _Flight, late: bool) -> None:
        if self._flights.get(e164) is flight:
            del self._flights[e164]
        self._left.add(flight.task)
        flight.task.cancel()
        if late:
            self.breaker.failed("slow")
        else:
            self.breaker.gave_up()

    async def _request(self, e164: str) -> Found:
        """Ask the adapter; tell breaker and cache. Once left behind, it tells nobody anything."""
        try:
            contacts = await self.crm.find(e164)
            match = choose(e164, contacts, self.country)
        except CrmError as fault:
            return self._failed(fault)
        except Exception as fault:
            # An adapter's bug is answered like its CRM's nonsense, but named for what it is.
            return self._failed(
                CrmNonsense(f"a fault of ivrc's own: {type(fault).__name__}: {str(fault)[:200]}"), "error"
            )
        found = Found("found", match.contact, _story(match.phone, match.others)) if match else Found("unknown")
        if self._is_current():
            self.breaker.succeeded()
            keep = self._times.keep if match else self._times.keep_unknown
            self.cache.put(e164, found._replace(origin="cache"), keep, self._times.stale)
        return found

    def _failed(self, fault: CrmError, why: str = "") -> Found:
        found = Found(why or fault.reason, detail=str(fault))
        if not self._is_current():
            return found
        if isinstance(fault, CrmBusy):
            wait = BUSY_PAUSE if fault.retry_after is None else fault.retry_after
            self._busy_until = max(self._busy_until, self._clock() + wait)
        if isinstance(fault, CrmBusy | CrmNonsense):
            # It is there and answers; one contact that it cannot tell properly is no reason to leave the others.
            self.breaker.succeeded()
        else:
            self.breaker.failed(fault.reason)
        return found

    def _is_current(self) -> bool:
        return asyncio.current_task() not in self._left

    def _instead(self, e164: str, failure: Found) -> Found:
        """An older answer, where the settings allow one, in place of a failure."""
        old = self.cache.get(e164, old=True)
        if old is None:
            return failure
        return old._replace(origin="stale", detail=f"an older answer: the CRM is {failure.why}: {failure.detail}")

    async def close(self) -> None:
        """Call off what is under way and give back the adapter's connections; takes a second at most."""
        self._closed = True
        tasks = {flight.task for flight in self._flights.values()} | self._left
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=0.5)
        try:
            await asyncio.wait_for(self.crm.close(), 0.5)
        except (CrmError, OSError, TimeoutError):
            return


def _story(phone: str, others: int) -> str:
    more = f"; {others} more have it" if others else ""
    return f"by the number written {phone[:60]!r}{more}"
