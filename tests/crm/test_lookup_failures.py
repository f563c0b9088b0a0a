"""Look-ups of a CRM that fails: the breaker, bugs, rate limits, answers that are stale."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ivrc.crm.contact import Contact, CrmBusy, CrmDown, CrmError, CrmNonsense, CrmRefused, CrmSlow
from tests.crm.lookup_bench import CONTACT, Bench, Scripted, run


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


async def about_to_be_tried() -> Bench:
    """A CRM that failed until it was not asked any more; the pause after that is over."""
    bench = Bench()
    bench.crm.answer = CrmDown("x")
    for _ in range(3):
        await bench.find()
    bench.clock.now += 10
    return bench


def test_only_one_trial_at_a_time() -> None:
    async def work() -> None:
        bench = await about_to_be_tried()
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
        bench = await about_to_be_tried()
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

    class Odd(Scripted):
        async def find(self, number: str) -> list[Any]:
            return [None]

    async def odd() -> None:
        assert (await Bench(crm=Odd()).find()).why == "error"

    run(work)
    run(odd)


def test_an_adapter_that_cancels_itself() -> None:
    class Cancelled(Scripted):
        async def find(self, number: str) -> list[Contact]:
            raise asyncio.CancelledError

    async def work() -> None:
        assert (await Bench(crm=Cancelled()).find()).why == "slow"

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
