"""Every combination of filters finds what it should, whatever index leads, with the index of texts and without."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ivrc.history import search
from ivrc.history.store import Store
from tests.history.searching import check, fill


@pytest.mark.parametrize("seconds", [0.0, math.inf])
@pytest.mark.parametrize("piece", [1, 20, 2000])
def test_filters_and_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, seconds: float) -> None:
    monkeypatch.setattr(search, "_PIECE", piece)
    store = Store(f"sqlite:///{tmp_path / 'h.sqlite'}")
    check(store, fill(store), 60, seconds=seconds)


def test_filters_without_the_index_of_texts(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'h.sqlite'}")
    made = fill(store)
    store._full_text = False
    check(store, made, 40)


def test_index_of_texts_follows_what_changes(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'h.sqlite'}")
    made = fill(store, 60)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE call SET words = 'zz anna', began = began + 30000 WHERE id % 2 = 0")
        connection.exec_driver_sql("DELETE FROM involved WHERE call % 3 = 0")
        connection.exec_driver_sql("DELETE FROM call WHERE id % 3 = 0")
    for row in made:
        if row["id"] % 2 == 0:
            row |= {"words": "zz anna", "began": row["began"] + 30000}
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE involved SET sortkey = (SELECT sortkey FROM call WHERE id = involved.call)")
        connection.exec_driver_sql("INSERT INTO call_text(call_text) VALUES ('integrity-check')")
    check(store, [row for row in made if row["id"] % 3], 30)
