"""The test bed's Asterisk: clocks, warnings, boots that fail, sounds, two at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from ivrc.testbed.instance import Asterisk
from ivrc.testbed.prefix import Prefix, TestbedError
from ivrc.testbed.pytest_fixtures import MakeAsterisk
from ivrc.testbed.sip import Caller
from ivrc.testbed.sip_xml import expect_answer, wait_hangup
from ivrc.testbed.watch import Watch

pytestmark = pytest.mark.live
pytest_plugins = ["ivrc.testbed.pytest_fixtures"]

CLOCK = """[ivrc-incoming]
exten => s,1,Set(NOW=${STRFTIME(${EPOCH},UTC,%Y-%m-%d %H:%M)})
 same => n,GotoIfTime(9:00-17:59,mon-fri,*,*,UTC?open)
 same => n,Set(STATE=closed)
 same => n,Hangup()
 same => n(open),Set(STATE=open)
 same => n,Hangup()
exten => slow,1,Answer()
 same => n,Wait(5)
 same => n,Hangup()
"""


def test_faketime(make_asterisk: MakeAsterisk) -> None:
    asterisk = make_asterisk(extensions=CLOCK, faketime="@2026-12-25 10:00:00")  # a Friday
    with Watch(asterisk) as watch:
        seen = []
        for moment in (None, "@2026-12-25 20:00:00", "@2026-12-28 09:30:00", "@2026-12-27 09:30:00"):
            if moment:
                asterisk.set_time(moment)
            call = watch.run(watch.ami.originate_local("s", "ivrc-incoming"))
            journey = watch.journey(call)
            seen.append((journey.variable("NOW"), journey.variable("STATE")))
    assert seen == [
        ("2026-12-25 10:00", "open"),
        ("2026-12-25 20:00", "closed"),
        ("2026-12-28 09:30", "open"),
        ("2026-12-27 09:30", "closed"),
    ]


def test_ten_times_as_fast(make_asterisk: MakeAsterisk) -> None:
    asterisk = make_asterisk(extensions=CLOCK, faketime="@2026-12-25 10:00:00 x10")
    with Watch(asterisk) as watch:
        result = Caller(asterisk, to="slow", script=[expect_answer(), wait_hangup()]).run()
        assert result.ok, result.transcript
        ended = watch.journey().ended
    assert result.answered_at is not None
    assert ended is not None and 4.9 < ended.at < 9


def test_warnings(make_asterisk: MakeAsterisk) -> None:
    asterisk = make_asterisk(extensions=CLOCK)
    assert asterisk.reload_dialplan(CLOCK + "exten => ok,1,NoOp()\n") == []
    torn = asterisk.reload_dialplan(CLOCK + "[oops\n")
    assert any("parse error" in line for line in torn)
    duplicate = CLOCK + "exten => d,1,NoOp()\nexten => d,1,NoOp()\n"
    assert any("Unable to register extension" in line for line in asterisk.reload_dialplan(duplicate))
    asterisk.reload_dialplan(CLOCK + "exten => u,1,NoSuchApplication()\n")
    mark = asterisk.mark()
    with Watch(asterisk) as watch:
        watch.journey(watch.run(watch.ami.originate_local("u", "ivrc-incoming")))
    assert any("NoSuchApplication" in line for line in asterisk.warnings(mark))


def test_a_failed_boot_shows_the_log(asterisk_root: Path, tmp_path: Path) -> None:
    files = {"extensions.conf": CLOCK, "modules.conf": "[modules]\nautoload=no\nrequire=no_such_module.so\n"}
    with pytest.raises(TestbedError, match="no_such_module"):
        Asterisk(asterisk_root, tmp_path, extensions=files).start()


def test_prompts_of_our_own(make_asterisk: MakeAsterisk, asterisk_root: Path, tmp_path: Path) -> None:
    prefix, sounds = Prefix(asterisk_root), tmp_path / "sounds"
    (sounds / "ru/ivrc").mkdir(parents=True)
    speech = sounds / "ru/ivrc/hello.wav"
    speak = prefix.command("usr/bin/espeak-ng", "-v", "ru", "-w", str(speech), "Здравствуйте")
    subprocess.run(speak, env=prefix.environment(), check=True)
    assert speech.stat().st_size > 10_000
    asterisk = make_asterisk(extensions=CLOCK, sounds=[sounds])
    assert (asterisk.rundir / "data/sounds/ru/ivrc/hello.wav").exists()
    assert (asterisk.rundir / "data/sounds/ru/hello-world.gsm").exists()


def test_two_at_once(make_asterisk: MakeAsterisk) -> None:
    first, second = make_asterisk(extensions=CLOCK), make_asterisk(extensions=CLOCK)
    assert first.sip_port != second.sip_port
    first.stop()
    assert "slow" in second.cli("dialplan show ivrc-incoming")


def test_fetch_reports_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ivrc.testbed.fetch", "22"],
        env={"PATH": "/nonexistent", "HOME": "/nonexistent"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: apt-get is missing") and done.stderr.count("\n") == 1
