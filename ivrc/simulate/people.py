"""The responsible manager, whom the CRM names."""

from __future__ import annotations

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.call import Answer, Turn
from ivrc.simulate.line import Line
from ivrc.simulate.ringing import Leg, dial


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
        kind = state.kind
        anyway = turn.desk == "any" or (kind == "busy" and turn.desk == "waiting")
        if (kind == "busy" or kind == "offline") and not anyway:
            line.events.append(j.PassedOver(line.now, employee.name, kind, line.start))
            if kind == "busy" and turn.desk == "pass":
                return
        else:
            # A second call reaches a busy phone: whether it is taken is not known, so it rings to the end.
            rung = state._replace(kind="silent") if kind == "busy" else state
            dial(line, [Leg(employee.name, rung, False)], step.desk_seconds * 1000)
    if line.office.office.trunk is None or step.mobiles == "none" or not turn.mobiles:
        return
    mobiles = turn.mobiles if step.mobiles == "all" else turn.mobiles[:1]
    line.world.meet(line, list(mobiles))
    legs = [Leg(n, line.world.state(line, n), step.confirm or n in line.office.always_confirmed) for n in mobiles]
    dial(line, legs, step.mobile_seconds * 1000)
