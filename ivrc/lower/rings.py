"""Ringing people: employees, groups by their strategy, external numbers, with and without `confirm`.

A Dial that ends in a conversation ends the call; one that does not goes on with the next line: that is
what the language wants of both, so no option changes it. `i`: a phone that forwards the call elsewhere is
not followed, for it could forward to a number that the source does not name.
"""

from __future__ import annotations

from typing import assert_never

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.names import ACCEPT
from ivrc.phone import plan_of

OPTIONS = "i"
# Device states: free, or ringing for another caller, or of a technology that does not tell; and not there.
_FREE = "NOT_INUSE|RINGING|UNKNOWN"
_OFFLINE = "UNAVAILABLE|INVALID"
# An expression's `=~` gives what its first brackets hold: they stand around everything.
ONE_FREE = f'"^({_FREE})$"'
# The states of two phones, or of one, joined by `/`: a free one, and no other in a call.
FREE = f'"^((({_OFFLINE})/)?({_FREE})(/({_FREE}|{_OFFLINE}))?)$"'
# The same with a `/` at either end: any in a call.
BUSY = '"/(INUSE|BUSY|ONHOLD|RINGINUSE)/"'


def state_device(endpoint: str) -> str:
    """The device whose state tells whether an endpoint is free: `PJSIP/anna` for `PJSIP/anna/sip:a@host`."""
    technology, _, resource = endpoint.partition("/")
    if technology.upper() == "PJSIP":
        resource = resource.rpartition("@")[2] if "/" not in resource and "@" in resource else resource.split("/")[0]
    return f"{technology}/{resource}"


def endpoint_name(endpoint: str) -> str:
    """The PJSIP endpoint that a dial string needs, or an empty string."""
    device = state_device(endpoint)
    return device.partition("/")[2] if device.upper().startswith("PJSIP/") else ""


def is_free(employee: m.Employee) -> str:
    """The expression that holds while an employee can be rung."""
    return f'$["{states_of(employee)}" =~ {ONE_FREE if len(state_devices(employee)) == 1 else FREE}]'


def states_of(employee: m.Employee) -> str:
    """The states of an employee's devices, joined by `/`."""
    return "/".join(f"${{DEVICE_STATE({device})}}" for device in state_devices(employee))


def state_devices(employee: m.Employee) -> tuple[str, ...]:
    """The devices whose states are an employee's, one or two."""
    return tuple(dict.fromkeys(map(state_device, employee.devices)))


def outside_number(template: str, e164: str, country: str | None) -> str:
    """The dial string of an external number through the trunk."""
    digits = e164[1:]
    national = digits
    if country is not None:
        plan = plan_of(country)
        if digits.startswith(plan.calling_code):
            national = plan.trunk_prefix + digits[len(plan.calling_code) :]
        else:
            national = plan.international_prefix + digits
    return template.replace("{number}", e164).replace("{digits}", digits).replace("{national}", national)


def outside_variable(template: str, variable: str, country: str | None) -> str:
    """The dial string of the external number whose E.164 digits a variable holds, through the trunk."""
    digits = f"${{{variable}}}"
    national = digits
    if country is not None:
        plan = plan_of(country)
        code, own = plan.calling_code, len(plan.calling_code)
        here = f'$["${{{variable}:0:{own}}}" = "{code}"]'
        national = f"${{IF({here}?{plan.trunk_prefix}${{{variable}:{own}}}:{plan.international_prefix}{digits})}}"
    return template.replace("{number}", "+" + digits).replace("{digits}", digits).replace("{national}", national)


