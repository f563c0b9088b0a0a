"""A call tried without a phone: the Model walked in virtual time. It knows nothing of Asterisk.

    journey = simulate(office, Call(to="+74951234567", at=moment))

For many calls to one office make a `Prepared` once and use `run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.call import Call
from ivrc.simulate.journey import Journey
from ivrc.simulate.line import Line, Over
from ivrc.simulate.office import Prepared
from ivrc.simulate.steps import run_call
from ivrc.simulate.world import World

_begin = itemgetter(0)
# ISDN's "unallocated number": such a call is refused.
UNALLOCATED = 1


def simulate(office: m.Office, call: Call, lengths: Mapping[str, float] | None = None) -> Journey:
    """One call. `lengths`: prompt → seconds; prompts that it lacks are taken to last 5 s."""
    return run(Prepared(office, lengths), call)


def run(office: Prepared, call: Call) -> Journey:
    """One call to a prepared office."""
    return run_in(World(office, call), call)


def run_in(world: World, call: Call) -> Journey:
    """One call in a world."""
    line = Line(world.office, world, call.hangs_up)
    number = world.office.number(call.to)
    events = line.events
    if number is None:
        events.append(j.Ended(0, "nobody declared the number", UNALLOCATED, -1))
        return Journey(tuple(events))
    line.start = number.start
    events.append(j.Began(0, call.to or "", number.scenario, number.start))
    try:
        run_call(line, number)
    except Over as over:
        # What lasts is told when it is over: here it takes its place by its beginning.
        events.sort(key=_begin)
        events.append(j.Ended(line.now, over.how, over.cause, line.start))
    return Journey(tuple(events))


__all__ = ["Call", "Journey", "Prepared", "World", "run", "run_in", "simulate"]
