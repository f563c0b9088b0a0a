"""A difference made small: parts of the program and of the call are left out as long as it stays.

Every candidate is played on the real Asterisk, as many at a time as there are places.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from ivrc.simulate import Call, run
from ivrc.simulate.call import SILENT, UNKNOWN
from ivrc.testbed.beside.play import Outcome
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.run import PLACES, Bench, Pair, play_all
from ivrc.testbed.fuzz.tree import Part

# Rounds at most; candidates at a time, few enough for a machine with other work.
ROUNDS = 30
AT_ONCE = 6


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
    """The first of the candidates, in their order, that still differs."""
    candidates = [each for each in _candidates(pair) if _is_fit(bench, each)]
    for begin in range(0, len(candidates), PLACES):
        some = candidates[begin : begin + PLACES]
        await bench.players.set_clock(pair.call.at)
        offices = bench.load({slot: each.program for slot, each in enumerate(some)})
        outcomes = await play_all(bench, [(each, offices[slot], slot) for slot, each in enumerate(some)], AT_ONCE)
        for slot, (each, outcome) in enumerate(zip(some, outcomes, strict=True)):
            if outcome.difference is None or outcome.difference.kind != kind:
                continue
            # Once more alone: a busy machine makes differences of its own.
            again = await bench.play(each, offices[slot], slot)
            if again.difference is not None and again.difference.kind == kind:
                return each, again
    return None


def _is_fit(bench: Bench, pair: Pair) -> bool:
    office = bench.prepare(pair.program.text())
    if office is None or office.prepared.number(pair.call.to) is None:
        return False
    call = calls.from_json(bench.placed(calls.to_json(pair.call), 0))
    if run(office.prepared, call).ended.at > calls.LONGEST:
        return False
    return not calls.is_ambiguous(office.prepared, call)


def _candidates(pair: Pair) -> Iterator[Pair]:
    """The pair with one thing less; the largest first."""
    yield from (pair._replace(program=program) for program in without_one(pair.program))
    yield from (pair._replace(call=call) for call in simpler(pair.call))


def without_one(program: Part) -> list[Part]:
    """The program without one of its parts, and with a block's parts in place of the block; the smallest first."""
    found: list[tuple[int, Part]] = []
    for index in range(sum(1 for _ in program.places())):
        for unwrap in (False, True):
            smaller = copy.deepcopy(program)
            parts, place = list(smaller.places())[index]
            part = parts[place]
            if unwrap and not (part.parts and part.braces):
                continue
            parts[place : place + 1] = part.parts if unwrap else []
            found.append((smaller.size(), smaller))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def simpler(call: Call) -> Iterator[Call]:
    """The call with one thing less that anybody does."""
    for index in range(len(call.presses)):
        yield call._replace(presses=call.presses[:index] + call.presses[index + 1 :])
    if call.hangs_up is not None:
        yield call._replace(hangs_up=None)
    if call.crm != UNKNOWN:
        yield call._replace(crm=UNKNOWN)
    if call.switches:
        yield call._replace(switches=frozenset())
    if call.hidden and call.caller:
        yield call._replace(hidden=False)
    for who, state in call.states.items():
        rest = {name: each for name, each in call.states.items() if name != who}
        yield call._replace(states=rest, others=SILENT)
        if state.free_at is not None:
            yield call._replace(states={**call.states, who: state._replace(free_at=None)})
