"""A call's journey told in the words of the source: who is who in an office, and what each caller met."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ivrc.prompts import deployed_name
from ivrc.testbed.journey import Ended, Heard, Journey, Key, Rang, RingEnded, Step, Talked, Variable
from ivrc.testbed.sip import CallResult

_STATUS = {
    "NOANSWER": "{} does not pick up",
    "CONTINUE": "{} has not pressed 1: not put through",
    "BUSY": "{} refuses",
    "CHANUNAVAIL": "{} cannot be reached",
    "CONGESTION": "{} cannot be reached",
}


_WHY = {
    "found": "it knows the caller, and who is responsible",
    "unknown": "it does not know the caller",
    "unassigned": "nobody is responsible for the caller",
    "stranger": "whoever is responsible has no phone that could be rung",
    "own": "the caller is an employee",
    "hidden": "the caller hides the number",
    "late": "no answer in time",
}


class DemoError(Exception):
    """The demonstration cannot go on; the message is for people."""


# ── the office ──────────────────────────────────────────────────────────────────────────────────


class Person(NamedTuple):
    """An employee as the manifest has them."""

    name: str
    display: str
    endpoints: tuple[str, ...]
    mobiles: tuple[str, ...]


class Office:
    """A compiled office: its people, and the steps that its dialplan says it is made of."""

    def __init__(self, build: Path) -> None:
        self.plan = (build / "extensions.conf").read_text(encoding="utf-8")
        manifest: dict[str, Any] = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
        about = manifest["offices"][0]
        self.name: str = about["name"]
        self.zone = ZoneInfo(about["timezone"] or "UTC")
        ends = manifest["expects"]["endpoints"]
        self.endpoints = [name for name in ends if name not in ("provider", "ivrc-sip")]
        self.people = [
            Person(
                one["name"],
                one["display"] or one["name"],
                tuple(device.partition("/")[2] for device in one["devices"]),
                tuple(one["mobiles"]),
            )
            for one in about["employees"]
        ]
        owned = {endpoint for person in self.people for endpoint in person.endpoints}
        self.trunks = ["provider", *(name for name in self.endpoints if name not in owned)]
        self._steps = _steps_of(self.plan)

    def step(self, event: Step) -> tuple[str, str]:
        """(place, words) of the source's step that a priority belongs to; empty if to none."""
        steps = self._steps.get((event.context, event.exten), [])
        index = bisect_right([priority for priority, _, _ in steps], event.priority) - 1
        return steps[index][1:] if index >= 0 else ("", "")

    def person(self, name: str) -> Person:
        """An employee by the source's name."""
        found = next((person for person in self.people if person.name == name), None)
        if found is None:
            raise DemoError(f"calls.toml speaks of `{name}`, whom the office does not know")
        return found

    def called(self, dialled: str) -> str:
        """Who an endpoint or an outside number is."""
        user, _, trunk = dialled.partition("@")
        for person in self.people:
            if dialled in person.endpoints:
                return person.display
            if trunk and any(tail(mobile) == tail(user) for mobile in person.mobiles):
                return f"{person.display} (mobile)"
        return user


_COMMENT = re.compile(r"; (.*)    \((.+:\d+)\)")


def _steps_of(plan: str) -> dict[tuple[str, str], list[tuple[int, str, str]]]:
    """(context, extension) → (first priority, place, words) of each step, from the dialplan's own comments."""
    steps: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
    context = exten = place = words = ""
    priority = 0
    for line in plan.splitlines():
        if match := _COMMENT.fullmatch(line):
            words, place = match.groups()
            continue
        if line.startswith("["):
            context = line[1:-1]
        elif line.startswith("exten => ") and ",hint," not in line:
            exten, priority = line[9:].split(",", 1)[0], 1
        elif line.startswith(" same =>"):
            priority += 1
        if place and line.startswith(("exten", " same")):
            steps.setdefault((context, exten), []).append((priority, place, words))
            place = ""
    return steps


def tail(number: str) -> str:
    """What is the same in every way of writing a phone number."""
    return re.sub(r"\D", "", number)[-9:]


# ── telling ─────────────────────────────────────────────────────────────────────────────────────


class Told(NamedTuple):
    """One line: a step of the source (with its place), or what happened in it."""

    at: float
    place: str
    text: str


