"""How calls come in: numbers in every form a trunk sends them, callers' numbers, the office's own phones."""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.lower.lamps import lamps
from ivrc.lower.names import (
    BEGIN,
    FINDS_NUMBER,
    INCOMING,
    MAX_NAME_BYTES,
    OTHER,
    PHONES,
    SHARD_DIGITS,
    entry_name,
    extension_name,
    numbers_context,
    plan_name,
    switch_device,
)
from ivrc.lower.rings import Ringer, state_devices, states_of
from ivrc.lower.turns import has_talked
from ivrc.marks import BYTES, CONTENT
from ivrc.phone import Plan, plan_of

# Callers in one context; of a longer list those that end in the same digits share one.
MOST_CALLERS = 1000
CALLERS_SHARD_DIGITS = 2
# Whatever begins like a number; and like the name of a context of ivrc's.
_NUMBER = "_[+0-9]!"
_SCENARIO = "_ivrc."


def _line(app: str, args: str = "", label: str | None = None) -> ir.Line:
    return ir.Line(app, args, label)


def number_contexts(pen: Pen, office: m.Office) -> list[ir.Context]:
    """The incoming numbers, one line each, sharded: one context of many extensions loads in quadratic time."""
    shards: dict[str, list[ir.Extension]] = {}
    for number in office.numbers:
        name, exten = (numbers_context(number.number), number.number[1:]) if number.number else (OTHER, "s")
        written = f'number "{number.written}"' if number.number else "number other"
        items = (
            ir.Comment(f"{written} -> {number.scenario}", "Number", number.start),
            _line("Goto", f"{pen.context(BEGIN)},{pen.context(number.scenario)},1"),
        )
        shards.setdefault(name, []).append(ir.Extension(exten, items))
    return [ir.Context(name, "", tuple(extensions), (), -1) for name, extensions in shards.items()]


def begin_context(pen: Pen, office: m.Office) -> list[ir.Context]:
    """Where the calls of numbers begin. Which scenario it is stands in the extension: one context, for many cost."""
    if not office.numbers:
        return []
    lines = (*_begin(pen, office), _line("Goto", "${EXTEN},s,1"))
    comment = "where calls begin: the extension is the scenario's context"
    return [ir.Context(pen.context(BEGIN), comment, (ir.Extension(_SCENARIO, lines),), (), -1)]


def _begin(pen: Pen, office: m.Office) -> tuple[ir.Line, ...]:
    """What every call of the office has: a deploy knows by the variable which calls are on a generation, legs too."""
    plan = _line("Set", f"__IVRC_PLAN={plan_name(pen.office)}")
    lines = plan, _line("Set", f"CHANNEL(language)={office.language}")
    return (*lines, has_talked(pen)) if pen.takes_turns else lines


def incoming_context(countries: list[str], other: bool) -> ir.Context:
    """Finds the number that a trunk's call is for, whatever form the number is in."""
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
    extensions = [ir.Extension(_NUMBER, tuple(lines))]
    if other:
        # A trunk that sends no number at all, only the name of its account.
        extensions.append(ir.Extension("s", (_line("Goto", f"{OTHER},s,1"),)))
    return ir.Context(FINDS_NUMBER, "finds the number that a call is for", tuple(extensions), (), -1)


def incoming_entry(incoming: ir.Context) -> ir.Context:
    """Where trunks send their calls: one line, for a call must never stand between two that a reload could change."""
    # A number may have anything after its digits; an account's name is of no interest.
    lines = {_NUMBER: "${FILTER(0-9+,${EXTEN})}"}
    if len(incoming.extensions) > 1:
        lines["_[A-Za-z]!"] = "s"
    extensions = [ir.Extension(name, (_line("Goto", f"{incoming.name},{to},1"),)) for name, to in lines.items()]
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
    shard = f"ivrc.numbers-${{IVRC_DID:-{SHARD_DIGITS}}}"
    known = f"${{DIALPLAN_EXISTS({shard},{digits},1)}}"
    condition = known
    if prefix:
        condition = f'$["${{IVRC_DID:0:{len(prefix)}}}" = "{prefix}" & {known}]'
    return [_line("GotoIf", f"{condition}?{shard},{digits},1")]


def caller_context(country: str | None) -> str:
    """The name of the subroutine that returns the caller's number as E.164 digits."""
    return (f"ivrc.caller-{country}" if country else "ivrc.caller") + CONTENT


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
    name = caller_context(country)
    comment = "returns the caller's number with its country code"
    return ir.Context(name, comment, (ir.Extension("s", tuple(lines)),), (), -1)


def _shaped(prefix: str, lengths: tuple[int, ...]) -> str:
    tests = [f'"${{n:0:{len(prefix)}}}" = "{prefix}"'] if prefix else []
    if lengths:
        either = " | ".join(f"${{LEN(${{n}})}} = {length + len(prefix)}" for length in lengths)
        tests.append(f"({either})" if len(lengths) > 1 else either)
    return " & ".join(tests)


def callers_context(pen: Pen, callers: m.Callers) -> None:
    """A list of callers: its numbers and beginnings are extensions; of a long list the numbers are sharded."""
    sharded = is_sharded(pen, callers)
    sheet = Sheet(pen, f".callers-{callers.name}", f"callers {callers.name}", callers.start)
    sheet.holds_callers = False
    for name in (*(() if sharded else callers.numbers), *(f"_{prefix}!" for prefix in callers.prefixes)):
        sheet.extensions.append(ir.Extension(name, (_line("NoOp"),)))
    if sheet.extensions:
        sheet.close()
    shards: dict[str, list[ir.Extension | ir.Hint]] = {}
    for number in callers.numbers if sharded else ():
        shards.setdefault(number[-CALLERS_SHARD_DIGITS:], []).append(ir.Extension(number, (_line("NoOp"),)))
    for digits, extensions in sorted(shards.items()):
        name = f"{sheet.name}-{digits}"
        pen.contexts.append(ir.Context(name, "", tuple(extensions), (), callers.start))


