"""What is given in a test: its clauses to a `Call`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivrc import model as m
from ivrc.ast_cases import Clause, Timing
from ivrc.cases.names import Names
from ivrc.diagnostics import Label
from ivrc.named import NamedTuple
from ivrc.semantics.scope import look_up
from ivrc.simulate.call import Answer, Call, FaxMachine, Message, Press, State, Turn
from ivrc.simulate.office import reach
from ivrc.simulate.options import KEY_AFTER, STEP_PLACES, WHYS, asked_next, read_moment
from ivrc.tokens import Token

_KEYS = re.compile(r"[0-9*#]{1,40}")
_STATES = ("offline", "busy", "answers", "refuses", "machine", "silent")
_ENDS = {"hangup": "hangs up", "silence": "silence", "#": "hash"}
# Clauses that a test has once.
_ONCE = ("call", "crm", "fax", "message", "talk", "hangup", "seed")
# The call begins then where a test says nothing of it: steps that ask for the time are a failure then.
SOME_DAY = (2026, 3, 2, 12, 0)


class Given(NamedTuple):
    """A call, whether its moment is given, and whether its draws are."""

    call: Call
    timed: bool
    seeded: bool


def given(clauses: tuple[Clause, ...], at: Token, names: Names) -> Given:
    """The call of a test; what is faulty is reported and left out. `at`: the test's name."""
    return _Given(names).read(clauses, at)


