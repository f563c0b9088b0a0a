"""A call as a list of plain events, each at a millisecond of the call and at a position of the source (-1: none).

Events stand in the order in which they begin; one that lasts has its end in `until`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ivrc.named import NamedTuple


class Began(NamedTuple):
    """The call came in and went to a scenario."""

    at: int
    number: str
    scenario: str
    start: int


class Reached(NamedTuple):
    """The call came to a step: its kind is the Model's name for it."""

    at: int
    kind: str
    start: int
    end: int


class Passed(NamedTuple):
    """The call got past the step that begins at `start`."""

    at: int
    kind: str
    start: int


class Answered(NamedTuple):
    """From now on the caller pays."""

    at: int
    start: int


class Heard(NamedTuple):
    """The caller heard a prompt; `why` it ended: `over`, `key`, `time`."""

    at: int
    prompt: str
    until: int
    why: Literal["over", "key", "time"]
    start: int


class Key(NamedTuple):
    """The caller pressed a key; `heeded` if anything listened for it."""

    at: int
    key: str
    heeded: bool
    start: int


class Chose(NamedTuple):
    """What a menu or a wait for an extension came to: the keys taken, `nothing`, or `wrong` with what was keyed."""

    at: int
    what: Literal["key", "extension", "nothing", "wrong"]
    keys: str
    start: int


class Decided(NamedTuple):
    """A condition, and whether it held."""

    at: int
    condition: str
    holds: bool
    start: int


class Drew(NamedTuple):
    """The next turn of a random group: its number in the order written, from 1."""

    at: int
    turn: int
    start: int


RingResult: TypeAlias = Literal["answered", "no answer", "refused", "busy", "offline", "not accepted", "cancelled"]


class Rang(NamedTuple):
    """A phone rang: an employee's name, an E.164 number, or a SIP address."""

    at: int
    who: str
    until: int
    result: RingResult
    start: int


class PassedOver(NamedTuple):
    """An employee was not rung: busy or offline."""

    at: int
    who: str
    why: Literal["busy", "offline"]
    start: int


class Asked(NamedTuple):
    """Whoever picked up was asked to press 1 for the call."""

    at: int
    who: str
    until: int
    accepted: bool
    start: int


class LookedUp(NamedTuple):
    """The CRM was asked: why in one word, and the names of the managers."""

    at: int
    why: str
    managers: tuple[str, ...]
    until: int
    start: int


class Talked(NamedTuple):
    """Two people talked; `recorded` if the conversation is."""

    at: int
    who: str
    until: int
    by: Literal["caller", "answerer", "office"]
    recorded: bool
    start: int


MessageEnd: TypeAlias = Literal["hash", "silence", "limit", "hangs up"]


class Recorded(NamedTuple):
    """A message was left; `to` an employee's mailbox or only in the history (empty)."""

    at: int
    to: str
    until: int
    how: MessageEnd
    start: int


class Recording(NamedTuple):
    """From now on conversations are recorded."""

    at: int
    start: int


class Faxed(NamedTuple):
    """A fax was received, or none came (`pages` 0, and why)."""

    at: int
    pages: int
    why: str
    until: int
    start: int


class Detected(NamedTuple):
    """The caller turned out to be a fax machine."""

    at: int
    start: int


class Moved(NamedTuple):
    """The call went on in another scenario."""

    at: int
    scenario: str
    start: int


class Cut(NamedTuple):
    """The exploration of all branches goes no further here (never in a single call)."""

    at: int
    why: str
    start: int


class Ended(NamedTuple):
    """The end. `cause` is Q.850's; for a caller who hangs up 16."""

    at: int
    how: Literal["caller hung up", "talked", "hangup", "end of scenario", "nobody declared the number", "cut"]
    cause: int
    start: int


Event: TypeAlias = (
    Began
    | Reached
    | Passed
    | Answered
    | Heard
    | Key
    | Chose
    | Decided
    | Drew
    | Rang
    | PassedOver
    | Asked
    | LookedUp
    | Talked
    | Recorded
    | Recording
    | Faxed
    | Detected
    | Moved
    | Cut
    | Ended
)


class Journey(NamedTuple):
    """One call's events; the last one is always its `Ended`."""

    events: tuple[Event, ...]

    @property
    def ended(self) -> Ended:
        """How it ended."""
        last = self.events[-1]
        assert isinstance(last, Ended)
        return last

    def of(self, kind: type) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]
