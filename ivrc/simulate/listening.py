"""The steps that listen to keys: menus, and the wait for an extension."""

from __future__ import annotations

from collections.abc import Callable

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.line import Line
from ivrc.simulate.office import prompt_name
from ivrc.simulate.ringing import ring

# Between two digits of an extension before it counts as complete.
DIGIT_GAP = 3_000
WRONG_SOUND = "asterisk:pbx-invalid"

Blocks = Callable[[Line, m.Block], str | None]


def branch(line: Line, step: m.Branch, run: Blocks) -> str | None:
    """A menu; `run` runs a block. The scenario to go on in, or None past the step."""
    line.answer()
    for attempt in range(step.retries + 1):
        line.world.menu(line, step, attempt)
        key = _ask(line, step)
        case = next((case for case in step.cases if key in case.keys), None) if key else None
        if case is not None:
            line.events.append(j.Chose(line.now, "key", key or "", step.start))
            return run(line, case.body)
        line.events.append(j.Chose(line.now, "wrong" if key else "nothing", key or "", step.start))
        if attempt == step.retries:
            failed = step.wrong if key else step.nothing
            return run(line, failed) if failed else None
    raise AssertionError("a menu is asked at least once")


def _ask(line: Line, step: m.Branch) -> str | None:
    """The prompt in full, then the time for a key; a key cuts both."""
    if step.prompt is not None:
        name = prompt_name(step.prompt)
        key = line.hear_for_key(name, line.now + line.office.length(name))
        if key:
            return key
    return line.world.listen(line, line.now + step.seconds * 1000)


def wait_extension(line: Line, step: m.WaitExtension) -> None:
    """Extensions are taken until the time is over, or an employee has been rung."""
    line.answer()
    line.world.extension(line, step)
    until = line.now + step.seconds * 1000
    key = _first_key(line, step, until)
    while key:
        keyed = _extension(line, key)
        target = line.office.extensions.get(keyed)
        if target is not None:
            line.events.append(j.Chose(line.now, "extension", keyed, step.start))
            ring(line, (target,), m.RING_SECONDS * 1000)
            return
        line.events.append(j.Chose(line.now, "wrong", keyed, step.start))
        key = _again(line, until)
    line.events.append(j.Chose(line.now, "nothing", "", step.start))


def _first_key(line: Line, step: m.WaitExtension, until: int) -> str | None:
    """Audio and then silence, of the step's time together."""
    if step.prompt is not None:
        name = prompt_name(step.prompt)
        key = line.hear_for_key(name, min(until, line.now + line.office.length(name)))
        if key:
            return key
    return line.world.listen(line, until)


def _again(line: Line, until: int) -> str | None:
    """An unknown extension is said to be wrong; then the time left."""
    key = line.hear_for_key(WRONG_SOUND, line.now + line.office.length(WRONG_SOUND))
    if key or line.now >= until:
        return key
    return line.world.listen(line, until)


def _extension(line: Line, keyed: str) -> str:
    """The digits of an extension, the first of which was keyed: until no other begins so, or none follows in time."""
    while any(len(each) > len(keyed) and each.startswith(keyed) for each in line.office.extensions):
        key = line.world.listen(line, line.now + DIGIT_GAP)
        if not key:
            break
        keyed += key
    return keyed
