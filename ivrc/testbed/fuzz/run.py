"""Pairs of programs and calls, played many at a time."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from ivrc.simulate import Call, run
from ivrc.simulate.journey import Reached
from ivrc.testbed.beside.helper import Helper
from ivrc.testbed.beside.play import Office, Outcome, Players
from ivrc.testbed.beside.rig import Rig, own_lengths
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.offices import compile_programs, prepare, spoken
from ivrc.testbed.fuzz.programs import FAXES, PEOPLE_MAX, program
from ivrc.testbed.fuzz.tree import Part, placed

# Programs loaded at once; calls to each; calls at a time.
PLACES = 40
CALLS = 5
AT_ONCE = 24
RATE = 2.0
# Pairs that differ are played again, so many at a time, at so many times the speed of life.
AGAIN = ((8, 1.5), (2, 1.5), (1, 1.0))
# A trial of so many calls that are ambiguous is given up.
TRIES = 40


class Plan(NamedTuple):
    """Calls to a program, how long each is at most (milliseconds), and how often a program thinks of fax machines."""

    each: int = CALLS
    longest: int = calls.LONGEST
    faxes: float = FAXES


PLAN = Plan()


class Pair(NamedTuple):
    """A program and a call to it, as they are written down (place 000)."""

    name: str
    program: Part
    call: Call


@dataclass
class Tally:
    """What came of a run."""

    pairs: int = 0
    discarded: int = 0
    # Pairs that agreed only when played once more, alone.
    again: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    virtual: float = 0.0
    differences: list[tuple[Pair, Outcome]] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """A pair has been played."""
        self.pairs += 1
        self.virtual += outcome.journey.ended.at / 1000
        self.steps.update(event.kind for event in outcome.journey.events if isinstance(event, Reached))
        self.facts.update(fact.what.split()[0] for fact in outcome.told)

    def text(self) -> str:
        """For people."""
        total = self.pairs + self.discarded
        share = 100 * self.discarded / total if total else 0
        rate = self.pairs / self.seconds if self.seconds else 0
        minutes = self.virtual / 60
        return (
            f"{self.pairs} pairs in {self.seconds:.0f} s ({rate:.1f} a second, {minutes:.0f} minutes of calls), "
            f"{len(self.differences)} differences; {self.again} agreed when played again, slower; "
            f"{self.discarded} calls discarded as ambiguous ({share:.0f} %)"
        )


class Bench:
    """A rig with what plays pairs on it."""

    def __init__(self, rig: Rig, helper: Helper, folder: Path) -> None:
        self.rig = rig
        self.players = Players(rig, helper)
        self.helper = helper
        self.folder = folder
        rig.office.prefix.lend_a_voice()
        self.lengths = {**own_lengths(rig.office.prefix), **spoken()}

    def placed(self, text: str, slot: int) -> str:
        """A text for a place of this rig."""
        return placed(text, slot, self.rig.town.sip_port, self.helper.port)

    def prepare(self, text: str, slot: int = 0) -> Office | None:
        """A program's office in a place; None if it has errors."""
        return prepare(self.placed(text, slot), self.folder, self.lengths)

    def load(self, programs: dict[int, Part]) -> dict[int, Office]:
        """Put programs into their places."""
        sources = {slot: self.placed(part.text(), slot) for slot, part in programs.items()}
        self.rig.load(compile_programs(sources, self.folder / "sources"))
        offices = {slot: self.prepare(part.text(), slot) for slot, part in programs.items()}
        return {slot: office for slot, office in offices.items() if office is not None}

    async def play(self, pair: Pair, office: Office, slot: int) -> Outcome:
        """Play a pair in its place."""
        call = calls.from_json(self.placed(calls.to_json(pair.call), slot))
        return await self.players.play(office, call)


