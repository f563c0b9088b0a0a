"""The history's filters in a real PostgreSQL."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from ivrc.history import search
from ivrc.history.store import Filter, Scope, Store
from ivrc.testbed import postgres
from tests.history.searching import WORDS, check, fill

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if not postgres.is_available() and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip("no PostgreSQL here: pip install pgserver")
    with postgres.running() as server:
        yield server.url


@pytest.mark.parametrize("seconds", [0.0, math.inf])
@pytest.mark.parametrize(("piece", "few"), [(2000, 5), (20, 0), (20, 1000)])
def test_filters_and_pages(url: str, monkeypatch: pytest.MonkeyPatch, piece: int, few: int, seconds: float) -> None:
    monkeypatch.setattr(search, "_PIECE", piece)
    monkeypatch.setattr(search, "_FEW", few)
    store = Store(url)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE call CASCADE")
    # The test bed's locale knows the capitals of ASCII only.
    check(store, fill(store), 60, [word for word in WORDS if word.isascii()], seconds)
    store.close()


def test_index_of_texts_is_made_and_used_for_what_is_rare(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        available = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"
        if not connection.execute(available).fetchone():
            pytest.skip("this PostgreSQL has no pg_trgm")
    store = Store(url)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE call CASCADE")
    fill(store, 400)
    asked: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_PIECE", 20)
        assert store.find(Filter(search="zzq")) == []
    assert asked[-1].startswith("WITH hits")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        found = search._Query(Filter(search="zzq"), Scope(), True, "postgresql").select("trigrams", 0, 50)
        plan = connection.execute(sa.text("EXPLAIN " + str(found)), found.compile().params).scalars().all()
    assert any("call_text" in line for line in plan), plan
    store.close()
