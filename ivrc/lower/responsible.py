"""The responsible manager: the CRM is asked, and whom it names is rung.

The CRM is asked by way of the helper (`ivrc agi`), on a leg of its own: Dial's time limit ends the leg whatever the
helper does, while the caller hears ringing. The answer is one variable, parts joined by `/`:

    version / why / employee / desk / mobiles / second employee / desk / mobiles / contact / name

An employee's name is looked up among the office's own, mobiles are taken as digits and nothing else: no text of the
CRM's is ever dialled.
"""

from __future__ import annotations

from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.rings import BUSY, FREE, OPTIONS, Ringer, asked, endpoint_name, outside_variable

RESPONSIBLE = ".responsible"
_LOOKUP = ".lookup"
_CONFIRM = ".responsible-confirm"
_CONFIRMED = ".confirmed"
_FOUND = "IVRC_FOUND"
_FIELDS = 10


def responsible_contexts(pen: Pen, ring: Ringer, office: m.Office) -> None:
    """What every `call responsible` of the office uses."""
    # A mobile whose owner must press 1 must do so wherever it is rung.
    confirmed = {number for employee in office.employees if employee.confirm for number in employee.mobiles}
    if office.trunk is not None and confirmed:
        _confirmed_context(pen, confirmed)
    sheet = Sheet(pen, RESPONSIBLE, "calls the responsible manager: ARG1 seconds at the desk, ARG2 which mobiles, ")
    sheet.comment += "ARG3 their seconds, ARG4 confirm, ARG5 second"
    _ask_and_ring(pen, sheet, office)
    _ring_one(pen, sheet, ring, office, bool(confirmed))
    sheet.close()
    _lookup_context(pen, office)
    if office.trunk is not None:
        _confirm_context(pen, office)


def _ask_and_ring(pen: Pen, sheet: Sheet, office: m.Office) -> None:
    cursor = Cursor(sheet, "s")
    cursor.add("Set", f"SHARED({_FOUND})=")
    # One underscore: the leg gets it, and no phone that is rung later.
    cursor.add("Set", "_IVRC_ASKER=${CHANNEL}")
    cursor.add("Dial", f"Local/ask@{pen.context(_LOOKUP)}/n,{office.lookup_seconds},r")
    cursor.add("Set", "_IVRC_ASKER=")
    cursor.add("Set", f"{_FOUND}=${{SHARED({_FOUND})}}")
    cursor.add("Set", f"IVRC_WHY=${{FILTER(a-z,${{CUT({_FOUND},/,2)}})}}")
    # An answer that was cut short could name half a number.
    cut = f'$["${{IVRC_WHY}}" = "found" & ${{FIELDQTY({_FOUND},/)}} < {_FIELDS}]'
    cursor.add("GotoIf", f"{cut}?:whole")
    cursor.add("Set", f"{_FOUND}=1/broken")
    cursor.add("Set", "IVRC_WHY=broken")
    cursor.place("whole")
    # The leg leaves a word in every case but one: its time was over.
    cursor.add("ExecIf", '$["${IVRC_WHY}" = ""]?Set(IVRC_WHY=late)')
    cursor.add("CELGenUserEvent", f"IVRC_RESPONSIBLE,${{IVRC_WHY}}/${{CUT({_FOUND},/,9)}}/${{CUT({_FOUND},/,10)}}")
    # For a `reach anyone` further down.
    cursor.add("Set", f"IVRC_MANAGER={_part(3)}")
    cursor.add("Set", "IVRC_SECOND=")
    cursor.add("Gosub", f"ring,1({_part(3)},{_part(4)},{_part(5)},${{ARG1}},${{ARG2}},${{ARG3}},${{ARG4}})")
    cursor.add("GotoIf", '$["${ARG5}" = ""]?done')
    cursor.add("Set", f"IVRC_SECOND={_part(6)}")
    cursor.add("Gosub", f"ring,1({_part(6)},{_part(7)},{_part(8)},${{ARG1}},${{ARG2}},${{ARG3}},${{ARG4}})")
    cursor.place("done")
    cursor.add("Return")
    cursor.close()


def _part(number: int) -> str:
    return f"${{CUT({_FOUND},/,{number})}}"


def _ring_one(pen: Pen, sheet: Sheet, ring: Ringer, office: m.Office, confirms: bool) -> None:
    """ARG1 the employee, ARG2 how the desk is rung, ARG3 mobiles joined by `-`; then the step's settings."""
    people = pen.context(".people")
    cursor = Cursor(sheet, "ring")
    if any(employee.devices for employee in office.employees):
        cursor.add("GotoIf", f"${{DIALPLAN_EXISTS({people},${{ARG1}},1)}}?:mobile")
        cursor.add("GotoIf", '$["${ARG2}" = "any"]?desk')
        cursor.add("GotoIf", '$["${ARG2}" = "no"]?mobile')
        cursor.add("Gosub", f"{people},${{ARG1}},state")
        cursor.add("GotoIf", f'$["${{GOSUB_RETVAL}}" =~ {FREE}]?desk')
        cursor.add("GotoIf", f'$["/${{GOSUB_RETVAL}}/" =~ {BUSY}]?:mobile')
        cursor.add("GotoIf", '$["${ARG2}" = "pass"]?done')
        cursor.add("GotoIf", '$["${ARG2}" = "waiting"]?:mobile')
        cursor.place("desk")
        cursor.add("Gosub", f"{people},${{ARG1}},1")
        cursor.add("Dial", f"${{GOSUB_RETVAL}},${{ARG4}},{OPTIONS}")
        cursor.place("mobile")
    if office.trunk is not None:
        _ring_mobiles(pen, cursor, office, confirms)
    cursor.place("done")
    cursor.add("Return")
    cursor.close()


