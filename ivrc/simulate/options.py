"""The words of the command line to a `Call`. A word that names nothing is an OptionError with the nearest that does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivrc import model as m
from ivrc.diagnostics import did_you_mean
from ivrc.phone import NumberError, parse_number
from ivrc.simulate.call import Answer, Call, FaxMachine, Message, Press, State, Turn
from ivrc.simulate.office import Prepared, prompt_name
from ivrc.walking import steps_of

# Steps that ask for keys, in the language's words for them and in those of the steps.
STEP_PLACES = {"menu": "branch", "extension": "wait", "voicemail": "voicemail", "branch": "branch", "wait": "wait"}
# Why the CRM names nobody, in the words of the helper.
WHYS = ("unknown", "unassigned", "stranger", "own", "hidden", "late", "down", "broken")
KEY_AFTER = 1_000
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|)")
_FACTORS = {"ms": 1, "s": 1000, "m": 60_000, "": 1000}
_LONGEST = 24 * 3_600_000
_KEYS = re.compile(r"[0-9*#]+")


def read_moment(text: str) -> datetime:
    """A date and a time of day, as `2026-12-31 23:10`. ValueError; 24:00 is none, which Python takes from 3.14 on."""
    if text[11:13] == "24":
        raise ValueError(text)
    return datetime.fromisoformat(text)


def asked_next(keys: str) -> str:
    """Where keys are pressed of which it is not said: one alone in a menu, several where an extension is asked for."""
    return "branch" if len(keys) == 1 else "wait"


class OptionError(ValueError):
    """A word of the command line that cannot be meant; the message is for people."""


def milliseconds(text: str) -> int:
    """`5s`, `1.5m`, `300ms`, `5` (seconds)."""
    match = _TIME.fullmatch(text.strip())
    if not match or (value := round(float(match[1]) * _FACTORS[match[2]])) > _LONGEST:
        raise OptionError(f"`{text}` is no time: write 5s, 1.5m or 300ms, up to a day")
    return value


def unknown(kind: str, word: str, known: list[str]) -> OptionError:
    """The fault of a name that is none."""
    hint = did_you_mean(word, known) or (f"there are: {', '.join(sorted(known)[:12])}" if known else "there is none")
    return OptionError(f"there is no {kind} `{word}`: {hint}")


class Words:
    """Reads the words of one office's calls."""

    def __init__(self, office: Prepared) -> None:
        self.office = office
        self.people = list(office.employees)
        self.steps = [step for scenario in office.office.scenarios for step in steps_of(scenario.body)]
        self.addresses = {step.address for step in self.steps if isinstance(step, m.CallSip)}

    def phones(self, word: str) -> list[str]:
        """Whose phone: an employee, `anna.mobile` (all of them), a phone number, a SIP address."""
        name, _, part = word.partition(".")
        if employee := self.office.employees.get(word):
            # Whoever has only a mobile is rung there.
            return [word, *(() if employee.devices else employee.mobiles)]
        if part == "mobile" and name in self.office.employees:
            mobiles = self.office.employees[name].mobiles
            if not mobiles:
                raise OptionError(f"{name} has no mobile")
            return list(mobiles)
        if word in self.addresses:
            return [word]
        if re.fullmatch(r"[+0-9 ().\-]+", word):
            return [self.number(word)]
        raise unknown("employee", word, [*self.people, *(f"{each}.mobile" for each in self.people), *self.addresses])

    def number(self, word: str) -> str:
        """A phone number as E.164."""
        try:
            return parse_number(word, self.office.country)
        except NumberError as fault:
            raise OptionError(f"`{word}`: {fault}") from fault

    def dialled(self, word: str | None) -> str:
        """The number that was dialled: one of the office's, or any other thing that a trunk may send."""
        declared = [number.number for number in self.office.office.numbers if number.number]
        if word is None:
            if len(self.office.office.numbers) == 1:
                return declared[0] if declared else "other"
            raise OptionError(f"say with --to which number is called: {', '.join(declared[:12])}")
        return word

    def moment(self, word: str | None) -> datetime:
        """The moment the call begins, in the office's zone unless it has one of its own; now if not given."""
        zone = ZoneInfo(self.office.office.timezone) if self.office.office.timezone else UTC
        if word is None:
            return datetime.now(zone)
        try:
            moment = read_moment(word)
        except ValueError as fault:
            raise OptionError(f'`{word}` is no moment: write "2026-12-31 23:10"') from fault
        if not 1970 <= moment.year <= 2999:
            raise OptionError(f"`{word}`: calls are placed between 1970 and 2999")
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)

    def press(self, word: str) -> Press:
        """`2`, `2@menu`, `2@menu+3s`, `101@extension`, `1@3.5s`. A prompt of that name comes before a step."""
        keys, at, place = word.partition("@")
        if not _KEYS.fullmatch(keys) or (at and not place):
            raise OptionError(f"`{word}`: write keys and where, as 2@menu, 101@extension, 1@3.5s")
        if not at:
            return Press(keys, KEY_AFTER, asked_next(keys))
        known = {**STEP_PLACES, **{prompt: prompt for prompt in self._prompts()}}
        if place in known:
            return Press(keys, KEY_AFTER, known[place])
        name, plus, offset = place.rpartition("+")
        if plus and name in known:
            return Press(keys, milliseconds(offset), known[name])
        if _TIME.fullmatch(place.removeprefix("+")):
            return Press(keys, milliseconds(place.removeprefix("+")))
        raise unknown("prompt or step", name or place, sorted(known))

    def _prompts(self) -> set[str]:
        return {prompt_name(prompt) for step in self.steps if (prompt := getattr(step, "prompt", None))}

    def state(self, word: str, kind: str) -> tuple[list[str], State]:
        """`gleb`, `gleb:5s`: whose phones, and what they do."""
        # The colon of an address is none of ours.
        name, time = (word, None) if word in self.addresses else _timed(word)
        after = 5_000 if time is None else time
        match kind:
            case "answers":
                state = State("answers", after)
            case "machine":
                state = State("answers", after, None)
            case "declines":
                state = State("answers", after, None, KEY_AFTER)
            case "refuses":
                state = State("refuses", 0 if time is None else time)
            case "busy":
                state = State("busy", free_at=time)
            case _:
                state = State("offline", free_at=time)
        return self.phones(name), state

    def crm(self, word: str, takes: int) -> Answer:
        """`anna`, `anna,boris`, or why there is nobody."""
        if word in WHYS and word not in self.office.employees:
            return Answer(word, (), takes)
        turns = []
        for name in word.split(","):
            employee = self.office.employees.get(name.strip())
            if employee is None:
                raise unknown("employee", name.strip(), [*self.people, *WHYS])
            turns.append(Turn(employee.name, "free", employee.mobiles))
        return Answer("found", tuple(turns[:2]), takes)

    def switches(self, words: tuple[str, ...]) -> frozenset[str]:
        """The switches that are on."""
        known = [switch.name for switch in self.office.office.switches]
        for word in words:
            if word not in known:
                raise unknown("switch", word, known)
        return frozenset(words)


