"""Lamps of the office's phones: what a phone that subscribed is told of calls, before and after a reload."""

from __future__ import annotations

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.sip import Phone
from ivrc.testbed.sip_xml import answers
from tests.live.lab import SETTINGS, Lab, MakeLab
from tests.live.lamp import Lamp

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna { extension 101 sip "PJSIP/anna" browser "PJSIP/annaweb" }
employee boris { extension 102 sip "PJSIP/boris" }
employee vera { extension 203 sip "PJSIP/vera" }
number "+7 495 000-00-01" -> main
scenario main { call employee anna }
"""
)


DESKS = ("anna", "annaweb", "boris", "vera")


@pytest.fixture(scope="module", params=["22", "16"])
def lab(make_lab: MakeLab, request: pytest.FixtureRequest) -> Lab:
    context = "ivrc-lab.internal"
    phones = [PhoneSpec(name, context=context) for name in DESKS]
    watcher = PhoneSpec("desk", registers=True, context=context)
    return make_lab(OFFICE, version=request.param, phones=[*phones, watcher])


def shines(lab: Lab, lamp: Lamp, extension: str, endpoint: str) -> None:
    """A call at this phone is told to the lamp of the extension, and so is its end."""
    call = lab.watch.ami.action("Originate", Channel=f"PJSIP/{endpoint}", Application="Wait", Data="60", Async="true")
    with Phone(lab.asterisk, endpoint, answers(0.0)):
        lab.watch.run(call)
        lamp.await_dialog(extension, "confirmed")
        lab.asterisk.cli("channel request hangup all")
        lamp.await_dialog(extension, "terminated")


def hints(lab: Lab) -> set[str]:
    return {row.split("@")[0] for row in lab.asterisk.cli("core show hints").splitlines() if "@ivrc-lab" in row}


def test_lamps_follow_calls_of_every_phone_and_survive_a_reload(lab: Lab) -> None:
    assert hints(lab) == {"_10[12]", "203"}
    text = (lab.build / "extensions.conf").read_text()
    with Lamp(lab.asterisk.sip_port, "desk") as lamp:
        for extension in ("101", "102", "203"):
            assert lamp.subscribe(extension) == "SIP/2.0 200 OK"
            lamp.await_dialog(extension, "terminated")
        assert lamp.subscribe("103").startswith("SIP/2.0 404")
        for comment in ("; once", "; twice"):
            shines(lab, lamp, "101", "anna")
            shines(lab, lamp, "101", "annaweb")
            shines(lab, lamp, "102", "boris")
            shines(lab, lamp, "203", "vera")
            assert set(lamp.dialogs) == {"101", "102", "203"}
            assert lab.asterisk.reload_dialplan(f"{text}{comment}\n") == []
            # What a phone watches is there after a reload, and nothing else is.
            assert hints(lab) == {"_10[12]", "101", "102", "203"}
        # 102 has another phone now: so has its lamp.
        text = text.replace("= 2]?PJSIP/boris", "= 2]?PJSIP/vera")
        lab.asterisk.reload_dialplan(text)
        shines(lab, lamp, "102", "vera")
