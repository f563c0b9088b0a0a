"""Pairs kept as files: NAME.ivr is the program, NAME.json the call and what happens in it.

The differences that were found, made small, are played again by a live test.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ivrc.simulate import Call
from ivrc.testbed.beside.facts import told_by_the_simulator
from ivrc.testbed.beside.play import Office, Outcome
from ivrc.testbed.fuzz import calls, tree
from ivrc.testbed.fuzz.run import AGAIN, AT_ONCE, Bench, Pair, play_all


class Kept(NamedTuple):
    """A pair from a file; `facts` is what has to happen, as `Fact.told` says it."""

    name: str
    about: str
    source: str
    call: Call
    facts: tuple[str, ...]

    @property
    def pair(self) -> Pair:
        """The pair, its program in its parts."""
        return Pair(self.name, tree.read(self.source), self.call)


def write(folder: Path, name: str, about: str, pair: Pair, outcome: Outcome) -> Path:
    """Write a pair; the path of its program."""
    folder.mkdir(parents=True, exist_ok=True)
    call = pair.call._replace(at=outcome.call.at)
    facts = [fact.told() for fact in told_by_the_simulator(outcome.journey)]
    data = {"about": about, "call": json.loads(calls.to_json(call)), "facts": facts}
    (folder / f"{name}.json").write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")
    path = folder / f"{name}.ivr"
    path.write_text(pair.program.text(), "utf-8")
    return path


def read(path: Path) -> Kept:
    """The pair of a program's path."""
    data = json.loads(path.with_suffix(".json").read_text("utf-8"))
    call = calls.from_json(json.dumps(data["call"]))
    return Kept(path.stem, data["about"], path.read_text("utf-8"), call, tuple(data["facts"]))


def read_all(folder: Path) -> list[Kept]:
    """All pairs of a folder."""
    return [read(path) for path in sorted(folder.glob("*.ivr"))]


async def play(bench: Bench, kept: Sequence[Kept]) -> list[tuple[Kept, Outcome]]:
    """Play kept pairs, each at its own moment of the clock; those of one moment together."""
    found: list[tuple[Kept, Outcome]] = []
    for moment, group in groupby(sorted(kept, key=lambda each: each.call.at), key=lambda each: each.call.at):
        some = list(group)
        await bench.players.set_clock(moment)
        offices = bench.load({slot: each.pair.program for slot, each in enumerate(some)})
        plays = [(each.pair, offices[slot], slot) for slot, each in enumerate(some)]
        found += zip(some, await _agreed(bench, plays), strict=True)
    return found


async def _agreed(bench: Bench, plays: Sequence[tuple[Pair, Office, int]]) -> list[Outcome]:
    """Outcomes; those that differ are of a call that was made again, slower, and at last alone."""
    outcomes = await play_all(bench, plays, AT_ONCE)
    rate = bench.rig.rate
    for at_once, slow in AGAIN:
        doubtful = [place for place, outcome in enumerate(outcomes) if outcome.difference is not None]
        if not doubtful:
            break
        await bench.players.set_clock(bench.players.clock.date() + timedelta(minutes=1), slow)
        again = await play_all(bench, [plays[place] for place in doubtful], at_once)
        for place, outcome in zip(doubtful, again, strict=True):
            outcomes[place] = outcome
    bench.rig.rate = rate
    return outcomes
