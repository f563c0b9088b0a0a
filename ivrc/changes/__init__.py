"""What would change for callers from one office to another: by meaning, not by text.

    changes = describe_changes(old, new)
    print(changes.text())

Two offices are the same if no call can tell them apart, whatever their scenarios are called and however they are
written; the graphs of `ivrc.changes.graph` decide that exactly. Where they are not, `callers` walks both side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from ivrc import model as m
from ivrc.changes.callers import Walk
from ivrc.changes.declared import Change, declared
from ivrc.changes.differences import Difference
from ivrc.changes.sides import Side, Sides
from ivrc.changes.telling import Changes


def describe_changes(
    old: m.Office | Side,
    new: m.Office | Side,
    since: date | None = None,
    elsewhere: tuple[Mapping[str | None, str], Mapping[str | None, str]] = ({}, {}),
) -> Changes:
    """What changes from `old` to `new`; dates before `since` (today, if not given) are past and do not matter.

    A `Side` knows files and prompts besides: then places are told, and recordings that have changed. `elsewhere`: where
    numbers of other offices led before, and lead now, in words.
    """
    before, after = (each if isinstance(each, Side) else Side(each) for each in (old, new))
    sides = Sides(before, after, since or date.today())
    walk = Walk(sides, elsewhere)
    differences = walk.numbers()
    changes = declared(sides, walk.graphs, walk.same)
    return Changes(sides, tuple(differences), tuple(changes), walk.cut)


__all__ = ["Change", "Changes", "Difference", "Side", "describe_changes"]