def _timed(word: str) -> tuple[str, int | None]:
    """A name, and the time after its last colon if there is one."""
    name, colon, time = word.rpartition(":")
    if colon and _TIME.fullmatch(time):
        return name, milliseconds(time)
    if colon and not name.startswith("sip"):
        raise OptionError(f"`{word}`: write a time after the colon, as {name}:5s")
    return word, None


def call_of(office: Prepared, given: dict[str, Any]) -> Call:
    """The call that the options describe; see `ivrc.simulating` for them. OptionError."""
    words = Words(office)
    states: dict[str, State] = {}
    for kind in ("answers", "machine", "declines", "refuses", "busy", "offline"):
        for word in given[kind]:
            whos, state = words.state(word, kind)
            for who in whos:
                if who in states:
                    raise OptionError(f"`{who}` is told to be two things at once")
                states[who] = state
    for word in (given["to"], given["from_"]):
        if word is not None and not word.isprintable():
            raise OptionError(f"{word!r} is no caller's number, nor one to be called")
    crm = given["crm"]
    return Call(
        to=words.dialled(given["to"]),
        caller=given["from_"],
        hidden=given["hidden"],
        at=words.moment(given["at"]),
        presses=tuple(words.press(word) for word in given["press"]),
        states=states,
        switches=words.switches(given["switch"]),
        crm=words.crm(crm, milliseconds(given["crm_takes"])) if crm else Answer("unknown"),
        message=Message(milliseconds(given["message"])),
        fax=FaxMachine(given["fax"]) if given["fax"] else None,
        hangs_up=milliseconds(given["hang_up"]) if given["hang_up"] else None,
        talk=milliseconds(given["talk"]),
        seed=given["seed"],
    )


def prompts_of(office: m.Office) -> list[m.Prompt]:
    """Every prompt of an office's steps."""
    steps = [step for scenario in office.scenarios for step in steps_of(scenario.body)]
    return [prompt for step in steps if (prompt := getattr(step, "prompt", None))]
