"""Mutation testing of the compiled dialplan: a line made wrong must make a difference to some call.

Calls that walk as much of some programs as can be found are played once as compiled. Then copies of a program, each
with one line made wrong that such a call runs, in places of their own, with the same calls. A mutant whose calls all go
as the simulator says is hunted with other calls that come to the same steps, as the fuzzing would make sooner or later.

`python -m ivrc.testbed.fuzz.mutants --seed 1 --count 95`, or `make mutants`.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivrc.output import Content
from ivrc.simulate import Call
from ivrc.testbed.ami import AmiError
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.covering import covering, walk
from ivrc.testbed.fuzz.equivalent import is_of_use
from ivrc.testbed.fuzz.hunting import Candidate, Known, Tried, hunters
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from ivrc.testbed.fuzz.offices import compile_programs, prepare
from ivrc.testbed.fuzz.programs import program
from ivrc.testbed.fuzz.run import PLACES, RATE, Bench, Pair, moment_of, open_bench
from ivrc.testbed.fuzz.wrongs import OPERATORS, Mutant, mutants_of, mutated
from ivrc.testbed.prefix import TestbedError

# Each moment has a clock of its own, so the rigs share the moments; so many calls at a time on each.
RIGS, AT_ONCE, AGAIN = 8, 6, 2
# Calls to each program; how often a mutant is hunted with others, each time in so many places of its own at most: the
# calls to one place wait for each other.
CALLS, HUNTS, COPIES = 10, 4, 6
# Seconds after which calls to so few offices have ended, or never will.
PATIENCE = 900
# What is raised when an Asterisk has stopped to answer.
GONE = (TestbedError, AmiError, TimeoutError, ConnectionError)


# A call to the office in a place.
Play = tuple[int, Call]


class Verdict(NamedTuple):
    """What became of a mutant: `by` is the difference that caught it, `why` is why there can be none.

    One with both shows that a rule is wrong, one with neither survived.
    """

    candidate: Candidate
    by: str
    why: str

    @property
    def is_fault(self) -> bool:
        """Whether the calls or the rules have to be mended."""
        return bool(self.by) == bool(self.why)

    def told(self) -> str:
        """For people."""
        mutant = self.candidate.mutant
        was, became = f"{mutant.line.app}({mutant.line.args})", f"{mutant.app}({mutant.args})"
        what = f"caught, {self.by}" if self.by else f"equivalent, {self.why}" if self.why else "SURVIVED"
        if self.by and self.why:
            what += f", though a rule says: {self.why}"
        place = f"[{mutant.line.context}] {mutant.line.exten},{mutant.line.priority}"
        return f"{mutant.operator}: {self.candidate.known.name} {place} {was} -> {became}: {what}"


# ── programs as compiled ──


async def baseline(folder: Path, seed: str, rate: float) -> list[Known]:
    """Programs with calls that show no difference.

    Once more if an Asterisk dies of itself: its task processor has been seen to, once in some thousand calls.
    TestbedError.
    """
    try:
        return await _baseline(folder, seed, rate)
    except GONE as fault:
        print(f"once more: {fault!r}", flush=True)
        return await _baseline(folder.with_name(f"{folder.name}a"), seed, rate)


async def _baseline(folder: Path, seed: str, rate: float) -> list[Known]:
    random, moment = Random(seed), moment_of(Random(seed))
    async with open_benches(folder, rate, PLACES) as benches:
        known = {slot: _program(benches[0], f"{seed}-{slot}", random, moment) for slot in range(PLACES)}
        plays = [(slot, call) for slot, each in known.items() for call in covering(random, each.office, moment, CALLS)]
        programs = {slot: each.program for slot, each in known.items()}
        offices = {bench: bench.load(programs) for bench in benches}

        async def goes(bench: Bench, slot: int, call: Call) -> bool:
            each = known[slot]
            outcome = await bench.play(Pair(each.name, each.program, call), offices[bench][slot], slot)
            if outcome.difference is None and not outcome.chance.drawn:
                walked = walk(each.office, call)
                ran = frozenset(
                    (_home(context, slot), _home(exten, slot), line) for context, exten, line in outcome.ran
                )
                each.tried.append(Tried(call, ran, walked.shows, walked.reached))
            return outcome.difference is None

        async def at(bench: Bench, some: list[Play]) -> None:
            late: list[Play] = []

            async def first(bench: Bench, slot: int, call: Call) -> None:
                if not await goes(bench, slot, call):
                    late.append((slot, call))

            async def again(bench: Bench, slot: int, call: Call) -> None:
                await goes(bench, slot, call)

            await by_place(bench, some, first, AT_ONCE)
            await by_place(bench, late, again, AGAIN)

        await by_moment(benches, plays, at)
    return [each for each in known.values() if each.tried]


def _program(bench: Bench, name: str, random: Random, moment: datetime) -> Known:
    while True:
        part = program(random, moment.astimezone(ZoneInfo("Europe/Moscow")))
        if (office := prepare(part.text(), bench.folder, bench.lengths)) is not None:
            files = compile_programs({0: part.text()}, bench.folder / "plain")
            return Known(name, part, office, moment, _text(files["extensions.conf"]), [])


def _home(text: str, slot: int) -> str:
    """A context's or an extension's name as in place 000."""
    return re.sub(rf"(fuzz|p|495|916|812|sip:s){slot:03}", r"\g<1>000", text)


@asynccontextmanager
async def open_benches(folder: Path, rate: float, places: int) -> AsyncIterator[list[Bench]]:
    """All of them before the first call: to boot one keeps everything else waiting."""
    folder.mkdir()
    folder.chmod(0o755)
    async with AsyncExitStack() as stack:
        opened = [open_bench(folder / str(number), rate, places) for number in range(RIGS)]
        yield [await stack.enter_async_context(each) for each in opened]


async def by_moment(
    benches: Sequence[Bench], plays: Sequence[Play], play: Callable[[Bench, list[Play]], Awaitable[None]]
) -> None:
    """The plays of each moment on the benches, whose clocks go forwards only; a place's calls on several at a time."""

    async def some(bench: Bench, rows: Sequence[list[Play]]) -> None:
        for row in sorted(rows, key=lambda row: row[0][1].at):
            await bench.players.set_clock(row[0][1].at)
            await play(bench, row)

    await asyncio.gather(*map(some, benches, shared(plays, len(benches))))


