"""A difference, and differences that say the same put together: times are united, `on` and `off` cancel out."""

from __future__ import annotations

from typing import TypeAlias

from ivrc.changes.times import TimeSet
from ivrc.named import NamedTuple

Literal: TypeAlias = tuple[int, bool, str]
"""A condition, whether it holds, and so in words."""


class Difference(NamedTuple):
    """Something that callers meet differently.

    `time` None is any time; `path` is conditions and keys on the way, `after` the step before. Places are positions.
    """

    numbers: tuple[str, ...]
    time: TimeSet | None
    path: tuple[Literal | str, ...]
    after: str
    before: tuple[str, ...]
    now: tuple[str, ...]
    scenario: str
    old_start: int
    new_start: int


def merged(found: list[Difference]) -> list[Difference]:
    """Differences that are alike put together, in the order in which they were found."""
    while True:
        united = _cancelled(_united(found))
        if len(united) == len(found):
            return united
        found = united


def _united(found: list[Difference]) -> list[Difference]:
    """Those that differ in their time only."""
    kept: dict[tuple[object, ...], Difference] = {}
    for each in found:
        key = (each.path, each.after, each.before, each.now, each.numbers)
        known = kept.get(key)
        if known is not None:
            each = known._replace(time=_either(known.time, each.time))
        kept[key] = each
    return list(kept.values())


def _either(one: TimeSet | None, other: TimeSet | None) -> TimeSet | None:
    if one is None or other is None:
        return None
    both = one | other
    return None if both.is_always else both


def _cancelled(found: list[Difference]) -> list[Difference]:
    """Those that differ in whether one condition holds only: it does not matter."""
    kept = {_identity(each, each.path): each for each in found}
    changed: set[tuple[object, ...]] = set()
    for each in found:
        own = _identity(each, each.path)
        if own in changed or own not in kept:
            continue
        for index, literal in enumerate(each.path):
            if isinstance(literal, str):
                continue
            rest = (each.path[:index], each.path[index + 1 :])
            other = _identity(each, (*rest[0], (literal[0], not literal[1], ""), *rest[1]))
            if other in kept and other not in changed:
                del kept[other]
                kept[own] = each._replace(path=(*rest[0], *rest[1]))
                changed.add(own)
                break
    return list(kept.values())


def _identity(each: Difference, path: tuple[Literal | str, ...]) -> tuple[object, ...]:
    """All that is told, its way in other words."""
    way = tuple(part if isinstance(part, str) else part[:2] for part in path)
    return (way, each.time, each.after, each.before, each.now, each.numbers)


def by_numbers(found: list[Difference]) -> list[Difference]:
    """Differences that callers of several numbers meet, once."""
    kept: dict[tuple[object, ...], Difference] = {}
    for each in found:
        key = (each.path, each.time, each.after, each.before, each.now)
        known = kept.get(key)
        kept[key] = known._replace(numbers=(*known.numbers, *each.numbers)) if known else each
    return list(kept.values())