class _Given:
    """The clauses of one test while they are read."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.faults = names.faults
        zone = names.office.timezone
        self.zone = ZoneInfo(zone) if zone else UTC
        self.timed = False
        self.fields: dict[str, Any] = {"at": datetime(*SOME_DAY, tzinfo=self.zone)}
        self.presses: list[Press] = []
        self.states: dict[str, State] = {}
        self.told: dict[str, Clause] = {}
        self.switches: dict[str, Clause] = {}
        self.on: set[str] = set()

    def read(self, clauses: tuple[Clause, ...], at: Token) -> Given:
        """All clauses."""
        first: dict[str, Clause] = {}
        for clause in clauses:
            if clause.kind in _ONCE and first.setdefault(clause.kind, clause) is not clause:
                label = Label(first[clause.kind].start, first[clause.kind].end, "first given here")
                self.faults.add("IVR108", clause, f"`{clause.kind}` is given twice", "keep one", label)
            elif clause.kind != "expect":
                getattr(self, f"_{clause.kind}")(clause)
        if "to" not in self.fields:
            self.fields["to"] = self._only_number(first.get("call", at))
        call = Call(**self.fields, presses=tuple(self.presses), states=self.states, switches=frozenset(self.on))
        return Given(call, self.timed, "seed" in self.fields)

    # ── the call ──

    def _only_number(self, at: Token | Clause) -> str:
        numbers = self.names.office.numbers
        if len(numbers) == 1:
            return numbers[0].number or "other"
        shown = ", ".join(number.written for number in numbers[:6])
        hint = f'as in: call "{numbers[0].written}"; there are: {shown}' if numbers else "no `number` is declared"
        self.faults.add("IVR503", at, "the test does not say which number is called", hint)
        return ""

    def _call(self, clause: Clause) -> None:
        if len(clause.tokens) > 1:
            self.fields["to"] = self._called(clause.tokens[1])
        given: dict[str, Clause] = {}
        for part in clause.inner:
            if given.setdefault(part.kind, part) is not part:
                self.faults.add("IVR108", part, f"`{part.kind}` is given twice", "keep one")
            elif part.kind == "from":
                self._from(part)
            else:
                self._at(part)

    def _called(self, token: Token) -> str:
        if not self._is(token, "a number", "STRING"):
            return ""
        number = self.names.number(token)
        declared = {each.number: each.written for each in self.names.office.numbers}
        if number is None or number in declared or None in declared:
            return number or ""
        known = [each for each in declared if each]
        near = self.faults.did_you_mean(number, known)
        hint = near or (f"there are: {', '.join(known[:6])}" if known else "no `number` is declared")
        self.faults.add("IVR509", token, f"this office does not declare the number {number}", hint)
        return number

    def _from(self, part: Clause) -> None:
        texts = [token for token in part.tokens[1:] if token.type != "HIDDEN"]
        self.fields["hidden"] = any(token.type == "HIDDEN" for token in part.tokens)
        if texts and self._is(texts[0], "a number", "STRING"):
            self.fields["caller"] = self.names.number(texts[0])

    def _at(self, part: Clause) -> None:
        day, time = part.tokens[1], part.tokens[2]
        if not self._is(day, "a date such as `2026-12-31`", "DATE") or not self._is(
            time, "a time such as `09:00`", "TIME"
        ):
            return
        try:
            moment = read_moment(f"{day.text} {time.text:0>5}").replace(tzinfo=self.zone)
        except ValueError:
            self.faults.add("IVR504", part, f"there is no moment {day.text} {time.text}", "as in: at 2026-12-31 23:10")
            return
        if not 1970 <= moment.year <= 2999:
            self.faults.add("IVR504", part, "calls are placed between 1970 and 2999", "as in: at 2026-12-31 23:10")
            return
        if moment.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
            message = f"the clock of {self.names.office.timezone} never shows {day.text} {time.text}"
            self.faults.add("IVR504", part, message, "clocks were set forward then: take another time")
            return
        self.fields["at"] = moment
        self.timed = True

    def _hangup(self, clause: Clause) -> None:
        self.fields["hangs_up"] = self._time(clause, "after")

    def _talk(self, clause: Clause) -> None:
        self.fields["talk"] = self._time(clause, "for")

    def _seed(self, clause: Clause) -> None:
        self.fields["seed"] = self.names.whole(clause.tokens[1])

    def _fax(self, clause: Clause) -> None:
        pages = clause.tokens[1:]
        self.fields["fax"] = FaxMachine(self.names.whole(pages[0])) if pages else FaxMachine()

    def _message(self, clause: Clause) -> None:
        ends: Any = "hangs up"
        for part in clause.inner:
            word = part.tokens[1]
            if word.value not in _ENDS:
                self.faults.add("IVR110", word, "only `#` ends a message", 'as in: message for 10s then "#"')
            ends = _ENDS.get(word.value, ends)
        self.fields["message"] = Message(self._time(clause, "for"), ends)

    # ── people ──

    def _state(self, clause: Clause) -> None:
        word = next(token for token in clause.tokens if token.type != "COMMA")
        if word.text not in _STATES:
            hint = self.faults.did_you_mean(word.text, list(_STATES)) or f"one of: {', '.join(_STATES)}"
            self.faults.add("IVR506", word, f"`{word.text}` is not what somebody does", hint)
            return
        state = self._what(clause, word.text)
        for who in clause.people:
            if who.target.type == "OTHERS":
                self._tell("others", clause)
                self.fields["others"] = state
                continue
            for phone in (phone for each in self.names.phones(who) for phone in each):
                self._tell(phone, clause)
                self.states[phone] = state

    def _tell(self, who: str, clause: Clause) -> None:
        first = self.told.setdefault(who, clause)
        if first is not clause:
            label = Label(first.start, first.end, "first told here")
            self.faults.add("IVR508", clause, f"`{who}` is told twice what to do", "keep one", label)

    def _what(self, clause: Clause, word: str) -> State:
        times = {timing.word: timing for timing in clause.timings}
        after = self._time(clause, "after") if "after" in times else None
        free = self._time(clause, "for") if "for" in times else None
        match word:
            case "answers":
                accepts, declines = times.get("accepts"), times.get("declines")
                state = State("answers", 5_000 if after is None else after)
                if declines is not None:
                    return state._replace(accepts=None, declines=self._key_after(declines))
                return state._replace(accepts=self._key_after(accepts)) if accepts else state
            case "machine":
                return State("answers", 5_000 if after is None else after, None)
            case "refuses":
                return State("refuses", after or 0)
            case "busy":
                return State("busy", free_at=free)
            case "offline":
                return State("offline", free_at=free)
            case _:
                return State("silent")

    def _key_after(self, timing: Timing) -> int:
        return KEY_AFTER if timing.time is None else self.names.milliseconds(timing.time)

    def _crm(self, clause: Clause) -> None:
        after = self._time(clause, "after") if clause.timings else 0
        named = [token for token in clause.tokens[1:] if token.type != "COMMA"]
        if len(named) == 1 and named[0].text in WHYS and named[0].text not in self.names.employees.entries:
            self.fields["crm"] = Answer(named[0].text, (), after)
            return
        if len(named) > 2:
            message = "the CRM names one responsible, and a second one"
            self.faults.add("IVR506", named[2], message, "as in: crm anna, boris")
        turns = []
        for token in named[:2]:
            if token.text not in self.names.employees.entries and (
                hint := self.faults.did_you_mean(token.text, list(WHYS))
            ):
                self.faults.add("IVR201", token, f"there is no employee `{token.text}`", hint)
            elif employee := look_up(self.names.employees, token, self.faults):
                turns.append(Turn(employee.name, "free", employee.mobiles))
        self.fields["crm"] = Answer("found", tuple(turns), after)

    # ── switches and keys ──

    def _switch(self, clause: Clause) -> None:
        name, state = clause.tokens[1], clause.tokens[2]
        if state.text not in ("on", "off"):
            self.faults.add("IVR506", state, f"a switch is not `{state.text}`", "`on` or `off`")
        if look_up(self.names.switches, name, self.faults) is None:
            return
        first = self.switches.setdefault(name.text, clause)
        if first is not clause:
            label = Label(first.start, first.end, "first given here")
            self.faults.add("IVR108", clause, f"switch `{name.text}` is given twice", "keep one", label)
        if state.text == "on":
            self.on.add(name.text)

    def _press(self, clause: Clause) -> None:
        wrong = any(token.type == "WRONG" for token in clause.tokens)
        token = clause.tokens[-1]
        keys = token.value
        if not _KEYS.fullmatch(keys):
            self.faults.add("IVR110", token, f"no telephone has keys `{keys}`", "keys are 0 to 9, `*` and `#`")
            return
        after = self._time(clause, "after") if clause.timings else None
        place = clause.inner[0].tokens[1] if clause.inner else None
        if place is not None and place.type == "DURATION":
            self.presses.append(Press(keys, self.names.milliseconds(place) + (after or 0)))
            return
        where = self._place(place, keys)
        if where is None:
            return
        self._check_keys(where, token, wrong)
        self.presses.append(Press(keys, KEY_AFTER if after is None else after, where))

    def _place(self, place: Token | None, keys: str) -> str | None:
        """Where keys are pressed, as the simulator names it."""
        if place is None:
            return asked_next(keys)
        if place.type == "STRING":
            if place.value not in self.names.prompts:
                self.names.unknown_prompt(place)
                return None
            return place.value
        if place.type in ("MENU", "EXTENSION", "VOICEMAIL"):
            return STEP_PLACES[place.text]
        self.faults.add("IVR506", place, f"`{place.text}` is not a prompt", 'as in: press 2 at "menu"')
        return None

    def _check_keys(self, where: str, token: Token, wrong: bool) -> None:
        """Whether there is a menu with the key, or an employee with the extension."""
        keys = token.value
        steps = self.names.prompts.get(where, self.names.steps)
        menus = [step for step in steps if isinstance(step, m.Branch)] if where != "wait" else []
        waits = [step for step in steps if isinstance(step, m.WaitExtension)] if where != "branch" else []
        if where == "voicemail" or (where in self.names.prompts and not menus and not waits):
            # Pressed while something plays: there a key is lost, which may be what is tried.
            return
        known = {key for menu in menus for case in menu.cases for key in case.keys}
        if waits:
            known |= {each.extension for each in self.names.office.employees if each.extension and reach(each)}
        if not menus and not waits:
            what = "a menu" if where == "branch" else "an extension"
            self.faults.add("IVR505", token, f"no step of this office asks for {what}", "")
        elif keys not in known and not wrong:
            shown = ", ".join(sorted(known)[:12])
            hint = f"there are: {shown}; if a wrong one is meant, write `press wrong {token.text}`"
            self.faults.add("IVR505", token, f"nobody asks for `{keys}` here", hint)

    # ── values ──

    def _time(self, clause: Clause, word: str) -> int:
        time = next(timing.time for timing in clause.timings if timing.word == word)
        assert time is not None
        return self.names.milliseconds(time)

    def _is(self, token: Token, what: str, *types: str) -> bool:
        """Whether a value, perhaps a table's, is of the right kind."""
        if token.type in types:
            return True
        self.faults.add("IVR506", token, f"`{token.text}` is not {what}", "")
        return False
