"""Cache and breaker in any order of events, beside a plain model of them."""

from __future__ import annotations

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ivrc.crm.contact import Contact, CrmBusy, CrmDown, CrmNonsense
from ivrc.crm.durations import Duration
from ivrc.crm.lookup import Found, Lookup
from ivrc.crm.settings import BreakerSettings, CacheSettings, CrmSettings

NUMBERS = [f"+7495000000{digit}" for digit in range(6)]
KEEP, KEEP_UNKNOWN, STALE, SIZE, FAILURES, PAUSE, BUSY = 30, 10, 20, 4, 3, 15, 7
SETTINGS = CrmSettings(
    cache=CacheSettings(keep=Duration(KEEP), keep_unknown=Duration(KEEP_UNKNOWN), size=SIZE, stale=Duration(STALE)),
    breaker=BreakerSettings(failures=FAILURES, pause=Duration(PAUSE)),
)


class Crm:
    """Answers as the machine says."""

    def __init__(self) -> None:
        self.mood = "well"
        self.asked = 0
        self.known: set[str] = set()

    async def find(self, number: str) -> list[Contact]:
        self.asked += 1
        if self.mood == "down":
            raise CrmDown("x")
        if self.mood == "busy":
            raise CrmBusy("x", BUSY)
        if self.mood == "nonsense":
            raise CrmNonsense("x")
        return [Contact(number, phones=(number,))] if number in self.known else []

    async def check(self) -> str:
        return ""

    async def close(self) -> None:
        return


class States(RuleBasedStateMachine):
    """One request after another; the model knows what the CRM may be asked and what must be answered."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.crm = Crm()
        self.lookup = Lookup(self.crm, SETTINGS, country="RU", clock=lambda: self.now)
        self.loop = asyncio.new_event_loop()
        self.kept: dict[str, tuple[int, str]] = {}  # number → when, found or unknown; oldest use first
        self.in_a_row = 0
        self.open_at: int | None = None
        self.busy_until = -1

    def teardown(self) -> None:
        self.loop.close()

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(mood=st.sampled_from(["well", "well", "down", "busy", "nonsense"]))
    def the_crm_changes(self, mood: str) -> None:
        self.crm.mood = mood

    @rule(number=st.sampled_from(NUMBERS))
    def a_contact_comes_or_goes(self, number: str) -> None:
        self.crm.known ^= {number}

    @rule(number=st.sampled_from(NUMBERS))
    def a_call(self, number: str) -> None:
        before = self.crm.asked
        found = self.loop.run_until_complete(self.lookup.find(number, seconds=10))
        asked = self.crm.asked - before
        at, kind = self.kept.get(number, (-1000, ""))
        keep = KEEP if kind == "found" else KEEP_UNKNOWN
        if kind and self.now >= at + keep + STALE:
            del self.kept[number]
            kind = ""
        if kind and self.now < at + keep:
            assert (found.why, found.origin, asked) == (kind, "cache", 0)
            self.use(number)
            return
        if self.now < self.busy_until:
            self.failure(number, kind, found, asked, "busy", 0)
        elif self.open_at is not None and self.now < self.open_at + PAUSE:
            self.failure(number, kind, found, asked, "down", 0)
        elif self.crm.mood == "well":
            known = "found" if number in self.crm.known else "unknown"
            assert (found.why, found.origin, asked) == (known, "crm", 1)
            self.kept.pop(number, None)
            self.kept[number] = (self.now, known)
            while len(self.kept) > SIZE:
                del self.kept[next(iter(self.kept))]
            self.in_a_row, self.open_at = 0, None
        else:
            self.failure(number, kind, found, asked, self.crm.mood, 1)
            self.after_failure()

    def after_failure(self) -> None:
        if self.crm.mood != "down":
            self.in_a_row, self.open_at = 0, None
            if self.crm.mood == "busy":
                self.busy_until = self.now + BUSY
            return
        self.in_a_row += 1
        if self.open_at is not None or self.in_a_row >= FAILURES:
            self.open_at = self.now

    def failure(self, number: str, kind: str, found: Found, asked: int, why: str, times: int) -> None:
        """An old answer if there is one, else the reason."""
        expected = (kind, "stale") if kind else (why, "crm")
        assert (found.why, found.origin) == expected
        assert asked == times
        if kind:
            self.use(number)

    def use(self, number: str) -> None:
        self.kept[number] = self.kept.pop(number)

    @invariant()
    def bounded(self) -> None:
        assert len(self.lookup.cache) <= SIZE
        assert not self.lookup._flights and not self.lookup._left


TestStates = States.TestCase
