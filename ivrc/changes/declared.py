"""Changes of what has a declaration of its own: settings, employees, groups, hours, lists, switches, prompts.

Each is told once, where it is declared, and whether any caller could notice: whether a number leads to a step that
has to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivrc import model as m
from ivrc.changes.graph import Graph, Same
from ivrc.changes.sides import Sides
from ivrc.changes.times import TimeSet, calendar_of, meaning
from ivrc.changes.words import plan_words
from ivrc.named import NamedTuple
from ivrc.simulate.office import always_confirmed, prompt_name
from ivrc.walking import dial_together, steps_of


class Change(NamedTuple):
    """A declaration that has changed: `what` is its kind and name, `text` how; `noticed` by callers, or by nobody."""

    what: str
    text: str
    noticed: bool
    old_start: int
    new_start: int


class Used(NamedTuple):
    """What the scenarios that numbers lead to have to do with, by name."""

    scenarios: set[str]
    employees: set[str]
    groups: set[str]
    hours: set[str]
    callers: set[str]
    switches: set[str]
    prompts: set[str]
    asks_crm: bool
    rings_outside: bool
    rings_sip: bool


def used_by(office: m.Office) -> Used:
    """What callers of an office can meet."""
    scenarios = {scenario.name: scenario for scenario in office.scenarios}
    reached: dict[str, None] = {}
    pending = [number.scenario for number in office.numbers]
    used = Used(set(), set(), set(), set(), set(), set(), set(), False, False, False)
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached[name] = None
        for step in steps_of(scenarios[name].body):
            if isinstance(step, m.Move | m.FaxDetected):
                pending.append(step.scenario)
            used = _use(used, step, office)
    used.scenarios.update(reached)
    return used


def _use(used: Used, step: m.Step, office: m.Office) -> Used:
    prompt = getattr(step, "prompt", None)
    if prompt is not None:
        used.prompts.add(prompt_name(prompt))
    targets: tuple[m.Target, ...] = ()
    match step:
        case m.CallGroup(group):
            used.groups.add(group.name)
            targets = dial_together(group.plan)
        case m.CallEmployee(employee, _, mobile):
            used.employees.add(employee.name)
            targets = (mobile,) if mobile else ()
        case m.CallNumber(target):
            targets = (target,)
        case m.CallSip():
            used = used._replace(rings_sip=True)
        case m.WaitExtension():
            keyed = [employee for employee in office.employees if employee.extension]
            used.employees.update(employee.name for employee in keyed)
            by_mobile = any(employee.mobiles and not employee.devices for employee in keyed)
            used = used._replace(rings_outside=used.rings_outside or by_mobile)
        case m.CallResponsible():
            used.employees.update(employee.name for employee in office.employees)
            used = used._replace(asks_crm=True, rings_outside=True)
        case m.ReachAnyone(people):
            used.employees.update(employee.name for employee in people)
        case m.Voicemail(_, _, to) if to is not None:
            used.employees.add(to.name)
        case m.When(condition):
            _use_condition(used, condition)
    owners = {number: employee.name for employee in office.employees for number in employee.mobiles} if targets else {}
    for each in targets:
        if isinstance(each, m.Desk):
            used.employees.add(each.employee.name)
        else:
            used = used._replace(rings_outside=True)
            used.employees.update({owners[each.number]} if each.number in owners else set())
    return used


def _use_condition(used: Used, condition: m.Condition) -> None:
    match condition:
        case m.ByHours(name) if name is not None:
            used.hours.add(name)
        case m.BySwitch(switch):
            used.switches.add(switch.name)
        case m.ByCallers(callers):
            used.callers.add(callers.name)


def declared(sides: Sides, graphs: tuple[Graph, Graph], same: Same) -> list[Change]:
    """All changes of declarations, in the order of the language's page."""
    used = used_by(sides.old.office), used_by(sides.new.office)
    return [
        *_settings(sides, used),
        *_employees(sides, used),
        *_groups(sides, used),
        *_hours(sides, used),
        *_callers(sides, used),
        *_switches(sides, used),
        *_prompts(sides, used),
        *_scenarios(sides, used, graphs, same),
    ]


