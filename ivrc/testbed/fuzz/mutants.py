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
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivrc.output import text_of
from ivrc.simulate import Call
from ivrc.testbed.fuzz.benches import AGAIN, AT_ONCE, GONE, Play, by_moment, by_place, open_benches
from ivrc.testbed.fuzz.catching import caught, confirmed
from ivrc.testbed.fuzz.covering import covering, walk
from ivrc.testbed.fuzz.equivalent import is_of_use
from ivrc.testbed.fuzz.hunting import Candidate, Known, Tried, hunters
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from ivrc.testbed.fuzz.offices import compile_programs, prepare
from ivrc.testbed.fuzz.programs import program
from ivrc.testbed.fuzz.run import PLACES, RATE, Bench, Pair, moment_of
from ivrc.testbed.fuzz.wrongs import OPERATORS, Mutant, mutants_of

# Calls to each program; how often a mutant is hunted with others, each time in so many places of its own at most: the
# calls to one place wait for each other.
CALLS, HUNTS, COPIES = 10, 4, 6


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
                ran = frozenset(
                    (_home(context, slot), _home(exten, slot), line) for context, exten, line in outcome.ran
                )
                each.tried.append(Tried(walk(each.office, call), ran))
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
            return Known(name, part, office, moment, text_of(files["extensions.conf"]), [])


def _home(text: str, slot: int) -> str:
    """A context's or an extension's name as in place 000."""
    return re.sub(rf"(fuzz|p|495|916|812|sip:s){slot:03}", r"\g<1>000", text)


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
            some_calls = [tried.walk.call for tried in each.calls]
            if turn:
                some_calls = hunters(random, each, shown[each.mutant], turn, copies)
            # Those of a moment side by side.
            in_order = enumerate(sorted(some_calls, key=lambda call: call.at))
            plays += [(at * copies + number % copies, call) for number, call in in_order]
        found, once = await caught(folder / f"{turn}", rate, places, plays)
        # Of several places that caught one the first counts.
        found = {at // copies: by for at, by in sorted(found.items(), reverse=True)}
        late = {at // copies: call for at, call in once.items() if at // copies not in found}
        if late:
            again = await confirmed(folder / f"{turn}-again", rate, [(some[at], call) for at, call in late.items()])
            found |= {list(late)[at]: by for at, by in again.items()}
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
