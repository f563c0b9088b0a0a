"""`reach anyone`: a queue of app_queue for each such step; its members are the people whom the steps above name.

The queue rings whoever is free, one after another, and keeps callers in order. A caller whose manager, as the CRM named
them, is not among these people waits on two legs at once: one in the step's queue, one in the manager's own.
"""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.names import extension_name
from ivrc.lower.rings import OPTIONS, Ringer, state_devices

_WAIT = ".reach-wait"
_MANAGERS = ".reach-manager"
_LEGS = ".reach"
MANAGERS = ("IVRC_MANAGER", "IVRC_SECOND")


class Reach:
    """Writes the queues of one office and what rings their members."""

    def __init__(self, pen: Pen, ring: Ringer) -> None:
        self.pen = pen
        self.ring = ring
        self.office = ring.office
        self._with_manager = False
        # Who needs a hint: a queue asks for one state, and theirs is that of several devices.
        self.hinted: set[str] = set()

    def lower(self, cursor: Cursor, step: m.ReachAnyone, part: str) -> None:
        """One step."""
        queue = self._queue(self.pen.fresh_part(part), step.people, step.start) if step.people else ""
        if step.responsible:
            self._with_manager = True
            cursor.add("Gosub", f"{self.pen.context(_WAIT)},s,1({queue},{step.seconds})")
        else:
            _wait(cursor, queue, str(step.seconds))

    def _queue(self, part: str, people: tuple[m.Employee, ...], start: int) -> str:
        """A queue of these people, and the context of the legs that ring them; the name of both."""
        sheet = Sheet(self.pen, part, "rings whoever of these is free", start)
        self._legs(sheet, people)
        members = tuple(self._member(employee, sheet.name) for employee in people)
        self.pen.needs.queues.append(ir.Queue(sheet.name, f"office {self.office.name}", members))
        return sheet.name

    def _legs(self, sheet: Sheet, people: tuple[m.Employee, ...]) -> None:
        sheet.holds_callers = False
        for employee in people:
            leg = Cursor(sheet, extension_name(employee.name))
            # No limit of its own: the queue hangs the leg up.
            leg.add("Dial", f"{self.ring.devices(employee)},,{OPTIONS}")
            leg.add("Hangup", "${HANGUPCAUSE}")
            leg.close()
        sheet.close()

    def _member(self, employee: m.Employee, context: str) -> tuple[str, str, str]:
        name = extension_name(employee.name)
        devices = state_devices(employee)
        if len(devices) > 1:
            self.hinted.add(employee.name)
        state = f"hint:{name}@{self.pen.context('.people')}" if len(devices) > 1 else devices[0]
        return f"Local/{name}@{context}/n", name, state

    def contexts(self) -> None:
        """What the steps need that have the manager of a call among their people."""
        if self._with_manager:
            self._wait_context()
            self._managers_context()

    def _wait_context(self) -> None:
        comment = "waits for a step's people and for the manager of this call; ARG1: queue, ARG2: seconds"
        sheet = Sheet(self.pen, _WAIT, comment)
        cursor = Cursor(sheet, "s")
        # With an underscore: the leg gets it.
        cursor.add("Set", "_IVRC_QUEUE=${ARG1}")
        cursor.add("Set", "IVRC_RING=")
        for manager in MANAGERS:
            cursor.add("Gosub", f"add,1(${{{manager}}})")
        cursor.add("GotoIf", '$["${IVRC_RING}" = ""]?alone')
        people = f'${{IF($["${{ARG1}}" = ""]?:&Local/people@{sheet.name}/n)}}'
        cursor.add("Set", f"IVRC_RING={people}${{IVRC_RING}}")
        # Music is Dial's: the same for one leg and for two.
        cursor.add("Dial", "${IVRC_RING:1},${ARG2},m")
        cursor.add("Return")
        cursor.place("alone")
        # Nobody at all: there is nothing to wait for.
        cursor.add("GotoIf", '$["${ARG1}" = ""]?nobody')
        _wait(cursor, "${ARG1}", "${ARG2}")
        cursor.place("nobody")
        cursor.add("Return")
        cursor.close()
        self._add(sheet)
        leg = Cursor(sheet, "people")
        # `r`: of the leg nothing is heard, and music for nobody costs.
        leg.add("Queue", "${IVRC_QUEUE},r")
        leg.add("Hangup")
        leg.close()
        sheet.close()

    def _add(self, sheet: Sheet) -> None:
        """A leg to the manager's own queue; ARG1: the manager, as the CRM named them."""
        cursor = Cursor(sheet, "add")
        cursor.add("GotoIf", f"${{DIALPLAN_EXISTS({self.pen.context(_MANAGERS)},${{ARG1}},1)}}?:done")
        cursor.add("GotoIf", '$["${IVRC_QUEUE}" = ""]?other')
        # Whoever is a member anyway stands in the queue's own context.
        cursor.add("GotoIf", "${DIALPLAN_EXISTS(${IVRC_QUEUE},${ARG1},1)}?done")
        cursor.place("other")
        # One who is manager and second in one is rung once.
        cursor.add("GotoIf", '$["${IVRC_RING}" =~ "/${ARG1}@"]?done')
        cursor.add("Set", f"IVRC_RING=${{IVRC_RING}}&Local/${{ARG1}}@{self.pen.context(_MANAGERS)}/n")
        cursor.place("done")
        cursor.add("Return")
        cursor.close()

    def _managers_context(self) -> None:
        """A queue for each who may be somebody's manager: calls that wait for one of them have an order of theirs."""
        people = tuple(employee for employee in self.office.employees if employee.devices)
        waits = Sheet(self.pen, _MANAGERS, "waits for the manager of a call")
        waits.holds_callers = False
        legs = Sheet(self.pen, _LEGS, "rings the manager of a call")
        self._legs(legs, people)
        for employee in people:
            queue = self.pen.context(f".manager-{employee.name}")
            self.pen.needs.queues.append(
                ir.Queue(queue, f"office {self.office.name}", (self._member(employee, legs.name),))
            )
            cursor = Cursor(waits, extension_name(employee.name))
            cursor.add("Queue", f"{queue},r")
            cursor.add("Hangup")
            cursor.close()
        waits.close()


def _wait(cursor: Cursor, queue: str, seconds: str) -> None:
    """Wait in a queue. Whoever has been talked with hangs up for the caller, too, and here with the cause of that.

    Left to Queue, the call would end with the cause of whatever an earlier step rang in vain.
    """
    cursor.add("Queue", f"{queue},c,,,{seconds}")
    cursor.add("ExecIf", '$["${QUEUESTATUS}" = "CONTINUE"]?Hangup(16)')
