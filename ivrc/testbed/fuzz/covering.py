"""Calls that between them walk as much of a program as random calls can be found to, and few of them.

Many calls are simulated; of these some are taken, each the one that shows most that no other has shown, for its length.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice, pairwise, product
from random import Random
from typing import Any, NamedTuple, TypeVar

from ivrc import model as m
from ivrc.simulate import Call, run
from ivrc.simulate import journey as j
from ivrc.simulate.call import Answer, Press, State, Turn
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls
from ivrc.walking import steps_of

# Minutes from the moment around which a program's hours lie: in each span between their ends, on other days.
MOMENTS = (-125, -60, -2, 0, 1, 2, 30, 100, 24 * 60, 7 * 24 * 60)
# Random calls at each moment from which those to play are taken.
POOL = 60
TRIES = 200
# Calls to a step of which the shortest is taken.
SOME = 8
# Fax machines that are tried in the place of one caller.
MACHINES = 40
# Milliseconds of a call that is taken; and what every call costs besides its own length.
LENGTH, COST = 75_000, 10_000
# Seconds before hours begin or end at which calls begin that are to ask for them afterwards.
BEFORE = (5, 11, 24)
# Days in which hours are looked for that begin and end; and, if these do so less than once, at most.
DAYS, DAYS_MOST = 10, 40


S = TypeVar("S")


class Walk(NamedTuple):
    """A simulated call: what happens in it without the times, in order and with what it follows on, the steps it comes
    to, and how long it takes."""

    call: Call
    shape: tuple[str, ...]
    shows: frozenset[str]
    reached: frozenset[int]
    length: int

    def first(self, marks: Container[str]) -> int | None:
        """The place in the shape of the first that is one of these, or makes one of them with what it follows on."""
        pairs = ["", *(f"{one} {two}" for one, two in pairwise(self.shape))]
        both = enumerate(zip(self.shape, pairs, strict=True))
        return next((place for place, (one, pair) in both if one in marks or pair in marks), None)

    def after(self, marks: Container[str]) -> frozenset[str]:
        """What happens after the first of these, in pairs of what follows on each other."""
        first = self.first(marks)
        rest = () if first is None else self.shape[first:]
        return frozenset(f"after: {one} {two}" for one, two in pairwise(rest))


def walk(office: Office, call: Call) -> Walk:
    """Simulate a call."""
    journey = run(office.prepared, call)
    shape = calls.structure(journey)
    # What follows on what counts as well.
    shows = frozenset(shape) | {f"{one} {two}" for one, two in pairwise(shape)}
    keys = [(one, other) for one, other in pairwise(journey.events) if isinstance(other, j.Key)]
    shows |= {f"{other.key} at {other.start} {(other.at - one.at) // 1000} s later" for one, other in keys}
    shows = shows.union(_remembered(journey.events, shape))
    reached = frozenset(event.start for event in journey.events if isinstance(event, j.Reached))
    return Walk(call, tuple(shape), shows, reached, journey.ended.at)


def _remembered(events: Sequence[j.Event], shape: Sequence[str]) -> Iterator[str]:
    """What happens after what a call keeps in mind: that a fax machine was found, and whom the CRM named."""
    last: dict[type[j.Event], str] = {}
    for event, text in zip(events, shape, strict=True):
        yield from (f"{before} … {text}" for before in last.values())
        if isinstance(event, (j.Detected, j.LookedUp)):
            last[type(event)] = text


def covering(
    random: Random,
    office: Office,
    moment: datetime,
    count: int,
    wanted: Callable[[Walk], bool] = lambda walk: True,
    shown: Iterable[str] = (),
    more: Iterable[Call] = (),
    counts: Callable[[Walk], frozenset[str]] = lambda walk: walk.shows,
) -> list[Call]:
    """Up to so many calls to an office, at moments around this one; what is `shown` already counts for nothing.

    They are taken from random ones, and from `more`.
    """
    walks = [*_pool(random, office, moment), *(walk(office, call) for call in more)]
    pool = [each for each in walks if each.length <= LENGTH and wanted(each)]
    news = [(each, counts(each)) for each in pool]
    seen = set(shown)
    found: list[Call] = []
    while news and len(found) < count:
        # What is known of all that are left is of no more use.
        news = [(each, new) for each, what in news if (new := what - seen)]
        best = max(news, key=lambda each: len(each[1]) / (each[0].length + COST), default=None)
        if best is None:
            break
        news.remove(best)
        if not calls.is_ambiguous(office.prepared, best[0].call):
            seen |= best[1]
            found.append(best[0].call)
    return sorted(found, key=lambda call: call.at)


def _pool(random: Random, office: Office, moment: datetime) -> Sequence[Walk]:
    found = []
    for minutes in MOMENTS:
        caller = calls.Caller(random, office.prepared, office.names, moment + timedelta(minutes=minutes))
        found += [walk(office, caller.call()) for _ in range(POOL)]
    return found


def near(random: Random, office: Office, call: Call) -> Iterator[Call]:
    """A call with one thing done otherwise: a person does anything else, the CRM answers anything, keys come early,
    a fax machine calls."""
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
        if caller.faxes:
            yield caller.machine(call)


def picked_up(office: Office, call: Call) -> Iterator[Call]:
    """A call with one of those whom it rings, or would, picking up and hanging up first: the caller must not go on.

    Whoever would be next, if the caller went on, can be rung: everybody else, and a second manager.
    """
    events = run(office.prepared, call).events
    second = [Turn(name, "free", ()) for name, employee in office.prepared.employees.items() if employee.devices]
    crms = [call.crm, *(call.crm._replace(turns=(*call.crm.turns[:1], turn)) for turn in second if call.crm.turns)]
    free = {who: state._replace(kind="silent", free_at=None) for who, state in call.states.items()}
    rung = [event.who for event in events if isinstance(event, (j.Rang, j.PassedOver))]
    managers = [turn.employee for turn in call.crm.turns if turn.employee]
    for who in dict.fromkeys([*rung, *managers]):
        picks_up = State("answers", after=1_500, accepts=1_500)
        # One who sends no number may go elsewhere afterwards.
        for states, crm, hidden in product((call.states, free), crms, {call.hidden, True}):
            picked = call._replace(states={**states, who: picks_up}, crm=crm, hidden=hidden)
            yield picked._replace(talk_ends="answerer", talk=2_500, hangs_up=None)


def talks(random: Random, office: Office, some: Iterable[Call], count: int) -> list[Call]:
    """Up to so many calls, like these, in which somebody picks up and hangs up first.

    Steps that the others come to afterwards are not looked for: the caller must not come to them.
    """
    pool = [other for call in some for other in picked_up(office, call)]
    random.shuffle(pool)
    by_whom: dict[tuple[str, int], list[Call]] = {}
    for call in pool:
        journey = run(office.prepared, call)
        talked = next((event for event in journey.events if isinstance(event, j.Talked)), None)
        if talked is not None and journey.ended.at <= LENGTH:
            by_whom.setdefault((talked.who, talked.start), []).append(call)
    return _mixed(random, office, by_whom, count)


def unanswered(random: Random, office: Office, some: Iterable[Call], count: int) -> list[Call]:
    """Up to so many calls, like these, in which nobody picks up: each who can be somebody's manager rings in vain."""
    named = [Turn(name, "free", ()) for name, employee in office.prepared.employees.items() if employee.devices]
    by_whom: dict[tuple[str, int], list[Call]] = {}
    for like in some:
        silent = {who: state._replace(kind="silent", free_at=None) for who, state in like.states.items()}
        for crm in (like.crm, *(Answer("found", (turn,)) for turn in named)):
            call = like._replace(states=silent, crm=crm, hangs_up=None)
            events = run(office.prepared, call).events
            if events[-1].at > LENGTH:
                continue
            for event in events:
                if isinstance(event, j.Rang) and event.result == "no answer":
                    by_whom.setdefault((event.who, event.start), []).append(call)
    return _mixed(random, office, by_whom, count)


