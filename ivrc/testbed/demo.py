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
import os
import re
import shlex
import shutil
import sys
import tempfile
import textwrap
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
from ivrc.testbed.prefix import Prefix, TestbedError
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
    "NOANSWER": "{} does not pick up",
    "CONTINUE": "{} has not pressed 1: not put through",
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
                case Rang() if ".confirm" not in event.endpoint:
                    self._rang(event)
                case RingEnded() if ".confirm" not in event.endpoint:
                    self._ring_ended(event)
                case Talked() if ".confirm" not in event.endpoint:
                    self._talked(event)
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
            if skipped or left_out:
                why = "offline" if set(person.endpoints) <= self._offline else "in another call"
                self._say(event.at, f"{person.display} is {why}: passed over")

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


def _holds(event: Step) -> bool:
    """Whether the condition of a GotoIf or ExecIf holds: the manager tells its value."""
    return event.data.partition("?")[0] not in ("", "0")


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
        who = self.office.person(call["staff"]).display if "staff" in call else "the caller"
        return Narrator(self.office, phones.offline, who).tell(journey, result)

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
        call = self.watch.ami.action(
            "Originate", Channel=f"PJSIP/{endpoint}", Application="Wait", Data="3600", Async="true"
        )
        self.watch.run(call)
        self.watch.wait_event(
            lambda event: (
                event["Event"] == "ExtensionStatus"
                and f"PJSIP/{endpoint}" in event["Hint"].split("&")
                and event["StatusText"] == "InUse"
            ),
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
    _lend_a_voice(root)
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
            about = textwrap.fill(call["about"], 100, initial_indent="   ", subsequent_indent="   ")
            print(f"\n━━ {index}. {_heading(office, call)}\n{about}\n", flush=True)
            _print_call(stage.place(call))
        if warnings := asterisk.warnings():
            raise DemoError("Asterisk complained:\n" + "\n".join(warnings))
    print(f"\n{len(calls)} calls, no complaint of Asterisk's; {time.monotonic() - began:.0f} s.")


def _lend_a_voice(root: Path) -> None:
    """Let `say` speak with the espeak-ng that came with the Asterisk where the machine has none."""
    if "IVRC_ESPEAK" not in os.environ and shutil.which("espeak-ng") is None:
        prefix = Prefix(root)
        os.environ["IVRC_ESPEAK"] = shlex.join(prefix.command("usr/bin/espeak-ng"))
        os.environ["ESPEAK_DATA_PATH"] = prefix.environment()["ESPEAK_DATA_PATH"]


def _asterisk(office: Office, calls: list[dict[str, Any]], root: Path, run: Path, sounds: Path) -> Asterisk:
    """Phones that are offline in one of the calls register; the others have a fixed address."""
    register = {name for call in calls for name in _phones(office, call.get("phones", {})).offline}
    context = f"ivrc-{office.name}.internal"
    specs = [PhoneSpec(name, registers=name in register, context=context) for name in office.endpoints]
    plan = "[general]\nstatic=yes\n" + office.plan
    return Asterisk(
        root, run, extensions=plan, phones=specs, sounds=[sounds], faketime=f"@2026-11-24 09:00:00 x{SPEED}"
    )


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
    except (DemoError, TestbedError, TimeoutError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