def shared(plays: Sequence[Play], count: int) -> list[list[list[Play]]]:
    """Rows of plays, each of one moment, for so many benches: a place's calls are spread over rows, all about as long.

    The calls of a row to one place wait for each other, and so does whatever comes after the longest.
    """
    rows: dict[tuple[datetime, int], list[Play]] = {}
    places: Counter[tuple[datetime, int]] = Counter()
    for place, call in plays:
        rows.setdefault((call.at, places[call.at, place] % count), []).append((place, call))
        places[call.at, place] += 1
    lengths = [(max(Counter(place for place, _ in row).values()), row) for row in rows.values()]
    shares: list[list[list[Play]]] = [[] for _ in range(count)]
    taken = [0] * count
    for length, row in sorted(lengths, key=lambda each: -each[0]):
        least = taken.index(min(taken))
        shares[least].append(row)
        # To set a clock takes some time, too.
        taken[least] += length + 1
    return shares


async def by_place(
    bench: Bench, plays: Sequence[Play], one: Callable[[Bench, int, Call], Awaitable[None]], at_once: int
) -> None:
    """Play each place's calls one after another, and those of so many places at a time."""
    gate = asyncio.Semaphore(at_once)

    async def place(slot: int) -> None:
        for call in [call for other, call in plays if other == slot]:
            async with gate:
                await one(bench, slot, call)

    await asyncio.gather(*(place(slot) for slot in dict.fromkeys(slot for slot, _ in plays)))


