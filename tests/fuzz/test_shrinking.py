"""A difference made small, with a telephone that is wrong on purpose in place of Asterisk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

import pytest

from ivrc.simulate import Call, run
from ivrc.simulate.call import Press, State
from ivrc.testbed.beside.chance import NO_CHANCE
from ivrc.testbed.beside.facts import Fact, compare, told_by_the_simulator
from ivrc.testbed.beside.play import Office, Outcome, Players
from ivrc.testbed.fuzz import corpus
from ivrc.testbed.fuzz.__main__ import replay
from ivrc.testbed.fuzz.offices import prepare
from ivrc.testbed.fuzz.programs import program
from ivrc.testbed.fuzz.run import Bench, Pair
from ivrc.testbed.fuzz.shrink import shrink
from ivrc.testbed.fuzz.tree import Part, block, placed, read, row

NOON = datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("Europe/Moscow"))
PROGRAM = row(
    Part('settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@x" }'),
    block("employee anna", Part("extension 1"), Part('sip "PJSIP/p000e0"')),
    block("employee boris", Part("extension 12"), Part('sip "PJSIP/p000e1"')),
    block("group all in order", Part("anna"), Part("boris")),
    Part('number "+74950000000" -> main'),
    block(
        "scenario main",
        Part('play "p1"'),
        block("when mon-sun 00:00-24:00", block("branch for 3s", block("1", Part("call group all for 3s")))),
        Part("call employee boris for 4s"),
        Part('play "p2" for 3s'),
    ),
)
CALL = Call(
    "+74950000000",
    caller="+79261234567",
    at=NOON,
    presses=(Press("1", 1500, "branch"), Press("5", 2500, "p2")),
    states={"anna": State("refuses", 1500), "boris": State("silent")},
    talk=4_500,
)


class Telephone:
    """A clock that needs no setting."""

    def __init__(self) -> None:
        self.moments: list[datetime] = []

    async def set_clock(self, moment: datetime) -> None:
        self.moments.append(moment)


class WrongBench(Bench):
    """Plays calls as the simulator tells them, but for what is `wrong`."""

    def __init__(self, folder: Path, wrong: Callable[[list[Fact]], None]) -> None:
        self.folder = folder
        self.lengths = {}
        self.telephone = Telephone()
        self.players = cast("Players", self.telephone)
        self.wrong = wrong
        self.played = 0

    def placed(self, text: str, slot: int) -> str:
        return placed(text, slot, 5070, 4580)

    def load(self, programs: dict[int, Part]) -> dict[int, Office]:
        offices = {slot: self.prepare(part.text(), slot) for slot, part in programs.items()}
        return {slot: office for slot, office in offices.items() if office is not None}

    async def play(self, pair: Pair, office: Office, slot: int) -> Outcome:
        self.played += 1
        call = pair.call._replace(to=self.placed(pair.call.to or "", slot))
        journey = run(office.prepared, call)
        told, seen = told_by_the_simulator(journey), told_by_the_simulator(journey)
        self.wrong(seen)
        return Outcome(call, journey, told, seen, compare(told, seen), NO_CHANCE, frozenset(), False)


def boris_rings_longer(facts: list[Fact]) -> None:
    for fact in facts:
        if fact.what == "rang boris" and fact.until is not None:
            fact.until += 3


class Shrunk(NamedTuple):
    """What came of it."""

    bench: WrongBench
    pair: Pair
    outcome: Outcome
    told: list[str]


@pytest.fixture
def shrunk(tmp_path: Path) -> Shrunk:
    bench = WrongBench(tmp_path, boris_rings_longer)
    pair, told = Pair("it", PROGRAM, CALL), list[str]()

    async def make() -> tuple[Pair, Outcome]:
        outcome = await bench.play(pair, bench.load({0: PROGRAM})[0], 0)
        assert outcome.difference is not None and outcome.difference.kind == "how long rang"
        return await shrink(bench, pair, outcome, told.append)

    return Shrunk(bench, *asyncio.run(make()), told)


def test_nothing_stays_that_the_difference_does_not_need(shrunk: Shrunk) -> None:
    words = shrunk.pair.program.text().split()
    assert [word for word in ("anna", "group", "branch", "when", "play", "extension") if word in words] == []
    assert "call employee boris for 4s" in shrunk.pair.program.text()
    assert shrunk.pair.call.presses == ()
    assert shrunk.outcome.difference is not None
    assert shrunk.told[-1] == f"{shrunk.pair.program.size()} parts, 0 presses: how long rang"


def test_no_part_of_the_smallest_can_be_spared(shrunk: Shrunk) -> None:
    """What is left says the same when it is shrunk again."""
    again = asyncio.run(shrink(shrunk.bench, shrunk.pair, shrunk.outcome, lambda text: None))
    assert again[0].program.text() == shrunk.pair.program.text()


def test_what_is_small_is_written_read_and_played_again(
    shrunk: Shrunk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept"
    path = corpus.write(folder, "boris", "Boris rings longer.", shrunk.pair, shrunk.outcome)
    kept = corpus.read(path)
    assert (kept.name, kept.about, kept.source) == ("boris", "Boris rings longer.", shrunk.pair.program.text())
    assert kept.call == shrunk.pair.call
    assert json.loads(path.with_suffix(".json").read_text())["facts"] == list(kept.facts)
    told: list[str] = []

    for where in (path, folder):
        tally = asyncio.run(replay(shrunk.bench, where, lambda pair, outcome: told.append(pair.name)))
        assert (tally.pairs, len(tally.differences)) == (1, 1)
    assert told == ["boris", "boris"]
    assert shrunk.bench.telephone.moments[-1] == NOON
    tally = asyncio.run(replay(WrongBench(tmp_path, lambda facts: None), folder, lambda *_: None))
    assert (tally.pairs, len(tally.differences)) == (1, 0)
    assert "boris: no difference" in capsys.readouterr().out


def test_a_program_with_errors_has_no_office(tmp_path: Path) -> None:
    assert prepare("scenario main { fly }", tmp_path, {}) is None


def test_a_program_is_read_as_it_was_written() -> None:
    random, moment = Random(1), NOON
    for part in [PROGRAM, *(program(random, moment) for _ in range(50))]:
        again = read(part.text())
        assert again.text() == part.text()
    assert read(PROGRAM.text()).size() == PROGRAM.size()
