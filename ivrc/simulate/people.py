"""The responsible manager, whom the CRM names, and `reach anyone`."""

from __future__ import annotations

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.call import Answer, Turn
from ivrc.simulate.line import Cutoff, Line
from ivrc.simulate.ringing import Leg, dial

MUSIC = "music"
# After a ring that nobody took, and while nobody is free, a queue waits so long before it tries again.
RETRY = 1_000


def call_responsible(line: Line, step: m.CallResponsible) -> None:
    """Ask the CRM; ring whom it names."""
    answer = _look_up(line)
    turns = answer.turns[: 2 if step.second else 1] if answer.why == "found" else ()
    for turn in turns:
        if turn.employee is not None and turn.employee not in line.managers:
            line.managers.append(turn.employee)
        _ring_manager(line, step, turn)


def _look_up(line: Line) -> Answer:
    """The CRM's answer; one that takes too long is none."""
    answer = line.world.crm(line)
    allowed = line.office.office.lookup_seconds * 1000
    if answer.after >= allowed:
        answer = Answer("late", (), allowed)
    begin = line.now
    names = tuple(turn.employee or "/".join(turn.mobiles) for turn in answer.turns)
    line.spend(begin + answer.after)
    line.events.append(j.LookedUp(begin, answer.why, names, line.now, line.start))
    # A later `call responsible` asks anew; whom an earlier one named no longer counts.
    line.managers.clear()
    return answer


def _ring_manager(line: Line, step: m.CallResponsible, turn: Turn) -> None:
    """The desk as far as its state allows, then the mobiles that the step wants."""
    employee = line.office.employees.get(turn.employee or "")
    if employee is not None and employee.devices and turn.desk != "no":
        state = line.world.state(line, employee.name)
        away = state.kind == "busy" or state.kind == "offline"
        if not away or turn.desk == "any" or (state.kind == "busy" and turn.desk == "waiting"):
            # A second call reaches a busy phone: whether it is taken is not known, so it rings to the end.
            rung = state._replace(kind="silent") if state.kind == "busy" else state
            dial(line, [Leg(employee.name, rung, False)], step.desk_seconds * 1000)
        else:
            line.events.append(j.PassedOver(line.now, employee.name, state.kind, line.start))  # type: ignore[arg-type]
            if state.kind == "busy" and turn.desk == "pass":
                return
    if line.office.office.trunk is None or step.mobiles == "none" or not turn.mobiles:
        return
    mobiles = turn.mobiles if step.mobiles == "all" else turn.mobiles[:1]
    line.world.meet(line, list(mobiles))
    legs = [Leg(n, line.world.state(line, n), step.confirm or n in line.office.confirmed) for n in mobiles]
    dial(line, legs, step.mobile_seconds * 1000)


def reach_anyone(line: Line, step: m.ReachAnyone) -> None:
    """Music, while whoever is free of the people is rung in turn."""
    line.answer()
    begin, end = line.now, line.now + step.seconds * 1000
    # The music is told before the rings that it lasts through.
    place = len(line.events)
    people = _people(line, step)
    try:
        turn = 0
        while line.now < end and people:
            index = _next_free(line, people, turn)
            if index is None:
                _await_free(line, people, end)
                continue
            who = people[index]
            turn = index + 1
            until = min(end, line.now + m.REACH_RING_SECONDS * 1000)
            _ring_from_queue(line, who, until)
            line.spend(min(end, line.now + RETRY))
        line.spend(end)
    except Cutoff:
        # The talk, if there was one, came after the music.
        talks = line.events[-1]
        until = talks.at if isinstance(talks, j.Talked) else line.now
        line.events.insert(place, j.Heard(begin, MUSIC, until, "time", step.start))
        raise
    line.events.insert(place, j.Heard(begin, MUSIC, end, "time", step.start))


def _people(line: Line, step: m.ReachAnyone) -> list[str]:
    """Those of the step, and the managers of this call that have phones of their own."""
    people = [employee.name for employee in step.people if employee.devices]
    for name in line.managers if step.responsible else ():
        employee = line.office.employees.get(name)
        if employee is not None and employee.devices and name not in people:
            people.append(name)
    return people


def _next_free(line: Line, people: list[str], turn: int) -> int | None:
    """The next in turn who can be rung."""
    for step in range(len(people)):
        index = (turn + step) % len(people)
        if line.world.state(line, people[index]).kind not in ("busy", "offline"):
            return index
    return None


def _await_free(line: Line, people: list[str], end: int) -> None:
    """Until somebody becomes free."""
    moments = [at for who in people if (at := line.world.free_at(line, who)) is not None and at > line.now]
    line.spend(min([end, *moments]))


def _ring_from_queue(line: Line, who: str, until: int) -> None:
    dial(line, [Leg(who, line.world.state(line, who), False)], until - line.now)
