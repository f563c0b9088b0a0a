"""One function a step kind: what the step does to a call. `STEPS` is the whole of them.

A function returns the scenario in which the call goes on, or None when the call has passed the step; the end of the
call is a Cutoff. To add a step kind: its function, and its line in `STEPS` (a test compares the table with the Model).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.leaving import fax, fax_detected, record_calls, voicemail
from ivrc.simulate.line import Diverted, Line, Over
from ivrc.simulate.listening import branch, wait_extension
from ivrc.simulate.office import prompt_name
from ivrc.simulate.people import call_responsible
from ivrc.simulate.reach import reach_anyone
from ivrc.simulate.ringing import Leg, dial, ring, ring_plan


def _play(line: Line, step: m.Play) -> None:
    line.answer()
    name = prompt_name(step.prompt)
    if step.seconds is None:
        line.hear(name, line.now + line.office.length(name))
    else:
        line.hear(name, line.now + step.seconds * 1000, "time")


def _call_group(line: Line, step: m.CallGroup) -> None:
    ring_plan(line, step.group.plan, step.seconds * 1000)


def _call_employee(line: Line, step: m.CallEmployee) -> None:
    if step.employee.devices:
        ring(line, (m.Desk(step.employee),), step.seconds * 1000)
    if step.mobile is not None:
        ring(line, (step.mobile,), step.mobile_seconds * 1000)


def _call_number(line: Line, step: m.CallNumber) -> None:
    ring(line, (step.target,), step.seconds * 1000)


def _call_sip(line: Line, step: m.CallSip) -> None:
    dial(line, [Leg(step.address, line.world.state(line, step.address), False)], step.seconds * 1000)


def _branch(line: Line, step: m.Branch) -> str | None:
    return branch(line, step, run_block)


def _when(line: Line, step: m.When) -> str | None:
    holds = line.world.holds(line, step.condition)
    line.events.append(j.Decided(line.now, condition_text(step.condition), holds, step.start))
    block = step.then if holds else step.otherwise
    return run_block(line, block) if block is not None else None


def condition_text(condition: m.Condition) -> str:
    """A condition in the source's words; hours written in place are `these hours`."""
    match condition:
        case m.ByHours(name, _):
            return name or "these hours"
        case m.BySwitch(switch):
            return f"switch {switch.name}"
        case m.ByCallers(callers):
            return f"caller in {callers.name}"
        case m.ByHidden():
            return "caller hidden"


def _hangup(_line: Line, _step: m.Hangup) -> None:
    raise Over("hangup", 16)


def _move(line: Line, step: m.Move) -> str:
    line.events.append(j.Moved(line.now, step.scenario, step.start))
    return step.scenario


STEPS: dict[type, Callable[[Line, Any], str | None]] = {
    m.Play: _play,
    m.WaitExtension: wait_extension,
    m.CallGroup: _call_group,
    m.CallEmployee: _call_employee,
    m.CallNumber: _call_number,
    m.CallSip: _call_sip,
    m.CallResponsible: call_responsible,
    m.Branch: _branch,
    m.When: _when,
    m.ReachAnyone: reach_anyone,
    m.Voicemail: voicemail,
    m.Fax: fax,
    m.FaxDetected: fax_detected,
    m.RecordCalls: record_calls,
    m.Hangup: _hangup,
    m.Move: _move,
}


def run_block(line: Line, block: m.Block) -> str | None:
    """Steps in order: the scenario that one of them moves to, or None past the last. Raises Cutoff."""
    events = line.events
    for step in block.steps:
        line.start = step.start
        kind = type(step)
        events.append(j.Reached(line.now, kind.__name__, step.start, step.end))
        moved = STEPS[kind](line, step)
        if moved is not None:
            return moved
        events.append(j.Passed(line.now, kind.__name__, step.start))
        line.start = step.start
    return None


def run_call(line: Line, number: m.Number) -> None:
    """A call from its first step to its end: raises Over always."""
    scenario: str | None = number.scenario
    while scenario is not None:
        line.world.enter_scenario(line, scenario)
        try:
            scenario = run_block(line, line.office.scenarios[scenario].body)
        except Diverted:
            scenario = line.detects
            line.events.append(j.Detected(line.now, line.start))
            line.events.append(j.Moved(line.now, scenario or "", line.start))
            line.detect_fax(None)
    raise Over("end of scenario", 16 if line.answered else 19)
