"""A difference made small: parts of the program and of the call are left out as long as it stays.

Every candidate is played on the real Asterisk, as many at a time as there are places: first each with one thing less,
then some with many of these things less at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ivrc.simulate import Call, run
from ivrc.simulate.call import SILENT, UNKNOWN
from ivrc.testbed.beside.play import Outcome
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.run import PLACES, Bench, Pair, play_all

# Rounds at most; candidates at a time, few enough for a machine with other work.
ROUNDS = 30
AT_ONCE = 12


class Cut(NamedTuple):
    """Leaves one thing out of a pair. Of several the later go first: none moves what another is about.

    `place` is the part that it is about: for one part there is one of several cuts at most.
    """

    cut: Callable[[Pair], Pair]
    place: int = -1


async def shrink(bench: Bench, pair: Pair, outcome: Outcome, told: Callable[[str], None]) -> tuple[Pair, Outcome]:
    """The smallest pair found that shows the same kind of difference."""
    assert outcome.difference is not None
    kind = outcome.difference.kind
    pair = pair._replace(call=outcome.call._replace(to=pair.call.to, states=pair.call.states, crm=pair.call.crm))
    for _ in range(ROUNDS):
        found = await _smaller(bench, pair, kind)
        if found is None:
            break
        pair, outcome = found
        told(f"{pair.program.size()} parts, {len(pair.call.presses)} presses: {kind}")
    return pair, outcome


async def _smaller(bench: Bench, pair: Pair, kind: str) -> tuple[Pair, Outcome] | None:
    """The pair with as many things less as can be spared at once; None if nothing can."""
    all_cuts = list(cuts(pair))
    spared: dict[int, Cut] = {}
    found: list[tuple[Pair, Outcome]] = []
    for begin in range(0, len(all_cuts), PLACES):
        some = all_cuts[begin : begin + PLACES]
        for each, outcome in zip(some, await _differing(bench, [each.cut(pair) for each in some], kind), strict=True):
            if outcome is not None:
                spared.setdefault(each.place if each.place >= 0 else -len(found) - 1, each)
                found.append((each.cut(pair), outcome))
    several = [without(pair, some) for some in _parts_of(list(spared.values()))]
    for smaller, outcome in zip(several, await _differing(bench, several, kind), strict=True):
        if outcome is not None:
            found.append((smaller, outcome))
    # Once more alone: a busy machine makes differences of its own.
    for smaller, _ in sorted(found, key=lambda one: weight(one[0])):
        again = (await _differing(bench, [smaller], kind))[0]
        if again is not None:
            return smaller, again
    return None


def without(pair: Pair, some: Sequence[Cut]) -> Pair:
    """The pair without all of these things."""
    for each in reversed(some):
        pair = each.cut(pair)
    return pair


def _parts_of(some: Sequence[Cut]) -> list[Sequence[Cut]]:
    """All of them, and its halves and quarters, of which each has several."""
    sizes = sorted({len(some), -(-len(some) // 2), -(-len(some) // 4)} - {0, 1}, reverse=True)
    return [some[begin : begin + size] for size in sizes for begin in range(0, len(some), size)]


def weight(pair: Pair) -> tuple[int, int]:
    """How large a pair is: its program first."""
    return pair.program.size(), len(calls.to_json(pair.call))


async def _differing(bench: Bench, pairs: Sequence[Pair], kind: str) -> list[Outcome | None]:
    """Play pairs; the outcomes of those that differ in this way."""
    fit = {place: pair for place, pair in enumerate(pairs) if _is_fit(bench, pair)}
    found: list[Outcome | None] = [None] * len(pairs)
    if fit:
        await bench.players.set_clock(next(iter(fit.values())).call.at)
        offices = bench.load({slot: pair.program for slot, pair in enumerate(fit.values())})
        plays = [(pair, offices[slot], slot) for slot, pair in enumerate(fit.values())]
        for place, outcome in zip(fit, await play_all(bench, plays, AT_ONCE), strict=True):
            if outcome.difference is not None and outcome.difference.kind == kind:
                found[place] = outcome
    return found


def _is_fit(bench: Bench, pair: Pair) -> bool:
    office = bench.prepare(pair.program.text())
    if office is None or office.prepared.number(pair.call.to) is None:
        return False
    call = calls.from_json(bench.placed(calls.to_json(pair.call), 0))
    if run(office.prepared, call).ended.at > calls.LONGEST:
        return False
    return not calls.is_ambiguous(office.prepared, call)


def cuts(pair: Pair) -> Iterator[Cut]:
    """Every one thing that can be left out: a part of the program, a block around its parts, something that is done."""
    for index, (parts, place) in enumerate(pair.program.places()):
        yield Cut(partial(_without_part, index=index, unwrap=False), index)
        if parts[place].parts and parts[place].braces:
            yield Cut(partial(_without_part, index=index, unwrap=True), index)
    yield from (Cut(partial(_with_call, change=change)) for change in simpler(pair.call))


def _without_part(pair: Pair, *, index: int, unwrap: bool) -> Pair:
    """Without a part, or with a block's parts in place of the block."""
    program = copy.deepcopy(pair.program)
    parts, place = list(program.places())[index]
    parts[place : place + 1] = parts[place].parts if unwrap else []
    return pair._replace(program=program)


def _with_call(pair: Pair, *, change: Callable[[Call], Call]) -> Pair:
    return pair._replace(call=change(pair.call))


def simpler(call: Call) -> Iterator[Callable[[Call], Call]]:
    """What makes a call one thing simpler."""
    for index in range(len(call.presses)):
        yield partial(_without_press, index=index)
    if call.hangs_up is not None:
        yield lambda call: call._replace(hangs_up=None)
    if call.crm != UNKNOWN:
        yield lambda call: call._replace(crm=UNKNOWN)
    if call.switches:
        yield lambda call: call._replace(switches=frozenset())
    if call.hidden and call.caller:
        yield lambda call: call._replace(hidden=False)
    for who, state in call.states.items():
        yield partial(_silent, who=who)
        if state.free_at is not None:
            yield partial(_never_free, who=who)


def _without_press(call: Call, *, index: int) -> Call:
    return call._replace(presses=call.presses[:index] + call.presses[index + 1 :])


def _silent(call: Call, *, who: str) -> Call:
    return call._replace(states={name: each for name, each in call.states.items() if name != who}, others=SILENT)


def _never_free(call: Call, *, who: str) -> Call:
    states = {name: each._replace(free_at=None) if name == who else each for name, each in call.states.items()}
    return call._replace(states=states)
