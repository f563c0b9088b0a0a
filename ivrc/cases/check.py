"""Whether a call came to what was expected of it.

The journey may be the simulator's or, in the same events, that of a call through a real Asterisk: only what can be
heard and seen on a telephone is looked at (Began, Moved, Heard, Rang, Talked, Recorded, Faxed, Ended).

Expectations are met in the order written: each by the first event that fits and begins no earlier than the one before
it. What is written with `not` must not happen between its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ivrc.cases.case import Expectation, Kind
from ivrc.named import NamedTuple
from ivrc.simulate import journey as j

# Times are written in seconds; so much to either side is the same second.
TOLERANCE = 500

Reason = Literal["missing", "early", "late", "lasts", "detail", "happened"]
_KINDS: dict[type, Kind] = {
    j.Heard: "plays",
    j.Rang: "rings",
    j.Talked: "reaches",
    j.Recorded: "voicemail",
    j.Faxed: "fax",
    j.Moved: "goes",
    j.Began: "goes",
    j.Ended: "ends",
}


class Failure(NamedTuple):
    """An expectation that was not met.

    `event` is the index of the event of the journey where that shows: one that comes near, one of the same kind that
    came in its place, the forbidden one, or the end of the call. `reason`: `missing`, `early` and `late` (it began),
    `lasts` (for another time), `detail` (recorded, pages, cause …), `happened` (though it must not).
    """

    expectation: Expectation
    reason: Reason
    event: int


def check(expectations: Sequence[Expectation], journey: j.Journey, slack: int = 0) -> tuple[Failure, ...]:
    """The failures, the first in the call first: at most one of what must happen, for the rest follows from it.

    `slack` is how much less exact a journey is than the simulator's, in milliseconds.
    """
    return _Checker(journey.events, slack).run(expectations)


class _Checker:
    """One journey while it is compared."""

    def __init__(self, events: Sequence[j.Event], slack: int) -> None:
        self.events = events
        self.slack = slack
        self.of: dict[Kind, list[tuple[int, j.Event]]] = {}
        for index, event in enumerate(events):
            kind = _KINDS.get(type(event))
            if kind is not None:
                self.of.setdefault(kind, []).append((index, event))
        self.used: set[int] = set()
        # When the last expectation that was met began, and its event.
        self.since = 0
        self.last = -1

    def run(self, expectations: Sequence[Expectation]) -> tuple[Failure, ...]:
        """All of them in turn."""
        failures: list[Failure] = []
        forbidden: list[Expectation] = []
        for expectation in expectations:
            if expectation.never:
                forbidden.append(expectation)
                continue
            begun, after = self.since, self.last
            failure = self._meet(expectation)
            failures += self._happened(forbidden, begun, after, None if failure else self.last)
            forbidden = []
            if failure:
                failures.append(failure)
                return tuple(sorted(failures, key=lambda each: each.event))
        failures += self._happened(forbidden, self.since, self.last, None)
        return tuple(sorted(failures, key=lambda each: each.event))

    def _meet(self, expectation: Expectation) -> Failure | None:
        """Find the events that meet an expectation; None if they are all there."""
        begun = self.since
        furthest, latest = self.last, self.since
        for alternatives in expectation.what or ((),):
            near: Failure | None = None
            for index, event in self.of.get(expectation.kind, ()):
                if index in self.used or event.at < begun - self.slack or not _is(alternatives, event):
                    continue
                reason = self._misfit(expectation, event)
                if reason is None:
                    self.used.add(index)
                    if (event.at, index) > (latest, furthest):
                        latest, furthest = event.at, index
                    break
                near = near or Failure(expectation, reason, index)
            else:
                return near or Failure(expectation, "missing", self._instead(expectation, begun))
        self.since, self.last = latest, furthest
        return None

    def _misfit(self, expectation: Expectation, event: j.Event) -> Reason | None:
        """What of an event is not as expected."""
        wide = TOLERANCE + self.slack
        if expectation.earliest is not None and event.at < expectation.earliest - wide:
            return "early"
        if expectation.latest is not None and event.at > expectation.latest + wide:
            return "late"
        if expectation.lasts is not None and abs(_length(event) - expectation.lasts) > wide:
            return "lasts"
        return None if _details(expectation, event) else "detail"

    def _instead(self, expectation: Expectation, begun: int) -> int:
        """The first event of the same kind after what was met, or the end."""
        for index, event in self.of.get(expectation.kind, ()):
            if index not in self.used and event.at >= begun - self.slack and not isinstance(event, j.Began):
                return index
        return len(self.events) - 1

    def _happened(self, forbidden: list[Expectation], begun: int, after: int, before: int | None) -> list[Failure]:
        """Forbidden events between two that were met."""
        low = (begun, after)
        high = (self.events[before].at, before) if before is not None else None
        failures = []
        for expectation in forbidden:
            for index, event in self.of.get(expectation.kind, ()):
                place = (event.at, index)
                if place <= low or (high is not None and place >= high) or index in self.used:
                    continue
                alternatives = expectation.what or ((),)
                if any(_is(each, event) for each in alternatives) and not self._misfit(expectation, event):
                    failures.append(Failure(expectation, "happened", index))
                    break
        return failures


def _is(alternatives: tuple[str, ...], event: j.Event) -> bool:
    """Whether an event of the right kind has the name that is expected; no alternatives: whatever its name."""
    match event:
        case j.Heard():
            return not alternatives or event.prompt in alternatives
        case j.Rang() | j.Talked():
            return not alternatives or event.who in alternatives
        case j.Recorded():
            return not alternatives or event.to in alternatives
        case j.Faxed():
            return event.pages > 0
        case j.Moved() | j.Began():
            return not alternatives or event.scenario in alternatives
        case _:
            return True


def _details(expectation: Expectation, event: j.Event) -> bool:
    match event:
        case j.Talked(recorded=recorded):
            return recorded or not expectation.recorded
        case j.Faxed(pages=pages):
            return expectation.pages in (None, pages)
        case j.Ended(how=how, cause=cause):
            by = "caller" if how == "caller hung up" else "" if how == "talked" else "office"
            return expectation.by in (None, by) and expectation.cause in (None, cause)
        case _:
            return True


def _length(event: j.Event) -> int:
    return int(getattr(event, "until", event.at)) - event.at
