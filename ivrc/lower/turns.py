"""Whose turn it is in the queues of `reach anyone`: whoever has been without a call for longest is rung first.

app_queue rings its members in the order of their penalties, the least first. So a person's penalty is a count of the
office's that goes up whenever somebody's ring or conversation is over: in all queues at once, and in no order but that
in which people became free. Without that a queue rings by its own turns, and who has become free may see another rung
who became free later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.names import LEGS, MAX_NAME_BYTES, TURNS, context_name, extension_name
from ivrc.lower.rings import endpoint_name

# Penalties below are the places of those who have had no call yet, as they were written.
FIRST = ir.LAST_PLACE + 1
# app_queue counts a million for a penalty, in a C int: of 2,147 and more the sum is too large. So many turns are
# counted, and then the earlier half of them forgotten.
_TURNS, _FORGOTTEN = 1000, 500
_LAST, _TALKED, _OF, _EARLIER = "last", "talked", "of", "earlier"


def has_turns(steps: Iterable[m.Step]) -> bool:
    """Whether any of these steps has a queue with an order among its people."""
    return any(isinstance(step, m.ReachAnyone) and len(step.people) > 1 for step in steps)


def interface(office: str, employee: str) -> str:
    """The leg that rings an employee, the same in all queues of an office; `employee`: as an extension."""
    return f"Local/{employee}@{context_name(office, LEGS)}/n"


def is_rung(pen: Pen, cursor: Cursor, employee: str) -> None:
    """At the beginning of a leg: whoever is rung is last from now on, and again when the leg is over."""
    cursor.add("Gosub", f"{pen.context(TURNS)},{_LAST},1({employee})")
    cursor.add("Set", f"CHANNEL(hangup_handler_push)={pen.context(TURNS)},{_LAST},1({employee})")


def has_talked(pen: Pen) -> ir.Line:
    """At the beginning of a call: whoever it ends up with is last when it is over."""
    return ir.Line("Set", f"CHANNEL(hangup_handler_push)={pen.context(TURNS)},{_TALKED},1", None)


def turns_context(pen: Pen, people: Mapping[str, m.Employee], queues: Mapping[str, str]) -> None:
    """The subroutines. `people` have legs; `queues` names for each who needs a turn one of their queues."""
    sheet = Sheet(pen, TURNS, "whoever has been without a call for longest is rung first: penalties in the queues")
    sheet.holds_callers = False
    _last(pen, sheet, queues)
    _talked(sheet)
    devices: dict[str, list[str]] = {}
    for employee in people.values():
        for device in dict.fromkeys(map(endpoint_name, employee.devices)):
            devices.setdefault(device, []).append(extension_name(employee.name))
    for device, names in devices.items():
        exten = _device(device)
        if not device or len(exten.encode()) > MAX_NAME_BYTES:
            continue
        cursor = Cursor(sheet, exten)
        for employee_ in names:
            cursor.add("Gosub", f"{_LAST},1({employee_})")
        cursor.add("Return")
        cursor.close()
    sheet.close()


def _device(endpoint: str) -> str:
    # No subroutine's name has a dash.
    return f"pjsip-{endpoint}"


def _last(pen: Pen, sheet: Sheet, queues: Mapping[str, str]) -> None:
    """ARG1, an employee, is last. Two at the very same moment may get the same turn: nobody waits for that."""
    count = f"GLOBAL(IVRC_TURNS_{pen.office})"
    cursor = Cursor(sheet, _LAST)
    cursor.add("Set", f"LOCAL(turn)=$[0${{{count}}} + 1]")
    cursor.add("Set", f"{count}=${{turn}}")
    cursor.add("Set", f"QUEUE_MEMBER(,penalty,{interface(pen.office, '${ARG1}')})=$[{FIRST - 1} + ${{turn}}]")
    cursor.add("GotoIf", f"$[${{turn}} < {_TURNS}]?done")
    cursor.add("Set", f"{count}={_TURNS - _FORGOTTEN}")
    for employee, queue in queues.items():
        cursor.add("Gosub", f"{_EARLIER},1({interface(pen.office, employee)},{queue})")
    cursor.place("done")
    cursor.add("Return")
    cursor.close()
    cursor = Cursor(sheet, _EARLIER)
    cursor.add("Set", f"LOCAL(turn)=$[${{QUEUE_MEMBER(${{ARG2}},penalty,${{ARG1}})}} - {_FORGOTTEN}]")
    cursor.add("Set", "QUEUE_MEMBER(,penalty,${ARG1})=${IF($[${turn} > 0]?${turn}:0)}")
    cursor.add("Return")
    cursor.close()


def _talked(sheet: Sheet) -> None:
    """A call is over, from outside or of one of the office's phones: both ends are free again, if there were two."""
    cursor = Cursor(sheet, _TALKED)
    cursor.add("GotoIf", '$["${DIALEDPEERNAME}" = ""]?done')
    # `PJSIP/anna-0000002a` is a channel of the endpoint `anna`.
    for channel in ("CHANNEL", "DIALEDPEERNAME"):
        cursor.add("Gosub", f"{_OF},1(${{{channel}:6:-9}})")
    cursor.place("done")
    cursor.add("Return")
    cursor.close()
    cursor = Cursor(sheet, _OF)
    place = f"{sheet.name},{_device('${ARG1}')},1"
    cursor.add("GotoIf", f"${{DIALPLAN_EXISTS({place})}}?{place}")
    cursor.add("Return")
    cursor.close()
