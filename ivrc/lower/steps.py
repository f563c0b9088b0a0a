"""One function a step kind: what a step means becomes the lines that do it.

To add a step kind: its node in `ivrc.model`, a function here, its entry in `_LOWER`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from ivrc import ir
from ivrc import model as m
from ivrc.lower import incoming, media
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.hours import hours_context
from ivrc.lower.keys import lower_branch, lower_wait
from ivrc.lower.names import switch_device, voicemail_context
from ivrc.lower.reach import Reach
from ivrc.lower.responsible import RESPONSIBLE
from ivrc.lower.rings import OPTIONS, Ringer, endpoint_name
from ivrc.lower.sounds import sound

# Q.850 causes. Without one the caller would be told that of the last phone that did not answer: "no such number".
NORMAL = "16"
UNANSWERED = '${IF($["${CHANNEL(state)}" = "Up"]?16:19)}'


class Lowering:
    """The lowering of one office's scenarios."""

    def __init__(self, pen: Pen, office: m.Office) -> None:
        self.pen = pen
        self.office = office
        self.ring = Ringer(pen, office)
        self.reach = Reach(pen, self.ring)
        # In which ways callers of a `wait extension` are listened to.
        self.waits: set[str] = set()
        # Whether the CRM is asked for the responsible manager.
        self.responsible = False

    def scenario(self, scenario: m.Scenario) -> None:
        """A scenario's contexts: its own first, those of its menus after it."""
        sheet = Sheet(self.pen, self.pen.fresh_part(scenario.name), f"scenario {scenario.name}", scenario.start)
        cursor = Cursor(sheet, "s")
        if self.block(cursor, scenario.body):
            cursor.add("Hangup", NORMAL if cursor.answered else UNANSWERED)
        cursor.close()
        sheet.close()

    def block(self, cursor: Cursor, block: m.Block) -> bool:
        """Write a block; whether a call can get past its end."""
        for step in block.steps:
            self.describe(cursor, step)
            if not _LOWER[type(step)](self, cursor, step):
                return False
        return True

    def describe(self, cursor: Cursor, step: m.Step) -> None:
        """The comment above a step's lines: its head, as written."""
        cursor.comment(self.pen.head(step), type(step).__name__, step.start)

    def answer(self, cursor: Cursor) -> None:
        """Answer, unless every call here has been answered before."""
        if not cursor.answered:
            cursor.add("Answer")
            cursor.answered = True


def lower_play(lowering: Lowering, cursor: Cursor, step: m.Play) -> bool:
    """A prompt of a set time is a file of just that length; a sound of Asterisk's own is timed."""
    lowering.answer(cursor)
    if step.seconds is None or step.prompt.kind != "own":
        cursor.add("Playback", sound(lowering.pen, step.prompt, step.seconds))
        return True
    after, again = cursor.label("after-play"), cursor.label("again")
    _limit(cursor, step.seconds, cursor.here(after))
    cursor.place(again)
    cursor.add("Playback", sound(lowering.pen, step.prompt))
    cursor.add("GotoIf", f'$["${{PLAYBACKSTATUS}}" = "SUCCESS"]?{again}')
    cursor.add("Wait", str(step.seconds))
    cursor.place(after)
    return True


def _limit(cursor: Cursor, seconds: int, goes_on: str) -> None:
    """From now on the channel is taken to `goes_on` when the time is over (by the context's `T`)."""
    cursor.sheet.timed = True
    cursor.add("Set", f"IVRC_NEXT={goes_on}")
    cursor.add("Set", f"TIMEOUT(absolute)={seconds}")


def lower_call_group(lowering: Lowering, cursor: Cursor, step: m.CallGroup) -> bool:
    """The group's subroutine."""
    cursor.add("Gosub", f"{lowering.pen.context('.group-' + step.group.name)},s,1({step.seconds})")
    return True


def lower_call_employee(lowering: Lowering, cursor: Cursor, step: m.CallEmployee) -> bool:
    """The devices; then, if asked for, the mobile, which is also where the call goes at once when offline."""
    if step.employee.devices:
        lowering.ring.target(cursor, m.Desk(step.employee), str(step.seconds))
    if step.mobile is not None:
        lowering.ring.target(cursor, step.mobile, str(step.mobile_seconds))
    return True


def lower_call_number(lowering: Lowering, cursor: Cursor, step: m.CallNumber) -> bool:
    """Through the trunk."""
    lowering.ring.target(cursor, step.target, str(step.seconds))
    return True


def lower_call_sip(lowering: Lowering, cursor: Cursor, step: m.CallSip) -> bool:
    """Through the endpoint for external addresses."""
    dialled = lowering.office.sip.replace("{address}", step.address)
    if name := endpoint_name(dialled):
        lowering.pen.needs.endpoints.add(name)
    cursor.add("Dial", f"{dialled},{step.seconds},{OPTIONS}")
    return True


def lower_call_responsible(lowering: Lowering, cursor: Cursor, step: m.CallResponsible) -> bool:
    """The subroutine that asks the CRM and rings whom it names."""
    lowering.responsible = True
    settings = (
        str(step.desk_seconds),
        "" if step.mobiles == "none" else step.mobiles,
        str(step.mobile_seconds),
        "confirm" if step.confirm else "",
        "second" if step.second else "",
    )
    cursor.add("Gosub", f"{lowering.pen.context(RESPONSIBLE)},s,1({','.join(settings)})")
    return True


def lower_reach_anyone(lowering: Lowering, cursor: Cursor, step: m.ReachAnyone) -> bool:
    """A queue of the step's own."""
    lowering.answer(cursor)
    lowering.reach.lower(cursor, step, f"{cursor.base}-reach")
    return True


