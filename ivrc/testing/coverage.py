"""What of an office the tests walked: steps, keys, conditions both ways, and outcomes of steps that ring or record.

An item is a step's position with a word of what happened there; a journey hits items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ivrc import model as m
from ivrc.named import NamedTuple
from ivrc.simulate import journey as j
from ivrc.walking import steps_of

Kind = Literal["steps", "keys", "conditions", "outcomes"]
KINDS: tuple[Kind, ...] = ("steps", "keys", "conditions", "outcomes")
_ALL_KEYS = frozenset("0123456789*#")
# An extension keyed, whichever it is.
_EXTENSION = "an extension"


class Item(NamedTuple):
    """Something that a test can walk: the step at `start`, and what happens there (empty: that it is reached).

    `at` is where the source has it: a key's own line in a menu.
    """

    kind: Kind
    start: int
    end: int
    what: str
    at: int


class Coverage:
    """The items of an office, and those that were walked."""

    def __init__(self, office: m.Office) -> None:
        steps = [step for scenario in office.scenarios for step in steps_of(scenario.body)]
        self.items = [item for step in steps for item in _items(step)]
        self.hits: set[tuple[int, str]] = set()

    def add(self, journey: j.Journey) -> None:
        """Count a call in."""
        add = self.hits.add
        for event in journey.events:
            kind = type(event)
            if kind is j.Reached:
                add((event.start, ""))
            elif kind is j.Passed:
                add((event.start, "passed"))
            elif kind in _TELLING and (what := _told(event)):
                add((event.start, what))

    def walked(self, item: Item) -> bool:
        """Whether a call has been there."""
        return (item.start, item.what) in self.hits

    def missing(self, kind: Kind | None = None) -> list[Item]:
        """Items that no call walked, in the order of the source."""
        left = [item for item in self.items if not self.walked(item) and kind in (None, item.kind)]
        return sorted(left, key=lambda item: (item.at, item.start, item.what))

    def counts(self) -> dict[Kind, tuple[int, int]]:
        """Of each kind: how many were walked, and how many there are."""
        found = {kind: [0, 0] for kind in KINDS}
        for item in self.items:
            found[item.kind][0] += self.walked(item)
            found[item.kind][1] += 1
        return {kind: (walked, count) for kind, (walked, count) in found.items()}


def percent(walked: int, count: int) -> float:
    """Of nothing all is walked."""
    return 100 * walked / count if count else 100.0


_TELLING = frozenset({j.Decided, j.Chose, j.Talked, j.Recorded, j.Faxed})


def _told(event: j.Event) -> str:
    match event:
        case j.Decided(holds=holds):
            return "yes" if holds else "no"
        case j.Chose(what="key", keys=keys):
            return f"key {keys}"
        case j.Chose(what="extension"):
            return _EXTENSION
        case j.Chose(what=what):
            return {"nothing": "no key", "wrong": "a wrong key"}[what]
        case j.Talked():
            return "answered"
        case j.Recorded(how="hangs up"):
            return "the caller hangs up"
        case j.Faxed(pages=pages):
            return "received" if pages else ""
        case _:
            return ""


def _items(step: m.Step) -> Iterator[Item]:
    yield Item("steps", step.start, step.end, "", step.start)
    for kind, what, at in _inside(step):
        yield Item(kind, step.start, step.end, what, at)


def _inside(step: m.Step) -> Iterator[tuple[Kind, str, int]]:
    match step:
        case m.Branch(cases=cases):
            keys = {key: case.start for case in cases for key in case.keys}
            yield from (("keys", f"key {key}", at) for key, at in keys.items())
            yield "keys", "no key", step.start
            if keys.keys() < _ALL_KEYS:
                yield "keys", "a wrong key", step.start
        case m.WaitExtension():
            yield from (("keys", what, step.start) for what in (_EXTENSION, "no key", "a wrong key"))
        case m.When():
            yield from (("conditions", what, step.start) for what in ("yes", "no"))
        case m.CallGroup() | m.CallEmployee() | m.CallNumber() | m.CallSip() | m.CallResponsible() | m.ReachAnyone():
            yield from (("outcomes", what, step.start) for what in ("answered", "passed"))
        case m.Voicemail():
            yield from (("outcomes", what, step.start) for what in ("the caller hangs up", "passed"))
        case m.Fax():
            yield from (("outcomes", what, step.start) for what in ("received", "passed"))
        case _:
            pass
