"""A call to be simulated: all that the caller, the people and the world around them do. Times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from ivrc.named import NamedTuple

Kind = Literal["answers", "silent", "refuses", "busy", "offline"]
Desk = Literal["free", "waiting", "pass", "any", "no"]


class State(NamedTuple):
    """What one phone (an employee's own, or an outside number) does.

    `answers` picks up after `after`; one who must press 1 does so `accepts` later, or (None) never: a mobile's own
    voicemail; or presses another key `declines` later, which turns the call down. `silent` rings to the end. `refuses`
    rings for `after`, then turns the call down. `busy` and `offline` cannot be rung; with `free_at` they can from that
    moment of the call on, and then answer.
    """

    kind: Kind
    after: int = 5_000
    accepts: int | None = 1_000
    declines: int | None = None
    free_at: int | None = None


SILENT = State("silent")


class Press(NamedTuple):
    """Keys that the caller presses one after another.

    `place` is a prompt's name or a kind of step (`branch`, `wait`, `voicemail`), and `offset` counts from when it
    begins; without a place `offset` counts from the beginning of the call.
    """

    keys: str
    offset: int
    place: str | None = None


class Turn(NamedTuple):
    """One responsible manager of a CRM's answer: a name of the source or None, how the desk rings, E.164 mobiles.

    `desk` is `free` (busy: the mobile at once), `waiting` (busy: rings all the same), `pass` (busy: passed over),
    `any` (whatever the state) or `no` (the mobile at once).
    """

    employee: str | None
    desk: Desk = "free"
    mobiles: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What asking the CRM comes to: why in one word, whom it names, and how long it takes."""

    why: str
    turns: tuple[Turn, ...] = ()
    after: int = 0


UNKNOWN = Answer("unknown")


class Message(NamedTuple):
    """What a caller leaves on a voicemail: talks for `length`, then hangs up, presses `#`, or falls silent."""

    length: int = 10_000
    ends: Literal["hangs up", "hash", "silence"] = "hangs up"


# How long a fax machine waits to be received (T.30's timer T0: a minute, give or take 5 s).
FAX_GIVES_UP = 59_000
# Two fax machines take so long to make terms.
FAX_TERMS = 12_000


class FaxMachine(NamedTuple):
    """The caller is a fax machine, or somebody at one who presses Start `begins` after the line was answered.

    From then on it can be received, which takes `length` for all `pages` together; and its tone can be heard, for half
    a second every 3.5 s, the first time `tone` later. It hangs up when the last page has been received and `leaves`
    more have passed, or (None) stays on the line; and `FAX_GIVES_UP` after it began, if nobody has received it.
    """

    pages: int = 1
    length: int = 30_000
    leaves: int | None = 1_000
    begins: int = 0
    tone: int = 3_000

    def sent(self, milliseconds: int) -> int:
        """How many pages have been received in full after so long: before the first one the machines make terms."""
        terms = min(FAX_TERMS, self.length // 2)
        return max(0, milliseconds - terms) * self.pages // (self.length - terms) if self.length else self.pages


class Call(NamedTuple):
    """One call. `to` None is a call without a number; `caller` None sends none; `at` must have a time zone.

    `states` are by the employee's name, or by E.164 for mobiles and outside numbers; whoever is not named is silent.
    """

    to: str | None
    caller: str | None = None
    hidden: bool = False
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    presses: tuple[Press, ...] = ()
    states: Mapping[str, State] = {}
    others: State = SILENT
    switches: frozenset[str] = frozenset()
    crm: Answer = UNKNOWN
    message: Message = Message()
    fax: FaxMachine | None = None
    hangs_up: int | None = None
    talk: int = 60_000
    talk_ends: Literal["caller", "answerer"] = "caller"
    seed: int = 0
