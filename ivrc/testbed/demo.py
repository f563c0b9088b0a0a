"""Real calls through an office, told step by step in the words of its source: what `make run` shows.

`python -m ivrc.testbed.demo examples/shop` compiles the folder, starts an Asterisk of its own on loopback and
places the calls of the folder's `calls.toml`. Each `[[call]]` there has

- `about` (what there is to see), `at` (the office's wall clock), `to` (a number, or what staff dial);
- `from` (the caller's number), `hidden = true`, or `staff` (an employee, on their own phone);
- `press`: a list of `[seconds, keys]`, the seconds counting from the answer or the keys before;
- `phones`: employee, `employee mobile` or number → a word of `_PHONES`; whoever is not named just rings;
- `stays`: seconds after which the caller hangs up; otherwise the caller waits for the end.

The office's clock runs `SPEED` times as fast as ours: all seconds here and in what is printed are the office's.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ivrc.output import write_folder
from ivrc.pipeline import compile_offices
from ivrc.prompts import deployed_name
from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.fetch import fetch, is_fetched
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.journey import Ended, Heard, Journey, Key, Rang, RingEnded, Step, Talked
from ivrc.testbed.prefix import TestbedError
from ivrc.testbed.sip import Caller, CallResult, Phone
from ivrc.testbed.sip_xml import BUSY, Act, Behaviour, answers, expect_answer, hangup, key, pause, silent, wait_hangup
from ivrc.testbed.watch import Watch

SPEED = 4
_VERSION = "22"


def _answers(after: float, hangup_after: float | None = None, keys: str = "", keys_after: float = 0.0) -> Behaviour:
    """A phone that answers, in the office's seconds."""
    stays = None if hangup_after is None else hangup_after / SPEED
    return answers(after / SPEED, hangup_after=stays, keys=keys, keys_after=keys_after / SPEED)


