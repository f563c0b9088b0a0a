"""Steps, phones and groups in the source's words, with every default said."""

from __future__ import annotations

from typing import assert_never

from ivrc import model as m
from ivrc.simulate.steps import condition_text

_WIDEST = 70


def step_words(step: m.Step) -> str:
    """A step as it would be written on one line, its blocks left out."""
    match step:
        case m.Play(prompt, seconds):
            return f"{prompt_words(prompt, 'play')}{_for(seconds)}"
        case m.WaitExtension(seconds, prompt):
            return f"wait extension{_for(seconds)}{_playing(prompt)}"
        case m.CallGroup(group, seconds):
            return f"call group {group.name}{_for(seconds)}"
        case m.CallEmployee(employee, seconds, mobile, mobile_seconds):
            return f"call employee {employee.name}{_for(seconds)}" + (
                f" then mobile{_for(mobile_seconds)}{_confirm(mobile.confirm)}" if mobile else ""
            )
        case m.CallNumber(target, seconds):
            return f'call number "{target.number}"{_for(seconds)}{_confirm(target.confirm)}'
        case m.CallSip(address, seconds):
            return f'call sip "{address}"{_for(seconds)}'
        case m.CallResponsible():
            return _responsible(step)
        case m.Branch(prompt, seconds, retries):
            return f"branch{_playing(prompt)}{_for(seconds)}" + (f" retries {retries}" if retries else "")
        case m.When(condition):
            return f"when {condition_text(condition)}"
        case m.ReachAnyone(people, responsible, seconds):
            names = [employee.name for employee in people] + ["the responsible manager"] * responsible
            return f"reach anyone{_for(seconds)} ({', '.join(names)})"
        case m.Voicemail(prompt, seconds, to):
            said = " " + prompt_words(prompt, "") if prompt else ""
            return f"voicemail{said}{_for(seconds)}" + (f" to {to.name}" if to else "")
        case m.Fax():
            return "fax"
        case m.FaxDetected(scenario):
            return f"fax detected -> {scenario}"
        case m.RecordCalls(prompt):
            return f"record calls{_playing(prompt)}"
        case m.Hangup():
            return "hangup"
        case m.Move(scenario):
            return f"-> {scenario}"
        case _:
            assert_never(step)


def prompt_words(prompt: m.Prompt, verb: str) -> str:
    """`play "welcome"`; a text to speak is said: `say "…"`."""
    if prompt.kind == "speech":
        text = prompt.text if len(prompt.text) <= _WIDEST else prompt.text[: _WIDEST - 1] + "…"
        return f'say "{text}"'
    name = f"asterisk:{prompt.text}" if prompt.kind == "own" else prompt.text
    return f'{verb} "{name}"'.lstrip()


def seconds_words(seconds: int) -> str:
    """`20s`, `2m`, `90s`."""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0 and seconds:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def plan_words(plan: m.RingPlan, whose: dict[str, str], top: bool = True) -> str:
    """`in order { anna, boris }`; `whose`: a mobile's number → its employee."""
    match plan:
        case m.Together(targets):
            members = [target_words(target, whose) for target in targets]
            word = "at once"
        case m.InOrder(turns):
            members = [plan_words(turn, whose, False) for turn in turns]
            word = "in order"
        case m.Drawn(weighted):
            members = [f"{plan_words(turn, whose, False)} {weight}" for weight, turn in weighted]
            word = "random"
        case _:
            assert_never(plan)
    if len(members) == 1 and not top:
        return members[0]
    return f"{word} {{ {', '.join(members)} }}"


def target_words(target: m.Target, whose: dict[str, str]) -> str:
    """`anna`, `anna mobile confirm`, `"+78127654321"`."""
    if isinstance(target, m.Desk):
        return target.employee.name
    name = f"{whose[target.number]} mobile" if target.number in whose else f'"{target.number}"'
    return name + _confirm(target.confirm)


def _responsible(step: m.CallResponsible) -> str:
    mobiles = {"first": "mobile", "all": "all mobiles", "none": "no mobile"}[step.mobiles]
    rings = "" if step.mobiles == "none" else _for(step.mobile_seconds) + _confirm(step.confirm)
    second = "  second" if step.second else ""
    return f"call responsible {{ desk{_for(step.desk_seconds)}  {mobiles}{rings}{second} }}"


def _for(seconds: int | None) -> str:
    return "" if seconds is None else f" for {seconds_words(seconds)}"


def _playing(prompt: m.Prompt | None) -> str:
    return f" playing {prompt_words(prompt, '')}" if prompt else ""


def _confirm(confirm: bool) -> str:
    return " confirm" if confirm else ""
