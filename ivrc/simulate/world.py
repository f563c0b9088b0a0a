"""Who decides what is not in the source: keys, phones, chance, clock. `World` takes it all from a `Call`."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Literal, assert_never

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.call import Answer, Call, FaxMachine, Message, Press, State
from ivrc.simulate.line import Line
from ivrc.simulate.office import Prepared, e164_digits, only_digits

# Asterisk asks three times whether the caller is a fax machine, and is done sooner in a call's later faxes. (Measured
# on Asterisk 22: 24.9 s and 21.9 s, half a second more where a `fax` answers while the caller hears ringing.)
FAX_PATIENCE, FAX_PATIENCE_LATER = 25_000, 22_000
# Between two keys of one press.
KEY_GAP = 250


class World:
    """The world as a call describes it; other worlds (all branches, a person at a terminal) override parts of it."""

    def __init__(self, office: Prepared, call: Call) -> None:
        self.office = office
        self.call = call
        self._random: Random | None = None
        self._keys: list[tuple[int, str]] = []
        self._placed: list[Press] = []
        for press in call.presses:
            if press.place is None:
                self._schedule(press, 0)
            else:
                self._placed.append(press)

    # ── keys ──

    def _schedule(self, press: Press, begin: int) -> None:
        at = begin + press.offset
        self._keys += [(at + index * KEY_GAP, key) for index, key in enumerate(press.keys)]
        self._keys.sort()

    def enter(self, line: Line, place: str) -> None:
        """The call comes to a prompt or a kind of step: the next keys meant for it are pressed from now on."""
        for press in self._placed:
            if press.place == place:
                self._placed.remove(press)
                self._schedule(press, line.now)
                return

    def menu(self, line: Line, step: m.Branch, attempt: int) -> None:
        """A menu begins, for the first time (`attempt` 0) or once more."""
        self.enter(line, "branch")

    def extension(self, line: Line, step: m.WaitExtension) -> None:
        """A wait for an extension begins."""
        self.enter(line, "wait")

    def enter_scenario(self, line: Line, scenario: str) -> None:
        """The call begins a scenario."""

    def spend(self, line: Line, until: int) -> None:
        """Time passes, keys are lost. Raises Cutoff."""
        while self._keys and self._keys[0][0] < min(until, line.deadline):
            at, key = self._keys.pop(0)
            line.events.append(j.Key(max(at, line.now), key, False, line.start))
        line.advance(until)

    def listen(self, line: Line, until: int) -> str | None:
        """The next key before `until`, or None then. Raises Cutoff."""
        if self._keys and self._keys[0][0] < min(until, line.deadline):
            at, key = self._keys.pop(0)
            line.now = max(at, line.now)
            line.events.append(j.Key(line.now, key, True, line.start))
            return key
        line.advance(until)
        return None

    # ── people ──

    def state(self, line: Line, who: str) -> State:
        """What a phone does now."""
        state = self.call.states.get(who, self.call.others)
        if state.free_at is not None and line.now >= state.free_at:
            return State("answers", state.after, state.accepts, state.declines)
        return state

    def free_at(self, line: Line, who: str) -> int | None:
        """When a phone that cannot be rung now can be; None if never in this call."""
        return self.call.states.get(who, self.call.others).free_at

    def meet(self, line: Line, whos: list[str]) -> None:
        """These are about to be rung together."""

    def drawn(self, line: Line, whos: list[str]) -> None:
        """A random group is about to be rung; `whos`: everybody beneath."""

    def in_turn(self, people: list[str]) -> list[str]:
        """The people of a queue, who had been without a call for longest when this one began first: as written."""
        return people

    def queue_takes(self, line: Line) -> int:
        """Milliseconds until a queue of `reach anyone` rings for the first time."""
        return 0

    def rings(self, line: Line, whos: list[str]) -> None:
        """These begin to ring."""

    def talk(self, line: Line, who: str) -> tuple[int, Literal["caller", "answerer"]]:
        """How long a conversation lasts and who hangs up."""
        return self.call.talk, self.call.talk_ends

    # ── the rest ──

    def draw(self, line: Line, weights: list[int], first: bool) -> int:
        """An index, in proportion to the weights (integers, not all 0); `first`: of a group's turns nobody has rung."""
        if self._random is None:
            self._random = Random(self.call.seed)
        left = self._random.randrange(sum(weights))
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        raise AssertionError("the weights add up to more than was drawn")

    def holds(self, line: Line, condition: m.Condition) -> bool:
        """Whether a condition holds now."""
        match condition:
            case m.ByHours(hours=hours):
                return self.office.hours_hold(hours, self.call.at + timedelta(milliseconds=line.now))
            case m.BySwitch(switch):
                return switch.name in self.call.switches
            case m.ByCallers(callers):
                digits = e164_digits(self.call.caller or "", self.office.country)
                return digits in callers.numbers or digits.startswith(callers.prefixes)
            case m.ByHidden():
                return self.call.hidden or not only_digits(self.call.caller or "")
            case _:
                assert_never(condition)

    def crm(self, line: Line) -> Answer:
        """What the CRM says."""
        return self.call.crm

    def message(self, line: Line) -> Message:
        """What the caller leaves on a voicemail."""
        return self.call.message

    def fax(self, line: Line) -> FaxMachine | None:
        """The fax machine that calls, if it is one."""
        return self.call.fax

    def known_fax(self, line: Line) -> FaxMachine | None:
        """The same, as far as it is decided by now."""
        return self.call.fax

    def fax_patience(self, line: Line) -> int:
        """Milliseconds for which a fax machine is waited for."""
        return FAX_PATIENCE_LATER if line.fax_awaited else FAX_PATIENCE
