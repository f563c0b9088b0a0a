"""Two collectors of one log: by hand, while the service runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivrc.history import log
from tests.history.test_history import Place_, with_files


def test_two_at_once_tell_every_call_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "BATCH", 2048)
    place = with_files(tmp_path, 3.0)
    told = place.whole()
    place.store.close()
    for path in tmp_path.glob("history.sqlite*"):
        path.unlink()
    places = [Place_(tmp_path) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(each.collect) for each in places]:
            done.result(60)
    assert places[0].whole() == told
