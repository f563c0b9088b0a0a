"""Real calls through an office, told step by step in the words of its source: what `make run` shows.

`python -m ivrc.testbed.demo examples/shop`: compiles the folder, starts an Asterisk of its own on loopback and
places the calls of the folder's `calls.toml`. Each `[[call]]` has `about`, `to`, and, if wanted, `from`,
`hidden`, `at` (the office's wall clock), `press` (keys, each with the seconds to wait before it), `phones`
(employee endpoint → `answers`, `busy`, `silent`, `presses 1`), `offline`, `stays` (seconds before hanging up).
"""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from bisect import bisect_right
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ivrc.output import write_folder
from ivrc.pipeline import Compiled, compile_offices
from ivrc.testbed.fetch import fetch
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.journey import Ended, Happening, Heard, Journey, Key, Rang, RingEnded, Step, Talked
from ivrc.testbed.sip import Caller, Phone
from ivrc.testbed.sip_xml import (
    BUSY,
    Act,
    Behaviour,
    answers,
    expect_answer,
    hangup,
    key,
    pause,
    silent,
    wait_hangup,
)
from ivrc.testbed.watch import Watch

_BEHAVIOURS: dict[str, Behaviour] = {
    "answers": answers(1.5, hangup_after=2.0),
    "busy": BUSY,
    "silent": silent(),
    "presses 1": answers(1.0, hangup_after=8.0, keys="1", keys_after=3.0),
    "voicemail": answers(0.5, talk=True),
}
_STATUS = {
    "ANSWER": "answers",
    "NOANSWER": "does not answer",
    "BUSY": "is busy",
    "CANCEL": "stops ringing",
    "CHANUNAVAIL": "is offline",
    "CONGESTION": "cannot be reached",
}


class Narrator:
    """Tells a journey in the words of the source, by the manifest's source map."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self._map = manifest["source_map"]
        self._lines: dict[str, list[str]] = {}
        self._folder = folder

    def tell(self, journey: Journey) -> list[str]:
        """The lines of one call."""
        told: list[str] = []
        began = journey.events[0].at if journey.events else 0.0
        last = ""
        for event in journey.events:
            if isinstance(event, Step):
                place = self._place(event)
                if place and place != last:
                    told.append(f"{event.at - began:6.1f}s  {place}")
                    last = place
                continue
            words = _words(event)
            if words:
                told.append(f"{event.at - began:6.1f}s      {words}")
        return told

    def _place(self, step: Step) -> str:
        steps = self._map.get(step.context, {}).get(step.exten)
        if not steps:
            return ""
        index = bisect_right([entry[0] for entry in steps], step.priority) - 1
        if index < 0:
            return ""
        _, path, line, column, _ = steps[index]
        return f"{path}:{line}  {self._words_at(path, line, column)}"

    def _words_at(self, path: str, line: int, column: int) -> str:
        if path not in self._lines:
            self._lines[path] = (self._folder / path).read_text(encoding="utf-8").splitlines()
        return self._lines[path][line - 1][column - 1 :].split("  #")[0].strip()


def _words(event: Happening) -> str:
    match event:
        case Heard():
            return f"hears {event.sound}"
        case Key():
            return f"presses {event.digit}"
        case Rang():
            return f"{event.endpoint} rings"
        case RingEnded():
            return f"{event.endpoint} {_STATUS.get(event.status, event.status.lower())}"
        case Talked():
            return f"talks with {event.endpoint}"
        case Ended():
            return "the call is over"
        case _:
            return ""


def _script(call: dict[str, Any]) -> list[Act]:
    script: list[Act] = [expect_answer(60)]
    for wait, digits in call.get("press", []):
        script += [pause(float(wait)), key(str(digits))]
    if "stays" in call:
        return [*script, pause(float(call["stays"])), hangup()]
    return [*script, wait_hangup(90)]


def _place_call(asterisk: Asterisk, watch: Watch, call: dict[str, Any], online: set[str], zone: str) -> Journey:
    moment = datetime.fromisoformat(str(call.get("at", "2026-11-24 12:00:00"))).replace(tzinfo=ZoneInfo(zone))
    asterisk.set_time(f"@{moment.astimezone(ZoneInfo('UTC')):%Y-%m-%d %H:%M:%S}")
    given = {name: _BEHAVIOURS[word] for name, word in call.get("phones", {}).items()}
    with ExitStack() as ringing:
        for name in sorted(online | {"provider"}):
            ringing.enter_context(Phone(asterisk, name, given.get(name, silent())))
        seen = len(watch.calls())
        number = "".join(char for char in call["to"] if char in "+0123456789")
        who = "".join(char for char in call.get("from", "+7 916 123-45-67") if char in "+0123456789")
        Caller(asterisk, to=number, from_=who, script=_script(call), anonymous=bool(call.get("hidden"))).run()
        return watch.journey(watch.calls()[seen], timeout=15)


def _compile(folder: Path, build: Path) -> tuple[Compiled, dict[str, Any]]:
    compiled = compile_offices([folder])
    if compiled.files is None:
        raise SystemExit(f"{folder} does not compile: run `ivrc check {folder}`")
    write_folder(build, compiled.files)
    return compiled, json.loads((build / "manifest.json").read_text(encoding="utf-8"))


def show(folder: Path) -> None:
    """Compile an example, place its calls and print what each caller met."""
    calls = tomllib.loads((folder / "calls.toml").read_text(encoding="utf-8"))["call"]
    with tempfile.TemporaryDirectory(prefix="ivrc-demo-") as temporary, ExitStack() as stack:
        build = Path(temporary) / "build"
        _, manifest = _compile(folder, build)
        print(f"{folder}: compiled, {len(manifest['source_map'])} contexts with steps of the source")
        root = fetch("22")
        names = [name for name in manifest["expects"]["endpoints"] if name not in ("provider", "ivrc-sip")]
        run = Path(temporary) / "asterisk"
        run.mkdir()
        plan = "[general]\nstatic=yes\n" + (build / "extensions.conf").read_text(encoding="utf-8")
        asterisk = stack.enter_context(
            Asterisk(
                root,
                run,
                extensions=plan,
                phones=names,
                sounds=[build / "sounds"],
                faketime="@2026-11-24 09:00:00",
            )
        )
        watch = stack.enter_context(Watch(asterisk))
        narrator = Narrator(folder, manifest)
        zone = manifest["offices"][0]["timezone"] or "UTC"
        print(f"a real Asterisk is up: {asterisk.cli('core show version').split(' built')[0]}\n")
        for call in calls:
            print(f"── {call['about']}  ({call['to']})", flush=True)
            for line in narrator.tell(_place_call(asterisk, watch, call, set(names), zone)):
                print(line, flush=True)
            print()
        if warnings := asterisk.warnings():
            raise SystemExit("Asterisk complained:\n" + "\n".join(warnings))


if __name__ == "__main__":
    show(Path(sys.argv[1]))
