"""A switch flipped by phone: calls follow it at once, and it survives a restart of Asterisk."""

from __future__ import annotations

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.sip import Caller
from ivrc.testbed.sip_xml import answers, expect_refused
from ivrc.testbed.watch import Watch
from tests.live.lab import HEAR_OUT, SETTINGS, Lab, MakeLab

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
switch night toggled by "*28"
employee anna { extension 101 sip "PJSIP/anna" }
employee boris { extension 102 sip "PJSIP/boris" }
number "+7 495 000-00-01" -> main
number other -> lost
scenario main { when switch night { play "night" } else { play "day" } }
scenario lost { play "lost" }
"""
)


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    phones = [PhoneSpec("anna", context="ivrc-lab.internal"), PhoneSpec("boris", context="ivrc-lab.internal")]
    return make_lab(OFFICE, prompts={"night": 0.4, "day": 0.4, "lost": 0.4}, phones=phones)


def heard(lab: Lab) -> list[str]:
    result, journey = lab.call("+74950000001", HEAR_OUT)
    assert result.ok, result.transcript
    return [sound.removeprefix("ivrc/lab/") for sound in journey.heard]


def flip(lab: Lab) -> list[str]:
    result, journey = lab.call("*28", HEAR_OUT, user="anna", from_="101")
    assert result.ok, result.transcript
    return journey.heard


def test_a_caller_from_outside_cannot_flip_it(lab: Lab) -> None:
    result = Caller(lab.asterisk, to="*28", script=[expect_refused(404)]).run()
    assert result.ok, result.transcript
    assert heard(lab) == ["day"]


@pytest.mark.parametrize("sent", ["+74959999999", "12345", "account_name", "s"])
def test_number_other_takes_what_nobody_declared(lab: Lab, sent: str) -> None:
    result, journey = lab.call(sent, HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.heard == ["ivrc/lab/lost"]


def test_phones_of_the_office_dial_each_other(lab: Lab) -> None:
    result, journey = lab.call("102", HEAR_OUT, {"boris": answers(0.5, hangup_after=0.5)}, user="anna", from_="101")
    assert result.ok, result.transcript
    assert journey.talked == ["boris"]


def test_flipped_by_phone_and_kept_over_a_restart(lab: Lab) -> None:
    assert heard(lab) == ["day"]
    assert flip(lab) == ["activated"]
    assert heard(lab) == ["night"]
    lamp = next(row for row in lab.asterisk.cli("core show hints").splitlines() if row.startswith("*28@"))
    assert "State:InUse" in lamp
    lab.asterisk.stop()
    lab.asterisk.start()
    before = lab.watch
    with Watch(lab.asterisk) as lab.watch:
        assert heard(lab) == ["night"]
        assert flip(lab) == ["de-activated"]
        assert heard(lab) == ["day"]
    lab.watch = before
