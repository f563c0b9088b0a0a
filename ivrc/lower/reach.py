"""`reach anyone`: a queue of app_queue for each such step; its members are the people whom the steps above name.

The queue rings whoever is free, one after another, and keeps callers in order. The manager whom the CRM named for one
call is a member only while that call waits, and refuses everybody else's.
"""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.media import MOVE_TO_FAX
from ivrc.lower.names import extension_name
from ivrc.lower.rings import OPTIONS, Ringer

_LEGS = ".reach"
_WAIT = ".reach-wait"
MANAGERS = ("IVRC_MANAGER", "IVRC_SECOND")
# Q.850: a refusal by the user.
_REFUSED = "17"


class Reach:
    """Writes the queues of one office and what rings their members."""

    def __init__(self, pen: Pen, ring: Ringer) -> None:
        self.pen = pen
        self.ring = ring
        self.office = ring.office
        self._with_manager = False

    def lower(self, cursor: Cursor, step: m.ReachAnyone, part: str) -> None:
        """One step."""
        sheet = Sheet(self.pen, self.pen.fresh_part(part), "rings whoever of these is free", step.start)
        sheet.holds_callers = False
        for employee in step.people:
            leg = Cursor(sheet, extension_name(employee.name))
            # No limit of its own: the queue hangs the leg up.
            leg.add("Dial", f"{self.ring.devices(employee)},,{OPTIONS}")
            leg.add("Hangup", "${HANGUPCAUSE}")
            leg.close()
        sheet.close()
        members = tuple(self._member(employee, sheet.name) for employee in step.people)
        self.pen.needs.queues.append(ir.Queue(sheet.name, f"office {self.office.name}", members))
        if step.responsible:
            self._with_manager = True
            cursor.add("Gosub", f"{self.pen.context(_WAIT)},s,1({sheet.name},{step.seconds})")
        else:
            cursor.add("Queue", f"{sheet.name},,,,{step.seconds}")

    def _member(self, employee: m.Employee, context: str) -> tuple[str, str, str]:
        name = extension_name(employee.name)
        return f"Local/{name}@{context}/n", name, f"hint:{name}@{self.pen.context('.people')}"

    def contexts(self) -> None:
        """What the steps need that have the manager of a call among their people."""
        if not self._with_manager:
            return
        self._wait_context()
        self._leg_context()

    def _wait_context(self) -> None:
        sheet = Sheet(
            self.pen, _WAIT, "waits in a queue with the manager of this call in it; ARG1: queue, ARG2: seconds"
        )
        cursor = Cursor(sheet, "s")
        cursor.add("Set", "IVRC_QUEUE=${ARG1}")
        for manager in MANAGERS:
            cursor.add("Gosub", f"join,1(${{{manager}}})")
        cursor.add("Queue", "${ARG1},,,,${ARG2}")
        for manager in MANAGERS:
            cursor.add("Gosub", f"leave,1(${{{manager}}})")
        cursor.add("Return")
        cursor.close()
        self._join(sheet)
        self._leave(sheet)
        gone = Cursor(sheet, "h")
        for manager in MANAGERS:
            gone.add("Gosub", f"leave,1(${{{manager}}})")
        gone.close()
        if self.pen.detects_fax:
            self._fax_detected(sheet)
        sheet.close()

    def _fax_detected(self, sheet: Sheet) -> None:
        """A caller who turns out to be a fax machine leaves the queue without coming past its end."""
        # Instead of the extension that any context with callers has.
        sheet.holds_callers = False
        cursor = Cursor(sheet, "fax")
        for manager in MANAGERS:
            cursor.add("Gosub", f"leave,1(${{{manager}}})")
        for app, args in MOVE_TO_FAX:
            cursor.add(app, args)
        cursor.close()

    def _interface(self) -> str:
        return f"Local/${{ARG1}}@{self.pen.context(_LEGS)}/n"

    def _join(self, sheet: Sheet) -> None:
        people = self.pen.context(".people")
        cursor = Cursor(sheet, "join")
        cursor.add("GotoIf", f"${{DIALPLAN_EXISTS({people},${{ARG1}},1)}}?:done")
        # Whoever is a member anyway stands in the queue's own context.
        cursor.add("GotoIf", "${DIALPLAN_EXISTS(${IVRC_QUEUE},${ARG1},1)}?done")
        # How many waiting calls have this manager: the last one to leave takes the member out.
        cursor.add("Set", "LOCAL(waiting)=${GROUP_COUNT(${IVRC_QUEUE}@${ARG1})}")
        cursor.add("Set", "GROUP(${ARG1})=${IVRC_QUEUE}")
        cursor.add("GotoIf", "$[${waiting} > 0]?done")
        cursor.add("AddQueueMember", f"${{IVRC_QUEUE}},{self._interface()},0,,${{ARG1}},hint:${{ARG1}}@{people}")
        cursor.place("done")
        cursor.add("Return")
        cursor.close()

    def _leave(self, sheet: Sheet) -> None:
        cursor = Cursor(sheet, "leave")
        cursor.add("GotoIf", '$["${ARG1}" = ""]?done')
        cursor.add("GotoIf", '$["${GROUP(${ARG1})}" = "${IVRC_QUEUE}"]?:done')
        cursor.add("Set", "LOCAL(waiting)=${GROUP_COUNT(${IVRC_QUEUE}@${ARG1})}")
        cursor.add("Set", "GROUP(${ARG1})=")
        cursor.add("GotoIf", "$[${waiting} > 1]?done")
        cursor.add("RemoveQueueMember", f"${{IVRC_QUEUE}},{self._interface()}")
        cursor.place("done")
        cursor.add("Return")
        cursor.close()

    def _leg_context(self) -> None:
        sheet = Sheet(self.pen, _LEGS, "rings the manager of a call for that call only")
        sheet.holds_callers = False
        for employee in self.office.employees:
            if not employee.devices:
                continue
            name = extension_name(employee.name)
            cursor = Cursor(sheet, name)
            mine = " | ".join(f'"${{{manager}}}" = "{name}"' for manager in MANAGERS)
            cursor.add("GotoIf", f"$[{mine}]?:other")
            cursor.add("Dial", f"{self.ring.devices(employee)},,{OPTIONS}")
            cursor.add("Hangup", "${HANGUPCAUSE}")
            cursor.place("other")
            cursor.add("Hangup", _REFUSED)
            cursor.close()
        sheet.close()
