"""The pairs that are kept: what the simulator tells of them is what stands in their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivrc.simulate import run
from ivrc.testbed.beside.facts import told_by_the_simulator
from ivrc.testbed.fuzz import corpus
from ivrc.testbed.fuzz.offices import prepare

KEPT = corpus.read_all(Path(__file__).parents[1] / "live" / "differences")


@pytest.mark.parametrize("each", KEPT, ids=[each.name for each in KEPT])
def test_what_is_kept_is_what_the_simulator_tells(each: corpus.Kept, tmp_path: Path) -> None:
    office = prepare(each.source, tmp_path, {})
    assert office is not None
    assert [fact.told() for fact in told_by_the_simulator(run(office.prepared, each.call))] == list(each.facts)
