"""What a caller hears and keys, by real calls. The core set: on the oldest and the newest Asterisk."""

from __future__ import annotations

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.sip_xml import (
    answers,
    expect_answer,
    expect_refused,
    hangup,
    key,
    key_info,
    pause,
    silent,
    wait_hangup,
)
from tests.live.lab import HEAR_OUT, SETTINGS, Lab, MakeLab, number

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna   { extension 10  sip "PJSIP/anna"  browser "PJSIP/anna-web"  mobile "+7 916 111-22-33" }
employee boris  { extension 101 sip "PJSIP/boris" mobile "+7 916 222-33-44" }
employee away   { extension 102 sip "PJSIP/away"  mobile "+7 916 333-44-55" }

number "+7 495 000-00-01" -> hear
number "+7 495 000-00-02" -> timed
number "+7 495 000-00-03" -> menu
number "+7 495 000-00-09" -> keyed
number "+7 495 000-00-10" -> who
number "+7 495 000-00-11" -> refuse
number "+7 495 000-00-12" -> own_sound

scenario hear  { play "welcome" }
scenario timed { play "short" for 3s  play "long" for 2s  play "done" }
scenario own_sound { play "asterisk:beep" for 2s  play "done" }
scenario menu {
    branch playing "long" for 1s retries 1 {
        1 -> hear
        2 { call employee boris for 3s  play "done" }
        # -> hear
        wrong { play "wrong" }
    }
    play "done"
}
scenario keyed { wait extension for 4s playing "short"  play "done" }
scenario who {
    when caller hidden { play "hidden" }
    else when caller in vip { play "vip" }
    else { play "done" }
}
callers vip { "+7 903 *"  "8 916 765-43-21" }
scenario refuse { hangup }
number "+7 495 000-00-16" -> имя
number "+7 495 000-00-17" -> имя_длиннее_чем_помещается_у_астериска
scenario имя { play "welcome" }
scenario имя_длиннее_чем_помещается_у_астериска { play "done" }
"""
)
PROMPTS = {"welcome": 1.0, "short": 0.7, "long": 4.0, "done": 0.4, "wrong": 0.4, "hidden": 0.4, "vip": 0.4}
PHONES = ["anna", "anna-web", "boris", PhoneSpec("away", online=False)]


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, make_lab: MakeLab) -> Lab:
    return make_lab(OFFICE, version=request.param, prompts=PROMPTS, phones=PHONES)


def sound(name: str) -> str:
    return f"ivrc/lab/{name}"


def test_loads_without_a_warning(lab: Lab) -> None:
    assert lab.asterisk.warnings() == []


def test_prompt_is_heard_and_the_call_hung_up(lab: Lab) -> None:
    result, journey = lab.call(number(1), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.summary() == [f"heard {sound('welcome')}", "ended 16"]
    assert result.ended_by == "far"


@pytest.mark.parametrize("form", ["+74950000001", "74950000001", "84950000001", "4950000001"])
def test_number_in_every_form_a_trunk_sends(lab: Lab, form: str) -> None:
    result, journey = lab.call(form, HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.heard == [sound("welcome")]


@pytest.mark.parametrize(("last", "heard"), [(16, "welcome"), (17, "done")])
def test_a_scenarios_name_is_of_any_letters_and_length(lab: Lab, last: int, heard: str) -> None:
    result, journey = lab.call(number(last), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.heard == [sound(heard)]


@pytest.mark.parametrize("form", ["+74950009999", "4950009999", "100"])
def test_undeclared_number_is_refused_and_logged(lab: Lab, form: str) -> None:
    mark = lab.asterisk.mark()
    result, journey = lab.call(form, [expect_refused(404)])
    assert result.ok, result.transcript
    assert journey.heard == []
    assert f"nobody declared the number {form}" in lab.asterisk.log()
    assert lab.asterisk.warnings(mark) == []


def test_timed_prompts_last_exactly_so_long(lab: Lab) -> None:
    result, journey = lab.call(number(2), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.heard == [sound("short-3s"), sound("long-2s"), sound("done")]
    steps = [step for step in journey.steps if step.app == "Playback"]
    assert steps[1].at - steps[0].at == pytest.approx(3.0, abs=0.15)
    assert steps[2].at - steps[1].at == pytest.approx(2.0, abs=0.15)


def test_a_sound_of_asterisks_own_is_repeated_for_its_time(lab: Lab) -> None:
    result, journey = lab.call(number(12), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.heard[-1] == sound("done")
    assert journey.heard.count("beep") >= 3
    steps = [step for step in journey.steps if step.app == "Playback"]
    assert steps[-1].at - steps[0].at == pytest.approx(2.0, abs=0.2)


def test_hangup_before_any_answer_refuses_the_call(lab: Lab) -> None:
    result, _journey = lab.call(number(11), [expect_refused(603)])
    assert result.ok, result.transcript
    assert not result.answered


# ── menu ───────────────────────────────────────────────────────────────────────────────────────────


def test_key_during_the_audio_cuts_it(lab: Lab) -> None:
    result, journey = lab.call(number(3), [expect_answer(), pause(1.0), key("1"), wait_hangup()])
    assert result.ok, result.transcript
    assert journey.heard == [sound("long"), sound("welcome")]
    heard = [event for event in journey.steps if event.app in ("BackGround", "Playback")]
    assert heard[1].at - heard[0].at < 3.0


def test_key_by_sip_info(lab: Lab) -> None:
    result, journey = lab.call(number(3), [expect_answer(), pause(1.0), key_info("1"), wait_hangup()], user="trunkinfo")
    assert result.ok, result.transcript
    assert journey.heard == [sound("long"), sound("welcome")]


def test_hash_key(lab: Lab) -> None:
    result, journey = lab.call(number(3), [expect_answer(), pause(1.0), key("#"), wait_hangup()])
    assert result.ok, result.transcript
    assert journey.heard == [sound("long"), sound("welcome")]


def test_key_after_the_audio(lab: Lab) -> None:
    result, journey = lab.call(number(3), [expect_answer(), pause(4.6), key("1"), wait_hangup()])
    assert result.ok, result.transcript
    assert journey.heard == [sound("long"), sound("welcome")]


def test_no_key_asks_again_and_then_passes(lab: Lab) -> None:
    result, journey = lab.call(number(3), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.heard == [sound("long"), sound("long"), sound("done")]


def test_wrong_key_asks_again_and_then_has_its_block(lab: Lab) -> None:
    script = [expect_answer(), pause(1.0), key("7"), pause(1.0), key("8"), wait_hangup()]
    result, journey = lab.call(number(3), script)
    assert result.ok, result.transcript
    assert journey.heard == [sound("long"), sound("long"), sound("wrong"), sound("done")]


def test_block_of_a_key_passes_to_what_follows_the_branch(lab: Lab) -> None:
    script = [expect_answer(), pause(1.0), key("2"), wait_hangup()]
    result, journey = lab.call(number(3), script, {"boris": silent()})
    assert result.ok, result.transcript
    assert journey.rang == ["boris"]
    assert journey.ring_seconds("boris") == pytest.approx(3.0, abs=0.4)
    assert journey.heard == [sound("long"), sound("done"), sound("done")]


def test_caller_leaves_in_the_middle_of_a_menu(lab: Lab) -> None:
    result, journey = lab.call(number(3), [expect_answer(), pause(1.0), hangup()])
    assert result.ok, result.transcript
    assert journey.heard == [sound("long")]
    assert journey.rang == []


# ── extensions ─────────────────────────────────────────────────────────────────────────────────────


def test_keyed_extension_rings_that_employee(lab: Lab) -> None:
    phones = {"boris": answers(0.5, hangup_after=0.5)}
    result, journey = lab.call(number(9), [expect_answer(), pause(0.5), key("101"), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert journey.talked == ["boris"]
    assert sound("done") not in journey.heard


def test_extension_that_is_the_beginning_of_another(lab: Lab) -> None:
    phones = {"anna": answers(0.5, hangup_after=0.5), "anna-web": silent()}
    result, journey = lab.call(number(9), [expect_answer(), pause(0.5), key("10"), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert journey.talked == ["anna"]


def test_unknown_extension_is_said_to_be_wrong_and_may_be_tried_again(lab: Lab) -> None:
    phones = {"boris": answers(0.5, hangup_after=0.5)}
    script = [expect_answer(), pause(0.3), key("9"), pause(0.7), key("101"), wait_hangup()]
    result, journey = lab.call(number(9), script, phones)
    assert result.ok, result.transcript
    assert "pbx-invalid" in journey.heard
    assert journey.talked == ["boris"]


def test_no_extension_passes_after_exactly_its_time(lab: Lab) -> None:
    result, journey = lab.call(number(9), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.heard == [sound("short-wait4s"), sound("done")]
    starts = [step.at for step in journey.steps if step.app in ("BackGround", "Playback")]
    assert starts[1] - starts[0] == pytest.approx(4.0, abs=0.2)


def test_employee_of_the_extension_does_not_answer(lab: Lab) -> None:
    result, journey = lab.call(number(9), [expect_answer(), pause(0.5), key("102"), wait_hangup()], {"boris": silent()})
    assert result.ok, result.transcript
    assert journey.rang == []
    assert journey.heard[-1] == sound("done")


# ── callers ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("from_", "heard"),
    [
        ("+79031234567", "vip"),
        ("89031234567", "vip"),
        ("9031234567", "vip"),
        ("79167654321", "vip"),
        ("+79167654321", "vip"),
        ("+79167654322", "done"),
        ("9167654322", "done"),
        ("+390312345678", "done"),
    ],
)
def test_caller_in_a_list(lab: Lab, from_: str, heard: str) -> None:
    result, journey = lab.call(number(10), HEAR_OUT, from_=from_)
    assert result.ok, result.transcript
    assert journey.heard == [sound(heard)]


def test_hidden_caller(lab: Lab) -> None:
    result, journey = lab.call(number(10), HEAR_OUT, anonymous=True)
    assert result.ok, result.transcript
    assert journey.heard == [sound("hidden")]
