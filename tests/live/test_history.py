"""The call history of real calls: journeys in the source's words, files attached, nothing lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivrc.history import cel
from ivrc.history.collect import Collector
from ivrc.history.settings import HistorySettings
from ivrc.history.store import Filter, Store
from ivrc.testbed.sip_xml import BUSY, answers, cancel, expect_answer, expect_refused, hangup, key, pause, silent, talk
from tests.live.lab import SETTINGS, Lab, MakeLab, number

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna  { name "Anna" extension 101 sip "PJSIP/anna" }
employee boris { name "Boris" sip "PJSIP/boris" mobile "+7 916 111-22-33" }
group both in order { anna boris }
hours open { mon-sun 00:00-24:00 }
number "+7 495 000-00-01" -> main
number "+7 495 000-00-02" -> menu
number "+7 495 000-00-03" -> message
number "+7 495 000-00-04" -> to_anna
number "+7 495 000-00-05" -> short
scenario main {
    record calls
    play "greeting"
    when open { call group both for 2s }
    call employee boris for 1s then mobile for 10s
}
scenario menu {
    branch playing "greeting" for 3s { 1 -> main  2 { call employee anna } }
}
scenario message { voicemail "greeting" for 20s }
scenario to_anna { voicemail for 20s to anna }
scenario short { play "greeting" hangup }
"""
)


class Kept:
    """A lab with its history."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        log = lab.asterisk.rundir / "var/log" / cel.FILE
        spool = lab.asterisk.rundir / "var/spool"
        self.settings = HistorySettings(
            database=str(folder / "history.sqlite"), cel=log, spool=spool, build=lab.build, machine="here"
        )
        self.store = Store(self.settings.url)
        self.collector = Collector(self.settings, self.store)
        self.config = folder / "ivrc.toml"
        self.config.write_text(
            f'[history]\ndatabase = "{folder / "history.sqlite"}"\ncel = "{log}"\nspool = "{spool}"\n'
            f'build = "{lab.build}"\nmachine = "here"\n'
        )

    def last(self, caller: str) -> dict[str, Any]:
        """The caller's last call, when all of it is there."""
        until = time.monotonic() + 15
        while True:
            self.collector.collect()
            found = self.store.find(Filter(caller=caller))
            if found and found[0]["settled"]:
                shown = self.store.show(found[0]["id"])
                assert shown is not None
                return shown
            assert time.monotonic() < until, found
            time.sleep(0.1)


