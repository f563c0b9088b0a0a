"""What was seen of a call on the telephone, in the simulator's events: so that what reads these can read both."""

from __future__ import annotations

from ivrc.simulate import journey as j
from ivrc.testbed.beside.facts import Fact
from ivrc.testbed.beside.play import Outcome

_BEEP = "heard asterisk:beep"


def seen(outcome: Outcome) -> j.Journey:
    """The call as it went on the telephone. Steps of the source are not known there: all positions are -1."""
    events: list[j.Event] = []
    recording = False
    beep = 0
    for fact in outcome.seen:
        recording = recording or fact.what == "recording"
        if fact.what == _BEEP:
            beep = _ms(fact.until)
        events += _events(fact, outcome, recording, beep, first=not events)
    if not events or not isinstance(events[-1], j.Ended):
        events.append(j.Ended(events[-1].at if events else 0, "end of scenario", 0, -1))
    return j.Journey(tuple(events))


def _events(fact: Fact, outcome: Outcome, recording: bool, beep: int, first: bool) -> list[j.Event]:
    kind, _, word = fact.what.partition(" ")
    at, until = _ms(fact.at), _ms(fact.until, fact.at)
    match kind:
        case "scenario":
            number = outcome.call.to or ""
            return [j.Began(at, number, word, -1) if first else j.Moved(at, word, -1)]
        case "answered":
            return [j.Answered(at, -1)]
        case "heard":
            # One of Asterisk's own sounds is begun again to fill a time; a prompt, because it is asked once more.
            begun = [fact.at, *(() if word.startswith("asterisk:") else fact.again)]
            ended = [*begun[1:], fact.until]
            return [j.Heard(_ms(b), word, _ms(e, b), "over", -1) for b, e in zip(begun, ended, strict=True)]
        case "rang":
            return [_rang(fact, outcome, word, at, until)]
        case "talked":
            return [j.Talked(at, word, until, "caller" if outcome.left else "answerer", recording, -1)]
        case "recorded":
            return [j.Recorded(beep, "", at, "hangs up" if outcome.left else "hash", -1)]
        case "message":
            return [j.Recorded(beep, fact.how or "", at, "hangs up" if outcome.left else "hash", -1)]
        case "recording":
            return [j.Recording(at, -1)]
        case "fax" if word.isdigit():
            return [j.Faxed(at, int(word), "", at, -1)]
        case "ended":
            return [_ended(fact, outcome, at)]
        case _:
            return []


def _rang(fact: Fact, outcome: Outcome, who: str, at: int, until: int) -> j.Rang:
    """Whoever is asked to press 1 counts as rung until the answer."""
    if fact.how != "answered":
        return j.Rang(at, who, until, "no answer", -1)
    for other in outcome.seen:
        if other.what == f"asked {who}" and _ms(other.at) == until:
            accepted = any(each.what == f"talked {who}" for each in outcome.seen)
            return j.Rang(at, who, _ms(other.until, other.at), "answered" if accepted else "not accepted", -1)
    return j.Rang(at, who, until, "answered", -1)


def _ended(fact: Fact, outcome: Outcome, at: int) -> j.Ended:
    cause = int(fact.how or 0)
    if any(each.what.startswith("talked ") for each in outcome.seen):
        return j.Ended(at, "talked", cause, -1)
    if outcome.left:
        return j.Ended(at, "caller hung up", cause, -1)
    return j.Ended(at, "end of scenario", cause, -1)


def _ms(seconds: float | None, otherwise: float = 0.0) -> int:
    return round((otherwise if seconds is None else seconds) * 1000)
