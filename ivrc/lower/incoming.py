"""How calls come in: numbers in every form a trunk sends them, callers' numbers, the office's own phones."""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.names import INCOMING, OTHER, extension_name, number_context, switch_device
from ivrc.lower.rings import Ringer, state_device
from ivrc.phone import Plan, plan_of


def _line(app: str, args: str = "", label: str | None = None) -> ir.Line:
    return ir.Line(app, args, label)


def number_contexts(pen: Pen, office: m.Office) -> list[ir.Context]:
    """A context for each incoming number: small ones, for one context of many extensions loads in quadratic time."""
    contexts = []
    for number in office.numbers:
        name = number_context(number.number) if number.number else OTHER
        written = f'number "{number.written}"' if number.number else "number other"
        items = (
            ir.Comment(f"{written} -> {number.scenario}", "Number", number.start),
            _line("Set", f"CHANNEL(language)={office.language}"),
            _line("Goto", f"{pen.context(number.scenario)},s,1"),
        )
        contexts.append(ir.Context(name, "", (ir.Extension("s", items),), (), number.start))
    return contexts


def incoming_context(countries: list[str], other: bool) -> ir.Context:
    """Where trunks send their calls: finds the number's context, whatever form the number is in."""
    plans = sorted({plan_of(country) for country in countries})
    lines = [_line("Set", "IVRC_DID=${FILTER(0-9,${EXTEN})}")]
    lines += _try("${IVRC_DID}")
    for plan in plans:
        for prefix, code in _rewrites(plan):
            lines += _try(code + (f"${{IVRC_DID:{len(prefix)}}}" if prefix else "${IVRC_DID}"), prefix)
    if other:
        lines.append(_line("Goto", f"{OTHER},s,1"))
    else:
        # 1 is "unallocated number": PJSIP refuses with 404.
        lines.append(_line("Log", "NOTICE,ivrc: nobody declared the number ${FILTER(0-9+,${EXTEN})}"))
        lines.append(_line("Hangup", "1"))
    names = ["_[+0-9]!"] + (["_[A-Za-z]!"] if other else [])
    extensions = [ir.Extension(names[0], tuple(lines))]
    # A trunk that sends no number at all, only the name of its account.
    extensions += [ir.Extension(name, (_line("Goto", f"{OTHER},s,1"),)) for name in names[1:]]
    # Exact names beat patterns: a call that ends in this context must not come in once more as `h`.
    extensions.append(ir.Extension("h", (_line("NoOp"),)))
    return ir.Context(INCOMING, "calls from trunks: context=ivrc-incoming", tuple(extensions), (), -1)


def _rewrites(plan: Plan) -> list[tuple[str, str]]:
    """(prefix to take off, digits to put before) for the ways a country's trunks write numbers."""
    ways = []
    if plan.trunk_prefix:
        ways.append((plan.trunk_prefix, plan.calling_code))
    ways.append(("", plan.calling_code))
    if plan.international_prefix:
        ways.append((plan.international_prefix, ""))
    return ways


def _try(digits: str, prefix: str = "") -> list[ir.Line]:
    name = f"ivrc.number-{digits}"
    known = f"${{DIALPLAN_EXISTS({name},s,1)}}"
    condition = known
    if prefix:
        condition = f'$["${{IVRC_DID:0:{len(prefix)}}}" = "{prefix}" & {known}]'
    return [_line("GotoIf", f"{condition}?{name},s,1")]


def caller_subroutine(country: str | None) -> ir.Context:
    """Returns the caller's number as E.164 digits; 0 for one who sends none."""
    lines = [
        _line("Set", "LOCAL(n)=${FILTER(0-9,${CALLERID(num)})}"),
        _line("GotoIf", '$["${n}" = ""]?none'),
        _line("GotoIf", '$["${CALLERID(num):0:1}" = "+"]?done'),
    ]
    if country is not None:
        plan = plan_of(country)
        rules = [
            (plan.international_prefix, "", ()),
            (plan.trunk_prefix, plan.calling_code, plan.lengths),
            (plan.calling_code, plan.calling_code, plan.lengths),
            ("", plan.calling_code, plan.lengths),
        ]
        for index, (prefix, _, lengths) in enumerate(rules):
            if prefix or index == 3:
                lines.append(_line("GotoIf", f"$[{_shaped(prefix, lengths)}]?form{index}"))
        lines.append(_line("Return", "${n}", "done"))
        for index, (prefix, code, _) in enumerate(rules):
            if prefix or index == 3:
                rest = f"${{n:{len(prefix)}}}" if prefix else "${n}"
                lines.append(_line("Return", code + rest, f"form{index}"))
    else:
        lines.append(_line("Return", "${n}", "done"))
    lines.append(_line("Return", "0", "none"))
    name = f"ivrc.caller-{country}" if country else "ivrc.caller"
    comment = "returns the caller's number with its country code"
    return ir.Context(name, comment, (ir.Extension("s", tuple(lines)),), (), -1)