def managers(random: Random, office: Office, some: Iterable[Call], count: int) -> list[Call]:
    """Up to so many calls, like these, for which the CRM names two managers, in time or too late, with mobiles.

    All phones do the same: whoever is rung goes on to the next, and with all busy a call asks the CRM again at once.
    """
    groups: dict[tuple[str, int], list[Call]] = {}
    for like in some:
        caller = calls.Caller(random, office.prepared, office.names, like.at)
        mobiles = [number for number in caller.outside if number.startswith("+")]
        for kind, desk, after in product(calls.KINDS, dict.fromkeys(calls.DESKS), (0, 2_900)):
            some_of = [tuple(random.sample(mobiles, min(len(mobiles), most))) for most in (2, random.choice((1, 2)))]
            first, second = (caller.turn()._replace(mobiles=each) for each in some_of)
            first = first._replace(desk=desk)
            states = {who: State(kind, after=1_500, accepts=1_500) for who in like.states}
            for call in (like._replace(hangs_up=None), caller.person()._replace(hangs_up=None)):
                call = call._replace(states=states, crm=Answer("found", (first, second), after))
                walked = walk(office, call)
                asks = walked.reached & {step.start for step in steps_of_kind(office, m.CallResponsible)}
                waits = any("ReachAnyone" in event for event in walked.shape)
                if asks and walked.length <= LENGTH:
                    # All that are too late are alike but for what phones do.
                    how = f"{kind} {desk if not after else ''} {waits} {sorted(asks)}"
                    groups.setdefault((how, after), []).append(call)
    return _mixed(random, office, groups, count)