class Ringer:
    """Writes the lines that ring people of one office."""

    def __init__(self, pen: Pen, office: m.Office) -> None:
        self.pen = pen
        self.office = office

    def outside(self, target: m.Outside) -> str:
        """The dial string of an external number; with `confirm` by way of a leg that asks for the key."""
        direct = outside_number(self.office.trunk or "", target.number, self.office.country)
        if name := endpoint_name(direct):
            self.pen.needs.endpoints.add(name)
        if not target.confirm:
            return direct
        self.pen.needs.confirmed.add(target.number)
        return f"Local/{target.number[1:]}@{self.pen.context('.confirm')}/n"

    def devices(self, employee: m.Employee) -> str:
        """The dial string of an employee's own devices."""
        self.pen.needs.endpoints.update(name for device in employee.devices if (name := endpoint_name(device)))
        return "&".join(employee.devices)

    def target(self, cursor: Cursor, target: m.Target, seconds: str) -> None:
        """Ring one target for some seconds; one who is offline or busy is passed over at once."""
        match target:
            case m.Desk(employee):
                after = cursor.label(f"after-{employee.name}")
                cursor.add("GotoIf", f"{is_free(employee)}?:{after}")
                cursor.add("Dial", f"{self.devices(employee)},{seconds},{OPTIONS}")
                cursor.place(after)
            case m.Outside():
                cursor.add("Dial", f"{self.outside(target)},{seconds},{OPTIONS}")
            case _:
                assert_never(target)

    def plan(self, cursor: Cursor, plan: m.RingPlan, seconds: str) -> None:
        """Ring by a plan."""
        match plan:
            case m.Together((target,)):
                self.target(cursor, target, seconds)
            case m.Together(targets):
                self.together(cursor, targets, seconds)
            case m.InOrder(turns):
                for turn in turns:
                    self.plan(cursor, turn, seconds)
            case m.Drawn(turns):
                self.drawn(cursor, turns, seconds)
            case _:
                assert_never(plan)

    def together(self, cursor: Cursor, targets: tuple[m.Target, ...], seconds: str) -> None:
        """Ring all who are free at the same time."""
        always = [self.outside(target) for target in targets if isinstance(target, m.Outside)]
        cursor.add("Set", f"IVRC_RING={''.join('&' + each for each in always)}")
        for target in targets:
            if isinstance(target, m.Desk):
                self._add_if_free(cursor, target.employee)
        after = cursor.label("after-ring")
        if not always:
            cursor.add("GotoIf", f'$["${{IVRC_RING}}" = ""]?{after}')
        cursor.add("Dial", f"${{IVRC_RING:1}},{seconds},{OPTIONS}")
        cursor.place(after)

    def _add_if_free(self, cursor: Cursor, employee: m.Employee) -> None:
        added = f"Set(IVRC_RING=${{IVRC_RING}}&{self.devices(employee)})"
        if ":" not in added:
            cursor.add("ExecIf", f"{is_free(employee)}?{added}")
            return
        # ExecIf would take a colon for the beginning of its `else`.
        after = cursor.label(f"without-{employee.name}")
        cursor.add("GotoIf", f"{is_free(employee)}?:{after}")
        cursor.add("Set", f"IVRC_RING=${{IVRC_RING}}&{self.devices(employee)}")
        cursor.place(after)

    def drawn(self, cursor: Cursor, turns: tuple[tuple[int, m.RingPlan], ...], seconds: str) -> None:
        """Ring in an order drawn now: each turn in proportion to the weights of those left."""
        weighted = [(weight, turn) for weight, turn in turns if weight > 0]
        draw, done = cursor.label("draw"), cursor.label("drawn")
        name = cursor.label("weight")
        variables = [f"IVRC_{name.upper().replace('-', '_')}_{index}" for index in range(1, len(weighted) + 1)]
        for variable, (weight, _) in zip(variables, weighted, strict=True):
            cursor.add("Set", f"LOCAL({variable})={weight}")
        cursor.place(draw)
        total = " + ".join(f"${{{variable}}}" for variable in variables)
        cursor.add("Set", f"LOCAL(IVRC_LEFT)=$[{total}]")
        cursor.add("GotoIf", f"$[${{IVRC_LEFT}} = 0]?{done}")
        cursor.add("Set", "LOCAL(IVRC_DRAW)=${RAND(1,${IVRC_LEFT})}")
        labels = [cursor.label("turn") for _ in weighted]
        for variable, label in zip(variables, labels, strict=True):
            # The draw falls into this turn's share of what is left, or the share is taken off.
            cursor.add("GotoIf", f"$[${{IVRC_DRAW}} <= ${{{variable}}}]?{label}")
            cursor.add("Set", f"LOCAL(IVRC_DRAW)=$[${{IVRC_DRAW}} - ${{{variable}}}]")
        for variable, label, (_, turn) in zip(variables, labels, weighted, strict=True):
            cursor.place(label)
            cursor.add("Set", f"LOCAL({variable})=0")
            self.plan(cursor, turn, seconds)
            cursor.add("Goto", draw)
        cursor.place(done)
        for weight, turn in turns:
            if weight == 0:
                self.plan(cursor, turn, seconds)

    def group_context(self, group: m.Group) -> None:
        """The subroutine that rings a group; ARG1 is the time of each turn in seconds."""
        part = f".group-{group.name}"
        sheet = Sheet(self.pen, part, f"rings group {group.name}, {group.strategy}; ARG1: seconds a turn", group.start)
        cursor = Cursor(sheet, "s")
        self.plan(cursor, group.plan, "${ARG1}")
        cursor.add("Return")
        cursor.close()
        sheet.close()

    def confirm_context(self) -> None:
        """Legs to numbers that must be accepted by a key: the caller is put through only after it."""
        if not self.pen.needs.confirmed:
            return
        sheet = Sheet(self.pen, ".confirm", "numbers where whoever picks up presses 1 to accept the call")
        sheet.holds_callers = False
        for number in sorted(self.pen.needs.confirmed):
            cursor = Cursor(sheet, number[1:])
            direct = outside_number(self.office.trunk or "", number, self.office.country)
            # No limit of its own: whoever dials this leg hangs it up when the time is over.
            cursor.add("Dial", f"{direct},,{OPTIONS}{asked(self.office)}")
            cursor.add("Hangup", "${HANGUPCAUSE}")
            cursor.close()
        sheet.close()


def asked(office: m.Office) -> str:
    """Dial's option that asks whoever picks up to press 1, in the office's language."""
    return f"U({ACCEPT}^{office.language})"


def accept_context() -> ir.Context:
    """What a called mobile hears: press 1 to accept. Anything else, a voicemail's silence too, refuses."""
    lines = (
        ir.Line("Set", "CHANNEL(language)=${ARG1}", None),
        ir.Line("Read", "IVRC_ACCEPT,followme/options,1,,2,4", None),
        ir.Line("GotoIf", '$["${IVRC_ACCEPT}" = "1"]?accepted', None),
        ir.Line("Set", "GOSUB_RESULT=CONTINUE", None),
        ir.Line("Return", "", "accepted"),
    )
    comment = "asks whoever picked up to press 1 for the call"
    return ir.Context(ACCEPT, comment, (ir.Extension("s", lines),), (), -1)
