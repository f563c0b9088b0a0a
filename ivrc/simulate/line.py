"""The caller's line during one call: the clock, what has been told so far, and what is known of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ivrc.simulate import journey as j
from ivrc.simulate.call import FAX_GIVES_UP

if TYPE_CHECKING:
    from ivrc import model as m
    from ivrc.simulate.office import Prepared
    from ivrc.simulate.world import World

NEVER = 1 << 60
# A fax machine's tone, and how often it comes; it is known by one that was heard whole.
FAX_TONE, FAX_TONE_EVERY = 500, 3_500


class Cutoff(Exception):
    """What a step was doing is over before its time: the call ended or was taken elsewhere."""


class Over(Cutoff):
    """The call is over."""

    def __init__(self, how: Any, cause: int) -> None:
        super().__init__(how, cause)
        self.how = how
        self.cause = cause


class Diverted(Cutoff):
    """The caller is a fax machine, and `fax detected` takes the call elsewhere."""


class Line:
    """One call's state. Times are milliseconds since it began; `deadline` is when something ends every wait."""

    __slots__ = (
        "answered",
        "answered_at",
        "deadline",
        "detects",
        "events",
        "fax_awaited",
        "fax_taken",
        "gives_up",
        "hangs_up",
        "managers",
        "now",
        "office",
        "recording",
        "rung",
        "start",
        "turns",
        "world",
    )

    def __init__(self, office: Prepared, world: World, hangs_up: int | None) -> None:
        self.office = office
        self.world = world
        self.events: list[Any] = []
        self.now = 0
        self.start = -1
        self.answered = False
        self.answered_at = 0
        self.recording = False
        # Whether a `fax` has waited for one, and whether one was received.
        self.fax_awaited = False
        self.fax_taken = False
        # Where a fax machine is taken to.
        self.detects: str | None = None
        self.managers: list[str] = []
        # Whom queues have rung in this call, the latest last.
        self.rung: list[str] = []
        # The turns of the random group of which one is about to be drawn, with their weights.
        self.turns: tuple[tuple[int, m.RingPlan], ...] = ()
        self.hangs_up = NEVER if hangs_up is None else hangs_up
        # When a fax machine does that nobody has received.
        self.gives_up = NEVER
        self.deadline = self.hangs_up

    # ── time ──

    def advance(self, until: int) -> None:
        """Time passes. Raises Cutoff at the moment of the deadline, if that comes before."""
        if self.deadline < until:
            self.now = max(self.now, self.deadline)
            if self.now >= min(self.hangs_up, self.gives_up):
                raise Over("caller hung up", 16)
            raise Diverted
        self.now = until

    def spend(self, until: int) -> None:
        """Time passes while no key is heeded. Raises Cutoff."""
        self.world.spend(self, until)

    def hear(self, prompt: str, until: int, why: Literal["over", "time"] = "over") -> None:
        """A prompt to its end, keys unheeded. Raises Cutoff."""
        begin = self.now
        self.world.enter(self, prompt)
        try:
            self.world.spend(self, until)
        except Cutoff:
            self.events.append(j.Heard(begin, prompt, self.now, "time", self.start))
            raise
        self.events.append(j.Heard(begin, prompt, until, why, self.start))

    def hear_for_key(self, prompt: str, until: int) -> str | None:
        """A prompt that a key cuts: the key, or None at its end. Raises Cutoff."""
        begin = self.now
        self.world.enter(self, prompt)
        try:
            key = self.world.listen(self, until)
        except Cutoff:
            self.events.append(j.Heard(begin, prompt, self.now, "time", self.start))
            raise
        self.events.append(j.Heard(begin, prompt, self.now, "key" if key else "over", self.start))
        return key

    # ── what happens ──

    def is_last(self, who: str) -> None:
        """A queue rings somebody, or has rung them: all others come before."""
        self.rung = [*(other for other in self.rung if other != who), who]

    def answer(self) -> None:
        """Answer, unless it has been done."""
        if not self.answered:
            self.answered = True
            self.answered_at = self.now
            self.events.append(j.Answered(self.now, self.start))
            self._arm()

    def detect_fax(self, scenario: str | None) -> None:
        """From now on a fax machine is taken to `scenario`; with None no more."""
        self.detects = scenario
        self._arm()

    def takes_fax(self) -> None:
        """A fax is being received: the machine does not give up, and its tone is over."""
        self.fax_taken = True
        self._arm()

    def leaves(self, at: int) -> None:
        """The caller hangs up then, if not before."""
        self.hangs_up = min(self.hangs_up, at)
        self._arm()

    def _arm(self) -> None:
        self.gives_up = NEVER
        heard = NEVER
        machine = self.world.known_fax(self)
        if machine is not None and self.answered and not self.fax_taken:
            begins = self.answered_at + machine.begins
            self.gives_up = begins + FAX_GIVES_UP
            if self.detects is not None:
                missed = -(-max(0, self.now - begins - machine.tone) // FAX_TONE_EVERY)
                heard = begins + machine.tone + missed * FAX_TONE_EVERY + FAX_TONE
        self.deadline = min(self.hangs_up, self.gives_up, heard)

    def talk(self, who: str) -> None:
        """A conversation, which ends the call: raises Cutoff always."""
        self.answer()
        begin = self.now
        length, ends = self.world.talk(self, who)
        try:
            self.spend(begin + length)
        except Over:
            self.events.append(j.Talked(begin, who, self.now, "caller", self.recording, self.start))
            raise Over("talked", 16) from None
        except Diverted:
            self.events.append(j.Talked(begin, who, self.now, "office", self.recording, self.start))
            raise
        self.events.append(j.Talked(begin, who, self.now, ends, self.recording, self.start))
        raise Over("talked", 16)