def coming_to(random: Random, office: Office, moment: datetime, kind: type[m.Step], count: int) -> list[Call]:
    """Random calls around a moment that come to each step of a kind: up to so many to each, the shortest."""
    pool = sorted(_pool(random, office, moment), key=lambda each: each.length)
    found: list[Call] = []
    for step in steps_of_kind(office, kind):
        found += [each.call for each in pool if step.start in each.reached][:count]
    return list({id(call): call for call in found}.values())


def steps_of_kind(office: Office, kind: type[S]) -> list[S]:
    """All steps of a kind."""
    scenarios = office.names.office.scenarios
    return [step for scenario in scenarios for step in steps_of(scenario.body) if isinstance(step, kind)]


def machines(random: Random, office: Office, some: Iterable[Call], count: int) -> list[Call]:
    """Up to so many calls, like these, by fax machines that are found, each by another step or at another one."""
    by_step: dict[tuple[int, int], list[Call]] = {}
    for like in some:
        caller = calls.Caller(random, office.prepared, office.names, like.at)
        for _ in range(MACHINES):
            call = caller.machine(like)
            events = run(office.prepared, call).events
            found = next((event for event in events if isinstance(event, j.Detected)), None)
            if found is None or events[-1].at > LENGTH:
                continue
            before = events[: events.index(found)]
            listens = [event.start for event in before if isinstance(event, j.Reached) and event.kind == "FaxDetected"]
            by_step.setdefault((listens[-1], found.start), []).append(call)
    return _mixed(random, office, by_step, count)


def keyed(
    random: Random, office: Office, some: Iterable[Call], count: int, steps: Container[int] = frozenset()
) -> list[Call]:
    """Up to so many calls, like these, in which keys come early where keys are listened to, wrong ones too.

    A key is pressed half a second into the step (or 1.3 s, where a sound has about that length), and where several
    are, into the sound that says they are wrong. Those come first that are pressed in one of the `steps`.
    """
    groups: tuple[dict[tuple[str, int], list[Call]], dict[tuple[str, int], list[Call]]] = ({}, {})
    for like in some:
        caller = calls.Caller(random, office.prepared, office.names, like.at)
        for place, keys in product(("wait", "branch"), caller.any_keys()):
            for times, where, offset in product((1, 2), {0, len(like.presses)}, (500, 1_300)):
                early = (Press(keys, offset, place),) * times
                call = like._replace(presses=(*like.presses[:where], *early, *like.presses[where:]), hangs_up=None)
                journey = run(office.prepared, call)
                for event in journey.events:
                    if isinstance(event, j.Chose) and event.keys == keys and journey.ended.at <= LENGTH:
                        group = groups[event.start not in steps].setdefault((event.what, event.start), [])
                        group.append(call)
    found = _mixed(random, office, groups[0], count)
    return found + _mixed(random, office, groups[1], count - len(found))


def _mixed(random: Random, office: Office, groups: Mapping[tuple[Any, int], list[Call]], count: int) -> list[Call]:
    """Up to so many calls, one of each group in turn, none twice and none that is ambiguous."""
    some = [iter(group) for group in groups.values()]
    random.shuffle(some)
    found: list[Call] = []
    while some and len(found) < count:
        group = some.pop(0)
        fit = (call for call in group if call not in found and not calls.is_ambiguous(office.prepared, call))
        if (call := next(fit, None)) is not None:
            found.append(call)
            some.append(group)
    return found


