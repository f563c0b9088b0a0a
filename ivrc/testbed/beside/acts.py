"""What people do in a call, each act tied to what has happened before it.

A person acts on what is heard and seen. So an act's time counts from the last fact before it, and an Asterisk that is a
little late with one thing is not called at the wrong moment in all that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ivrc.simulate import Call
from ivrc.simulate import journey as j
from ivrc.testbed.beside.facts import Fact
from ivrc.testbed.beside.machines import begins_at

Kind = Literal["key", "hangs up", "phone hangs up", "talks", "says something", "is quiet", "becomes free", "faxes"]
# What a machine does not do once it has begun.
_BY_PEOPLE = ("key", "talks", "says something", "is quiet")


class Act(NamedTuple):
    """One act, `offset` seconds after the fact number `after` (from 1; 0 is the beginning of the call)."""

    kind: Kind
    word: str
    at: float
    after: int
    offset: float


def acts_of(call: Call, journey: j.Journey, facts: Sequence[Fact]) -> list[Act]:
    """The acts of a call in the order of their times; `facts` are the simulator's of the same journey."""
    found: list[tuple[float, Kind, str]] = []
    machine = begins_at(journey, call.fax) / 1000
    leaves = _machine_leaves(call, journey)
    for event in journey.events:
        match event:
            case j.Key():
                found.append((event.at / 1000, "key", event.key))
            case j.Talked(by="caller") if event.until != leaves:
                found.append((event.until / 1000, "hangs up", ""))
            case j.Talked(by="answerer"):
                found.append((event.until / 1000, "phone hangs up", event.who))
            case j.Recorded():
                begin = event.at / 1000
                found.append((begin, "talks", ""))
                talked = begin + call.message.length / 1000
                if talked < event.until / 1000:
                    found.append((talked, "is quiet", ""))
            case j.Reached(kind="Fax"):
                # A line without any sound keeps Asterisk waiting.
                found.append((event.at / 1000, "says something" if call.seed % 2 else "is quiet", ""))
            case j.Ended(how="caller hung up") if event.at != leaves:
                found.append((event.at / 1000, "hangs up", ""))
            case _:
                pass
    end = journey.ended.at / 1000
    found = [each for each in found if each[0] < machine or each[1] not in _BY_PEOPLE]
    if machine < end:
        found.append((machine, "faxes", ""))
    for who, state in call.states.items():
        if state.free_at is not None and state.free_at / 1000 < end:
            found.append((state.free_at / 1000, "becomes free", who))
    return [_tied(at, kind, word, facts) for at, kind, word in sorted(found, key=lambda each: each[0])]


def _machine_leaves(call: Call, journey: j.Journey) -> float:
    """When a machine hangs up that has sent its pages: nobody has to do it. Milliseconds."""
    sent = next((event.until for event in journey.events if isinstance(event, j.Faxed) and event.pages), None)
    if call.fax is None or call.fax.leaves is None or sent is None:
        return -1
    return sent + call.fax.leaves


def _tied(at: float, kind: Kind, word: str, facts: Sequence[Fact]) -> Act:
    before = [fact for fact in facts if fact.at < at - 0.001]
    return Act(kind, word, at, len(before), at - (before[-1].at if before else 0))
