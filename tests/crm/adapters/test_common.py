"""Rate limits, people kept, work that is shared, values of any type."""

from __future__ import annotations

import asyncio

import pytest

from ivrc.crm.adapters.common import (
    Bucket,
    Kept,
    People,
    Shared,
    base_url,
    header_value,
    identity,
    may_be,
    phones,
    text,
)
from ivrc.crm.contact import CrmBusy, CrmDown, CrmRefused, Person
from ivrc.crm.settings import Secret, SettingsError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(bucket: Bucket, times: int) -> int:
    """How many of so many requests at once go through without waiting longer than a caller can."""

    async def one() -> bool:
        try:
            await bucket.take()
        except CrmBusy:
            return False
        return True

    async def run() -> int:
        return sum(await asyncio.gather(*(one() for _ in range(times))))

    return asyncio.run(run())


def test_bucket_lets_a_burst_through_and_a_second_of_the_rate_wait() -> None:
    assert taken(Bucket(2, 50, Clock()), 60) == 52


def test_bucket_fills_again_up_to_its_burst() -> None:
    clock = Clock()
    bucket = Bucket(20, 5, clock)
    assert taken(bucket, 100) == 25
    clock.now += 3600
    assert taken(bucket, 100) == 25


def test_busy_says_when_there_is_room_again() -> None:
    async def run() -> None:
        bucket = Bucket(0.5, 1, Clock())
        await bucket.take()
        with pytest.raises(CrmBusy) as busy:
            await bucket.take()
        assert busy.value.retry_after == pytest.approx(1.0)

    asyncio.run(run())


def test_who_gives_up_waiting_gives_the_place_back() -> None:
    async def run() -> None:
        bucket = Bucket(1, 1, Clock())
        await bucket.take()
        waiting = asyncio.ensure_future(bucket.take())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        again = asyncio.ensure_future(bucket.take())
        await asyncio.sleep(0)
        assert not again.done() or again.exception() is None
        again.cancel()

    asyncio.run(run())


def test_no_rate_is_no_limit() -> None:
    assert taken(Bucket(0, 1, Clock()), 1000) == 1000


def test_shared_work_is_done_once_and_outlives_who_began_it() -> None:
    async def run() -> None:
        began = 0
        gate = asyncio.Event()

        async def work() -> int:
            nonlocal began
            began += 1
            await gate.wait()
            return 7

        shared = Shared()
        first, second = (asyncio.ensure_future(shared.run("a", work)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        gate.set()
        assert await second == 7
        assert began == 1
        assert await shared.run("a", work) == 7
        assert began == 2

    asyncio.run(run())


def test_shared_work_that_fails_fails_for_all_and_is_tried_anew() -> None:
    async def run() -> None:
        times = 0

        async def work() -> int:
            nonlocal times
            times += 1
            if times == 1:
                raise CrmDown("gone")
            return times

        shared = Shared()
        failed = await asyncio.gather(*(shared.run("a", work) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in failed] == [CrmDown] * 3
        assert await shared.run("a", work) == 2

    asyncio.run(run())


def test_kept_values_are_fetched_again_when_they_are_old() -> None:
    async def run() -> None:
        clock = Clock()
        asked: list[str] = []

        async def fetch(key: str) -> str:
            asked.append(key)
            return f"{key}{len(asked)}"

        kept = Kept(fetch, 60, clock)
        assert [await kept.get("a"), await kept.get("a"), await kept.get("b")] == ["a1", "a1", "b2"]
        clock.now += 61
        assert await kept.get("a") == "a3"
        kept.forget("a", "not this one")
        assert await kept.get("a") == "a3"
        kept.forget("a", await kept.get("a"))
        assert await kept.get("a") == "a4"

    asyncio.run(run())


def test_somebody_who_may_not_be_read_is_known_by_the_id() -> None:
    async def run() -> None:
        asked = 0

        async def refuse(crm_id: str) -> Person:
            nonlocal asked
            asked += 1
            raise CrmRefused("no right")

        known = People(refuse, 60)
        assert await known.all_of("5", "5", "", "6") == (Person("5"), Person("6"))
        assert await known.get("5") == Person("5")
        assert asked == 2

        async def fail(crm_id: str) -> Person:
            raise CrmDown("gone")

        with pytest.raises(CrmDown):
            await People(fail, 60).get("5")

    asyncio.run(run())


@pytest.mark.parametrize("value", [None, True, False, 0, -5, 1.5, 10**30, [], {}, "", "0", "x" * 200])
def test_what_is_no_id(value: object) -> None:
    assert identity(value) == ""


def test_values() -> None:
    assert identity(17) == "17"
    assert identity(" a1 ") == "a1"
    assert text(5) == text(None) == text(["a"]) == ""
    assert phones("+7 916", None, False, 79161234567, [], "none", "+7 916") == ("+7 916", "79161234567")


def test_which_phones_can_be_the_number() -> None:
    assert may_be("+79161234567", ["8 (916) 123-45-67 доб. 5"])
    assert may_be("+79161234567", ["", "٨ ٩١٦ ١٢٣ ٤٥ ٦٧"])
    assert not may_be("+79161234567", ["+7 916 123-45-68", "9161 234", ""])


@pytest.mark.parametrize("url", ["", "crm.example.com", "ftp://crm", "https://", "https://a:b@crm", "https://crm?a=b"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(SettingsError, match="address"):
        base_url(url)


@pytest.mark.parametrize("key", ["a b", "a\nX: y", "ключ", " "])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(SettingsError, match="secret"):
        header_value(Secret(key), "crm.key")
