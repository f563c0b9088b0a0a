"""`reach anyone`: a queue of app_queue for each such step; its members are the people whom the steps above name.

The queue rings whoever is free, one after another (`turns`: who is next), and keeps callers in order. A caller whose
manager, as the CRM named them, is not among these people waits on two legs at once: one in the step's queue, one in the
manager's own.
"""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.names import LEGS, extension_name
from ivrc.lower.rings import OPTIONS, Ringer, state_devices
from ivrc.lower.turns import interface, is_rung, turns_context

_WAIT = ".reach-wait"
_MANAGERS = ".reach-manager"
# For a queue, whoever was rung in the step before is not free yet, and a queue looks again only after a second.
_SETTLE = "Wait", f"{m.REACH_SETTLES / 1000:g}"
MANAGERS = ("IVRC_MANAGER", "IVRC_SECOND")


class Reach:
    """Writes the queues of one office and what rings their members."""

    def __init__(self, pen: Pen, ring: Ringer) -> None:
        self.pen = pen
        self.ring = ring
        self.office = ring.office
        self._with_manager = False
        # Who has a leg; and for each of several in a queue, who have turns, one of their queues.
        self._rung: dict[str, m.Employee] = {}
        self._turns: dict[str, str] = {}
        # Who needs a hint: a queue asks for one state, and theirs is that of several devices.
        self.hinted: set[str] = set()

    def lower(self, cursor: Cursor, step: m.ReachAnyone, part: str) -> None:
        """One step."""
        queue = self._queue(self.pen.fresh_part(part), step) if step.people else ""
        if step.responsible:
            self._with_manager = True
            cursor.add("Gosub", f"{self.pen.context(_WAIT)},s,1({queue},{step.seconds})")
        else:
            _wait(cursor, queue, str(step.seconds))

    def _queue(self, part: str, step: m.ReachAnyone) -> str:
        """A queue of a step's people; its name."""
        name = self.pen.context(part)
        members = tuple(map(self._member, step.people))
        self.pen.needs.queues.append(ir.Queue(name, f"office {self.office.name}", members))
        if len(members) > 1:
            self._turns |= {member: name for _, member, _ in members}
        if step.responsible:
            sheet = Sheet(
                self.pen, part, "whom the step's queue rings: as manager of a call they need no other", step.start
            )
            sheet.holds_callers = False
            for _, member, _ in members:
                sheet.extensions.append(ir.Extension(member, (ir.Line("NoOp", "", None),)))
            sheet.close()
        return name

    def _member(self, employee: m.Employee) -> tuple[str, str, str]:
        name = extension_name(employee.name)
        self._rung[name] = employee
        devices = state_devices(employee)
        if len(devices) > 1:
            self.hinted.add(employee.name)
        state = f"hint:{name}@{self.pen.context('.people')}" if len(devices) > 1 else devices[0]
        return interface(self.office.name, name), name, state

    def contexts(self) -> None:
        """What the steps need together: the legs, whose turn it is, and what rings the manager of a call."""
        if self._with_manager:
            self._wait_context()
            self._managers_context()
        if self._rung:
            self._legs_context()
        if self.pen.takes_turns:
            turns_context(self.pen, self._rung, self._turns)

    def _legs_context(self) -> None:
        sheet = Sheet(self.pen, LEGS, "rings one of those whom queues ring")
        sheet.holds_callers = False
        for name, employee in self._rung.items():
            leg = Cursor(sheet, name)
            if self.pen.takes_turns:
                is_rung(self.pen, leg, name)
            # No limit of its own: the queue hangs the leg up.
            leg.add("Dial", f"{self.ring.devices(employee)},,{OPTIONS}")
            leg.add("Hangup", "${HANGUPCAUSE}")
            leg.close()
        sheet.close()

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
        cursor.add(*_SETTLE)
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
        # Whoever is a member anyway stands in the context that has the queue's name.
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
        for employee in people:
            queue = self.pen.context(f".manager-{employee.name}")
            self.pen.needs.queues.append(ir.Queue(queue, f"office {self.office.name}", (self._member(employee),)))
            cursor = Cursor(waits, extension_name(employee.name))
            cursor.add("Queue", f"{queue},r")
            cursor.add("Hangup")
            cursor.close()
        waits.close()


def _wait(cursor: Cursor, queue: str, seconds: str) -> None:
    """Wait in a queue. Whoever has been talked with hangs up for the caller, too, and here with the cause of that.

    Left to Queue, the call would end with the cause of whatever an earlier step rang in vain.
    """
    cursor.add(*_SETTLE)
    cursor.add("Queue", f"{queue},c,,,{seconds}")
    cursor.add("ExecIf", '$["${QUEUESTATUS}" = "CONTINUE"]?Hangup(16)')