def _context(office: Office, scenario: m.Scenario) -> str:
    return next(context for context, name in office.names.scenarios.items() if name == scenario.name)


def hours_of(office: Office, context: str) -> list[m.When]:
    """The steps that ask for the hours of a context."""
    scenarios = office.names.office.scenarios
    # Hours that are written in a step lie beside the scenario.
    home = [each for each in scenarios if context.startswith(f"{_context(office, each)}-hours")]
    steps = [
        step
        for scenario in home or scenarios
        for step in steps_of(scenario.body)
        if isinstance(step, m.When) and isinstance(step.condition, m.ByHours) and not (home and step.condition.name)
    ]
    named = [f".hours-{step.condition.name}" for step in steps if isinstance(step.condition, m.ByHours)]
    return [step for step, name in zip(steps, named, strict=True) if context.endswith(name)] or steps


def turning(office: Office, moment: datetime, steps: Iterable[m.When]) -> list[datetime]:
    """The moments of the days around at which the hours of these steps begin or end."""
    about = [step.condition for step in steps if isinstance(step.condition, m.ByHours)]
    begin = moment.replace(second=0, microsecond=0) - timedelta(days=1)
    found: list[datetime] = []
    for hours in {id(each.hours): each.hours for each in about}.values():
        held = office.prepared.hours_hold(hours, begin)
        for minute in range(1, DAYS_MOST * 24 * 60):
            if minute >= DAYS * 24 * 60 and len(found) > 1:
                break
            now = begin + timedelta(minutes=minute)
            if office.prepared.hours_hold(hours, now) is not held:
                held = not held
                found.append(now)
    return found


def turns(office: Office, moment: datetime, steps: Iterable[m.When]) -> list[datetime]:
    """Some seconds after the moments of the days around at which the hours of these steps begin or end, and between."""
    found = [each.replace(second=20) for each in turning(office, moment, steps)]
    # What began before midnight is yesterday's after it, and not what another day has.
    between = [one + (other - one) / 2 for one, other in pairwise(found)]
    rounded = [(each + timedelta(seconds=30)).replace(second=20, microsecond=0) for each in between]
    days = (timedelta(0), timedelta(days=1), timedelta(days=-1))
    return list(dict.fromkeys([*found, *(each + day for day in days for each in rounded)]))


def across(
    random: Random, office: Office, moments: Iterable[datetime], steps: Sequence[m.When], wanted: Callable[[Walk], bool]
) -> list[Call]:
    """Calls around each of these moments that begin before it and come to a step after it: one to each, if it is found.

    What held when the call began may not hold any more, and the other way round.
    """
    found = []
    for moment in moments:
        fit: dict[int, list[Walk]] = {step.start: [] for step in steps}
        for before in BEFORE:
            caller = calls.Caller(random, office.prepared, office.names, moment - timedelta(seconds=before))
            for each in (walk(office, caller.call()) for _ in range(TRIES)):
                if before * 1000 < each.length <= LENGTH and wanted(each):
                    for start in _come_to_after(office, each.call, before * 1000 + calls.MARGIN) & fit.keys():
                        fit[start].append(each)
        for some in fit.values():
            for each in sorted(some, key=lambda each: each.length)[:SOME]:
                if not calls.is_ambiguous(office.prepared, each.call):
                    found.append(each.call)
                    break
    return found


def _come_to_after(office: Office, call: Call, at: int) -> set[int]:
    """The steps to which a call comes later than so many milliseconds."""
    events = run(office.prepared, call).events
    return {event.start for event in events if isinstance(event, j.Reached) and event.at > at}


def at_each(
    random: Random, office: Office, moments: Iterable[datetime], steps: Sequence[m.When], wanted: Callable[[Walk], bool]
) -> list[Call]:
    """A call at each of these moments, to these steps in turn; short ones, for a clock waits until all are over."""
    found = []
    for moment, step in zip(moments, cycle(steps), strict=False):
        caller = calls.Caller(random, office.prepared, office.names, moment)
        tried = (walk(office, caller.call()) for _ in range(TRIES))
        fit = (each for each in tried if each.length <= LENGTH and step.start in each.reached and wanted(each))
        for each in sorted(islice(fit, SOME), key=lambda each: each.length):
            if not calls.is_ambiguous(office.prepared, each.call):
                found.append(each.call)
                break
    return found
