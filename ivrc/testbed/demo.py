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

import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ivrc.output import write_folder
from ivrc.pipeline import compile_offices
from ivrc.testbed.conf import OWN_SETTINGS, PhoneSpec
from ivrc.testbed.fetch import fetch, is_fetched
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.prefix import Prefix, TestbedError
from ivrc.testbed.sip import Caller, Phone
from ivrc.testbed.sip_xml import BUSY, Act, Behaviour, answers, expect_answer, hangup, key, pause, silent, wait_hangup
from ivrc.testbed.telling import DemoError, Narrator, Office, Told, print_call, tail
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
            phones.outside[f".*{tail(who)}"] = _PHONES[does]
            continue
        person = office.person(who.removesuffix(" mobile"))
        if who.endswith(" mobile"):
            phones.outside[f".*{tail(person.mobiles[0])}"] = _PHONES[does]
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
        call = self.watch.ami.action(
            "Originate", Channel=f"PJSIP/{endpoint}", Application="Wait", Data="3600", Async="true"
        )
        self.watch.run(call)
        until = time.monotonic() + 10
        while True:
            asked = self.watch.ami.action("Getvar", Variable=f"DEVICE_STATE(PJSIP/{endpoint})")
            if self.watch.run(asked)["Value"] == "INUSE":
                return
            if time.monotonic() > until:
                raise TimeoutError(f"{endpoint} is not in a call")
            time.sleep(0.05)


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
    Prefix(root).lend_a_voice()
    with tempfile.TemporaryDirectory(prefix="ivrc-demo-") as temporary, ExitStack() as stack:
        build, run = Path(temporary) / "build", Path(temporary) / "asterisk"
        compiled = compile_offices([folder])
        if compiled.files is None:
            raise DemoError(f"{folder} does not compile: run `ivrc check {folder}`")
        write_folder(build, compiled.files)
        run.mkdir()
        office = Office(build)
        if (folder / "ivrc.toml").exists():
            stack.enter_context(_helper(folder, Path(temporary)))
        asterisk = stack.enter_context(_asterisk(office, calls, root, run, build))
        stage = Stage(office, asterisk, stack.enter_context(Watch(asterisk)))
        version = asterisk.cli("core show version").split(" built")[0]
        print(f"{folder}: compiled, and running in a real {version} on this machine.")
        print(f"Its clock runs {SPEED} times as fast as ours; seconds count from the beginning of the call.")
        for index, call in enumerate(calls, 1):
            about = textwrap.fill(call["about"], 100, initial_indent="   ", subsequent_indent="   ")
            print(f"\n━━ {index}. {_heading(office, call)}\n{about}\n", flush=True)
            print_call(stage.place(call))
        if warnings := asterisk.warnings():
            raise DemoError("Asterisk complained:\n" + "\n".join(warnings))
    print(f"\n{len(calls)} calls, no complaint of Asterisk's; {time.monotonic() - began:.0f} s.")


def _asterisk(office: Office, calls: list[dict[str, Any]], root: Path, run: Path, build: Path) -> Asterisk:
    """Phones that are offline in one of the calls register; the others have a fixed address."""
    register = {name for call in calls for name in _phones(office, call.get("phones", {})).offline}
    context = f"ivrc-{office.name}.internal"
    specs = [PhoneSpec(name, registers=name in register, context=context) for name in office.endpoints]
    files = {
        name: own + ((build / name).read_text(encoding="utf-8") if (build / name).exists() else "")
        for name, own in OWN_SETTINGS.items()
    }
    faketime = f"@2026-11-24 09:00:00 x{SPEED}"
    return Asterisk(root, run, extensions=files, phones=specs, sounds=[build / "sounds"], faketime=faketime)


@contextmanager
def _helper(folder: Path, temporary: Path) -> Iterator[None]:
    """The helper with the example's CRM: its contact book is made of the folder's CSV files."""
    for name in ("ivrc.toml", "contacts.csv", "people.csv"):
        if (folder / name).exists():
            shutil.copy(folder / name, temporary)
    ivrc = [sys.executable, "-m", "ivrc"]
    if (temporary / "contacts.csv").exists():
        people = ["--people", "people.csv"] if (temporary / "people.csv").exists() else []
        command = [*ivrc, "crm", "import", "contacts.csv", *people]
        done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"the contacts of {folder} cannot be imported: {done.stderr.strip()}")
    log = temporary / "helper.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*ivrc, "agi", "serve"], cwd=temporary, stdout=output, stderr=output)
    try:
        until = time.monotonic() + 20
        while b"answering" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise DemoError(f"the helper does not start: {log.read_text(errors='replace').strip()[-300:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


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
