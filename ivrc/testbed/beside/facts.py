"""What happened in a call, in one form for the simulator's account and the telephone's; and their comparison.

Times are seconds since the call began. Two accounts agree if they tell the same facts in the same order, each as long
after the one before, and lasting as long, within `TOLERANCE`. Facts of one moment may stand in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ivrc.simulate import journey as j
from ivrc.simulate.leaving import THANKS
from ivrc.simulate.office import OWN_LENGTHS

# Seconds, between two accounts of one span.
TOLERANCE = 0.9
# A queue looks at its clock, which has whole seconds, and tries again after one.
QUEUE_TOLERANCE = 2.2
# Two fax machines ask each other again after some seconds; how long Asterisk waits for one is known better.
FAX_TOLERANCE, NO_FAX_TOLERANCE = 8.0, 1.5
# Facts that begin so near each other are of one moment.
TOGETHER = 0.35
# Asterisk tells of sounds and of steps in two ways, of which one may be so much later.
TOLD_LATER = 0.1
# The same sound once more after so short a silence is the same sound going on.
GOES_ON = 0.8
MUSIC, NO_PAGES = "heard music", "fax 0"


@dataclass
class Fact:
    """One thing that happened; `until` and `how` are None where they are not known, or nothing to compare.

    `again` is when a sound began once more, while it went on.
    """

    what: str
    at: float
    until: float | None = None
    how: str | None = None
    again: tuple[float, ...] = ()

    def told(self) -> str:
        """For people."""
        span = f"{self.at:.1f}" if self.until is None else f"{self.at:.1f}-{self.until:.1f}"
        return f"{span} {self.what}" + (f" ({self.how})" if self.how else "")


def told_by_the_simulator(journey: j.Journey) -> list[Fact]:
    """The facts of a simulated call."""
    facts: list[Fact] = []
    asked = {(event.who, event.at): event for event in journey.events if isinstance(event, j.Asked)}
    for event in journey.events:
        facts += _facts_of(event, list(asked.values()))
    left = any(isinstance(event, j.Talked) and event.by == "caller" for event in journey.events)
    if left or journey.ended.how == "caller hung up":
        # Nobody tells the caller why.
        facts[-1].how = None
    facts.sort(key=lambda fact: fact.at)
    return merged(facts)


def _facts_of(event: j.Event, asked: list[j.Asked]) -> list[Fact]:
    at = event.at / 1000
    match event:
        case j.Began() | j.Moved():
            return [Fact(f"scenario {event.scenario}", at)]
        case j.Answered():
            return [Fact("answered", at)]
        case j.Heard():
            return [Fact(f"heard {event.prompt}", at, event.until / 1000)]
        case j.Rang():
            return _rang(event, asked)
        case j.Asked():
            return [Fact(f"asked {event.who}", at, event.until / 1000)]
        case j.LookedUp():
            return [Fact(f"crm {event.why}", event.until / 1000)]
        case j.Talked():
            return [Fact(f"talked {event.who}", at, event.until / 1000)]
        case j.Recorded():
            return [_recorded(event)]
        case j.Recording():
            return [Fact("recording", at)]
        case j.Detected():
            return [Fact("fax detected", at)]
        case j.Faxed():
            return [Fact(f"fax {event.pages}", event.until / 1000)]
        case j.Ended():
            return [Fact("ended", at, None, str(event.cause))]
        case _:
            return []


def _recorded(event: j.Recorded) -> Fact:
    """How a message for a mailbox ended is not told by Asterisk, and that there is one only after it has thanked."""
    if not event.to:
        return Fact(f"recorded {event.how}", event.until / 1000)
    thanks = OWN_LENGTHS[THANKS] if event.how in ("hash", "silence") else 0
    return Fact("message", (event.until + thanks) / 1000, None, event.to)


def _rang(event: j.Rang, asked: list[j.Asked]) -> list[Fact]:
    """Somebody who is asked to press 1 has rung until the question."""
    if event.result in ("offline", "busy") and not event.who.startswith(("+", "sip:", "sips:")):
        # A phone that is not there is not called at all.
        return []
    for question in asked:
        if question.who == event.who and question.until == event.until and question.at >= event.at:
            return [Fact(f"rang {event.who}", event.at / 1000, question.at / 1000, "answered")]
    how = "answered" if event.result == "answered" else "not answered"
    return [Fact(f"rang {event.who}", event.at / 1000, event.until / 1000, how)]


def merged(facts: Iterable[Fact]) -> list[Fact]:
    """A sound that is played again at once is one that goes on."""
    result: list[Fact] = []
    last: Fact | None = None
    for fact in facts:
        if fact.what.startswith("heard "):
            if last is not None and goes_on(last, fact.what, fact.at):
                last.until = fact.until
                continue
            last = fact
        result.append(fact)
    return result


def goes_on(last: Fact, what: str, at: float) -> bool:
    """Whether a sound that begins now is the last one again: one of Asterisk's own is, to fill a time."""
    return (
        what.startswith("heard asterisk:")
        and last.what == what
        and last.until is not None
        and at - last.until < GOES_ON
    )


