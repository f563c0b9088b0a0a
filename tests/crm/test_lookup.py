"""Look-ups: the time limit, one request for many, cache, breaker, rate limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ivrc.crm.contact import Contact, CrmBusy, CrmDown, CrmError, CrmNonsense, CrmRefused, CrmSlow, Person
from ivrc.crm.lookup import LEFT_BEHIND, Found, Lookup
from ivrc.crm.settings import BreakerSettings, CacheSettings, CrmSettings, Duration

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


def test_found_then_from_the_cache_then_anew() -> None:
    async def work() -> None:
        bench = Bench()
        first = await bench.find("8 (495) 123-45-67")
        assert (first.why, first.contact, first.origin) == ("found", CONTACT, "crm")
        again = await bench.find("+7 495 1234567")
        assert (again.why, again.contact, again.origin) == ("found", CONTACT, "cache")
        bench.clock.now += 299
        await bench.find()
        assert bench.crm.asked == 1
        bench.clock.now += 1
        assert (await bench.find()).origin == "crm"
        assert bench.crm.asked == 2
        assert bench.lookup.counts["found"] == 4
        assert bench.lookup.counts["asked"] == 2

    run(work)


def test_unknown_is_kept_for_less_time() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = []
        assert (await bench.find()).why == "unknown"
        bench.clock.now += 59
        assert (await bench.find()).origin == "cache"
        bench.clock.now += 1
        bench.crm.answer = [CONTACT]
        assert (await bench.find()).why == "found"

    run(work)


def test_a_loose_answer_is_no_match() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = [CONTACT._replace(phones=("+14951234567", "1234567"))]
        assert (await bench.find()).why == "unknown"

    run(work)


def test_what_is_no_outside_number_is_not_asked() -> None:
    async def work() -> None:
        bench = Bench()
        for number in ("101", "", "anonymous", "9" * 500):
            assert (await bench.find(number)).why == "unknown"
        assert bench.crm.asked == 0

    run(work)


def test_the_cache_drops_the_least_recently_used() -> None:
    async def work() -> None:
        bench = Bench(cache={"size": 2})
        numbers = ["+74950000001", "+74950000002", "+74950000003"]
        bench.crm.answer = []
        await bench.find(numbers[0])
        await bench.find(numbers[1])
        await bench.find(numbers[0])
        await bench.find(numbers[2])
        assert len(bench.lookup.cache) == 2
        assert (await bench.find(numbers[0])).origin == "cache"
        assert (await bench.find(numbers[1])).origin == "crm"

    run(work)


def test_many_callers_of_one_number_ask_once() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.gate = asyncio.Event()
        calls = [asyncio.create_task(bench.find()) for _ in range(50)]
        await asyncio.sleep(0)
        # One leaves; one has no time; neither takes the answer from the others.
        calls[0].cancel()
        hasty = await bench.find(seconds=0.01)
        assert hasty.why == "slow"
        bench.crm.gate.set()
        answers = await asyncio.gather(*calls[1:])
        assert {answer.why for answer in answers} == {"found"}
        assert bench.crm.asked == 1
        with pytest.raises(asyncio.CancelledError):
            await calls[0]

    run(work)


def test_who_leaves_last_calls_the_request_off() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.gate = asyncio.Event()
        calls = [asyncio.create_task(bench.find()) for _ in range(2)]
        await asyncio.sleep(0.001)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        await asyncio.sleep(0.001)
        assert len(asyncio.all_tasks()) == 1
        # A caller who hangs up says nothing about the CRM.
        assert bench.lookup.breaker.state == "closed"

    run(work)


class Stubborn(Scripted):
    """Ignores being cancelled, for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.enough = asyncio.Event()

    async def find(self, number: str) -> list[Contact]:
        self.asked += 1
        while not self.enough.is_set():
            try:
                await self.enough.wait()
            except asyncio.CancelledError:
                continue
        return [CONTACT]


def test_the_limit_holds_against_an_adapter_that_does_not_stop() -> None:
    async def work() -> None:
        crm = Stubborn()
        bench = Bench(crm=crm)
        for _ in range(3):
            assert (await bench.find(seconds=0.01)).why == "slow"
        # Left to itself three times: now it is spared.
        assert bench.lookup.breaker.state == "open"
        spared = await bench.find(seconds=0.01)
        assert (spared.why, crm.asked) == ("slow", 3)
        crm.enough.set()
        await asyncio.sleep(0.01)
        # Answers that came after everybody had left are not used.
        assert bench.lookup.breaker.state == "open"
        assert len(bench.lookup.cache) == 0

    run(work)


def test_no_more_than_so_many_are_left_behind() -> None:
    async def work() -> None:
        crm = Stubborn()
        clock = Clock()
        patient = CrmSettings(breaker=BreakerSettings(failures=100_000))
        lookup = Lookup(crm, patient, country="RU", clock=clock)
        numbers = [f"+7495{each:07d}" for each in range(LEFT_BEHIND + 50)]
        answers = await asyncio.gather(*(lookup.find(number, seconds=0.01) for number in numbers[:LEFT_BEHIND]))
        answers += await asyncio.gather(*(lookup.find(number, seconds=0.01) for number in numbers[LEFT_BEHIND:]))
        assert {answer.why for answer in answers} == {"slow"}
        assert crm.asked == LEFT_BEHIND
        crm.enough.set()

    run(work)


def test_the_limit_holds_against_a_thread_that_blocks() -> None:
    release = __import__("threading").Event()

    class Blocking(Scripted):
        async def find(self, number: str) -> list[Contact]:
            await asyncio.to_thread(release.wait, 5)
            return []

    async def work() -> None:
        began = time.monotonic()
        found = await Bench(crm=Blocking()).find(seconds=0.02)
        assert found.why == "slow"
        assert time.monotonic() - began < 4
        release.set()

    run(work)