def _shaped(prefix: str, lengths: tuple[int, ...]) -> str:
    tests = [f'"${{n:0:{len(prefix)}}}" = "{prefix}"'] if prefix else []
    if lengths:
        either = " | ".join(f"${{LEN(${{n}})}} = {length + len(prefix)}" for length in lengths)
        tests.append(f"({either})" if len(lengths) > 1 else either)
    return " & ".join(tests)


def callers_context(pen: Pen, callers: m.Callers) -> None:
    """A list of callers: its numbers and beginnings are extensions."""
    sheet = Sheet(pen, f".callers-{callers.name}", f"callers {callers.name}", callers.start)
    sheet.holds_callers = False
    for name in (*callers.numbers, *(f"_{prefix}!" for prefix in callers.prefixes)):
        sheet.extensions.append(ir.Extension(name, (_line("NoOp"),)))
    sheet.close()


def people_context(pen: Pen, ring: Ringer, employees: tuple[m.Employee, ...], dialled: bool) -> None:
    """Hints: whether each employee is free, busy or offline; with `dialled`, subroutines that return the devices."""
    comment = "who is free: the state of each employee's devices together"
    sheet = Sheet(pen, ".people", comment + ("; as subroutines, the devices" if dialled else ""))
    sheet.holds_callers = False
    for employee in employees:
        if employee.devices:
            devices = "&".join(dict.fromkeys(state_device(device) for device in employee.devices))
            sheet.extensions.append(ir.Hint(extension_name(employee.name), devices))
            if dialled:
                returned = (_line("Return", ring.devices(employee)),)
                sheet.extensions.append(ir.Extension(extension_name(employee.name), returned))
    if sheet.extensions:
        sheet.close()


def extensions_context(pen: Pen, ring: Ringer, employees: tuple[m.Employee, ...], timed: bool) -> None:
    """The extensions that callers key in a `wait extension`; IVRC_NEXT is where the call goes on."""
    sheet = Sheet(pen, ".extensions", "employees' extensions, for callers who key them")
    for employee in employees:
        target = _reach(employee)
        if employee.extension is None or target is None:
            continue
        cursor = Cursor(sheet, employee.extension, answered=True)
        if timed:
            cursor.add("Set", "TIMEOUT(absolute)=0")
        ring.target(cursor, target, str(m.RING_SECONDS))
        cursor.add("Goto", "${IVRC_NEXT}")
        cursor.close()
    sheet.close()


def _reach(employee: m.Employee) -> m.Target | None:
    if employee.devices:
        return m.Desk(employee)
    return m.Outside(employee.mobiles[0], employee.confirm) if employee.mobiles else None


def internal_context(pen: Pen, ring: Ringer, office: m.Office) -> None:
    """For the office's own phones (their endpoints' context): extensions, switch codes, lamps for both."""
    sheet = Sheet(pen, ".internal", f"the office's own phones: context={pen.context('.internal')}")
    sheet.holds_callers = False
    for employee in office.employees:
        target = _reach(employee)
        if employee.extension is None or target is None:
            continue
        cursor = Cursor(sheet, employee.extension)
        cursor.add("Set", f"CHANNEL(language)={office.language}")
        ring.target(cursor, target, str(m.RING_SECONDS))
        # 19 is "no answer": PJSIP refuses with 480.
        cursor.add("Hangup", "19")
        cursor.close()
        if employee.devices:
            devices = "&".join(dict.fromkeys(state_device(device) for device in employee.devices))
            sheet.extensions.append(ir.Hint(employee.extension, devices))
    for switch in office.switches:
        _switch(pen, sheet, office, switch)
    if sheet.extensions:
        sheet.close()


def _switch(pen: Pen, sheet: Sheet, office: m.Office, switch: m.Switch) -> None:
    device = switch_device(office.name, switch.name)
    pen.needs.own_sounds.update(("activated", "de-activated"))
    cursor = Cursor(sheet, switch.code)
    cursor.comment(f"switch {switch.name}", "Switch", switch.start)
    cursor.add("Set", f"CHANNEL(language)={office.language}")
    cursor.add("Answer")
    cursor.add("GotoIf", f'$["${{DEVICE_STATE({device})}}" = "INUSE"]?off')
    cursor.add("Set", f"DEVICE_STATE({device})=INUSE")
    cursor.add("Playback", "activated")
    cursor.add("Hangup")
    cursor.place("off")
    cursor.add("Set", f"DEVICE_STATE({device})=NOT_INUSE")
    cursor.add("Playback", "de-activated")
    cursor.add("Hangup")
    cursor.close()
    sheet.extensions.append(ir.Hint(switch.code, device))
