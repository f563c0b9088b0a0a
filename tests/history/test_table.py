"""The history from a table that Asterisk writes, in place of its log: the same calls."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ivrc.history.cel import Event
from ivrc.history.collect import Collector
from ivrc.history.schema import written
from ivrc.history.table import BATCH, Table
from tests.history.test_history import Place_, events_of, recorded

COLUMNS = [column.name for column in written.columns if column.name not in ("id", "machine")]


def row(event: Event, machine: str = "m") -> dict[str, str]:
    """As Asterisk writes an event."""
    moment = datetime.fromtimestamp(event.time, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return {
        "machine": machine,
        **{column: str(value) for column, value in zip(COLUMNS, event, strict=True)},
        "eventtime": moment,
    }


def insert(place: Place_, rows: list[dict[str, str]]) -> None:
    with place.store.transaction() as connection:
        connection.execute(written.insert(), rows)


def left(place: Place_) -> int:
    with place.store.transaction() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(written)).scalar_one()


def test_the_same_calls_as_from_the_log(tmp_path: Path) -> None:
    data, _ = recorded("22")
    (tmp_path / "log").mkdir()
    (tmp_path / "table").mkdir()
    log = Place_(tmp_path / "log")
    log.log.write_bytes(data)
    log.collect()
    table = Place_(tmp_path / "table", source="table")
    events = events_of(data)
    # In two pieces, with another machine's rows and nonsense between.
    insert(table, [row(event) for event in events[:40]])
    table.collect()
    insert(table, [row(event, "other") for event in events])
    insert(table, [{"machine": "m", "eventtime": "never"}])
    insert(table, [row(event) for event in events[40:]])
    table.collect()
    assert table.whole() == log.whole()
    table.collect()
    assert table.whole() == log.whole()


def test_more_rows_than_one_transaction_takes(tmp_path: Path) -> None:
    data, _ = recorded("22")
    place = Place_(tmp_path, source="table")
    events = events_of(data)
    copies = [event._replace(linkedid=f"{n}.{event.linkedid}", uniqueid=f"{n}.{event.uniqueid}")
              for n in range(BATCH // len(events) + 2) for event in events]  # fmt: skip
    insert(place, [row(event) for event in copies])
    place.collect()
    assert len(place.whole()) == 4 * (BATCH // len(events) + 2)


@pytest.mark.parametrize("uptime", [0.0, 1e6])
def test_rows_that_were_read_are_dropped_a_day_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uptime: float
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: uptime)
    place = Place_(tmp_path, source="table")
    events = events_of(recorded("22")[0])
    insert(place, [row(event) for event in events])
    table = Table(place.store, "m")
    table.forget(place.store.place("m", table.name), events[-1].time + 1)
    assert left(place) == len(events), "not read yet"
    clock = events[-1].time
    Collector(place.settings, place.store, lambda: clock).collect()
    assert left(place) == len(events), "younger than a day"
    clock += 25 * 3600
    Collector(place.settings, place.store, lambda: clock).collect()
    assert left(place) == 0
    assert len(place.whole()) == 4
