"""Model to IR: the dialplan of one office, and what all offices share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivrc import ir
from ivrc import model as m
from ivrc.lower import incoming
from ivrc.lower.cursor import Pen
from ivrc.lower.hours import holiday_contexts, hours_context
from ivrc.lower.keys import KEYED, wait_context
from ivrc.lower.media import CONTEXTS
from ivrc.lower.responsible import responsible_contexts
from ivrc.lower.rings import accept_context
from ivrc.lower.steps import Lowering
from ivrc.lower.turns import has_turns
from ivrc.source import Sources
from ivrc.walking import contains, steps_of


def lower_office(office: m.Office, sources: Sources, needs: ir.Needs) -> Iterator[ir.Context]:
    """The contexts of one office, each as soon as it is whole: a large office need not be held at once.

    `needs` is complete when the last context has been taken.
    """
    pen = Pen(office.name, office.language, office.folder, sources, needs)
    pen.detects_fax = any(contains(scenario.body, m.FaxDetected) for scenario in office.scenarios)
    pen.takes_turns = has_turns(step for each in office.scenarios for step in steps_of(each.body))
    lowering = Lowering(pen, office)
    yield from incoming.begin_context(pen, office)
    for scenario in office.scenarios:
        lowering.scenario(scenario)
        yield from pen.finished()
    for group in office.groups:
        lowering.ring.group_context(group)
    for name, hours in office.hours:
        hours_context(pen, f".hours-{name}", f"hours {name}: returns 1 while they hold", hours, -1)
    for callers in office.callers:
        incoming.callers_context(pen, callers)
    if lowering.waits:
        wait_context(lowering)
        incoming.extensions_context(pen, lowering.ring, office.employees)
    if KEYED in lowering.waits:
        incoming.prefixes_context(pen, office.employees)
    lowering.reach.contexts()
    if lowering.responsible:
        responsible_contexts(pen, lowering.ring, office)
    incoming.phones_context(pen, lowering.ring, office)
    people = office.employees
    incoming.people_context(pen, lowering.ring, people, dialled=lowering.responsible, hinted=lowering.reach.hinted)
    lowering.ring.confirm_context()
    yield from pen.finished()


def lower_entries(office: m.Office, sources: Sources) -> list[ir.Context]:
    """The contexts of one office that the world outside refers to: its numbers, and what its phones dial."""
    pen = Pen(office.name, office.language, office.folder, sources, ir.Needs())
    return incoming.number_contexts(pen, office) + incoming.phones_entry(pen, office)


def lower_shared(
    countries: Iterable[str | None],
    other: bool,
    callers: Iterable[str | None],
    confirms: bool,
    holidays: Iterable[tuple[str, str]],
    named: Iterable[str] = (),
) -> list[ir.Context]:
    """What all offices share: the way in, the callers' numbers, the question of `confirm`, those `named`, holidays.

    The first is the entry, which the world outside refers to.
    """
    shared = [incoming.incoming_context(sorted({c for c in countries if c}), other)]
    shared.insert(0, incoming.incoming_entry(shared[0]))
    shared += [incoming.caller_subroutine(country) for country in sorted(set(callers), key=lambda c: c or "")]
    if confirms:
        shared.append(accept_context())
    shared += [CONTEXTS[name]() for name in sorted(set(named))]
    return shared + holiday_contexts(set(holidays))


__all__ = ["lower_entries", "lower_office", "lower_shared"]
