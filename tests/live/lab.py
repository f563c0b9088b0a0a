"""A laboratory: an office compiled by ivrc, in a real Asterisk, with SIP phones and callers at its ends."""

from __future__ import annotations

import math
import struct
import time
import wave
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ivrc.output import write_folder
from ivrc.pipeline import compile_offices
from ivrc.testbed.conf import OWN_SETTINGS, PhoneSpec
from ivrc.testbed.fetch import is_fetched, root_of
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.journey import Journey
from ivrc.testbed.prefix import Prefix
from ivrc.testbed.sip import Caller, CallResult, Phone
from ivrc.testbed.sip_xml import Act, Behaviour, expect_answer, wait_hangup
from ivrc.testbed.watch import Watch

SETTINGS = """
settings {
    office lab  country RU  timezone "Europe/Moscow"  language en
    trunk "PJSIP/{number}@provider"
}
"""

# A caller who stays to the end.
HEAR_OUT = [expect_answer(), wait_hangup()]


def tone(path: Path, seconds: float, rate: int = 16000) -> None:
    """A prompt: a tone of this length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        count = int(rate * seconds)
        file.writeframes(b"".join(struct.pack("<h", int(6000 * math.sin(i * 0.2))) for i in range(count)))


def skip_without_streams() -> None:
    """Where the distribution's Asterisk (Ubuntu has its own one) cannot tell what a caller hears."""
    if is_fetched("22") and not Prefix(root_of("22")).has_stream_events:
        pytest.skip("this Asterisk does not tell what a caller hears")


def number(last: int) -> str:
    """A number of the laboratory's, by its end."""
    return f"+7495{last:07}"


class Lab:
    """One compiled office in one running Asterisk."""

    def __init__(self, asterisk: Asterisk, watch: Watch, build: Path) -> None:
        self.asterisk = asterisk
        self.watch = watch
        self.build = build
        self._callers = 0

    def call(
        self,
        to: str,
        script: Sequence[Act],
        phones: Mapping[str, Behaviour] | None = None,
        rules: Mapping[str, Behaviour] | None = None,
        **caller: Any,
    ) -> tuple[CallResult, Journey]:
        """Place one call, with phones that behave as told, and wait for its end."""
        with ExitStack() as ringing:
            for name, behaviour in (phones or {}).items():
                ringing.enter_context(Phone(self.asterisk, name, behaviour, rules if name == "provider" else None))
            self._callers += 1
            caller.setdefault("from_", f"+7916000{self._callers:04}")
            seen = len(self.watch.calls())
            result = Caller(self.asterisk, to=to, script=script, **caller).run()
            self.watch.wait_event(lambda _: len(self.watch.calls()) > seen, 5)
            journey = self.watch.journey(self.watch.calls()[seen])
        return result, journey

    def await_idle(self, seconds: float) -> None:
        """Until no channel is left; AssertionError if one is there for longer than that."""
        until = time.monotonic() + seconds
        while not (count := self.asterisk.cli("core show channels count")).startswith("0 active channels"):
            assert time.monotonic() < until, count
            time.sleep(0.1)


MakeLab = Callable[..., Lab]


def build_office(folder: Path, source: str, prompts: Mapping[str, float] | None = None) -> Path:
    """Compile a source with prompts of these lengths (seconds); the build folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lab.ivr").write_text(source)
    for name, seconds in (prompts or {}).items():
        tone(folder / "prompts" / f"{name}.wav", seconds)
    compiled = compile_offices([folder / "lab.ivr"])
    assert compiled.files is not None, compiled.diagnostics
    write_folder(folder / "build", compiled.files)
    return folder / "build"


def _settings(build: Path, folder: Path, own_settings: Mapping[str, str]) -> dict[str, str]:
    """What ivrc wrote, each file behind what an administrator's own has before it."""
    own = {**OWN_SETTINGS, **own_settings}
    tone(folder / "moh" / "tone.wav", 20, 8000)
    files = {name: text + ((build / name).read_text() if (build / name).exists() else "") for name, text in own.items()}
    return {**files, "musiconhold.conf": f"[default]\nmode=files\ndirectory={folder / 'moh'}\n"}


def open_lab(
    stack: ExitStack,
    version: str,
    folder: Path,
    source: str,
    prompts: Mapping[str, float] | None = None,
    phones: Sequence[str | PhoneSpec] = (),
    faketime: str | None = None,
    settings: Mapping[str, str] | None = None,
    own: Mapping[str, str] | None = None,
    odbc: Path | None = None,
) -> Lab:
    """Compile, boot and watch. `settings` are whole files, `own` the administrator's part before what ivrc wrote."""
    build = build_office(folder, source, prompts)
    run = folder / "asterisk"
    run.mkdir()
    asterisk = Asterisk(
        root_of(version),
        run,
        extensions={**_settings(build, folder, own or {}), **(settings or {})},
        phones=phones,
        sounds=[build / "sounds"],
        faketime=faketime,
        odbc=odbc,
    )
    stack.enter_context(asterisk)
    watch = stack.enter_context(Watch(asterisk))
    return Lab(asterisk, watch, build)
