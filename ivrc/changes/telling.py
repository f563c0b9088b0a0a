"""Changes for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivrc.changes.declared import Change
from ivrc.changes.differences import Difference
from ivrc.changes.sides import Sides
from ivrc.changes.times import TimeSet
from ivrc.named import NamedTuple

# Numbers told one by one, and ways on which the same change is met.
MAX_NUMBERS = 4
MAX_WAYS = 3
# Declarations told one by one.
MAX_DECLARED = 40
NOTHING = "nothing that a caller could notice"


class Changes(NamedTuple):
    """What changes from one office to another. `cut`: there is more than was looked at."""

    sides: Sides
    callers: tuple[Difference, ...]
    declared: tuple[Change, ...]
    cut: bool

    @property
    def office(self) -> str:
        """The office's name."""
        return self.sides.new.office.name

    @property
    def noticed(self) -> bool:
        """Whether a caller could notice anything."""
        return bool(self.callers) or self.cut or any(change.noticed for change in self.declared)

    def text(self) -> str:
        """All of it, as lines."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.office}: {'callers meet changes' if self.noticed else NOTHING}"
        for ways in _alike(self.callers):
            yield from self._difference(ways)
        if self.cut:
            yield "  and more: not all ways through the scenarios were compared"
        noticed = [change for change in self.declared if change.noticed]
        others = [change for change in self.declared if not change.noticed]
        for title, changes in (("", noticed), ("  not noticed by callers:", others)):
            if title and changes:
                yield title
            for change in changes[:MAX_DECLARED]:
                yield f"  {change.what}: {change.text}{self._at(change.old_start, change.new_start)}"
            if len(changes) > MAX_DECLARED:
                yield f"  and {len(changes) - MAX_DECLARED} more"

    def _difference(self, ways: list[Difference]) -> Iterator[str]:
        first = ways[0]
        at = self._at(first.old_start, first.new_start)
        shown = [self._way(way) for way in ways[:MAX_WAYS]]
        if len(ways) > MAX_WAYS:
            shown.append(f"and on {len(ways) - MAX_WAYS} more ways")
        yield from (f"  {way}" for way in shown[:-1])
        yield f"  {shown[-1]}:{at}"
        if first.now:
            yield f"      {'now     ' if first.before else 'now also'}  {'; '.join(first.now)}"
        if first.before:
            yield f"      {'before   ' if first.now else 'no longer'} {'; '.join(first.before)}"

    def _way(self, each: Difference) -> str:
        shown = ", ".join(each.numbers[:MAX_NUMBERS])
        more = len(each.numbers) - MAX_NUMBERS
        who = f"callers of {shown}" + (f" and {more} more number{'s' * (more > 1)}" if more > 0 else "")
        path = [part if isinstance(part, str) else part[2] for part in each.path]
        time = [self.time(each.time)] if each.time is not None else []
        after = [f"after `{each.after}`"] if each.after else []
        return ", ".join([who, *time, *path, *after])

    def time(self, time: TimeSet) -> str:
        """A time by the hours of the source that it is, or in ranges."""
        old = dict(self.sides.old.office.hours)
        always = TimeSet.always(time.calendar)
        for name, hours in self.sides.new.office.hours:
            if name in old:
                # Where the hours themselves have changed: as both have them. What is between is told of its own.
                was, now = TimeSet.of(time.calendar, old[name]), TimeSet.of(time.calendar, hours)
                if time == was & now:
                    return f"when {name}"
                if time == always - (was | now):
                    return f"not when {name}"
        return time.words()

    def _at(self, old_start: int, new_start: int) -> str:
        new, old = self.sides.new.place(new_start), self.sides.old.place(old_start)
        place = new or (f"before {old}" if old else "")
        return f"  ({place})" if place else ""

    def data(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "office": self.office,
            "noticed": self.noticed,
            "callers": [self._difference_data(each) for each in self.callers],
            "declared": [
                {
                    "what": change.what,
                    "text": change.text,
                    "noticed": change.noticed,
                    "place": self.sides.new.place(change.new_start),
                    "place_before": self.sides.old.place(change.old_start),
                }
                for change in self.declared
            ],
            "cut": self.cut,
        }

    def _difference_data(self, each: Difference) -> dict[str, Any]:
        return {
            "numbers": list(each.numbers),
            "time": self.time(each.time) if each.time is not None else None,
            "path": [part if isinstance(part, str) else part[2] for part in each.path],
            "after": each.after or None,
            "now": list(each.now),
            "before": list(each.before),
            "scenario": each.scenario,
            "place": self.sides.new.place(each.new_start),
            "place_before": self.sides.old.place(each.old_start),
        }


def _alike(differences: tuple[Difference, ...]) -> list[list[Difference]]:
    """The same change at the same place, met on several ways."""
    found: dict[tuple[object, ...], list[Difference]] = {}
    for each in differences:
        key = (each.before, each.now, each.old_start, each.new_start, each.scenario)
        found.setdefault(key, []).append(each)
    return list(found.values())