def _text(content: Content) -> str:
    return content.read_text() if isinstance(content, Path) else b"".join(content).decode()


# ── mutants ──


def choose(seed: int, known: Sequence[Known], count: int, only: str = "") -> list[Candidate]:
    """Mutants of lines that calls run, as many of each operator as can be, no two alike; or of one operator `only`.

    A line has its place in the order whatever other lines were run: one call more or less leaves most as they are.
    """
    pools: dict[str, list[tuple[float, Candidate]]] = {name: [] for name in OPERATORS if only in ("", name)}
    for each in known:
        jumps = Jumps(lines_of(each.dialplan))
        everywhere = frozenset().union(*(tried.ran for tried in each.tried))
        for line in jumps.lines:
            ran = (line.context, line.exten, line.priority) in everywhere
            if "ivrc-fuzz" not in line.context or not ran or not is_of_use(line, jumps):
                continue
            for name, made in groupby(mutants_of(line, jumps), key=lambda mutant: mutant.operator):
                if name in pools:
                    random = Random(f"{seed} {each.name} {line.context} {line.exten} {line.priority} {name}")
                    pools[name].append((random.random(), Candidate(each, random.choice(list(made)))))
    for pool in pools.values():
        pool.sort(key=lambda each: each[0])
    chosen: list[Candidate] = []
    seen: set[tuple[str, str, str]] = set()
    while len(chosen) < count and any(pools.values()):
        for pool in pools.values():
            while pool and len(chosen) < count:
                _, each_ = pool.pop()
                line = each_.mutant.line
                key = (each_.mutant.operator, line.app, re.sub(r"\d+|p000e\w+", "", line.args))
                if key not in seen:
                    seen.add(key)
                    chosen.append(each_)
                    break
    return chosen


async def caught(
    folder: Path,
    rate: float,
    some: Sequence[Candidate],
    plays: Sequence[Play],
    once: dict[int, Call],
    again: bool = False,
) -> dict[int, str]:
    """Play calls to mutants, each in its place, on Asterisks of their own: place → the difference that shows twice.

    A call that has not been played to the program as compiled is, before it counts. What has differed plainly, but
    once only, is put into `once`: hours may have been over. A mutant that keeps Asterisk from answering is found by
    halving.
    """
    unknown = [some[place] for place, call in plays if not some[place].known.has_tried(call)]
    places = [*some, *{each.known.name: each.as_compiled() for each in unknown}.values()]
    try:
        async with open_benches(folder, rate, len(places)) as benches:
            return await asyncio.wait_for(_played(benches, places, plays, once), PATIENCE)
    except GONE as fault:
        print(f"{len(some)} mutants: {fault!r}", flush=True)
        if len(some) == 1 and again:
            return {0: f"Asterisk does not answer any more: {fault!r}"}
        if len(some) == 1:
            # It may have died of itself.
            return await caught(folder.with_name(f"{folder.name}a"), rate, some, plays, once, again=True)
    middle = len(some) // 2
    halves = (folder.with_name(f"{folder.name}{half}") for half in "ab")
    first = await caught(next(halves), rate, some[:middle], [play for play in plays if play[0] < middle], once)
    rest = [(place - middle, call) for place, call in plays if place >= middle]
    late: dict[int, Call] = {}
    second = await caught(next(halves), rate, some[middle:], rest, late)
    once.update({place + middle: call for place, call in late.items()})
    return first | {place + middle: by for place, by in second.items()}


