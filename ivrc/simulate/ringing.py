"""Ringing: phones alone and together, groups by their strategy, the question of `confirm`.

A function that returns has reached nobody; a conversation raises Cutoff, for it ends the call.
"""

from __future__ import annotations

from typing import assert_never

from ivrc import model as m
from ivrc.named import NamedTuple
from ivrc.simulate import journey as j
from ivrc.simulate.call import State
from ivrc.simulate.line import NEVER, Cutoff, Line
from ivrc.walking import dial_together

# The question of `confirm` is put twice, with so much time for the key each time.
ASKED_TIMES = 2
ACCEPT_WITHIN = 4_000
QUESTION = "asterisk:followme/options"


class Leg(NamedTuple):
    """A phone that is rung: whose, what it does, and whether whoever picks up must press 1."""

    who: str
    state: State
    confirm: bool


class _Fate(NamedTuple):
    """What becomes of a leg if nothing comes between: when, and when the question begins."""

    at: int
    result: j.RingResult
    asked: int


def _fate(leg: Leg, begin: int, question: int) -> _Fate:
    state = leg.state
    match state.kind:
        case "answers":
            picked = begin + state.after
            if not leg.confirm:
                return _Fate(picked, "answered", NEVER)
            if state.accepts is not None and state.accepts < question:
                return _Fate(picked + state.accepts, "answered", picked)
            # Any other key is an answer, too: the question is put again to silence only.
            declined = question if state.declines is None else min(question, state.declines)
            return _Fate(picked + declined, "not accepted", picked)
        case "silent":
            return _Fate(NEVER, "no answer", NEVER)
        case "refuses":
            return _Fate(begin + state.after, "refused", NEVER)
        case "busy" | "offline":
            return _Fate(begin, state.kind, NEVER)
        case _:
            assert_never(state.kind)


def dial(line: Line, legs: list[Leg], milliseconds: int) -> None:
    """Ring all legs together; the first to answer has the call."""
    begin = line.now
    end = begin + milliseconds
    line.world.rings(line, [leg.who for leg in legs])
    question = ASKED_TIMES * (line.office.length(QUESTION) + ACCEPT_WITHIN)
    fates = [_fate(leg, begin, question) for leg in legs]
    answered = [index for index, fate in enumerate(fates) if fate.result == "answered" and fate.at < end]
    winner = min(answered, key=lambda index: fates[index].at) if answered else -1
    # Once everybody has refused there is nothing to wait for.
    stop = fates[winner].at if answered else min(end, max(fate.at for fate in fates))
    try:
        line.spend(stop)
    except Cutoff:
        _tell(line, legs, fates, begin, -1, "cancelled")
        raise
    _tell(line, legs, fates, begin, winner, "cancelled" if answered else "no answer")
    if answered:
        line.talk(legs[winner].who)


class Ringing(NamedTuple):
    """A phone that rings beside others, each in its own time; `until` is when its ring ends by itself."""

    leg: Leg
    begin: int
    until: int
    fate: _Fate

    @property
    def answers(self) -> bool:
        """Whether it ends with an answer."""
        return self.fate.result == "answered" and self.fate.at <= self.until


def begin_ring(line: Line, leg: Leg, until: int) -> Ringing:
    """A phone begins to ring, at most until then."""
    line.world.rings(line, [leg.who])
    fate = _fate(leg, line.now, 0)
    # One who picks up in the very moment in which the ring ends is too late.
    late = fate.result == "answered" and fate.at >= until
    return Ringing(leg, line.now, min(fate.at, until), fate._replace(at=NEVER) if late else fate)


def end_ring(line: Line, ringing: Ringing, answered: bool = False) -> None:
    """It stops ringing now: it was answered, its time is over, or the call has been taken elsewhere."""
    rest: j.RingResult = "no answer" if line.now >= ringing.until and not ringing.answers else "cancelled"
    _tell(line, [ringing.leg], [ringing.fate], ringing.begin, 0 if answered else -1, rest)


def _tell(line: Line, legs: list[Leg], fates: list[_Fate], begin: int, winner: int, rest: j.RingResult) -> None:
    """What each phone's ringing came to by now; those still ringing end as `rest`."""
    now = line.now
    for index, (leg, fate) in enumerate(zip(legs, fates, strict=True)):
        done = fate.at <= now and (index == winner or fate.result != "answered")
        result = fate.result if done else rest
        until = min(fate.at, now)
        line.events.append(j.Rang(begin, leg.who, until, result, line.start))
        if fate.asked < now:
            line.events.append(j.Asked(fate.asked, leg.who, until, index == winner, line.start))


def desk_leg(line: Line, employee: m.Employee) -> Leg | None:
    """An employee's own phones; None, and told so, for one who is busy or offline."""
    state = line.world.state(line, employee.name)
    if state.kind == "busy" or state.kind == "offline":
        line.events.append(j.PassedOver(line.now, employee.name, state.kind, line.start))
        return None
    return Leg(employee.name, state, False)


def leg_of(line: Line, target: m.Target) -> Leg | None:
    """The leg to a target that can be rung."""
    match target:
        case m.Desk(employee):
            return desk_leg(line, employee)
        case m.Outside(number, confirm):
            return Leg(number, line.world.state(line, number), confirm)
        case _:
            assert_never(target)


def name_of(target: m.Target) -> str:
    """Whose phone a target is, as `Call.states` names it."""
    return target.employee.name if isinstance(target, m.Desk) else target.number


def ring(line: Line, targets: tuple[m.Target, ...], milliseconds: int) -> None:
    """Ring those of the targets together who can be rung, if any."""
    if len(targets) > 1:
        line.world.meet(line, [name_of(target) for target in targets])
    legs = [leg for target in targets if (leg := leg_of(line, target))]
    if legs:
        dial(line, legs, milliseconds)


def ring_plan(line: Line, plan: m.RingPlan, milliseconds: int) -> None:
    """Ring by a group's plan."""
    match plan:
        case m.Together(targets):
            ring(line, targets, milliseconds)
        case m.InOrder(turns):
            for turn in turns:
                ring_plan(line, turn, milliseconds)
        case m.Drawn(turns):
            _drawn(line, turns, milliseconds)
        case _:
            assert_never(plan)


def _drawn(line: Line, turns: tuple[tuple[int, m.RingPlan], ...], milliseconds: int) -> None:
    """Each turn in proportion to the weights of those left; those of weight 0 at the end, as written."""
    line.world.drawn(line, [name_of(target) for _, turn in turns for target in dial_together(turn)])
    weights = [weight for weight, _ in turns]
    first = True
    while any(weights):
        line.turns = turns
        index = line.world.draw(line, weights, first)
        first = False
        weights[index] = 0
        line.events.append(j.Drew(line.now, index + 1, line.start))
        ring_plan(line, turns[index][1], milliseconds)
    for weight, turn in turns:
        if weight == 0:
            ring_plan(line, turn, milliseconds)