@pytest.mark.parametrize("fault", [CrmDown("x"), CrmSlow("x"), CrmRefused("x")], ids=lambda fault: fault.reason)
def test_the_breaker_spares_a_crm_that_fails(fault: CrmError) -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = fault
        for _ in range(20):
            assert (await bench.find()).why == fault.reason
        assert bench.crm.asked == 3
        bench.clock.now += 10
        assert (await bench.find()).why == fault.reason
        assert (await bench.find()).why == fault.reason
        assert bench.crm.asked == 4  # one trial, then another pause
        bench.clock.now += 10
        bench.crm.answer = [CONTACT]
        assert (await bench.find()).why == "found"
        assert bench.lookup.breaker.state == "closed"

    run(work)


def test_only_one_trial_at_a_time() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = CrmDown("x")
        for _ in range(3):
            await bench.find()
        bench.clock.now += 10
        bench.crm.answer = [CONTACT]
        bench.crm.gate = asyncio.Event()
        trial = asyncio.create_task(bench.find())
        await asyncio.sleep(0)
        others = await asyncio.gather(*(bench.find(f"+7495000000{each}") for each in range(5)))
        assert {other.why for other in others} == {"down"}
        assert bench.crm.asked == 4
        bench.crm.gate.set()
        assert (await trial).why == "found"

    run(work)


def test_a_trial_whose_caller_hangs_up_leaves_the_next_to_try() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = CrmDown("x")
        for _ in range(3):
            await bench.find()
        bench.clock.now += 10
        bench.crm.gate = asyncio.Event()
        trial = asyncio.create_task(bench.find())
        await asyncio.sleep(0.001)
        trial.cancel()
        await asyncio.wait({trial})
        bench.crm.gate, bench.crm.answer = None, [CONTACT]
        assert (await bench.find()).why == "found"

    run(work)


def test_failures_are_not_kept_and_nonsense_does_not_open_the_breaker() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = CrmNonsense("?")
        for _ in range(9):
            assert (await bench.find()).why == "nonsense"
        assert bench.crm.asked == 9
        bench.crm.answer = [CONTACT]
        assert (await bench.find()).why == "found"

    run(work)


def test_a_bug_is_an_answer() -> None:
    async def work() -> None:
        bench = Bench()
        for bug in (KeyError("x"), RecursionError(), ValueError("x" * 5000)):
            bench.crm.answer = bug
            found = await bench.find()
            assert found.why == "error" and type(bug).__name__ in found.detail and len(found.detail) < 400
        bench.crm.answer = [None]
        assert (await bench.find()).why == "error"

    run(work)


def test_an_adapter_that_cancels_itself() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = asyncio.CancelledError()

        async def find(number: str) -> list[Contact]:
            raise asyncio.CancelledError

        bench.crm.find = find
        assert (await bench.find()).why == "slow"

    run(work)


def test_a_rate_limit_is_kept() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = CrmBusy("limit", 30)
        assert (await bench.find()).why == "busy"
        bench.crm.answer = [CONTACT]
        bench.clock.now += 29
        assert (await bench.find()).why == "busy"
        assert bench.crm.asked == 1
        bench.clock.now += 1
        assert (await bench.find()).why == "found"
        assert bench.lookup.breaker.state == "closed"

    run(work)


@pytest.mark.parametrize(
    "fault", [CrmDown("gone"), CrmSlow("x"), CrmBusy("x", 60), CrmRefused("x"), CrmNonsense("x")], ids=str
)
def test_stale_answers_where_the_settings_allow(fault: CrmError) -> None:
    async def work() -> None:
        bench = Bench(cache={"stale": 3600.0})
        await bench.find()
        bench.clock.now += 300 + 3599
        bench.crm.answer = fault
        for _ in range(5):
            found = await bench.find()
            assert (found.why, found.origin, found.contact) == ("found", "stale", CONTACT)
            assert fault.reason in found.detail
        bench.clock.now += 1
        assert (await bench.find()).why == fault.reason

    run(work)


def test_no_stale_answers_by_default() -> None:
    async def work() -> None:
        bench = Bench()
        await bench.find()
        bench.clock.now += 301
        bench.crm.answer = CrmDown("gone")
        assert (await bench.find()).why == "down"

    run(work)


def test_without_a_cache() -> None:
    async def work() -> None:
        bench = Bench(cache={"size": 0})
        await bench.find()
        await bench.find()
        assert bench.crm.asked == 2

    run(work)


def test_close_ends_what_is_under_way() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.gate = asyncio.Event()
        call = asyncio.create_task(bench.find())
        await asyncio.sleep(0.001)
        await bench.lookup.close()
        assert (await call).why in ("slow", "down")
        assert bench.crm.closed
        assert (await bench.find("+74950000000")).why == "down"

    run(work)


def test_rate_limits_in_a_row_do_not_open_the_breaker() -> None:
    async def work() -> None:
        bench = Bench()
        bench.crm.answer = CrmBusy("limit", 1)
        for _ in range(6):
            assert (await bench.find()).why == "busy"
            bench.clock.now += 1
        assert (bench.crm.asked, bench.lookup.breaker.state) == (6, "closed")

    run(work)


def test_an_answer_that_may_still_be_used_is_asked_anew_when_its_time_is_over() -> None:
    async def work() -> None:
        bench = Bench(cache={"stale": 3600.0})
        await bench.find()
        bench.clock.now += 300
        assert (await bench.find()).origin == "crm"

    run(work)