def is_sharded(pen: Pen, callers: m.Callers) -> bool:
    """Whether a list's numbers stand in contexts by their last digits: one of many thousands loads in seconds."""
    room = len(pen.context(f".callers-{callers.name}").encode()) + CALLERS_SHARD_DIGITS + BYTES < MAX_NAME_BYTES
    return len(callers.numbers) > MOST_CALLERS and room


def is_listed(pen: Pen, callers: m.Callers) -> str:
    """The expression that holds if the caller's number, in GOSUB_RETVAL, is in a list."""
    listed = pen.context(f".callers-{callers.name}")
    known = f"${{DIALPLAN_EXISTS({listed},${{GOSUB_RETVAL}},1)}}"
    if not is_sharded(pen, callers):
        return known
    shard = f"{listed}-${{GOSUB_RETVAL:-{CALLERS_SHARD_DIGITS}}}"
    return f"$[{known} | ${{DIALPLAN_EXISTS({shard},${{GOSUB_RETVAL}},1)}}]"


def people_context(pen: Pen, ring: Ringer, employees: tuple[m.Employee, ...], dialled: bool, hinted: set[str]) -> None:
    """With `dialled`, subroutines that return an employee's devices and their state; hints of those `hinted`.

    No more hints than are needed: Asterisk walks through all the hints there are to add or remove one.
    """
    sheet = Sheet(pen, ".people", "subroutines: an employee's devices, and their states")
    if not dialled:
        sheet.comment = "the state of employees' devices together"
    sheet.holds_callers = False
    for employee in employees:
        name = extension_name(employee.name)
        if employee.name in hinted:
            sheet.extensions.append(ir.Hint(name, "&".join(state_devices(employee))))
        if dialled and employee.devices:
            returned = _line("Return", ring.devices(employee)), _line("Return", states_of(employee), "state")
            sheet.extensions.append(ir.Extension(name, returned))
    if sheet.extensions:
        sheet.close()


EXTENSIONS, PREFIXES = ".extensions", ".prefixes"


def extensions_context(pen: Pen, ring: Ringer, employees: tuple[m.Employee, ...]) -> None:
    """The extensions that callers key in a `wait extension`; IVRC_NEXT is where the call goes on."""
    sheet = Sheet(pen, EXTENSIONS, "employees' extensions, for callers who key them")
    for employee in employees:
        target = _reach(employee)
        if employee.extension is None or target is None:
            continue
        cursor = Cursor(sheet, employee.extension, answered=True)
        ring.target(cursor, target, str(m.RING_SECONDS))
        cursor.add("Goto", "${IVRC_NEXT}")
        cursor.close()
    sheet.close()


def prefixes_context(pen: Pen, employees: tuple[m.Employee, ...]) -> None:
    """What employees' extensions begin with: after these keys another may follow."""
    sheet = Sheet(pen, PREFIXES, "what employees' extensions begin with")
    sheet.holds_callers = False
    known = [e.extension for e in employees if e.extension is not None and _reach(e) is not None]
    for keyed in sorted({extension[:length] for extension in known for length in range(1, len(extension))}):
        sheet.extensions.append(ir.Extension(keyed, (_line("NoOp"),)))
    sheet.close()


def _reach(employee: m.Employee) -> m.Target | None:
    if employee.devices:
        return m.Desk(employee)
    return m.Outside(employee.mobiles[0], employee.confirm) if employee.mobiles else None


def phones_context(pen: Pen, ring: Ringer, office: m.Office) -> None:
    """What the office's own phones can dial: extensions and switch codes."""
    sheet = Sheet(pen, PHONES, "what the office's own phones dial")
    sheet.holds_callers = False
    for employee in office.employees:
        target = _reach(employee)
        if employee.extension is None or target is None:
            continue
        cursor = Cursor(sheet, employee.extension)
        cursor.items += _begin(pen, office)
        ring.target(cursor, target, str(m.RING_SECONDS))
        # 19 is "no answer": PJSIP refuses with 480.
        cursor.add("Hangup", "19")
        cursor.close()
    for switch in office.switches:
        _switch(pen, sheet, office, switch)
    if sheet.extensions:
        sheet.close()


def phones_entry(pen: Pen, office: m.Office) -> list[ir.Context]:
    """The context of the phones' endpoints: lamps, and one line an extension."""
    name = entry_name(office.name, ".internal")
    lines: list[ir.Extension | ir.Hint] = []
    watched: dict[str, tuple[str, ...]] = {}
    for employee in office.employees:
        if employee.extension is None or _reach(employee) is None:
            continue
        lines.append(_dial(pen, employee.extension))
        if employee.devices:
            watched[employee.extension] = state_devices(employee)
    lines += lamps(watched)
    for switch in office.switches:
        lines += [_dial(pen, switch.code), ir.Hint(switch.code, switch_device(office.name, switch.name))]
    return [ir.Context(name, f"the office's own phones: context={name}", tuple(lines), (), -1)] if lines else []


def _dial(pen: Pen, exten: str) -> ir.Extension:
    return ir.Extension(exten, (_line("Goto", f"{pen.context(PHONES)},{exten},1"),))


def _switch(pen: Pen, sheet: Sheet, office: m.Office, switch: m.Switch) -> None:
    device = switch_device(office.name, switch.name)
    pen.needs.own_sounds.update(("activated", "de-activated"))
    cursor = Cursor(sheet, switch.code)
    cursor.comment(f"switch {switch.name}", "Switch", switch.start)
    cursor.items += _begin(pen, office)
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