_PHONES: dict[str, Behaviour] = {
    "answers": _answers(4, hangup_after=8),
    "presses 1": _answers(5, hangup_after=20, keys="1", keys_after=5),  # and then talks
    "voicemail": _answers(8),  # answers, presses nothing
    "refuses": BUSY,
    "talks": _answers(0),  # is in another call before this one begins
    "offline": silent(),  # never started
}
_STATUS = {
    "ANSWER": "{} picks up",
    "NOANSWER": "{} does not pick up",
    "BUSY": "{} refuses",
    "CHANUNAVAIL": "{} cannot be reached",
    "CONGESTION": "{} cannot be reached",
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
            if trunk and any(_tail(mobile) == _tail(user) for mobile in person.mobiles):
                return f"{person.display}, mobile"
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


def _tail(number: str) -> str:
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

    def __init__(self, office: Office, offline: set[str]) -> None:
        self._office = office
        self._offline = offline
        self._told: list[Told] = []
        self._caller = ""  # the caller's channel
        self._words = ""  # of the step now running
        self._heard: set[str] = set()  # in that step
        self._undecided = False  # whether that step is a `when` whose outcome is not known yet
        self._rings: dict[str, float] = {}  # who → since when
        self._talks = ""

    def tell(self, journey: Journey, result: CallResult) -> list[Told]:
        """The lines of one call."""
        for event in journey.events:
            match event:
                case Step():
                    self._step(event)
                case Heard():
                    self._hears(event)
                case Key():
                    self._key(event)
                case Rang():
                    self._rang(event)
                case RingEnded():
                    self._ring_ended(event)
                case Talked():
                    self._talked(event)
                case Ended():
                    self._ended(event, result)
                case _:
                    pass
        return self._told

    def _say(self, at: float, text: str) -> None:
        self._told.append(Told(at, "", text))

    def _step(self, event: Step) -> None:
        self._caller = self._caller or event.channel
        if event.channel != self._caller:
            return
        place, words = self._office.step(event)
        last = self._last_step()
        if place and (place, words) != (last.place, self._words):
            if words.startswith("-> ") and last.place == place and last is self._told[-1]:
                # The arrow of a `when` on one line: the way it took.
                self._told[-1] = last._replace(text=f"{last.text}   {words}" if " -> " not in self._words else last.text)
            else:
                self._told.append(Told(event.at, place, words))
            self._words, self._heard = words, set()
            self._undecided = words.startswith("when ")
        if event.app == "GotoIf" and self._undecided and place:
            held = event.data.partition("?")[0] not in ("", "0")
            self._told[-1] = self._told[-1]._replace(text=f"{self._told[-1].text}   {'✓ yes' if held else '✗ no'}")
            self._undecided = False
        self._passed_over(event)

    def _last_step(self) -> Told:
        return next((told for told in reversed(self._told) if told.place), Told(0.0, "", ""))

    def _passed_over(self, event: Step) -> None:
        """Whoever is busy or offline is not rung: the dialplan's own test says so."""
        condition, _, rest = event.data.partition("?")
        if condition not in ("", "0") or event.app not in ("GotoIf", "ExecIf"):
            return
        for person in self._office.people:
            skipped = rest.startswith(":after-") and re.fullmatch(rf":after-{person.name}(-\d+)?", rest)
            left_out = rest.startswith("Set(IVRC_RING=") and person.endpoints and rest.endswith(f"/{person.endpoints[-1]})")
            if skipped or left_out:
                why = "offline" if set(person.endpoints) <= self._offline else "in another call"
                self._say(event.at, f"{person.display} is {why}: passed over")

    def _hears(self, event: Heard) -> None:
        name = self._prompt(event.sound)
        if event.channel != self._caller:
            self._say(event.at, "whoever picked up is asked to press 1 for the call")
        elif name in self._heard:
            self._say(event.at, f"the caller hears {name} again")
        elif name not in self._words:
            self._say(event.at, f"the caller hears {name}")
        self._heard.add(name)

    def _prompt(self, sound: str) -> str:
        """A sound as the source names it."""
        for written in re.findall(r'"([^"]+)"', self._words):
            own = written.removeprefix("asterisk:")
            made = f"ivrc/{self._office.name}/{deployed_name(written)}"
            if sound == own or re.fullmatch(rf"{re.escape(made)}(-(wait)?\d+s)?", sound) or "/say-" in sound:
                return f'"{written}"'
        return f'"{sound}"' if sound.startswith("ivrc/") else f'"asterisk:{sound}"'

    def _key(self, event: Key) -> None:
        who = "the caller presses" if event.channel == self._caller else "whoever picked up presses"
        last = self._told[-1]
        if last.text.startswith(who) and event.at - last.at < 2:
            self._told[-1] = last._replace(text=f"{last.text}{event.digit}")
        else:
            self._say(event.at, f"{who} {event.digit}")

    def _rang(self, event: Rang) -> None:
        who = self._office.called(event.endpoint)
        if ".confirm" in event.endpoint or who in self._rings:
            return  # the leg that asks for the key is dialled before the phone itself; several phones are one person
        self._rings[who] = event.at
        last = self._told[-1]
        if not last.place and last.text.endswith(" rings") and event.at - last.at < 1:
            last = last._replace(text=last.text.removesuffix(" rings") + f" and {who} ring")
            self._told[-1] = last
        elif not last.place and last.text.endswith(" ring") and event.at - last.at < 1:
            self._told[-1] = last._replace(text=last.text.removesuffix(" ring") + f" and {who} ring")
        else:
            self._say(event.at, f"{who} rings")

    def _ring_ended(self, event: RingEnded) -> None:
        who = self._office.called(event.endpoint)
        since = self._rings.get(who)
        if since is None or ".confirm" in event.endpoint:
            return
        if event.status == "CANCEL":
            if not self._talks and event.status:
                self._rings.pop(who)
            return
        self._rings.pop(who)
        text = _STATUS.get(event.status, "{} " + event.status.lower()).format(who)
        self._say(event.at, f"{text} ({event.at - since:.0f} s)" if event.status == "NOANSWER" else text)

    def _talked(self, event: Talked) -> None:
        if ".confirm" in event.endpoint:
            return
        self._talks = self._office.called(event.endpoint)
        self._say(event.at, f"the caller talks with {self._talks}")

    def _ended(self, event: Ended, result: CallResult) -> None:
        if result.ended_by == "caller":
            text = "the caller hangs up"
        else:
            text = f"{self._talks or 'the office'} hangs up"
        self._say(event.at, text)


def _print_call(lines: list[Told]) -> None:
    width = max((len(told.place) for told in lines), default=0)
    for told in lines:
        middle = f"{told.place:<{width}}  {told.text}" if told.place else f"{'':<{width}}    {told.text}"
        print(f"{told.at:7.1f} s  {middle}", flush=True)


# ── calling ─────────────────────────────────────────────────────────────────────────────────────


def _digits(text: str) -> str:
    return re.sub(r"[^+0-9*#]", "", text)


def _script(call: Mapping[str, Any]) -> list[Act]:
    script: list[Act] = [expect_answer(60)]
    for wait, digits in call.get("press", []):
        script += [pause(float(wait) / SPEED), key(str(digits))]
    if "stays" in call:
        return [*script, pause(float(call["stays"]) / SPEED), hangup()]
    return [*script, wait_hangup(60)]


class Phones(NamedTuple):
    """What the phones do in one call."""

    behaviours: dict[str, Behaviour]  # by endpoint
    outside: dict[str, Behaviour]  # by a regular expression of the number
    offline: set[str]
    talking: set[str]


def _phones(office: Office, given: Mapping[str, str]) -> Phones:
    phones = Phones({}, {}, set(), set())
    for who, does in given.items():
        if does not in _PHONES:
            raise DemoError(f"calls.toml: no phone `{does}`; there are {', '.join(_PHONES)}")
        if who.startswith("+"):
            phones.outside[f".*{_tail(who)}"] = _PHONES[does]
            continue
        person = office.person(who.removesuffix(" mobile"))
        if who.endswith(" mobile"):
            phones.outside[f".*{_tail(person.mobiles[0])}"] = _PHONES[does]
        elif does == "offline":
            phones.offline.update(person.endpoints)
        else:
            # One phone is picked up, the person's others only ring; all of them are refused.
            for endpoint in person.endpoints if does == "refuses" else person.endpoints[:1]:
                phones.behaviours[endpoint] = _PHONES[does]
            if does == "talks":
                phones.talking.add(person.endpoints[0])
    return phones


class Stage:
    """A running Asterisk with the office in it."""

    def __init__(self, office: Office, asterisk: Asterisk, watch: Watch) -> None:
        self.office = office
        self.asterisk = asterisk
        self.watch = watch

    def place(self, call: Mapping[str, Any]) -> list[Told]:
        """One call, and what is to be told of it."""
        moment = _moment(self.office, call).astimezone(ZoneInfo("UTC"))
        self.asterisk.set_time(f"@{moment:%Y-%m-%d %H:%M:%S} x{SPEED}")
        phones = _phones(self.office, call.get("phones", {}))
        with self._ringing(phones):
            seen = len(self.watch.calls())
            result = self._caller(call).run()
            if not result.ok:
                raise DemoError(f"the call did not go as written:\n{result.transcript}")
            self.watch.wait_event(lambda _: len(self.watch.calls()) > seen, 5)
            journey = self.watch.journey(self.watch.calls()[seen], timeout=15)
        return Narrator(self.office, phones.offline).tell(journey, result)

    def _caller(self, call: Mapping[str, Any]) -> Caller:
        user, from_ = "trunk", _digits(call.get("from", ""))
        if "staff" in call:
            user = from_ = self.office.person(call["staff"]).endpoints[0]
        hidden = bool(call.get("hidden"))
        return Caller(
            self.asterisk, to=_digits(call["to"]), from_=from_, user=user, script=_script(call), anonymous=hidden
        )

    @contextmanager
    def _ringing(self, phones: Phones) -> Iterator[None]:
        with ExitStack() as stack:
            for name in [*self.office.endpoints, "provider"]:
                if name in phones.offline:
                    continue
                rules = phones.outside if name in self.office.trunks else None
                phone = Phone(self.asterisk, name, phones.behaviours.get(name, silent()), rules)
                stack.enter_context(phone)
                if any(spec.name == name and spec.registers for spec in self.asterisk.phones):
                    stack.callback(phone.register, 0)
            for name in sorted(phones.talking):
                self._occupy(name)
                stack.callback(self.asterisk.cli, "channel request hangup all")
            yield

    def _occupy(self, endpoint: str) -> None:
        """Put a phone into a call of its own."""
        since = len(self.watch.events)
        fields = {"Channel": f"PJSIP/{endpoint}", "Application": "Wait", "Data": "3600", "Async": "true"}
        self.watch.run(self.watch.ami.action("Originate", **fields))
        self.watch.wait_event(
            lambda event: event["Event"] == "ExtensionStatus"
            and event["Hint"].find(f"PJSIP/{endpoint}") >= 0
            and event["StatusText"] == "InUse",
            10,
            since,
        )


def _moment(office: Office, call: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(call["at"])).replace(tzinfo=office.zone)


def _heading(office: Office, call: Mapping[str, Any]) -> str:
    if "staff" in call:
        who = f"{office.person(call['staff']).display} dials"
    else:
        who = f"{'a caller who hides the number' if call.get('hidden') else call['from']} calls"
    return f"{_moment(office, call):%A %d %B %Y, %H:%M}: {who} {call['to']}"


def show(folder: Path) -> None:
    """Compile an example, place its calls and print what each caller met; raises DemoError."""
    began = time.monotonic()
    calls = tomllib.loads((folder / "calls.toml").read_text(encoding="utf-8"))["call"]
    if not is_fetched(_VERSION):
        print("fetching an Asterisk, once (a minute or two)", flush=True)
    root = fetch(_VERSION)
    with tempfile.TemporaryDirectory(prefix="ivrc-demo-") as temporary, ExitStack() as stack:
        build, run = Path(temporary) / "build", Path(temporary) / "asterisk"
        compiled = compile_offices([folder])
        if compiled.files is None:
            raise DemoError(f"{folder} does not compile: run `ivrc check {folder}`")
        write_folder(build, compiled.files)
        run.mkdir()
        office = Office(build)
        asterisk = stack.enter_context(_asterisk(office, calls, root, run, build / "sounds"))
        stage = Stage(office, asterisk, stack.enter_context(Watch(asterisk)))
        version = asterisk.cli("core show version").split(" built")[0]
        print(f"{folder}: compiled, and running in a real {version} on this machine.")
        print(f"Its clock runs {SPEED} times as fast as ours; seconds count from the beginning of the call.")
        for index, call in enumerate(calls, 1):
            print(f"\n━━ {index}. {_heading(office, call)}\n   {call['about']}\n", flush=True)
            _print_call(stage.place(call))
        if warnings := asterisk.warnings():
            raise DemoError("Asterisk complained:\n" + "\n".join(warnings))
    print(f"\n{len(calls)} calls, no complaint of Asterisk's; {time.monotonic() - began:.0f} s.")


def _asterisk(office: Office, calls: list[dict[str, Any]], root: Path, run: Path, sounds: Path) -> Asterisk:
    """Phones that are offline in one of the calls register; the others have a fixed address."""
    register = {name for call in calls for name in _phones(office, call.get("phones", {})).offline}
    context = f"ivrc-{office.name}.internal"
    specs = [PhoneSpec(name, registers=name in register, context=context) for name in office.endpoints]
    plan = "[general]\nstatic=yes\n" + office.plan
    return Asterisk(root, run, extensions=plan, phones=specs, sounds=[sounds], faketime=f"@2026-11-24 09:00:00 x{SPEED}")


def main() -> None:
    """The command; a single line and exit code 1 when it fails."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ivrc.testbed.demo FOLDER")
    folder = Path(sys.argv[1])
    if not (folder / "calls.toml").is_file():
        there = sorted(path.parent.name for path in folder.parent.glob("*/calls.toml"))
        sys.exit(f"error: there is no example `{folder.name}`; there are {', '.join(there) or 'none'}")
    try:
        show(folder)
    except (DemoError, TestbedError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