@dataclass(frozen=True)
class Difference:
    """The first difference of two accounts, with a kind that stays the same while a program is made smaller."""

    kind: str
    text: str


def compare(told: Sequence[Fact], seen: Sequence[Fact]) -> Difference | None:
    """The first difference between the simulator's account and the telephone's; None if they agree."""
    place, before_told, before_seen = 0, 0.0, 0.0
    queue = False
    seen = list(seen)
    for moment in _moments(told):
        _move_up(seen, place, moment)
        rest = seen[place : place + len(moment)]
        place += len(moment)
        pairs = []
        for fact in moment:
            other = next((one for one in rest if one.what == fact.what), None)
            if other is None:
                shown = ", ".join(one.told() for one in rest) or "nothing"
                kind = fact.what.split()[0]
                return Difference(f"what {kind}", f"the simulator: {fact.told()}; the telephone: {shown}")
            rest.remove(other)
            pairs.append((fact, other))
        begins = any(fact.what == MUSIC for fact in moment)
        for fact, other in pairs:
            # A queue that finds a phone still ringing from the step before tries it again after a second.
            tolerance = QUEUE_TOLERANCE if queue or (begins and fact.what.startswith("rang")) else TOLERANCE
            if _is_fax(fact):
                tolerance = NO_FAX_TOLERANCE if fact.what == NO_PAGES else FAX_TOLERANCE
            if fault := _differs(fact, other, before_told, before_seen, tolerance):
                return fault
        queue = _in_queue(queue, moment)
        before_told = max(fact.at for fact, _ in pairs)
        before_seen = max(other.at for _, other in pairs)
    if place < len(seen):
        extra = seen[place]
        return Difference(f"more {extra.what.split()[0]}", f"the telephone, besides: {extra.told()}")
    return None


def _move_up(seen: list[Fact], place: int, moment: Sequence[Fact]) -> None:
    """Put what belongs to a moment before what has only been told before it."""
    wanted = [fact.what for fact in moment]
    end = place + len(moment)
    for late in range(end, min(end + len(moment), len(seen))):
        here = [fact.what for fact in seen[place:end]]
        fact = seen[late]
        if fact.what in wanted and fact.what not in here and fact.at - seen[place].at < TOLD_LATER:
            seen.insert(place, seen.pop(late))


def _is_fax(fact: Fact) -> bool:
    """Whether it is what came of a `fax`."""
    return fact.what.startswith("fax ") and fact.what != "fax detected"


def _in_queue(queue: bool, moment: Sequence[Fact]) -> bool:
    """Whether a queue's clock bears on what comes next."""
    if any(fact.what == MUSIC for fact in moment):
        return True
    return queue and all(fact.what.startswith(("rang", MUSIC)) for fact in moment)


def _moments(facts: Sequence[Fact]) -> list[list[Fact]]:
    moments: list[list[Fact]] = []
    for fact in facts:
        if moments and fact.at - moments[-1][0].at < TOGETHER and not _is_fax(moments[-1][-1]):
            moments[-1].append(fact)
        else:
            moments.append([fact])
    return moments


def _differs(fact: Fact, other: Fact, told: float, seen: float, tolerance: float) -> Difference | None:
    kind = fact.what.split()[0]
    both = f"the simulator: {fact.told()}; the telephone: {other.told()}"
    if abs((fact.at - told) - (other.at - seen)) > tolerance:
        after = f"{fact.at - told:.1f} s and {other.at - seen:.1f} s after what went before"
        return Difference(f"when {kind}", f"{both} ({after})")
    if fact.how and other.how and fact.how != other.how:
        return Difference(f"how {kind}", both)
    if fact.until is not None and other.until is not None:
        wider = QUEUE_TOLERANCE if fact.what == MUSIC else tolerance
        if abs((fact.until - fact.at) - (other.until - other.at)) > wider:
            return Difference(f"how long {kind}", both)
    return None
