"""Look-ups of a CRM that is well or late: the time limit, one request for many, the cache."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from ivrc.crm.contact import Contact
from ivrc.crm.lookup import LEFT_BEHIND, Lookup
from ivrc.crm.settings import BreakerSettings, CrmSettings
from tests.crm.lookup_bench import CONTACT, Bench, Clock, Scripted, run


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
    release = threading.Event()

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