def lower_voicemail(lowering: Lowering, cursor: Cursor, step: m.Voicemail) -> bool:
    """Into the mailbox of Asterisk's own voicemail, or into a file."""
    lowering.answer(cursor)
    if step.prompt is not None:
        cursor.add("Playback", sound(lowering.pen, step.prompt))
    needs = lowering.pen.needs
    needs.own_sounds.add("beep")
    if step.to is None:
        needs.shared.add(media.MESSAGE)
        cursor.add("Gosub", f"{media.MESSAGE},s,1({step.seconds})")
        return True
    number, context = media.mailbox_of(step.to), voicemail_context(lowering.office.name)
    needs.shared.add(media.MAILBOX)
    needs.mailboxes.add(ir.Mailbox(context, number, step.to.display, step.to.email or ""))
    cursor.add("Gosub", f"{media.MAILBOX},s,1({number}@{context},{step.seconds})")
    return True


def lower_fax(lowering: Lowering, cursor: Cursor, _step: m.Fax) -> bool:
    """The subroutine answers, too: only there is it told that a caller hung up at once."""
    lowering.pen.needs.shared.add(media.FAX)
    cursor.add("Gosub", f"{media.FAX},s,1")
    cursor.answered = True
    return True


def lower_fax_detected(lowering: Lowering, cursor: Cursor, step: m.FaxDetected) -> bool:
    """Asterisk listens for a fax machine's tone, and takes it to the extension `fax` of whatever context it is in."""
    cursor.add("Set", f"IVRC_FAX_TO={lowering.pen.context(step.scenario)}")
    # Asterisk complains if it listens already.
    cursor.add("Set", "FAXOPT(faxdetect)=no")
    cursor.add("Set", "FAXOPT(faxdetect)=cng")
    return True


def lower_record_calls(lowering: Lowering, cursor: Cursor, step: m.RecordCalls) -> bool:
    """Recording begins with each conversation."""
    if step.prompt is not None:
        lowering.answer(cursor)
        cursor.add("Playback", sound(lowering.pen, step.prompt))
    lowering.pen.needs.shared.add(media.RECORD)
    cursor.add("Gosub", f"{media.RECORD},s,1")
    return True


def lower_when(lowering: Lowering, cursor: Cursor, step: m.When) -> bool:
    """Decide now, then one block or the other."""
    otherwise, after = cursor.label("else"), cursor.label("after-when")
    condition = _condition(lowering, cursor, step)
    cursor.add("GotoIf", f"{condition}?:{otherwise if step.otherwise else after}")
    answered = cursor.answered
    passes = lowering.block(cursor, step.then)
    answered_then = cursor.answered if passes else True
    cursor.answered = answered
    passes_else = True
    if step.otherwise is not None:
        if passes:
            cursor.add("Goto", after)
        cursor.place(otherwise)
        passes_else = lowering.block(cursor, step.otherwise)
    answered_else = cursor.answered if passes_else else True
    cursor.answered = answered_then and answered_else
    if passes or step.otherwise is None:
        cursor.place(after)
    return passes or passes_else


def _condition(lowering: Lowering, cursor: Cursor, step: m.When) -> str:
    """The lines that find out, and the expression that then holds or not."""
    pen, office = lowering.pen, lowering.office
    match step.condition:
        case m.ByHours(name, hours):
            if name is None:
                part = pen.fresh_part(f"{cursor.base}-hours")
                context = hours_context(pen, part, f"hours of {pen.head(step)}", hours, step.start)
            else:
                context = pen.context(f".hours-{name}")
            cursor.add("Gosub", f"{context},s,1")
            return "${GOSUB_RETVAL}"
        case m.BySwitch(switch):
            return f'$["${{DEVICE_STATE({switch_device(office.name, switch.name)})}}" = "INUSE"]'
        case m.ByCallers(callers):
            pen.needs.callers = True
            cursor.add("Gosub", f"{incoming.caller_context(office.country)},s,1")
            return incoming.is_listed(pen, callers)
        case m.ByHidden():
            # Only digits of what the caller sends ever stand in an expression.
            digits = "${FILTER(0-9,${CALLERID(num)})}"
            return f'$["{digits}" = "" | "${{CALLERID(num-pres):0:6}}" = "prohib"]'
        case _:
            assert_never(step.condition)


def lower_hangup(lowering: Lowering, cursor: Cursor, step: m.Hangup) -> bool:
    """The end."""
    cursor.add("Hangup", NORMAL)
    return False


def lower_move(lowering: Lowering, cursor: Cursor, step: m.Move) -> bool:
    """To another scenario, for good."""
    cursor.add("Goto", f"{lowering.pen.context(step.scenario)},s,1")
    return False


_LOWER: dict[type, Callable[[Lowering, Cursor, Any], bool]] = {
    m.Play: lower_play,
    m.WaitExtension: lower_wait,
    m.CallGroup: lower_call_group,
    m.CallEmployee: lower_call_employee,
    m.CallNumber: lower_call_number,
    m.CallSip: lower_call_sip,
    m.CallResponsible: lower_call_responsible,
    m.Branch: lower_branch,
    m.When: lower_when,
    m.ReachAnyone: lower_reach_anyone,
    m.Voicemail: lower_voicemail,
    m.Fax: lower_fax,
    m.FaxDetected: lower_fax_detected,
    m.RecordCalls: lower_record_calls,
    m.Hangup: lower_hangup,
    m.Move: lower_move,
}