async def _played(
    benches: Sequence[Bench], some: Sequence[Candidate], plays: Sequence[Play], once: dict[int, Call]
) -> dict[int, str]:
    """Programs as compiled stand behind their mutants."""
    offices = {bench: _load(bench, some) for bench in benches}
    right = {each.known.name: place for place, each in enumerate(some)}
    # One call to an office at a time.
    free = {(bench, place): asyncio.Lock() for bench in benches for place in right.values()}
    found: dict[int, str] = {}

    async def differs(bench: Bench, place: int, call: Call) -> str:
        return await _differs(bench, offices[bench][place], some[place], place, call)

    async def goes_right(bench: Bench, place: int, call: Call) -> bool:
        known = some[place].known
        if known.has_tried(call):
            return True
        async with free[bench, right[known.name]]:
            by = await differs(bench, right[known.name], call)
        if by:
            print(f"{known.name} as compiled: {by}, {calls.to_json(call)}", flush=True)
        return not by

    async def at(bench: Bench, plays: list[Play]) -> None:
        doubtful: dict[int, Call] = {}

        async def first(bench: Bench, place: int, call: Call) -> None:
            if place in found or place in doubtful:
                return
            by = await differs(bench, place, call)
            # At once, for its hours may be over when all others are; what depends on a quiet machine is seen then.
            if is_plain(by) and is_plain(more := await differs(bench, place, call)):
                if await goes_right(bench, place, call):
                    found[place] = more
            elif is_plain(by):
                once.setdefault(place, call)
            elif by:
                doubtful[place] = call

        async def again(bench: Bench, place: int, call: Call) -> None:
            by = "" if place in found else await differs(bench, place, call)
            if by and await goes_right(bench, place, call):
                found[place] = by

        await by_place(bench, plays, first, AT_ONCE)
        await by_place(bench, list(doubtful.items()), again, AGAIN)

    await by_moment(benches, plays, at)
    return found


async def _differs(bench: Bench, office: Office, candidate: Candidate, place: int, call: Call) -> str:
    outcome = await bench.play(Pair("", candidate.known.program, call), office, place)
    if outcome.difference is None or calls.is_ambiguous(office.prepared, outcome.call, outcome.chance):
        return ""
    return f"{outcome.difference.kind}: {outcome.difference.text}"


async def confirmed(folder: Path, rate: float, some: Sequence[tuple[Candidate, Call]]) -> dict[int, str]:
    """Of mutants with calls that have differed once: the plain difference that shows again at the same moment.

    The program as compiled takes the same call at the same time, and must not show it.
    """
    places = [*(each for each, _ in some), *(each.as_compiled() for each, _ in some)]
    found: dict[int, str] = {}
    async with open_benches(folder, rate, len(places)) as benches:
        offices = {bench: _load(bench, places) for bench in benches}

        async def one(bench: Bench, place: int, call: Call) -> None:
            both = (place, place + len(some))
            played = (_differs(bench, offices[bench][each], places[each], each, call) for each in both)
            by, right = await asyncio.gather(*played)
            if is_plain(by) and not right:
                found[place] = by

        async def at(bench: Bench, plays: list[Play]) -> None:
            await by_place(bench, plays, one, AT_ONCE)

        await by_moment(benches, [(place, call) for place, (_, call) in enumerate(some)], at)
    return found


def is_plain(difference: str) -> bool:
    """Whether a difference is in what happened, and not in when, or for how long."""
    return difference.startswith("what ")


def _load(bench: Bench, some: Sequence[Candidate]) -> list[Office]:
    """Put mutants into places of their own."""
    sources = {place: bench.placed(each.known.program.text(), place) for place, each in enumerate(some)}
    files = compile_programs(sources, bench.folder / "sources")
    dialplan = _text(files["extensions.conf"])
    for place, each in enumerate(some):
        dialplan = _put(dialplan, bench, place, each.mutant)
    bench.rig.load({**files, "extensions.conf": [dialplan.encode()]}, strict=False)
    offices = [bench.prepare(each.known.program.text(), place) for place, each in enumerate(some)]
    return [office for office in offices if office is not None]


def _put(dialplan: str, bench: Bench, place: int, mutant: Mutant) -> str:
    """Put a mutant, chosen in the text of place 000, into the text in which its program has this place."""
    line = mutant.line
    context, exten = bench.placed(line.context, place), bench.placed(line.exten, place)
    for other in lines_of(dialplan):
        if (other.context, other.exten, other.priority) == (context, exten, line.priority):
            return mutated(dialplan, mutant._replace(line=other, args=bench.placed(mutant.args, place)))
    raise AssertionError(f"{context},{exten},{line.priority} is not in the dialplan")


