"""Voicemail and recordings: what a caller says lies in a file, however the call ends."""

from __future__ import annotations

import email
import email.policy
import json
import math
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.journey import Journey
from ivrc.testbed.sip_xml import answers, expect_answer, hangup, key, pause, talk, wait_hangup
from tests.live.lab import SETTINGS, Lab, MakeLab, number, skip_without_streams
from tests.live.lamp import Lamp

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna  { name "Anna" extension 101 sip "PJSIP/anna" email "anna@office.example" }
employee boris { sip "PJSIP/boris" }

number "+7 495 000-00-01" -> message
number "+7 495 000-00-02" -> short
number "+7 495 000-00-03" -> mailbox
number "+7 495 000-00-04" -> recorded
number "+7 495 000-00-05" -> announced
number "+7 495 000-00-06" -> short_mailbox
scenario message { voicemail "greeting" for 60s  play "done" }
scenario short { voicemail for 3s  play "done" }
scenario mailbox { voicemail "greeting" to anna  play "done" }
scenario short_mailbox { voicemail for 3s to anna  play "done" }
scenario recorded { record calls  record calls  call employee boris for 10s  play "done" }
scenario announced { record calls playing "greeting"  call employee boris for 10s }
"""
)


# What mails are handed to, in place of sendmail.
MAILER = """#!/bin/sh
cat > "$1/.$$"
mv "$1/.$$" "$1/$$.eml"
"""


@pytest.fixture(scope="module")
def post() -> Iterator[Path]:
    """The folder that mail arrives in. (Mailers have no rights but Asterisk's user's: not below pytest's folder.)"""
    with tempfile.TemporaryDirectory(prefix="ivrc-post-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "mailer").write_text(MAILER)
        (folder / "mailer").chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab, post: Path) -> Lab:
    general = ["format=wav", "maxsilence=10", "serveremail=telephone@office.example", f"mailcmd={post}/mailer {post}"]
    return make_lab(
        OFFICE,
        folder=post / "lab",
        prompts={"greeting": 0.5, "done": 0.4},
        phones=[PhoneSpec("anna", registers=True, mailbox="101@ivrc-lab"), "boris"],
        own={"voicemail.conf": "\n".join(["[general]", *general, ""])},
    )


def spool(lab: Lab) -> Path:
    return lab.asterisk.rundir / "var/spool"


def marked(lab: Lab, journey: Journey, name: str) -> Path:
    """The file that the call's mark in the event log names."""
    found = [
        json.loads(event["Extra"])["extra"]
        for event in lab.watch.events
        if event.get("EventName") == name and event.get("LinkedID") == journey.linkedid
    ]
    assert found, f"no mark {name}"
    return Path(found[-1])


def seconds(path: Path) -> float:
    with wave.open(str(path), "rb") as file:
        return file.getnframes() / file.getframerate()


def loudness(path: Path) -> int:
    """The highest sample."""
    with wave.open(str(path)) as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
        return max((abs(sample) for sample in samples), default=0)


def strength(path: Path, hertz: float) -> float:
    """How much of a tone is in the loudest second of a recording (the power of its Fourier component)."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    turn = [complex(math.cos(a), math.sin(a)) for a in (2 * math.pi * hertz * i / rate for i in range(rate))]
    seconds = [samples[start : start + rate] for start in range(0, len(samples) - rate, rate // 2)]
    return max(abs(sum(x * y for x, y in zip(second, turn, strict=True))) ** 2 for second in seconds)


def test_loads_without_a_warning(lab: Lab) -> None:
    assert lab.asterisk.warnings() == []


def test_hanging_up_is_the_normal_end_of_a_message(lab: Lab) -> None:
    result, journey = lab.call(number(1), [expect_answer(), pause(1.2), talk(3.0), hangup()])
    assert result.ok, result.transcript
    skip_without_streams()
    assert journey.heard == ["ivrc/lab/greeting", "beep"]
    path = marked(lab, journey, "IVRC_VOICEMAIL")
    assert path.parent == spool(lab) / "ivrc/voicemail"
    assert 2.0 < seconds(path) < 4.5
    assert loudness(path) > 1000


def test_hash_ends_the_message_and_the_call_goes_on(lab: Lab) -> None:
    script = [expect_answer(), pause(1.2), talk(2.0), key("#"), wait_hangup()]
    result, journey = lab.call(number(1), script)
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done"
    assert 1.0 < seconds(marked(lab, journey, "IVRC_VOICEMAIL")) < 3.5


def test_the_limit_ends_the_message(lab: Lab) -> None:
    result, journey = lab.call(number(2), [expect_answer(), talk(8.0), wait_hangup()])
    assert journey.heard[-1] == "ivrc/lab/done", result.transcript
    assert 2.5 < seconds(marked(lab, journey, "IVRC_VOICEMAIL")) < 3.6


def test_ten_seconds_of_silence_end_the_message(lab: Lab) -> None:
    began = time.monotonic()
    result, journey = lab.call(number(1), [expect_answer(), wait_hangup()])
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done"
    assert 10.0 < time.monotonic() - began < 15.0


def mailbox(lab: Lab) -> list[Path]:
    return sorted((spool(lab) / "voicemail/ivrc-lab/101/INBOX").glob("msg*.wav"))


def test_a_message_for_an_employee_lights_the_lamp_and_is_mailed(lab: Lab, post: Path) -> None:
    before = len(mailbox(lab))
    with Lamp(lab.asterisk.sip_port, "anna") as lamp:
        lamp.await_messages((before, 0))
        result, journey = lab.call(number(3), [expect_answer(), pause(1.5), talk(3.0), hangup()])
        assert result.ok, result.transcript
        lamp.await_messages((before + 1, 0))
        for path in mailbox(lab):
            # As the owner does by telephone or in the mailbox's folder.
            path.unlink()
            path.with_suffix(".txt").unlink()
        lab.asterisk.cli("voicemail reload")
        lamp.await_messages((0, 0))
    assert str(marked(lab, journey, "IVRC_MAILBOX")).endswith("101/INBOX/msg0000")


def test_the_mail_has_the_message_with_it(lab: Lab, post: Path) -> None:
    for path in post.glob("*.eml"):
        path.unlink()
    result, journey = lab.call(number(3), [expect_answer(), pause(1.5), talk(3.0), hangup()])
    assert result.ok, result.transcript
    until = time.monotonic() + 10
    while not (mails := list(post.glob("*.eml"))) and time.monotonic() < until:
        time.sleep(0.05)
    (path,) = mails
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert mail["To"].addresses[0].addr_spec == "anna@office.example"
    assert mail["From"].addresses[0].addr_spec == "telephone@office.example"
    (attached,) = mail.iter_attachments()
    (post / "message.wav").write_bytes(attached.get_content())
    assert seconds(post / "message.wav") == seconds(mailbox(lab)[-1])
    assert 1.5 < seconds(post / "message.wav") < 5.0
    assert loudness(post / "message.wav") > 1000
    assert marked(lab, journey, "IVRC_MAILBOX") == mailbox(lab)[-1].with_suffix("")


def test_one_who_hangs_up_at_the_tone_leaves_nothing_in_the_mailbox(lab: Lab, post: Path) -> None:
    before, mails = mailbox(lab), list(post.glob("*.eml"))
    result, _ = lab.call(number(3), [expect_answer(), pause(1.2), hangup()])
    assert result.ok, result.transcript
    time.sleep(1.0)
    assert mailbox(lab) == before
    assert list(post.glob("*.eml")) == mails


def test_a_mailbox_message_keeps_to_the_steps_limit(lab: Lab) -> None:
    before = len(mailbox(lab))
    result, journey = lab.call(number(6), [expect_answer(), talk(9.0), wait_hangup()])
    assert journey.heard[-1] == "ivrc/lab/done", result.transcript
    assert len(mailbox(lab)) == before + 1
    assert 2.0 < seconds(mailbox(lab)[-1]) < 4.2
    assert str(marked(lab, journey, "IVRC_MAILBOX")) == str(mailbox(lab)[-1].with_suffix(""))


def test_a_conversation_is_recorded_from_its_beginning(lab: Lab) -> None:
    phones = {"boris": answers(2.0, talk=True)}
    result, journey = lab.call(number(4), [expect_answer(), talk(3.0), hangup()], phones)
    assert result.ok, result.transcript
    assert journey.talked == ["boris"]
    path = marked(lab, journey, "IVRC_RECORDING")
    assert path.parent == spool(lab) / "ivrc/recordings"
    # The recorder is a thread of its own, and writes the end when the call is over.
    until = time.monotonic() + 5
    while path.stat().st_size <= 44 or not 2.4 < seconds(path) < 4.0:
        assert time.monotonic() < until, "the two seconds of ringing are not in it"
        time.sleep(0.1)
    # Both sides, each with a tone of its own, are in it; a third one is not.
    caller, answerer, nobody = (strength(path, hertz) for hertz in (1000, 500, 750))
    assert min(caller, answerer) > 50 * nobody, (caller, answerer, nobody)
    assert len([step for step in journey.steps if step.app == "MixMonitor"]) == 1


def test_the_caller_is_told_first(lab: Lab) -> None:
    phones = {"boris": answers(0.5)}
    result, journey = lab.call(number(5), [expect_answer(), pause(2.0), hangup()], phones)
    assert result.ok, result.transcript
    assert journey.heard[0] == "ivrc/lab/greeting"
