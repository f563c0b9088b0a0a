"""Steps in which the caller presses keys: each has a context of its own, whose extensions are what may be keyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.incoming import PREFIXES
from ivrc.lower.sounds import sound

if TYPE_CHECKING:
    from ivrc.lower.steps import Lowering

WRONG_SOUND = "pbx-invalid"
# Seconds between two digits of an extension before it counts as complete.
DIGIT_SECONDS = 3
_MILLISECONDS = "${STRFTIME(,,%s%3q)}"


def _own_context(pen: Pen, cursor: Cursor, step: m.WaitExtension | m.Branch, what: str) -> tuple[Sheet, str]:
    """Go to a context of the step's own; that, and where its calls come back to."""
    sheet = Sheet(pen, pen.fresh_part(f"{cursor.base}-{what}"), f"keys of {pen.head(step)}", step.start)
    after = cursor.label(f"after-{what}")
    back = cursor.here(after)
    cursor.add("Goto", f"{sheet.name},s,1")
    cursor.place(after)
    return sheet, back


def lower_wait(lowering: Lowering, cursor: Cursor, step: m.WaitExtension) -> bool:
    """A context of its own, in which the employees' extensions can be keyed."""
    pen = lowering.pen
    lowering.waits = True
    lowering.answer(cursor)
    sheet, back = _own_context(pen, cursor, step, "wait")
    keys = Cursor(sheet, "s", answered=True)
    keys.add("Set", f"IVRC_NEXT={back}")
    keys.add("Set", f"IVRC_UNTIL=$[{_MILLISECONDS} + {step.seconds * 1000}]")
    keys.add("Set", f"TIMEOUT(digit)={DIGIT_SECONDS}")
    _listen(lowering, keys, step)
    keys.close()
    # An unknown extension: say so, during which another may be keyed already, and use the time left.
    wrong = Cursor(sheet, "i", answered=True)
    pen.needs.own_sounds.add(WRONG_SOUND)
    wrong.add("BackGround", WRONG_SOUND)
    wrong.add("Set", f"IVRC_LEFT=$[(${{IVRC_UNTIL}} - {_MILLISECONDS}) / 1000]")
    wrong.add("GotoIf", f"$[${{IVRC_LEFT}} <= 0]?{back}")
    wrong.add("WaitExten", "${IVRC_LEFT}")
    wrong.close()
    late = Cursor(sheet, "t", answered=True)
    late.add("Goto", back)
    late.close()
    sheet.includes = (pen.context(".extensions"),)
    sheet.close()
    return True


def _listen(lowering: Lowering, keys: Cursor, step: m.WaitExtension) -> None:
    """Audio and silence of the step's time, cut by the first key."""
    if step.prompt is None:
        keys.add("WaitExten", str(step.seconds))
    elif step.prompt.kind == "own":
        _listen_timed(lowering, keys, step)
    else:
        keys.add("BackGround", sound(lowering.pen, step.prompt, step.seconds, "silence"))
        keys.add("Goto", "${IVRC_NEXT}")


def _listen_timed(lowering: Lowering, keys: Cursor, step: m.WaitExtension) -> None:
    """A sound of Asterisk's own has no file of the step's length: the channel's time limit cuts it.

    Asterisk hangs up a call whose limit ends while it takes the digits of an extension. So one key is read under the
    limit, and the rest of the extension without it.
    """
    pen = lowering.pen
    lowering.timed_wait = True
    keys.sheet.timed = True
    assert step.prompt is not None
    keys.add("Set", f"TIMEOUT(absolute)={step.seconds}")
    keys.add("Read", f"IVRC_KEYED,{sound(pen, step.prompt)},1,,1,{step.seconds}")
    keys.add("Set", "TIMEOUT(absolute)=0")
    keys.place("more")
    keys.add("GotoIf", f"${{DIALPLAN_EXISTS({pen.context(PREFIXES)},${{IVRC_KEYED}},1)}}?:whole")
    keys.add("Read", f"IVRC_DIGIT,,1,,1,{DIGIT_SECONDS}")
    keys.add("Set", "IVRC_KEYED=${IVRC_KEYED}${IVRC_DIGIT}")
    keys.add("GotoIf", '$["${IVRC_DIGIT}" = ""]?:more')
    keys.place("whole")
    extensions = pen.context(".extensions")
    keys.add("GotoIf", f"${{DIALPLAN_EXISTS({extensions},${{IVRC_KEYED}},1)}}?{extensions},${{IVRC_KEYED}},1")
    keys.add("Goto", "i,1")


def lower_branch(lowering: Lowering, cursor: Cursor, step: m.Branch) -> bool:
    """A context of its own, whose extensions are the keys."""
    lowering.answer(cursor)
    sheet, back = _own_context(lowering.pen, cursor, step, "branch")
    ask = Cursor(sheet, "s", answered=True)
    if step.retries:
        ask.add("Set", "IVRC_TRIES=0")
        ask.place("ask")
    if step.prompt is not None:
        ask.add("BackGround", sound(lowering.pen, step.prompt))
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