def _ring_mobiles(pen: Pen, cursor: Cursor, office: m.Office, confirms: bool) -> None:
    direct = outside_variable(office.trunk or "", "mobile", office.country)
    if name := endpoint_name(outside_variable(office.trunk or "", "mobile", None)):
        pen.needs.endpoints.add(name)
    cursor.add("Set", "LOCAL(left)=${FILTER(0-9\\-,${ARG3})}")
    cursor.add("GotoIf", '$["${left}" = "" | "${ARG5}" = ""]?done')
    cursor.add("Set", "IVRC_RING=")
    cursor.place("next")
    cursor.add("Set", "LOCAL(mobile)=${CUT(left,-,1)}")
    cursor.add("Set", "LOCAL(left)=${CUT(left,-,2-)}")
    cursor.add("GotoIf", '$["${mobile}" = ""]?added')
    cursor.add("GotoIf", '$["${ARG7}" = "confirm"]?confirmed')
    if confirms:
        cursor.add("GotoIf", f"${{DIALPLAN_EXISTS({pen.context(_CONFIRMED)},${{mobile}},1)}}?confirmed")
    cursor.add("Set", f"IVRC_RING=${{IVRC_RING}}&{direct}")
    cursor.add("Goto", "added")
    cursor.place("confirmed")
    cursor.add("Set", f"IVRC_RING=${{IVRC_RING}}&Local/${{mobile}}@{pen.context(_CONFIRM)}/n")
    cursor.place("added")
    cursor.add("GotoIf", '$["${ARG5}" = "all" & "${left}" != ""]?next')
    cursor.add("GotoIf", '$["${IVRC_RING}" = ""]?done')
    cursor.add("Dial", f"${{IVRC_RING:1}},${{ARG6}},{OPTIONS}")


def _confirmed_context(pen: Pen, confirmed: set[str]) -> None:
    """Employees' mobiles that are accepted by a key wherever they are rung."""
    sheet = Sheet(pen, _CONFIRMED, "employees' mobiles where whoever picks up presses 1, whoever names them")
    sheet.holds_callers = False
    for number in sorted(confirmed):
        cursor = Cursor(sheet, number[1:])
        cursor.add("NoOp")
        cursor.close()
    sheet.close()


def _lookup_context(pen: Pen, office: m.Office) -> None:
    """The leg that waits for the helper."""
    sheet = Sheet(pen, _LOOKUP, f"asks the helper who is responsible; it has {office.lookup_seconds} s for everything")
    sheet.holds_callers = False
    cursor = Cursor(sheet, "ask")
    # Without it a helper that answers nothing would keep the leg after the caller has gone on.
    cursor.add("Set", "AGIEXITONHANGUP=yes")
    question = f"responsible,{office.name},${{FILTER(+0-9,${{CALLERID(num)}})}},{office.lookup_seconds * 1000}"
    server = office.helper.startswith("agi://")
    cursor.add("AGI", f"{office.helper}/{question}" if server else f"{office.helper},agi,run,{question}")
    cursor.add("ExecIf", f'$["${{AGISTATUS}}" = "FAILURE"]?Set({_FOUND}=1/down)')
    # A helper that went away in the middle leaves SUCCESS and no answer.
    cursor.add("ExecIf", f'$["${{{_FOUND}}}" = ""]?Set({_FOUND}=1/broken)')
    cursor.add("Set", f"SHARED({_FOUND},${{IVRC_ASKER}})=${{{_FOUND}}}")
    cursor.add("Hangup")
    cursor.close()
    sheet.close()


def _confirm_context(pen: Pen, office: m.Office) -> None:
    """Legs to mobiles that the CRM named and that must be accepted by a key."""
    pen.needs.asks = True
    sheet = Sheet(pen, _CONFIRM, "the responsible's mobiles where whoever picks up presses 1 to accept the call")
    sheet.holds_callers = False
    cursor = Cursor(sheet, "_X!")
    cursor.add("Set", "IVRC_MOBILE=${FILTER(0-9,${EXTEN})}")
    cursor.add(
        "Dial", f"{outside_variable(office.trunk or '', 'IVRC_MOBILE', office.country)},,{OPTIONS}{asked(office)}"
    )
    cursor.add("Hangup", "${HANGUPCAUSE}")
    cursor.close()
    sheet.close()