# ── the run ──


async def run(seed: int, count: int, rate: float, only: str) -> list[Verdict]:
    """So many mutants; each verdict is printed as it comes."""
    with tempfile.TemporaryDirectory(prefix="ivrc-mutants-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        known = await baseline(folder / "compiled", f"mutants-{seed}", rate)
        plays = sum(len(each.tried) for each in known)
        print(f"{plays} calls to {len(known)} programs go as they should", flush=True)
        return await _judged(folder, Random(seed), choose(seed, known, count, only), rate)


async def _judged(folder: Path, random: Random, some: list[Candidate], rate: float) -> list[Verdict]:
    """Mutants with the calls that run their lines, then hunted.

    Those that a rule says cannot be told are played with the first calls, too, which may show that the rule is wrong.
    """
    verdicts: list[Verdict] = []
    why = {each.mutant: each.why() for each in some}

    def tell(verdict: Verdict) -> None:
        verdicts.append(verdict)
        print(verdict.told(), flush=True)

    shown: dict[Mutant, set[str]] = {each.mutant: set() for each in some}
    for turn in range(HUNTS + 1):
        copies = min(COPIES, max(1, PLACES // len(some) - 1)) if turn else 1
        places = [each for each in some for _ in range(copies)]
        plays: list[Play] = []
        for at, each in enumerate(some):
            some_calls = [tried.call for tried in each.calls]
            if turn:
                some_calls = hunters(random, each, shown[each.mutant], turn, copies)
            # Those of a moment side by side.
            in_order = enumerate(sorted(some_calls, key=lambda call: call.at))
            plays += [(at * copies + number % copies, call) for number, call in in_order]
        once: dict[int, Call] = {}
        # Of several places that caught one the first counts.
        by_copy = await caught(folder / f"{turn}", rate, places, plays, once)
        found = {at // copies: by for at, by in sorted(by_copy.items(), reverse=True)}
        late = {at // copies: call for at, call in once.items() if at // copies not in found}
        if late:
            again = await confirmed(folder / f"{turn}-again", rate, [(some[at], call) for at, call in late.items()])
            found.update({list(late)[at]: by for at, by in again.items()})
        for place, by in found.items():
            tell(Verdict(some[place], by, why[some[place].mutant]))
        some = [each for place, each in enumerate(some) if place not in found]
        if not turn:
            for each in some:
                if why[each.mutant]:
                    tell(Verdict(each, "", why[each.mutant]))
            some = [each for each in some if not why[each.mutant]]
        print(f"{len(some)} mutants are left", flush=True)
        if not some:
            break
    for each in some:
        tell(Verdict(each, "", ""))
    return verdicts


def table(verdicts: Sequence[Verdict]) -> str:
    """The table of the docs."""
    rows = ["| made wrong | mutants | caught | equivalent | survived |", "|---|---|---|---|---|"]
    for name in [*OPERATORS, "all"]:
        some = [each for each in verdicts if name in (each.candidate.mutant.operator, "all")]
        caught_ = sum(bool(each.by) for each in some)
        equivalent = sum(bool(each.why and not each.by) for each in some)
        rows.append(f"| {name} | {len(some)} | {caught_} | {equivalent} | {len(some) - caught_ - equivalent} |")
    return "\n".join(rows)


def main() -> None:
    """Exit code 1 if a mutant survived, or was caught that should not be."""
    parser = argparse.ArgumentParser(prog="python -m ivrc.testbed.fuzz.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=95)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--only", choices=OPERATORS, default="", help="mutants of one kind")
    given = parser.parse_args()
    verdicts = asyncio.run(run(given.seed, given.count, given.rate, given.only))
    print(table(verdicts))
    sys.exit(any(each.is_fault for each in verdicts))


if __name__ == "__main__":
    main()
