"""AST to Model: the checks of one office, as a list that can be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ivrc import ast
from ivrc import model as m
from ivrc.diagnostics import Diagnostic
from ivrc.hours import Hours
from ivrc.semantics import people as p
from ivrc.semantics.flow import check_loops
from ivrc.semantics.hours import check_hours
from ivrc.semantics.office import Settings, check_settings
from ivrc.semantics.scenarios import Steps
from ivrc.semantics.scope import Faults, Table, declare, look_up


def analyse(
    files: list[ast.File], default_name: str, folder: str, start: int, broken: Iterable[int] = ()
) -> tuple[m.Office, list[Diagnostic]]:
    """The office that some files make up together.

    `default_name` names an office without the setting; `folder` is where its prompts folder lies; `broken` are
    the positions where the parser left something out.
    """
    faults = Faults(broken)
    by_kind: dict[type, list[Any]] = {}
    for file in files:
        for node in file.declarations:
            by_kind.setdefault(type(node), []).append(node)
    settings = check_settings(by_kind.get(ast.Settings, []), default_name, start, faults)
    people = _people(by_kind, settings, faults)
    hours = _hours(by_kind, settings, faults)
    steps = Steps(settings, people, hours, faults)
    nodes = [node for node in by_kind.get(ast.Scenario, []) if declare(steps.scenarios, node.name, node, faults)]
    numbers = _numbers(by_kind.get(ast.Number, []), steps, faults)
    groups = tuple(group for name in people.groups.tokens.values() if (group := p.resolve_group(name, people)))
    scenarios = tuple(steps.scenario(node) for node in nodes)
    check_loops(scenarios, faults)
    _check_trunk(settings, people, faults)
    _check_extensions(steps, faults)
    office = m.Office(
        name=settings.name,
        country=settings.country,
        timezone=settings.timezone,
        language=settings.language,
        trunk=settings.trunk,
        sip=settings.sip,
        helper=settings.helper,
        lookup_seconds=settings.lookup_seconds,
        folder=folder,
        prompts=settings.prompts,
        employees=tuple(people.employees.entries.values()),
        groups=groups,
        hours=tuple(hours.entries.items()),
        callers=tuple(people.callers.entries.values()),
        switches=tuple(people.switches.entries.values()),
        numbers=numbers,
        scenarios=scenarios,
        start=settings.start,
        end=settings.end,
    )
    return office, faults.found


def _people(by_kind: dict[type, list[Any]], settings: Settings, faults: Faults) -> p.People:
    people = p.People(settings.country, faults)
    for node in by_kind.get(ast.Employee, []):
        declare(people.employees, node.name, p.check_employee(node, people), faults)
    for node in by_kind.get(ast.Group, []):
        declare(people.groups, node.name, node, faults)
    for node in by_kind.get(ast.Callers, []):
        declare(people.callers, node.name, p.check_callers(node, people), faults)
    for node in by_kind.get(ast.Switch, []):
        declare(people.switches, node.name, p.check_switch(node, people), faults)
    return people


def _hours(by_kind: dict[type, list[Any]], settings: Settings, faults: Faults) -> Table[Hours]:
    table: Table[Hours] = Table("hours")
    for node in by_kind.get(ast.Hours, []):
        if settings.timezone is None:
            hint = 'as in: settings { timezone "Europe/Moscow" }'
            faults.add("IVR208", node.name, "hours need the setting `timezone`", hint)
        declare(table, node.name, check_hours(node.items, settings.timezone or "UTC", node.name, node, faults), faults)
    return table


def _numbers(nodes: list[ast.Number], steps: Steps, faults: Faults) -> tuple[m.Number, ...]:
    numbers: list[m.Number] = []
    for node in nodes:
        look_up(steps.scenarios, node.scenario, faults)
        if not node.numbers:
            numbers.append(m.Number(None, "other", node.scenario.text, node.start, node.end))
        for token in node.numbers:
            number = steps.people.number(token)
            if number is not None:
                numbers.append(m.Number(number, token.value, node.scenario.text, token.start, token.end))
    return tuple(numbers)


def _check_trunk(settings: Settings, people: p.People, faults: Faults) -> None:
    if settings.trunk is None and people.needs_trunk:
        hint = 'as in: settings { trunk "PJSIP/{number}@provider" }'
        faults.add("IVR208", people.needs_trunk[0], "an external number needs the setting `trunk`", hint)


def _check_extensions(steps: Steps, faults: Faults) -> None:
    if not steps.people.extensions:
        for node in steps.needs_extensions:
            hint = "as in: employee anna { extension 101 … }"
            faults.add("IVR306", node, "no employee has an extension that a caller could key", hint)


__all__ = ["analyse"]
