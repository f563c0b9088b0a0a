"""`ivrc simulate`: what it prints, what it refuses, and a call at a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivrc.cli import main
from tests.simulate.support import source_of
from tests.support import ROOT

STEPS = (
    'play "asterisk:welcome"',
    'branch playing "asterisk:menu" for 5s { 1 { call employee anna then mobile }  2 { voicemail to boris } }',
    "when night { hangup }",
    "call group g for 5s",
    'call sip "sip:help@partner.example:5080" for 9s',
)
MORE = 'group g random { anna boris }\nhours night { 22:00-06:00 }\nswitch late toggled by "*1"\n'


@pytest.fixture
def office(tmp_path: Path) -> Path:
    file = tmp_path / "office.ivr"
    file.write_text(source_of(*STEPS, declarations=MORE), "utf-8")
    return file


def simulate(office: Path, *words: str) -> Result:
    given = ["simulate", str(office), "--at", "2026-03-02 12:00", *words]
    return CliRunner().invoke(main, given)


def test_a_line_for_each_event_with_its_place(office: Path) -> None:
    result = simulate(office, "--press", "1@asterisk:menu+2s", "--answers", "anna:3s", "--talk", "30s")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "2026-03-02 12:00:00 MSK"
    assert '00:00.0 play "asterisk:welcome" office.ivr:14' in lines
    assert '00:05.0 hears "asterisk:menu" for 2s, cut by a key' in lines
    assert "00:07.0 anna rings for 3s: answered" in lines
    assert "00:10.0 talks with anna for 30s; the caller hangs up" in lines
    assert lines[-1] == "00:40.0 end: talked (cause 16)"


@pytest.mark.parametrize("word", ["1", "1@menu", "1@menu+1s", "1@branch"])
def test_a_key_at_the_next_menu(office: Path, word: str) -> None:
    told = simulate(office, "--press", word).stdout
    assert told == simulate(office, "--press", "1@asterisk:menu").stdout != simulate(office).stdout


@pytest.mark.parametrize("word", ["102", "102@extension", "102@extension+1s", "102@wait"])
def test_keys_where_an_extension_is_asked_for(office: Path, word: str) -> None:
    text = office.read_text("utf-8").replace('play "asterisk:welcome"', "wait extension for 8s")
    office.write_text(text, "utf-8")
    told = [
        " ".join(line.split()) for line in simulate(office, "--press", word, "--answers", "boris").stdout.splitlines()
    ]
    assert "00:01.0 presses 1" in told
    assert "00:01.5 boris rings for 5s: answered" in told


def test_a_prompt_comes_before_the_step_of_the_same_name(office: Path) -> None:
    office.write_text(office.read_text("utf-8").replace('play "asterisk:welcome"', 'say "menu"'), "utf-8")
    told = simulate(office, "--press", "1@menu").stdout
    assert "presses 1: nothing listens" in told
    assert "00:01.0" in next(line for line in told.splitlines() if "presses 1" in line)


def test_whoever_picks_up_may_decline(office: Path) -> None:
    text = office.read_text("utf-8").replace("then mobile }", "then mobile for 40s confirm }")
    office.write_text(text, "utf-8")
    told = simulate(office, "--press", "1@asterisk:menu", "--offline", "anna", "--declines", "anna.mobile:3s").stdout
    assert "anna's mobile rings for 4s: not accepted" in told


@pytest.mark.parametrize(("word", "rings"), [("", 5), (":3s", 3)])
def test_an_address_with_a_port_and_a_time(office: Path, word: str, rings: int) -> None:
    told = simulate(office, "--answers", f"sip:help@partner.example:5080{word}").stdout
    assert f"sip:help@partner.example:5080 rings for {rings}s: answered" in told


def test_what_is_assumed_is_said(office: Path) -> None:
    assert 'taken to last 5s: "asterisk:welcome", "asterisk:menu"' in simulate(office).stderr


def test_json(office: Path) -> None:
    body = json.loads(simulate(office, "--format", "json", "--press", "2@branch").stdout)
    assert body["assumed"] == ["asterisk:welcome", "asterisk:menu"]
    events = body["events"]
    assert [event["event"] for event in events][:3] == ["began", "reached", "answered"]
    message = next(event for event in events if event["event"] == "recorded")
    assert (message["to"], message["how"], message["until"] - message["at"]) == ("boris", "hangs up", pytest.approx(10))
    assert message["place"] == "office.ivr:15"


def test_seed(office: Path) -> None:
    seen = {simulate(office, "--seed", str(seed)).stdout for seed in range(8)}
    assert len(seen) == 2
    assert simulate(office, "--seed", "3").stdout == simulate(office, "--seed", "3").stdout


def test_all(office: Path) -> None:
    text = simulate(office, "--all").stdout
    assert "turn 1 is drawn (50%)" in text
    assert "key 1" in text
    body = json.loads(simulate(office, "--all", "--format", "json").stdout)
    assert not body["cut"]
    assert body["call"]["options"][0]["option"] == "key 1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--busy", "borys"), "there is no employee `borys`: did you mean `boris`?"),
        (("--offline", "boris.mobile"), "boris has no mobile"),
        (("--switch", "lat"), "there is no switch `lat`: did you mean `late`?"),
        (("--press", "1@asterisk:men"), "did you mean `asterisk:menu`?"),
        (("--press", "x@wait"), "write keys and where"),
        (("--press", "1@"), "write keys and where"),
        (("--press", ""), "write keys and where"),
        (("--crm", "ana"), "did you mean `anna`?"),
        (("--answers", "anna:soon"), "write a time after the colon"),
        (("--hang-up", "soon"), "is no time"),
        (("--hang-up", "99999999m"), "is no time"),
        (("--answers", "+7 1"), "numbers do not have"),
        (("--busy", "anna", "--offline", "anna"), "two things at once"),
        (("--at", "noon"), "is no moment"),
        (("--at", "2026-12-31 24:00"), "is no moment"),
        (("--at", "9999-12-31 23:59"), "between 1970 and 2999"),
        (("--answers", "sip:hlp@partner.example:5080"), "did you mean `sip:help@partner.example:5080`?"),
        (("--from", "\x00"), "is no caller's number"),
        (("-i",), "needs a terminal"),
        (("-i", "--all"), "-i goes neither"),
    ],
)
def test_words_that_mean_nothing(office: Path, words: tuple[str, ...], says: str) -> None:
    result = simulate(office, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_an_office_with_errors(office: Path) -> None:
    office.write_text("scenario main { play }", "utf-8")
    result = simulate(office)
    assert result.exit_code == 1
    assert "IVR1" in result.stderr


def test_which_number(office: Path) -> None:
    office.write_text(source_of("hangup", declarations='number "+7 495 000-00-00" -> main\n'), "utf-8")
    result = simulate(office)
    assert result.exit_code == 2
    assert "--to" in result.stderr
    assert simulate(office, "--to", "84950000000").exit_code == 0
    refused = simulate(office, "--to", "+79990000000").stdout
    assert "nobody declared the number (cause 1)" in refused


# ── at a terminal ──


class Terminal:
    """`ivrc simulate -i` on a pseudo-terminal."""

    def __init__(self, office: Path, *words: str) -> None:
        self.master, slave = pty.openpty()
        code = "from ivrc.cli import main; main()"
        given = ["simulate", str(office), "--at", "2026-03-02 12:00", "-i", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *given], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        self.text = ""

    def until(self, wanted: str) -> None:
        end = time.monotonic() + 60
        while wanted not in self.text:
            assert time.monotonic() < end, self.text
            if select.select([self.master], [], [], 1)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode()
                except OSError as fault:
                    raise AssertionError(self.text) from fault

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> int:
        code = self.process.wait(60)
        os.close(self.master)
        return code


def plain(text: str) -> str:
    return " ".join(re.sub(r"\x1b\[[0-9;]*[mK]", "", text).split())


def test_a_key_typed_while_the_menu_plays(office: Path) -> None:
    terminal = Terminal(office, "--speed", "5", "--answers", "anna:1s", "--talk", "2s")
    terminal.until("keys: 1 2")
    terminal.type("1")
    terminal.until("end: talked")
    assert terminal.close() == 0
    told = plain(terminal.text)
    assert "cut by a key" in told
    assert "presses 1" in told
    assert "talks with anna" in told


def test_a_menu_waits_for_a_key_in_silence(office: Path) -> None:
    terminal = Terminal(office, "--speed", "20")
    terminal.until("no key in time")
    terminal.type("\x03")
    assert terminal.close() == 0
    told = plain(terminal.text)
    assert told.index('hears "asterisk:menu" keys: 1 2') < told.index("hears nothing keys: 1 2")


def test_ctrl_c_hangs_up(office: Path) -> None:
    terminal = Terminal(office, "--speed", "1")
    terminal.until("hears")
    terminal.type("\x03")
    terminal.until("end: caller hung up")
    assert terminal.close() == 0
    assert "Traceback" not in terminal.text


def test_a_key_that_nothing_listens_for(office: Path) -> None:
    terminal = Terminal(office, "--speed", "5", "--hang-up", "6s")
    terminal.until("hears")
    terminal.type("5")
    terminal.until("presses 5: nothing listens")
    terminal.until("end: caller hung up")
    assert terminal.close() == 0