@pytest.fixture(scope="module", params=["22", "16"])
def kept(request: pytest.FixtureRequest, make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    files = cel.settings()
    files["cel.conf"] += "[manager]\nenabled=yes\n"
    lab = make_lab(OFFICE, version=request.param, prompts={"greeting": 0.5}, phones=["anna", "boris"], settings=files)
    kept = Kept(lab, tmp_path_factory.mktemp("history"))
    yield kept
    kept.store.close()


def told(call: dict[str, Any]) -> list[str]:
    """The journey's lines, without times."""
    return [
        f"{entry['line']}: {entry['text']}" if entry["kind"] == "step" else entry["text"] for entry in call["entries"]
    ]


def line_of(text: str) -> int:
    return OFFICE[: OFFICE.index(text)].count("\n") + 1


def test_journey_in_the_words_of_the_source(kept: Kept) -> None:
    phones = {"anna": silent(), "boris": answers(0.5, talk=True)}
    result, _ = kept.lab.call(number(1), [expect_answer(), talk(6.0), hangup()], phones, from_="+79160010001")
    assert result.ok, result.transcript
    call = kept.last("+79160010001")
    assert (call["number"], call["office"], call["scenario"]) == (number(1), "lab", "main")
    assert call["outcome"] == "talked"
    assert call["answered_by"] == "Boris"
    lines = told(call)
    for step in ('play "greeting"', "when open", "call group both for 2s"):
        assert f"{line_of(step)}: {step}" in lines
    assert "yes" in lines
    assert any(line.startswith("Anna rang 2 s: no answer") for line in lines)
    assert any(line.startswith("talked with Boris for") for line in lines)
    assert [(leg["employee"], leg["result"]) for leg in call["legs"]] == [("anna", "no answer"), ("boris", "answered")]


def test_recording_is_attached(kept: Kept) -> None:
    call = kept.last("+79160010001")
    (recording,) = call["media"]
    assert recording["kind"] == "recording"
    assert 2.0 < recording["seconds"] < 5.0
    assert Path(recording["path"]).stat().st_size == recording["size"]


def test_mobile_through_the_trunk_is_known_by_its_number(kept: Kept) -> None:
    phones = {"anna": BUSY, "boris": BUSY, "provider": answers(0.3)}
    result, _ = kept.lab.call(number(1), [expect_answer(), pause(2.5), hangup()], phones, from_="+79160010002")
    assert result.ok, result.transcript
    call = kept.last("+79160010002")
    assert call["answered_by"] == "Boris (mobile)"
    assert [leg["endpoint"] for leg in call["legs"]] == ["anna", "boris", "boris", "+79161112233"]


def test_caller_who_hangs_up_while_a_phone_rings(kept: Kept) -> None:
    script = [expect_answer(), pause(0.8), key("2"), pause(1.0), hangup()]
    result, _ = kept.lab.call(number(2), script, {"anna": silent()}, from_="+79160010003")
    assert result.ok, result.transcript
    call = kept.last("+79160010003")
    assert call["outcome"] == "hung_up"
    assert call["words"] == "the caller hung up during `call employee anna`"


def test_message_is_attached_and_an_empty_one_is_dropped(kept: Kept) -> None:
    result, _ = kept.lab.call(number(3), [expect_answer(), pause(1.2), talk(3.0), hangup()], from_="+79160010004")
    assert result.ok, result.transcript
    call = kept.last("+79160010004")
    assert call["words"].startswith("left a message of ")
    (message,) = call["media"]
    assert 2.0 < message["seconds"] < 4.5
    result, _ = kept.lab.call(number(3), [expect_answer(), pause(3.0), hangup()], from_="+79160010005")
    assert result.ok, result.transcript
    call = kept.last("+79160010005")
    assert call["outcome"] == "no_message"
    assert call["media"] == []
    assert "the message was empty: dropped" in told(call)
    assert len(list((kept.settings.media / "voicemail").glob("*.wav"))) == 1


def test_message_of_a_mailbox_is_copied(kept: Kept) -> None:
    if "app_voicemail" not in kept.lab.asterisk.cli("module show like app_voicemail"):
        pytest.skip("this Asterisk has no voicemail")
    result, _ = kept.lab.call(number(4), [expect_answer(), pause(0.5), talk(3.0), hangup()], from_="+79160010006")
    assert result.ok, result.transcript
    call = kept.last("+79160010006")
    (message,) = call["media"]
    assert message["kind"] == "voicemail"
    for original in kept.settings.spool.glob("voicemail/ivrc-lab/101/INBOX/*"):
        original.unlink()
    assert Path(message["path"]).exists()


def test_number_that_nobody_declared(kept: Kept) -> None:
    kept.lab.call(number(99), [expect_refused(404)], from_="+79160010007")
    call = kept.last("+79160010007")
    assert (call["outcome"], call["words"]) == ("refused", "the number is not declared")


def test_caller_who_gives_up_before_the_answer(kept: Kept) -> None:
    result, _ = kept.lab.call(number(1), [pause(0.3), cancel()], {"anna": silent()}, from_="+79160010008")
    del result
    assert kept.last("+79160010008")["complete"]


def test_collector_killed_in_the_middle_of_200_calls(kept: Kept) -> None:
    """All 200 are in the history afterwards, each once."""
    before = len(kept.store.find(Filter(limit=0)))
    command = [sys.executable, "-m", "ivrc", "history", "collect", "--follow", "--config", str(kept.config)]
    collector = subprocess.Popen(command)
    watch = kept.lab.watch

    def originate(index: int) -> None:
        watch.run(
            watch.ami.action(
                "Originate", Channel="Local/+74950000005@ivrc-incoming/n", Application="Wait", Data="2",
                CallerID=f"+7916002{index:04}", Async="true",
            )
        )  # fmt: skip

    for index in range(200):
        originate(index)
        time.sleep(0.02)
        if index in (60, 120, 170):
            collector.send_signal(signal.SIGKILL)
            collector.wait()
            collector = subprocess.Popen(command)
    kept.lab.await_idle(60)
    collector.send_signal(signal.SIGTERM)
    # (It may not have come as far as to listen to signals.)
    assert collector.wait(15) in (0, -signal.SIGTERM)
    until = time.monotonic() + 10
    while True:
        kept.collector.collect()
        found = kept.store.find(Filter(limit=0))
        if all(call["complete"] for call in found) or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert len(found) == before + 200
    assert [call["words"] for call in found if not call["complete"]] == []


def test_database_locked_for_ten_seconds(kept: Kept) -> None:
    other = sqlite3.connect(kept.settings.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    kept.lab.call(number(5), [expect_answer(), pause(0.1), hangup()], from_="+79160010009")
    collected = threading.Thread(target=kept.collector.collect)
    collected.start()
    time.sleep(10.0)
    other.execute("ROLLBACK")
    collected.join(30)
    assert not collected.is_alive()
    assert kept.last("+79160010009")["complete"]


def test_log_rotated_away(kept: Kept) -> None:
    kept.lab.call(number(5), [expect_answer(), pause(0.1), hangup()], from_="+79160010010")
    os.rename(kept.settings.cel, str(kept.settings.cel) + ".1")
    kept.lab.call(number(5), [expect_answer(), pause(0.1), hangup()], from_="+79160010011")
    assert kept.last("+79160010010")["complete"]
    assert kept.last("+79160010011")["complete"]