async def play_all(bench: Bench, pairs: Sequence[tuple[Pair, Office, int]], at_once: int) -> list[Outcome]:
    """Play pairs, each in a place of its own, so many at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(pair: Pair, office: Office, slot: int) -> Outcome:
        async with gate:
            return await bench.play(pair, office, slot)

    return await asyncio.gather(*(one(*each) for each in pairs))


@asynccontextmanager
async def open_bench(folder: Path, rate: float = RATE, places: int = PLACES) -> AsyncIterator[Bench]:
    """Boot the rig; so many places have phones."""
    phones = [f"p{slot:03}e{index}{web}" for slot in range(places) for index in range(PEOPLE_MAX) for web in ("", "w")]
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    async with Helper(rate) as helper, Rig(folder, phones, rate=rate) as rig:
        yield Bench(rig, helper, folder)


def moment_of(random: Random, number: int = 0) -> datetime:
    """When a batch of calls begins: near a quarter of an hour, now and then near midnight; each later than the last."""
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=9 * number + random.randrange(8))
    minutes = random.choice([random.randrange(96) * 15, 21 * 60]) - 2
    return day + timedelta(minutes=minutes, seconds=random.randrange(60))


def pairs_of(bench: Bench, random: Random, name: str, moment: datetime, tally: Tally, plan: Plan) -> list[Pair]:
    """A random program and random calls to it, of so many milliseconds at most."""
    from zoneinfo import ZoneInfo

    while True:
        part = program(random, moment.astimezone(ZoneInfo("Europe/Moscow")), plan.faxes)
        office = prepare(part.text(), bench.folder, bench.lengths)
        if office is not None:
            break
    caller = calls.Caller(random, office.prepared, office.names, moment)
    found: list[Pair] = []
    for _ in range(TRIES):
        call = caller.call()
        if run(office.prepared, call).ended.at > plan.longest:
            continue
        if calls.is_ambiguous(office.prepared, call):
            tally.discarded += 1
            continue
        found.append(Pair(f"{name}-{len(found)}", part, call))
        if len(found) == plan.each:
            break
    return found


async def batch(
    bench: Bench,
    seed: str,
    count: int,
    plan: Plan,
    tally: Tally,
    told: Callable[[Pair, Outcome], None],
    making: asyncio.Lock,
) -> None:
    """Some pairs: programs in all places, calls to them, many at a time."""
    random = Random(seed)
    moment = moment_of(random, int(seed.partition(".")[2]))

    def make() -> tuple[dict[int, list[Pair]], dict[int, Office]]:
        places: dict[int, list[Pair]] = {}
        for slot in range(min(PLACES, -(-count // plan.each))):
            if pairs := pairs_of(bench, random, f"{seed}-{slot}", moment, tally, plan):
                places[slot] = pairs[: count - sum(map(len, places.values()))]
        return places, bench.load({slot: pairs[0].program for slot, pairs in places.items() if pairs})

    async with making:
        # In a thread: calls on another bench must not wait for it.
        places, offices = await asyncio.to_thread(make)
    await bench.players.set_clock(moment)
    gate = asyncio.Semaphore(AT_ONCE)
    doubtful: list[tuple[int, Pair]] = []

    async def place(slot: int, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            async with gate:
                outcome = await bench.play(pair, offices[slot], slot)
            if calls.is_ambiguous(offices[slot].prepared, outcome.call, outcome.chance):
                tally.discarded += 1
            elif outcome.difference is None:
                tally.count(outcome)
            else:
                doubtful.append((slot, pair))

    await asyncio.gather(*(place(slot, pairs) for slot, pairs in places.items()))
    await _again(bench, doubtful, offices, tally, told)


async def _again(
    bench: Bench,
    doubtful: list[tuple[int, Pair]],
    offices: Mapping[int, Office],
    tally: Tally,
    told: Callable[[Pair, Outcome], None],
) -> None:
    """Pairs that differed, slower, and at last alone: a machine with much other work makes differences of its own."""
    rate = bench.rig.rate
    for at_once, slow in AGAIN:
        if not doubtful:
            break
        await bench.players.set_clock(bench.players.clock.date() + timedelta(minutes=1), slow)
        gate = asyncio.Semaphore(at_once)
        locks = {slot: asyncio.Lock() for slot, _ in doubtful}

        async def once(
            slot: int, pair: Pair, gate: asyncio.Semaphore = gate, locks: Mapping[int, asyncio.Lock] = locks
        ) -> tuple[int, Pair, Outcome]:
            async with locks[slot], gate:
                return slot, pair, await bench.play(pair, offices[slot], slot)

        outcomes = await asyncio.gather(*(once(slot, pair) for slot, pair in doubtful))
        doubtful = []
        for slot, pair, outcome in outcomes:
            if calls.is_ambiguous(offices[slot].prepared, outcome.call, outcome.chance):
                tally.discarded += 1
            elif outcome.difference is None:
                tally.count(outcome)
                tally.again += 1
            elif (at_once, slow) != AGAIN[-1]:
                doubtful.append((slot, pair))
            else:
                tally.count(outcome)
                tally.differences.append((pair, outcome))
                told(pair, outcome)
    bench.rig.rate = rate


async def fuzz(
    benches: Sequence[Bench],
    seed: str | int,
    count: int,
    told: Callable[[Pair, Outcome], None],
    seconds: float = 1e9,
    plan: Plan = PLAN,
) -> Tally:
    """So many pairs, or as many as can be played in about so many seconds."""
    tally, making = Tally(), asyncio.Lock()
    begun = time.monotonic()
    numbers = itertools.count()
    planned: dict[int, int] = {}

    async def on(bench: Bench) -> None:
        while time.monotonic() - begun < seconds:
            size = min(PLACES * plan.each, count - tally.pairs - sum(planned.values()))
            if size <= 0:
                break
            number = next(numbers)
            planned[number] = size
            await batch(bench, f"{seed}.{number}", size, plan, tally, told, making)
            del planned[number]
            tally.seconds = time.monotonic() - begun
            print(tally.text(), flush=True)

    await asyncio.gather(*map(on, benches))
    return tally