def _settings(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    old, new = sides.old.office, sides.new.office
    noticed = {
        "name": False,
        "country": True,
        "timezone": True,
        # Of Asterisk's own words, too.
        "language": bool(new.numbers),
        "trunk": used[1].rings_outside,
        "sip": used[1].rings_sip,
        "helper": used[1].asks_crm,
        "lookup_seconds": used[1].asks_crm,
        "prompts": False,
    }
    words = {"name": "office", "lookup_seconds": "lookup"}
    for field, is_noticed in noticed.items():
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            unit = "s" if field == "lookup_seconds" else ""
            text = f"now {_value(after)}{unit}; before {_value(before)}{unit}"
            yield Change(f"settings {words.get(field, field)}", text, is_noticed, old.start, new.start)
    yield from _confirmed(sides, used)


def _confirmed(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    """Numbers that whoever picks up must accept when the CRM names them: for a `confirm` at an employee's mobile."""
    if not (used[0].asks_crm and used[1].asks_crm):
        return
    was, now = (always_confirmed(side.office) for side in (sides.old, sides.new))
    parts = [f"also {', '.join(sorted(now - was))}"] * bool(now - was)
    parts += [f"no longer {', '.join(sorted(was - now))}"] * bool(was - now)
    if parts:
        yield Change("confirm for the CRM's mobiles", "; ".join(parts), True, -1, -1)


def _value(value: object) -> str:
    return "not set" if value is None else str(value)


def _one_sided(kind: str, matched: Any, names: tuple[set[str], set[str]], words: Any) -> Iterator[Change]:
    """Declarations of one side only, and renamed ones."""
    for old, new in matched.both:
        if old.name != new.name:
            yield Change(f"{kind} {old.name}", f"is now called {new.name}", False, old.start, new.start)
    for entry in matched.removed:
        yield Change(f"{kind} {entry.name}", f"is gone{words(entry)}", entry.name in names[0], entry.start, -1)
    for entry in matched.added:
        yield Change(f"{kind} {entry.name}", f"is new{words(entry)}", entry.name in names[1], -1, entry.start)


def _employees(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    names = used[0].employees, used[1].employees
    asks = used[0].asks_crm or used[1].asks_crm
    yield from _one_sided("employee", sides.employees, names, _employee_words)
    for old, new in sides.employees.both:
        texts = [
            (_moved("extension", old.extension, new.extension), True),
            (_moved("phones", ", ".join(old.devices), ", ".join(new.devices)), set(old.devices) != set(new.devices)),
            (_moved("mobile", ", ".join(old.mobiles), ", ".join(new.mobiles)), True),
            (_moved("confirm", "yes" if old.confirm else "no", "yes" if new.confirm else "no"), True),
            (_moved("crm", old.crm, new.crm), asks),
            (_moved("name", old.display, new.display) if _named(old) or _named(new) else "", False),
            (_moved("email", old.email, new.email), False),
        ]
        met = new.name in names[1] or old.name in names[0]
        for noticed in (True, False):
            told = [text for text, is_noticed in texts if text and (is_noticed and met) == noticed]
            if told:
                yield Change(f"employee {new.name}", "; ".join(told), noticed, old.start, new.start)


def _named(employee: m.Employee) -> bool:
    """Whether the employee has a name besides that of the source."""
    return employee.display != employee.name


def _employee_words(employee: m.Employee) -> str:
    fields = [("extension", employee.extension), ("phones", ", ".join(employee.devices))]
    fields.append(("mobile", ", ".join(employee.mobiles)))
    told = [f"{name} {value}" for name, value in fields if value]
    return f": {', '.join(told)}" if told else ""


def _moved(what: str, before: str | None, after: str | None) -> str:
    """`extension 102, before 101`; empty if nothing has changed."""
    if (before or "") == (after or ""):
        return ""
    return f"{what} {after or 'none'}, before {before or 'none'}"


def _groups(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    names = used[0].groups, used[1].groups
    whose = sides.old.mobiles(), sides.new.mobiles()
    removed = sides.groups._replace(both=[], added=[])
    added = sides.groups._replace(removed=[])
    yield from _one_sided("group", removed, names, lambda each: f": {plan_words(each.plan, whose[0])}")
    yield from _one_sided("group", added, names, lambda each: f": {plan_words(each.plan, whose[1])}")
    for old, new in sides.groups.both:
        if sides.plans[id(old)] != sides.plans[id(new)]:
            now, before = plan_words(new.plan, whose[1]), plan_words(old.plan, whose[0])
            noticed = new.name in names[1] or old.name in names[0]
            yield Change(f"group {new.name}", f"now {now}; before {before}", noticed, old.start, new.start)


def _hours(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    old, new = dict(sides.old.office.hours), dict(sides.new.office.hours)
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            word = "are new" if before is None else "are gone"
            # Callers notice at the steps that ask for them.
            yield Change(f"hours {name}", word, False, -1, -1)
            continue
        if meaning(before, sides.since) == meaning(after, sides.since):
            continue
        calendar = calendar_of([before, after], sides.since)
        was, now = TimeSet.of(calendar, before), TimeSet.of(calendar, after)
        gained, lost = now - was, was - now
        parts = [f"also {gained.words()}"] * bool(gained) + [f"no longer {lost.words()}"] * bool(lost)
        noticed = name in used[0].hours or name in used[1].hours
        yield Change(f"hours {name}", "; ".join(parts) or "changed beyond 2035", noticed, -1, -1)


def _callers(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    names = used[0].callers, used[1].callers
    yield from _one_sided("callers", sides.callers, names, lambda _: "")
    for old, new in sides.callers.both:
        was, now = _list_words(old), _list_words(new)
        parts = [f"also {', '.join(sorted(now - was))}"] * bool(now - was)
        parts += [f"no longer {', '.join(sorted(was - now))}"] * bool(was - now)
        if parts:
            noticed = new.name in names[1] or old.name in names[0]
            yield Change(f"callers {new.name}", "; ".join(parts), noticed, old.start, new.start)


def _list_words(callers: m.Callers) -> set[str]:
    return {f"+{number}" for number in callers.numbers} | {f"+{prefix}*" for prefix in callers.prefixes}


def _switches(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    yield from _one_sided("switch", sides.switches, (used[0].switches, used[1].switches), lambda each: f": {each.code}")
    for old, new in sides.switches.both:
        if old.code != new.code:
            # Those who flip it notice; callers do not.
            yield Change(f"switch {new.name}", _moved("toggled by", old.code, new.code), False, old.start, new.start)


def _prompts(sides: Sides, used: tuple[Used, Used]) -> Iterator[Change]:
    for name in sorted(sides.old.prompts.keys() & sides.new.prompts.keys()):
        if sides.old.prompts[name] != sides.new.prompts[name]:
            yield Change(f'prompt "{name}"', "is another recording", name in used[1].prompts, -1, -1)
    for name in sorted(sides.new.prompts.keys() - sides.old.prompts.keys()):
        was = next((old for old, new in sides.moved_prompts.items() if new == name), None)
        if was is not None:
            yield Change(f'prompt "{was}"', f'is now called "{name}"', False, -1, -1)


def _scenarios(sides: Sides, used: tuple[Used, Used], graphs: tuple[Graph, Graph], same: Same) -> Iterator[Change]:
    """Renamed scenarios, and those that no number leads to."""
    old = {scenario.name: scenario for scenario in sides.old.office.scenarios}
    new = {scenario.name: scenario for scenario in sides.new.office.scenarios}
    fresh = [name for name in new if name not in old]
    for name, scenario in old.items():
        if name in new:
            idle = name not in used[0].scenarios and name not in used[1].scenarios
            if idle and not same(graphs[0].entry(name), graphs[1].entry(name)):
                text = "changed; no number leads to it"
                yield Change(f"scenario {name}", text, False, scenario.start, new[name].start)
            continue
        other = next((each for each in fresh if same(graphs[0].entry(name), graphs[1].entry(each))), None)
        if other is not None:
            fresh.remove(other)
            yield Change(f"scenario {name}", f"is now called {other}", False, scenario.start, new[other].start)
        else:
            yield Change(f"scenario {name}", "is gone", False, scenario.start, -1)
    for name in fresh:
        yield Change(f"scenario {name}", "is new", False, -1, new[name].start)
