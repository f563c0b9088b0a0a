"""Steps in which the caller presses keys, in contexts whose extensions are what may be keyed: each menu has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.incoming import EXTENSIONS, PREFIXES
from ivrc.lower.sounds import sound

if TYPE_CHECKING:
    from ivrc.lower.steps import Lowering

WAIT = ".wait"
# How callers of a `wait extension` are listened to: its extensions, of which none can be keyed.
SILENCE, SOUND, KEYED = "silence", "sound", "keyed"
WRONG_SOUND = "pbx-invalid"
# Seconds between two digits of an extension before it counts as complete.
DIGIT_SECONDS = 3
_MILLISECONDS = "${STRFTIME(,,%s%3q)}"


def lower_wait(lowering: Lowering, cursor: Cursor, step: m.WaitExtension) -> bool:
    """Into the context in which the employees' extensions can be keyed: it leads back to IVRC_NEXT."""
    pen = lowering.pen
    lowering.answer(cursor)
    after = cursor.label("after-wait")
    cursor.add("Set", f"IVRC_NEXT={cursor.here(after)}")
    cursor.add("Set", f"IVRC_UNTIL=$[{_MILLISECONDS} + {step.seconds * 1000}]")
    if step.prompt is None:
        listens = SILENCE
        cursor.add("Set", f"IVRC_LEFT={step.seconds}")
    elif step.prompt.kind == "own":
        # A sound of Asterisk's own has no file of the step's length: the channel's time limit cuts it. Asterisk hangs
        # up a call whose limit ends while it takes the digits of an extension. So one key is read under the limit, and
        # the rest of the extension without it.
        listens = KEYED
        cursor.sheet.timed = True
        cursor.add("Set", f"TIMEOUT(absolute)={step.seconds}")
        cursor.add("Read", f"IVRC_KEYED,{sound(pen, step.prompt)},1,,1,{step.seconds}")
        cursor.add("Set", "TIMEOUT(absolute)=0")
    else:
        listens = SOUND
        cursor.add("Set", f"IVRC_SOUND={sound(pen, step.prompt, step.seconds, 'silence')}")
    lowering.waits.add(listens)
    cursor.add("Goto", f"{pen.context(WAIT)},{listens},1")
    cursor.place(after)
    return True


def wait_context(lowering: Lowering) -> None:
    """Where employees' extensions are keyed, one for all steps: what they play and for how long is in variables."""
    pen = lowering.pen
    sheet = Sheet(pen, WAIT, "where callers key extensions, until IVRC_UNTIL; then at IVRC_NEXT")
    sheet.includes = (pen.context(EXTENSIONS),)
    for listens in sorted(lowering.waits):
        keys = Cursor(sheet, listens, answered=True)
        keys.add("Set", f"TIMEOUT(digit)={DIGIT_SECONDS}")
        if listens == SILENCE:
            keys.add("WaitExten", "${IVRC_LEFT}")
        elif listens == SOUND:
            keys.add("BackGround", "${IVRC_SOUND}")
            keys.add("Goto", "${IVRC_NEXT}")
        else:
            _keyed(pen, keys)
        keys.close()
    # An unknown extension: say so, during which another may be keyed already, and use the time left.
    wrong = Cursor(sheet, "i", answered=True)
    pen.needs.own_sounds.add(WRONG_SOUND)
    wrong.add("BackGround", WRONG_SOUND)
    wrong.add("Set", f"IVRC_LEFT=$[(${{IVRC_UNTIL}} - {_MILLISECONDS}) / 1000]")
    wrong.add("GotoIf", "$[${IVRC_LEFT} <= 0]?${IVRC_NEXT}")
    wrong.add("WaitExten", "${IVRC_LEFT}")
    wrong.close()
    late = Cursor(sheet, "t", answered=True)
    late.add("Goto", "${IVRC_NEXT}")
    late.close()
    sheet.close()


def _keyed(pen: Pen, keys: Cursor) -> None:
    """The rest of an extension whose first key was read."""
    keys.place("more")
    keys.add("GotoIf", f"${{DIALPLAN_EXISTS({pen.context(PREFIXES)},${{IVRC_KEYED}},1)}}?:whole")
    keys.add("Read", f"IVRC_DIGIT,,1,,1,{DIGIT_SECONDS}")
    keys.add("Set", "IVRC_KEYED=${IVRC_KEYED}${IVRC_DIGIT}")
    keys.add("GotoIf", '$["${IVRC_DIGIT}" = ""]?:more')
    keys.place("whole")
    extensions = pen.context(EXTENSIONS)
    keys.add("GotoIf", f"${{DIALPLAN_EXISTS({extensions},${{IVRC_KEYED}},1)}}?{extensions},${{IVRC_KEYED}},1")
    keys.add("Goto", "i,1")


def lower_branch(lowering: Lowering, cursor: Cursor, step: m.Branch) -> bool:
    """A context of its own, whose extensions are the keys."""
    pen = lowering.pen
    lowering.answer(cursor)
    sheet = Sheet(pen, pen.fresh_part(f"{cursor.base}-branch"), f"keys of {pen.head(step)}", step.start)
    after = cursor.label("after-branch")
    back = cursor.here(after)
    cursor.add("Goto", f"{sheet.name},s,1")
    cursor.place(after)

    ask = Cursor(sheet, "s", answered=True)
    if step.retries:
        ask.add("Set", "IVRC_TRIES=0")
        ask.place("ask")
    if step.prompt is not None:
        ask.add("BackGround", sound(pen, step.prompt))
    ask.add("WaitExten", str(step.seconds))
    ask.close()
    for case in step.cases:
        _case(lowering, sheet, case, back)
    _failed(lowering, sheet, "i", step.wrong, step.retries, back)
    _failed(lowering, sheet, "t", step.nothing, step.retries, back)
    sheet.close()
    return True


def _case(lowering: Lowering, sheet: Sheet, case: m.BranchCase, back: str) -> None:
    first = case.keys[0] if case.keys else None
    for key in case.keys:
        cursor = Cursor(sheet, key, answered=True)
        if key != first:
            cursor.add("Goto", f"{first},1")
        elif lowering.block(cursor, case.body):
            cursor.add("Goto", back)
        cursor.close()


def _failed(lowering: Lowering, sheet: Sheet, exten: str, block: m.Block | None, retries: int, back: str) -> None:
    """A wrong key (`i`) or none (`t`): ask again while there are retries, then its block."""
    cursor = Cursor(sheet, exten, answered=True)
    if retries:
        cursor.add("Set", "IVRC_TRIES=$[${IVRC_TRIES} + 1]")
        cursor.add("GotoIf", f"$[${{IVRC_TRIES}} <= {retries}]?s,ask")
    if block is None or lowering.block(cursor, block):
        cursor.add("Goto", back)
    cursor.close()
