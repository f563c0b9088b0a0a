"""Which of some mutants are caught by which of some calls, and not by chance."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ivrc.output import text_of
from ivrc.simulate import Call
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.benches import AGAIN, AT_ONCE, GONE, Play, by_moment, by_place, open_benches
from ivrc.testbed.fuzz.hunting import Candidate
from ivrc.testbed.fuzz.jumps import lines_of
from ivrc.testbed.fuzz.offices import compile_programs
from ivrc.testbed.fuzz.run import Bench, Pair
from ivrc.testbed.fuzz.wrongs import Mutant, mutated

# Seconds after which calls to so few offices have ended, or never will.
PATIENCE = 900


class Caught(NamedTuple):
    """By place: the differences that showed twice; and the calls that differed plainly, but once only.

    By then their hours may have been over.
    """

    twice: dict[int, str]
    once: dict[int, Call]


async def caught(folder: Path, rate: float, some: Sequence[Candidate], plays: Sequence[Play]) -> Caught:
    """Play calls to mutants, each in its place, on Asterisks of their own.

    A call that has not been played to the program as compiled is, before it counts. A mutant that keeps Asterisk from
    answering is found by halving, and tried twice: an Asterisk may die of itself.
    """
    unknown = [some[place] for place, call in plays if not some[place].known.has_tried(call)]
    places = [*some, *{each.known.name: each.as_compiled() for each in unknown}.values()]
    for turn in range(1 if len(some) > 1 else 2):
        try:
            async with open_benches(folder.with_name(f"{folder.name}-{turn}"), rate, len(places)) as benches:
                return await asyncio.wait_for(_played(benches, places, plays), PATIENCE)
        except GONE as fault:
            gone = repr(fault)
            print(f"{len(some)} mutants: {gone}", flush=True)
    if len(some) == 1:
        return Caught({0: f"Asterisk does not answer any more: {gone}"}, {})
    middle = len(some) // 2
    first = [(place, call) for place, call in plays if place < middle]
    rest = [(place - middle, call) for place, call in plays if place >= middle]
    one = await caught(folder.with_name(f"{folder.name}a"), rate, some[:middle], first)
    other = await caught(folder.with_name(f"{folder.name}b"), rate, some[middle:], rest)
    return Caught(
        one.twice | {place + middle: by for place, by in other.twice.items()},
        one.once | {place + middle: call for place, call in other.once.items()},
    )


async def _played(benches: Sequence[Bench], some: Sequence[Candidate], plays: Sequence[Play]) -> Caught:
    """Programs as compiled stand behind their mutants."""
    offices = {bench: _load(bench, some) for bench in benches}
    right = {each.known.name: place for place, each in enumerate(some)}
    # One call to an office at a time.
    free = {(bench, place): asyncio.Lock() for bench in benches for place in right.values()}
    found, once = Caught({}, {})

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
    return Caught(found, {place: call for place, call in once.items() if place not in found})


async def _differs(bench: Bench, office: Office, candidate: Candidate, place: int, call: Call) -> str:
    outcome = await bench.play(Pair("", candidate.known.program, call), office, place)
    if outcome.difference is None or calls.is_ambiguous(office.prepared, outcome.call, outcome.chance):
        return ""
    return f"{outcome.difference.kind}: {outcome.difference.text}"


async def confirmed(folder: Path, rate: float, some: Sequence[tuple[Candidate, Call]]) -> dict[int, str]:
    """Of mutants with calls that have differed once: the plain difference that shows again at the same moment.

    The program as compiled takes the same call at the same time, and must not differ. Nothing is shown by Asterisks
    that stop to answer.
    """
    places = [*(each for each, _ in some), *(each.as_compiled() for each, _ in some)]
    plays = [(place, call) for place, (_, call) in enumerate(some)]
    found: dict[int, str] = {}
    try:
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

            await asyncio.wait_for(by_moment(benches, plays, at), PATIENCE)
    except GONE as fault:
        print(f"{len(some)} mutants: {fault!r}", flush=True)
    return found


def is_plain(difference: str) -> bool:
    """Whether a difference is in what happened, and not in when, or for how long."""
    return difference.startswith("what ")


def _load(bench: Bench, some: Sequence[Candidate]) -> list[Office]:
    """Put mutants into places of their own."""
    sources = {place: bench.placed(each.known.program.text(), place) for place, each in enumerate(some)}
    files = compile_programs(sources, bench.folder / "sources")
    dialplan = text_of(files["extensions.conf"])
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