class Narrator:
    """Tells one call's journey: the steps in the source's words, and under each what happened."""

    def __init__(self, office: Office, offline: set[str], who: str) -> None:
        self._office = office
        self._who = who  # calls
        self._offline = offline
        self._told: list[Told] = []
        self._caller = ""  # the caller's channel
        self._words = ""  # of the step now running
        self._heard: set[str] = set()  # in that step
        self._undecided = False  # whether that step is a `when` whose outcome is not known yet
        self._ringing: dict[str, float] = {}  # who → since when
        self._asked = ""  # who picked up and must press 1
        self._talks: tuple[str, float] | None = None  # with whom, since when

    def tell(self, journey: Journey, result: CallResult) -> list[Told]:
        """The lines of one call."""
        for event in journey.events:
            match event:
                case Step():
                    self._step(event)
                case Heard() if event.channel != self._caller:
                    self._is_asked(event)
                case Key():
                    self._key(event)
                case Rang() if not _is_leg(event.endpoint):
                    self._rang(event)
                case RingEnded() if not _is_leg(event.endpoint):
                    self._ring_ended(event)
                case Talked() if not _is_leg(event.endpoint):
                    self._talked(event)
                case Variable() if event.name == "IVRC_WHY":
                    self._asked_crm(event)
                case Ended():
                    self._ended(event, result)
                case _:
                    pass
        return self._told

    def _say(self, at: float, text: str) -> None:
        self._told.append(Told(at, "", text))

    def _more(self, text: str) -> None:
        """Add to the last line."""
        self._told[-1] = self._told[-1]._replace(text=self._told[-1].text + text)

    def _step(self, event: Step) -> None:
        self._caller = self._caller or event.channel
        if event.channel != self._caller:
            return
        place, words = self._office.step(event)
        if place and (place, words) != (self._place(), self._words):
            # The arrow of a `when` on one line has been read with it.
            if not (words in self._words and self._told[-1].place == place):
                self._told.append(Told(event.at, place, words))
            self._words, self._heard, self._undecided = words, set(), words.startswith("when ")
        if event.app == "GotoIf" and place and self._undecided:
            self._more("   ✓ yes" if _holds(event) else "   ✗ no")
            self._undecided = False
        if event.app in ("Playback", "BackGround"):
            self._hears(event)
        if event.app in ("GotoIf", "ExecIf") and not _holds(event):
            self._passed_over(event)

    def _place(self) -> str:
        return next((told.place for told in reversed(self._told) if told.place), "")

    def _hears(self, event: Step) -> None:
        """What is not in the step's own words, or is heard again; taken from the step, which keeps the order."""
        name = self._prompt(event.data)
        if name in self._heard:
            self._say(event.at, f"{self._who} hears {name} again")
        elif name not in self._words:
            self._say(event.at, f"{self._who} hears {name}")
        self._heard.add(name)

    def _prompt(self, sound: str) -> str:
        """A sound as the source names it."""
        own = f"ivrc/{self._office.name}/"
        for written in re.findall(r'"([^"]+)"', self._words):
            made = re.escape(own + deployed_name(written))
            spoken = sound.startswith(f"{own}say-") and "say" in self._words
            if spoken or sound == written.removeprefix("asterisk:") or re.fullmatch(rf"{made}(-(wait)?\d+s)?", sound):
                return f'"{written}"'
        return f'"{sound.removeprefix(own)}"' if sound.startswith(own) else f'"asterisk:{sound}"'

    def _passed_over(self, event: Step) -> None:
        """Whoever is busy or offline is not rung: the dialplan's own test says so."""
        rest = event.data.partition("?")[2]
        for person in self._office.people:
            skipped = re.fullmatch(rf":after-{re.escape(person.name)}(-\d+)?", rest)
            left_out = person.endpoints and re.search(rf"Set\(IVRC_RING=.*/{re.escape(person.endpoints[-1])}\)$", rest)
            if event.exten == "ring" and rest == "desk" and event.context.endswith(".responsible"):
                continue
            if skipped or left_out:
                why = "offline" if set(person.endpoints) <= self._offline else "in another call"
                self._say(event.at, f"{person.display} is {why}: passed over")

    def _asked_crm(self, event: Variable) -> None:
        self._say(event.at, "the CRM is asked: " + _WHY.get(event.value, event.value))

    def _key(self, event: Key) -> None:
        who = f"{self._who if event.channel == self._caller else self._asked} presses "
        last = self._told[-1]
        if last.text.startswith(who) and event.at - last.at < 2:
            self._more(event.digit)
        else:
            self._say(event.at, who + event.digit)

    def _rang(self, event: Rang) -> None:
        who = self._office.called(event.endpoint)
        if who in self._ringing:
            return  # another phone of the same person
        last = self._told[-1]
        self._ringing[who] = event.at
        self._asked = ""
        together = last.text.endswith((" rings", " ring")) and event.at - last.at < 0.5 and not last.place
        if together:
            others = last.text.rpartition(" ")[0].replace(" and ", "; ")
            self._told[-1] = last._replace(text=f"{others} and {who} ring")
        else:
            self._say(event.at, f"{who} rings")

    def _ring_ended(self, event: RingEnded) -> None:
        who = self._office.called(event.endpoint)
        since = self._ringing.pop(who, None)
        if since is None or event.status in ("ANSWER", "CANCEL"):
            return  # `_talked` says the one; the other is everybody else's phone
        text = _STATUS.get(event.status, "{} " + event.status.lower()).format(who)
        self._say(event.at, f"{text} ({event.at - since:.0f} s)" if event.status == "NOANSWER" else text)

    def _is_asked(self, event: Heard) -> None:
        if self._asked:
            self._say(event.at, f"{self._asked} is asked again")
            return
        self._asked = list(self._ringing)[-1] if self._ringing else "whoever picked up"
        self._say(event.at, f"{self._asked} picks up and is asked to press 1 for the call")

    def _talked(self, event: Talked) -> None:
        who = self._office.called(event.endpoint)
        self._talks = (who, event.at)
        self._say(event.at, f"{who} is put through" if who == self._asked else f"{who} picks up, and they talk")

    def _ended(self, event: Ended, result: CallResult) -> None:
        who, since = self._talks or ("the office", event.at)
        text = f"{self._who if result.ended_by == 'caller' else who} hangs up"
        self._say(event.at, f"{text} ({event.at - since:.0f} s of talk)" if self._talks else text)


def _is_leg(endpoint: str) -> bool:
    """Whether what rang is a leg of the dialplan's own and not a phone."""
    return "@ivrc" in endpoint


def _holds(event: Step) -> bool:
    """Whether the condition of a GotoIf or ExecIf holds: the manager tells its value."""
    return event.data.partition("?")[0] not in ("", "0")


def print_call(lines: list[Told]) -> None:
    """Print a call's lines, the source's places in a column."""
    width = max((len(told.place) for told in lines), default=0)
    for told in lines:
        middle = f"{told.place:<{width}}  {told.text}" if told.place else f"{'':<{width}}    {told.text}"
        print(f"{told.at:7.1f} s  {middle}", flush=True)
