"""Model to IR: the dialplan of one office, and what all offices share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivrc import ir
from ivrc import model as m
from ivrc.lower import incoming
from ivrc.lower.cursor import Pen
from ivrc.lower.hours import holiday_contexts, hours_context
from ivrc.lower.names import INCOMING
from ivrc.lower.rings import accept_context
from ivrc.lower.steps import Lowering, caller_context
from ivrc.source import Sources


def lower_office(office: m.Office, sources: Sources) -> ir.Dialplan:
    """The contexts of one office. A name that only a scenario of this office uses is its own."""
    pen = Pen(office.name, office.language, office.folder, sources)
    lowering = Lowering(pen, office)
    numbers = incoming.number_contexts(pen, office)
    for scenario in office.scenarios:
        lowering.scenario(scenario)
    for group in office.groups:
        lowering.ring.group_context(group)
    for name, hours in office.hours:
        hours_context(pen, f".hours-{name}", f"hours {name}: returns 1 while they hold", hours, -1)
    for callers in office.callers:
        incoming.callers_context(pen, callers)
    if any(isinstance(step, m.WaitExtension) for step in all_steps(office)):
        incoming.extensions_context(pen, lowering.ring, office.employees, lowering.timed_wait)
    incoming.internal_context(pen, lowering.ring, office)
    incoming.people_context(pen, office.employees)
    lowering.ring.confirm_context()
    return ir.Dialplan(
        contexts=(*numbers, *(context for context in pen.contexts if context is not None)),
        sounds=tuple(pen.sounds.values()),
        own_sounds=tuple(sorted(pen.own_sounds)),
        endpoints=tuple(sorted(pen.endpoints)),
        holidays=tuple(sorted(pen.holidays)),
    )


def all_steps(office: m.Office) -> Iterator[m.Step]:
    """Every step of an office, in the order written."""

    def walk(block: m.Block) -> Iterator[m.Step]:
        for step in block.steps:
            yield step
            for inner in m.child_blocks(step):
                yield from walk(inner)

    for scenario in office.scenarios:
        yield from walk(scenario.body)


def lower_shared(
    countries: Iterable[str | None],
    other: bool,
    callers: Iterable[str | None],
    confirms: bool,
    holidays: Iterable[tuple[str, str]],
) -> list[ir.Context]:
    """What all offices share: the way in, the callers' numbers, the question of `confirm`, the holidays."""
    shared = [incoming.incoming_context(sorted({c for c in countries if c}), other)]
    shared += [incoming.caller_subroutine(country) for country in sorted(set(callers), key=lambda c: c or "")]
    if confirms:
        shared.append(accept_context())
    return shared + holiday_contexts(set(holidays))


__all__ = ["INCOMING", "all_steps", "caller_context", "lower_office", "lower_shared"]
