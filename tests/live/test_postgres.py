"""A real PostgreSQL as CRM: answers, rights, time limits, and a server that is killed or frozen."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from ivrc.crm.contact import Contact, CrmDown, CrmRefused, CrmSlow, Person
from ivrc.crm.durations import Duration
from ivrc.crm.lookup import Lookup
from ivrc.crm.settings import BreakerSettings, CrmSettings, parse_crm
from ivrc.crm.sql import Sql, make
from ivrc.testbed import postgres

pytestmark = pytest.mark.live

CALLER = "+74951234567"
TABLES = """
CREATE SEQUENCE written;
CREATE TABLE users (id uuid PRIMARY KEY, name text, phones text[], ext int, open boolean);
CREATE TABLE contact (id bigint PRIMARY KEY, name text, owner uuid, phone text);
INSERT INTO users VALUES
    ('00000000-0000-0000-0000-000000000017', 'Анна', '{"8 916 123-45-67",89031112233}', 101, false);
INSERT INTO contact VALUES (5, 'Иван', '00000000-0000-0000-0000-000000000017', '8 (495) 123-45-67 доб. 3');
INSERT INTO contact SELECT n, 'c' || n, NULL, '+7916' || lpad(n::text, 7, '0') FROM generate_series(1000, 50000) n;
CREATE INDEX ON contact ((right(regexp_replace(split_part(phone, 'доб', 1), '\\D', '', 'g'), 10)));
"""
QUERY = """
SELECT c.id AS contact_id, c.name AS contact_name, c.phone AS contact_phone, u.id AS responsible_id,
       u.name AS responsible_name, u.phones AS responsible_phones, u.ext AS responsible_extension,
       u.open AS responsible_at_work
FROM contact c LEFT JOIN users u ON u.id = c.owner
WHERE right(regexp_replace(split_part(c.phone, 'доб', 1), '\\D', '', 'g'), 10) = :last10
"""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    if not postgres.is_available() and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip("no PostgreSQL here: pip install pgserver")
    with postgres.running() as running:
        engine = sqlalchemy.create_engine(running.url)
        with engine.begin() as connection:
            connection.exec_driver_sql(TABLES)
        engine.dispose()
        yield running


@pytest.fixture(autouse=True)
def awake(server: postgres.Postgres) -> Iterator[None]:
    yield
    server.thaw()


def crm(server: postgres.Postgres, query: str = QUERY, **options: Any) -> Sql:
    return make(parse_crm({"kind": "sql", "url": server.url, "query": query, **options}, folder=Path(".")).options)


def found(server: postgres.Postgres, number: str = CALLER, query: str = QUERY, **options: Any) -> list[Contact]:
    async def work() -> list[Contact]:
        asked = crm(server, query, **options)
        try:
            return await asked.find(number)
        finally:
            await asked.close()

    return asyncio.run(work())


def test_a_contact_of_every_type_of_column(server: postgres.Postgres) -> None:
    anna = Person("00000000-0000-0000-0000-000000000017", "Анна", ("8 916 123-45-67", "89031112233"), "101", False)
    assert found(server) == [Contact("5", "Иван", ("8 (495) 123-45-67 доб. 3",), (anna,))]
    assert found(server, "+79160001234") == [Contact("1234", "c1234", ("+79160001234",))]
    assert found(server, "+79169999999") == []


def test_check(server: postgres.Postgres) -> None:
    assert "the query runs" in asyncio.run(crm(server).check())


def test_what_is_refused(server: postgres.Postgres) -> None:
    with pytest.raises(CrmRefused, match="does not exist"):
        found(server, query="SELECT 1 AS contact_id, 2 AS contact_phone FROM nowhere")
    write = "DELETE FROM contact RETURNING id AS contact_id, phone AS contact_phone"
    for query in (write, "SELECT nextval('written') AS contact_id, '' AS contact_phone"):
        with pytest.raises(CrmRefused):
            found(server, query=query)
    assert len(found(server)) == 1
    url = server.url.replace("/postgres", "/nodb")
    asked = make(parse_crm({"kind": "sql", "url": url, "query": QUERY}, folder=Path(".")).options)
    with pytest.raises(CrmRefused, match="does not exist"):
        asyncio.run(asked.find(CALLER))


def test_the_server_keeps_the_time_limit(server: postgres.Postgres) -> None:
    query = "SELECT 1 AS contact_id, pg_sleep(30)::text AS contact_phone"
    began = time.monotonic()
    with pytest.raises(CrmSlow):
        found(server, query=query, timeout="100ms")
    assert time.monotonic() - began < 20


def test_killed_and_back(server: postgres.Postgres) -> None:
    async def work() -> None:
        asked = crm(server)
        assert len(await asked.find(CALLER)) == 1
        server.stop()
        with pytest.raises(CrmDown):
            await asked.find(CALLER)
        server.start()
        assert len(await asked.find(CALLER)) == 1
        await asked.close()

    asyncio.run(work())


def test_frozen_and_back(server: postgres.Postgres) -> None:
    """Every connection hangs: no call waits longer than its time, and when the server goes on, so do the look-ups."""

    async def work() -> None:
        settings = CrmSettings(breaker=BreakerSettings(failures=1000, pause=Duration(0.01)))
        lookup = Lookup(crm(server, connections=3), settings, country="RU")
        for digit in range(3):
            assert (await lookup.find(f"+7916000100{digit}", seconds=10)).why == "found"
        server.freeze()
        for digit in range(8):
            began = time.monotonic()
            assert (await lookup.find(f"+7916000200{digit}", seconds=0.1)).why == "slow"
            assert time.monotonic() - began < 0.6
        server.thaw()
        assert (await lookup.find(CALLER, seconds=10)).why == "found"
        await lookup.close()

    asyncio.run(work())
