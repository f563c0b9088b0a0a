"""Random programs and calls beside a real Asterisk, and those that once told the two apart."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrc.testbed.beside.play import Outcome
from ivrc.testbed.fetch import is_fetched
from ivrc.testbed.fuzz import calls, corpus
from ivrc.testbed.fuzz.run import Pair, Plan, Tally, fuzz, open_bench
from tests.live.lab import skip_without_streams

pytestmark = pytest.mark.live

FOLDER = Path(__file__).parent / "differences"
KEPT = corpus.read_all(FOLDER)
PAIRS = 60
# Milliseconds of a random call: all of them are played in less than a minute.
LONGEST = 25_000


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Outcome], Tally]]:
    """Every kept pair, and some random ones, on one rig."""
    if not is_fetched("22") and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip("Asterisk 22 is not fetched: python -m ivrc.testbed.fetch 22")
    skip_without_streams()
    yield asyncio.run(_play(tmp_path_factory.mktemp("fuzz")))


async def _play(folder: Path) -> tuple[dict[str, Outcome], Tally]:
    folder.chmod(0o755)
    async with open_bench(folder / "kept") as one, open_bench(folder / "random") as other:
        kept, tally = await asyncio.gather(
            corpus.play(one, KEPT), fuzz([other], 7, PAIRS, lambda pair, outcome: None, plan=Plan(2, LONGEST))
        )
        return {each.name: outcome for each, outcome in kept}, tally


@pytest.mark.parametrize("each", KEPT, ids=[each.name for each in KEPT])
def test_what_once_differed_does_not_any_more(outcomes: tuple[dict[str, Outcome], Tally], each: corpus.Kept) -> None:
    outcome = outcomes[0][each.name]
    assert outcome.difference is None, outcome.difference


def test_random_programs_mean_on_the_telephone_what_they_mean(outcomes: tuple[dict[str, Outcome], Tally]) -> None:
    tally = outcomes[1]
    assert tally.pairs >= PAIRS
    assert [_shown(pair, outcome) for pair, outcome in tally.differences] == []


def _shown(pair: Pair, outcome: Outcome) -> str:
    return json.dumps([str(outcome.difference), pair.program.text(), calls.to_json(pair.call)], ensure_ascii=False)
