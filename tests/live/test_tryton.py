"""A real Tryton, asked as calls ask it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivrc.crm.adapters.tryton import Settings, make
from ivrc.crm.contact import Contact, CrmDown, CrmRefused
from ivrc.crm.lookup import Found, Lookup
from ivrc.crm.settings import Secret, SettingsError
from ivrc.testbed.tryton import Tryton, is_fetched

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
    if os.environ.get("IVRC_LIVE") != "1" and not is_fetched():
        pytest.skip("Tryton is not fetched: python -m ivrc.testbed.tryton")
    with Tryton(tmp_path_factory.mktemp("tryton")) as server:
        yield server


def settings(tryton: Tryton, **more: Any) -> Settings:
    values = {"url": tryton.url, "database": tryton.database, "key": Secret(tryton.key), **more}
    return Settings(**values)


def looked_up(tryton: Tryton, work: Callable[[Lookup], Awaitable[Found]], **more: Any) -> Found:
    """What a look-up with this adapter finds."""

    async def run() -> Found:
        lookup = Lookup(make(settings(tryton, **more)), country="RU")
        try:
            return await work(lookup)
        finally:
            await lookup.close()

    return asyncio.run(run())


def find(tryton: Tryton, number: str, **more: Any) -> Found:
    return looked_up(tryton, lambda lookup: lookup.find(number, seconds=10), **more)


def asked(tryton: Tryton, number: str, **more: Any) -> list[Contact]:
    """What the adapter alone answers."""

    async def run() -> list[Contact]:
        crm = make(settings(tryton, **more))
        try:
            return await crm.find(number)
        finally:
            await crm.close()

    return asyncio.run(run())


@pytest.mark.parametrize("number", ["+74957654321", "8 (495) 765-43-21", "+79031112233"])
def test_number_to_party_to_newest_opportunity_to_employee_to_phones(tryton: Tryton, number: str) -> None:
    found = find(tryton, number)
    assert found.why == "found"
    assert found.contact is not None
    assert found.contact.name == "Romashka"
    assert found.contact.phones == ("+79031112233", "+74957654321")
    (anna,) = found.contact.responsible
    assert anna.name == "Anna"
    assert anna.phones == ("+79161234501", "+79161234502", "+74957650001")
    assert anna.crm_id.isdecimal()


def test_party_with_several_opportunities_is_one_contact(tryton: Tryton) -> None:
    assert [contact.name for contact in asked(tryton, "+74957654321")] == ["Romashka"]


def test_second_responsible_by_a_field_of_opportunities(tryton: Tryton) -> None:
    found = find(tryton, "+74957654321", second="converted_by")
    assert found.contact is not None
    assert [(who.name, who.phones) for who in found.contact.responsible] == [
        ("Anna", ("+79161234501", "+79161234502", "+74957650001")),
        ("Boris", ("+79161234503",)),
    ]


def test_employee_without_phones(tryton: Tryton) -> None:
    found = find(tryton, "+78127654322")
    assert found.contact is not None
    assert [(who.name, who.phones) for who in found.contact.responsible] == [("Vera", ())]


@pytest.mark.parametrize(("number", "name"), [("+79031112244", "Stranger"), ("+79031112255", "Undecided")])
def test_party_whom_nobody_is_responsible_for(tryton: Tryton, number: str, name: str) -> None:
    found = find(tryton, number)
    assert found.why == "found"
    assert found.contact is not None
    assert (found.contact.name, found.contact.responsible) == (name, ())


def test_unknown_number(tryton: Tryton) -> None:
    assert find(tryton, "+79990001122").why == "unknown"
    # The beginning and the end of numbers that are there.
    assert find(tryton, "+74957654322").why == "unknown"


def test_number_that_tryton_keeps_as_it_was_written(tryton: Tryton) -> None:
    found = find(tryton, "+74997654323")
    assert found.contact is not None
    assert (found.contact.name, [who.name for who in found.contact.responsible]) == ("Written", ["Boris"])
    assert find(tryton, "+74997654323", search="e164").why == "unknown"


def test_wrong_key(tryton: Tryton) -> None:
    async def run() -> str:
        crm = make(Settings(url=tryton.url, database=tryton.database, key=Secret("0" * 128)))
        try:
            return await crm.check()
        finally:
            await crm.close()

    with pytest.raises(CrmRefused, match=r"401.*validated"):
        asyncio.run(run())


def test_wrong_database_and_wrong_field(tryton: Tryton) -> None:
    with pytest.raises((CrmRefused, CrmDown)):
        asked(tryton, "+74957654321", database="none")
    with pytest.raises((CrmRefused, CrmDown)):
        asked(tryton, "+74957654321", second="no_such_field")
    with pytest.raises(SettingsError, match="database"):
        asked(tryton, "+74957654321", database=" ")


def test_check_tells_that_it_answers(tryton: Tryton) -> None:
    async def run() -> str:
        crm = make(settings(tryton))
        try:
            return await crm.check()
        finally:
            await crm.close()

    assert "0 contacts" in asyncio.run(run())


def test_frozen_server_is_left_behind_in_time(tryton: Tryton) -> None:
    async def work(lookup: Lookup) -> Found:
        await lookup.find("+79031112244", seconds=10)  # So that there is an open connection, the worst case.
        tryton.freeze()
        began = time.monotonic()
        found = await lookup.find("+74957654321", seconds=1.0)
        assert time.monotonic() - began > 0.99
        return found

    try:
        found = looked_up(tryton, work)
    finally:
        tryton.thaw()
    assert found.why == "slow"
    assert found.seconds < 6  # The bound is the look-up's own; five seconds are for a machine that is busy.
    assert find(tryton, "+74957654321").why == "found"


def test_killed_server_is_down_and_comes_back(tryton: Tryton) -> None:
    tryton.kill()
    try:
        with pytest.raises(CrmDown):
            asked(tryton, "+74957654321")
        assert find(tryton, "+74957654321").why == "down"
    finally:
        tryton.start()
    assert find(tryton, "+74957654321").why == "found"


def test_cached_database_is_not_changed_by_servers(tryton: Tryton, tmp_path: Path) -> None:
    with Tryton(tmp_path) as other:
        assert other.url != tryton.url
        assert find(other, "+74957654321").why == "found"
