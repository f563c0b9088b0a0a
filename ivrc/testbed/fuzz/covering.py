"""Calls that between them walk as much of a program as random calls can be found to, and few of them.

Many calls are simulated; of these some are taken, each the one that shows most that no other has shown, for its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple

from ivrc import model as m
from ivrc.simulate import Call, run
from ivrc.simulate import journey as j
from ivrc.simulate.office import steps_of
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls

# Minutes from the moment around which a program's hours lie: in each span between their ends, on other days.
MOMENTS = (-125, -60, -2, 0, 1, 2, 30, 100, 24 * 60, 7 * 24 * 60)
# Random calls at each moment from which those to play are taken.
POOL = 60
TRIES = 200
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
    keys = [(one, other) for one, other in pairwise(journey.events) if isinstance(other, j.Key)]
    shows |= {f"{other.key} at {other.start} {(other.at - one.at) // 1000} s later" for one, other in keys}
    reached = frozenset(event.start for event in journey.events if isinstance(event, j.Reached))
    return Walk(call, shows, reached, journey.ended.at)


def covering(
    random: Random,
    office: Office,
    moment: datetime,
    count: int,
    wanted: Callable[[Walk], bool] = lambda walk: True,
    shown: Iterable[str] = (),
    more: Iterable[Call] = (),
) -> list[Call]:
    """Up to so many calls to an office, at moments around this one; what is `shown` already counts for nothing.

    They are taken from random ones, and from `more`.
    """
    walks = [*_pool(random, office, moment), *(walk(office, call) for call in more)]
    pool = [each for each in walks if each.length <= LENGTH and wanted(each)]
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


def near(random: Random, office: Office, call: Call) -> Iterator[Call]:
    """A call with one thing done otherwise: a person does anything else, the CRM answers anything, keys come early."""
    caller = calls.Caller(random, office.prepared, office.names, call.at)
    for who, state in call.states.items():
        for kind in calls.KINDS:
            yield call._replace(states={**call.states, who: state._replace(kind=kind, free_at=None)})
        for ends in ("caller", "answerer"):
            answers = state._replace(kind="answers", after=1_500, accepts=1_500, free_at=None)
            yield call._replace(states={**call.states, who: answers}, talk_ends=ends)
    for _ in range(20):
        yield call._replace(crm=caller.crm())
        other = caller.call()
        yield call._replace(crm=other.crm, states=other.states, talk_ends=other.talk_ends)
        yield call._replace(presses=tuple(caller.press()._replace(offset=500) for _ in range(2)))


def turns(office: Office, moment: datetime, context: str) -> list[datetime]:
    """The moments of the days around at which hours begin or end, and between; those that a context is about."""
    conditions = [
        step.condition
        for scenario in office.names.office.scenarios
        for step in steps_of(scenario.body)
        if isinstance(step, m.When) and isinstance(step.condition, m.ByHours)
    ]
    about = [each for each in conditions if each.name and context.endswith(f".hours-{each.name}")] or conditions
    begin = moment.replace(second=20, microsecond=0) - timedelta(days=1)
    found = []
    for hours in {id(each.hours): each.hours for each in about}.values():
        held = office.prepared.hours_hold(hours, begin)
        for minute in range(1, 10 * 24 * 60):
            now = begin + timedelta(minutes=minute)
            if office.prepared.hours_hold(hours, now) is not held:
                held = not held
                found.append(now)
    # What began before midnight is yesterday's after it.
    between = [one + (other - one) / 2 for one, other in pairwise(found)]
    return found + [(each + timedelta(seconds=30)).replace(second=20, microsecond=0) for each in between]


def at_each(random: Random, office: Office, moments: Iterable[datetime], wanted: Callable[[Walk], bool]) -> list[Call]:
    """A call at each of these moments."""
    found = []
    for moment in moments:
        caller = calls.Caller(random, office.prepared, office.names, moment)
        for _ in range(TRIES):
            call = caller.call()
            walked = walk(office, call)
            if walked.length <= LENGTH and wanted(walked) and not calls.is_ambiguous(office.prepared, call):
                found.append(call)
                break
    return found
