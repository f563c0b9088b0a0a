"""Calls that between them walk as much of a program as random calls can be found to, and few of them.

Many calls are simulated; of these some are taken, each the one that shows most that no other has shown, for its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple

from ivrc.simulate import Call, run
from ivrc.simulate import journey as j
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls

# Minutes from the moment around which a program's hours lie: in each span between their ends, on other days.
MOMENTS = (-125, -60, -2, 0, 2, 30, 100, 24 * 60, 7 * 24 * 60)
# Random calls at each moment from which those to play are taken.
POOL = 60
# Milliseconds of a call that is taken; and what every call costs besides its own length.
LENGTH, COST = 50_000, 10_000


class Walk(NamedTuple):
    """A simulated call: what happens in it without the times, the steps it comes to, and how long it takes."""

    call: Call
    shows: frozenset[str]
    reached: frozenset[int]
    length: int


def walk(office: Office, call: Call) -> Walk:
    """Simulate a call."""
    journey = run(office.prepared, call)
    shape = calls.structure(journey)
    # What follows on what counts as well.
    shows = frozenset(shape) | {f"{one} {two}" for one, two in pairwise(shape)}
    reached = frozenset(event.start for event in journey.events if isinstance(event, j.Reached))
    return Walk(call, shows, reached, journey.ended.at)


def covering(
    random: Random,
    office: Office,
    moment: datetime,
    count: int,
    wanted: Callable[[Walk], bool] = lambda walk: True,
    shown: Iterable[str] = (),
) -> list[Call]:
    """Up to so many calls to an office, at moments around this one; what is `shown` already counts for nothing."""
    pool = [each for each in _pool(random, office, moment) if each.length <= LENGTH and wanted(each)]
    seen = set(shown)
    found: list[Call] = []
    while pool and len(found) < count:
        best = max(pool, key=lambda each: len(each.shows - seen) / (each.length + COST))
        if not best.shows - seen:
            break
        pool.remove(best)
        if not calls.is_ambiguous(office.prepared, best.call):
            seen |= best.shows
            found.append(best.call)
    return sorted(found, key=lambda call: call.at)


def _pool(random: Random, office: Office, moment: datetime) -> Sequence[Walk]:
    found = []
    for minutes in MOMENTS:
        caller = calls.Caller(random, office.prepared, office.names, moment + timedelta(minutes=minutes))
        found += [walk(office, caller.call()) for _ in range(POOL)]
    return found
