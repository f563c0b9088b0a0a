"""Every step kind and outcome, by real calls. The core set: on the oldest and the newest Asterisk."""

from __future__ import annotations

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.sip_xml import (
    BUSY,
    REJECT,
    Behaviour,
    answers,
    cancel,
    expect_answer,
    expect_refused,
    hangup,
    key,
    key_info,
    pause,
    refuses,
    silent,
    wait_hangup,
)
from tests.live.lab import SETTINGS, Lab, MakeLab

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna   { extension 10  sip "PJSIP/anna"  browser "PJSIP/anna-web"  mobile "+7 916 111-22-33" }
employee boris  { extension 101 sip "PJSIP/boris" mobile "+7 916 222-33-44" }
employee away   { extension 102 sip "PJSIP/away"  mobile "+7 916 333-44-55" }
group together at once  { boris anna away }
group turns    in order { away anna boris }

number "+7 495 000-00-01" -> hear
number "+7 495 000-00-02" -> timed
number "+7 495 000-00-03" -> menu
number "+7 495 000-00-04" -> ring_anna
number "+7 495 000-00-05" -> ring_together
number "+7 495 000-00-06" -> ring_turns
number "+7 495 000-00-07" -> outside
number "+7 495 000-00-08" -> mobile
number "+7 495 000-00-09" -> keyed
number "+7 495 000-00-10" -> who
number "+7 495 000-00-11" -> refuse
number "+7 495 000-00-12" -> own_sound
number "+7 495 000-00-13" -> offline

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
scenario ring_anna { call employee anna for 2s  play "done" }
scenario ring_together { call group together for 3s  play "done" }
scenario ring_turns { call group turns for 2s  play "done" }
scenario outside { call number "8 (812) 765-43-21" for 3s  play "done" }
scenario mobile { call employee away for 5s then mobile for 3s  play "done" }
scenario offline { call employee away  play "done" }
scenario keyed { wait extension for 4s playing "short"  play "done" }
scenario who {
    when caller hidden { play "hidden" }
    else when caller in vip { play "vip" }
    else { play "done" }
}
callers vip { "+7 903 *"  "8 916 765-43-21" }
scenario refuse { hangup }
number "+7 495 000-00-14" -> nobody
number "+7 495 000-00-15" -> nobody_outside
scenario nobody { call employee boris for 1s }
scenario nobody_outside { call number "+7 812 765-43-22" for 3s }
number "+7 495 000-00-16" -> имя
number "+7 495 000-00-17" -> имя_длиннее_чем_помещается_у_астериска
scenario имя { play "welcome" }
scenario имя_длиннее_чем_помещается_у_астериска { play "done" }
"""
)
PROMPTS = {"welcome": 1.0, "short": 0.7, "long": 4.0, "done": 0.4, "wrong": 0.4, "hidden": 0.4, "vip": 0.4}
PHONES = ["anna", "anna-web", "boris", PhoneSpec("away", online=False)]
HEAR_OUT = [expect_answer(), wait_hangup()]


def number(last: int) -> str:
    return f"+7495{last:07}"


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


@pytest.mark.parametrize(("last", "phones"), [(14, {"boris": silent()}), (15, {"provider": refuses(404)}), (14, {})])
def test_nobody_answered_is_told_as_such(lab: Lab, last: int, phones: dict[str, Behaviour]) -> None:
    """480, and never the 404 that a phone or network on the way may have given."""
    phones = phones or {"boris": BUSY}
    result, _journey = lab.call(number(last), [expect_refused(480)], phones)
    assert result.ok, result.transcript
    assert not result.answered


# ── menu ────────────────────────────────────────────────────────────────────────────────────────


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


# ── employees ───────────────────────────────────────────────────────────────────────────────────


def test_browser_and_sip_phone_ring_together_and_one_answers(lab: Lab) -> None:
    phones = {"anna": answers(1.0, hangup_after=1.0), "anna-web": silent()}
    result, journey = lab.call(number(4), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert sorted(journey.rang) == ["anna", "anna-web"]
    assert journey.talked == ["anna"]
    assert journey.heard == [], "a conversation never falls through to the next step"
    assert result.answered_at is not None
    assert result.answered_at - result.began_at > 0.9, "the line is answered when the phone is"


def test_caller_ends_the_conversation(lab: Lab) -> None:
    phones = {"anna": answers(0.5), "anna-web": silent()}
    result, journey = lab.call(number(4), [expect_answer(), pause(1.0), hangup()], phones)
    assert result.ok, result.transcript
    assert journey.talked == ["anna"]
    assert journey.heard == []


def test_no_answer_passes_when_the_time_is_over(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent()}
    result, journey = lab.call(number(4), HEAR_OUT, phones)
    assert result.ok, result.transcript
    assert journey.ring_seconds("anna") == pytest.approx(2.0, abs=0.4)
    assert journey.heard == [sound("done")]
    assert result.rang_at is not None, "the caller hears ringing before the line is answered"


def test_refusals_pass_at_once(lab: Lab) -> None:
    result, journey = lab.call(number(4), HEAR_OUT, {"anna": BUSY, "anna-web": REJECT})
    assert result.ok, result.transcript
    assert journey.ring_seconds("anna") < 0.5
    assert journey.heard == [sound("done")]


def test_offline_passes_at_once_without_ringing(lab: Lab) -> None:
    mark = lab.asterisk.mark()
    result, journey = lab.call(number(13), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.rang == []
    assert journey.heard == [sound("done")]
    assert lab.asterisk.warnings(mark) == []


def test_offline_goes_to_the_mobile_at_once(lab: Lab) -> None:
    phones = {"provider": answers(0.5, hangup_after=1.0)}
    result, journey = lab.call(number(8), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert journey.talked == ["+79163334455@provider"]
    assert result.answered_at is not None
    assert result.answered_at - result.began_at < 2.0
    assert journey.heard == []


def test_caller_gives_up_while_it_rings(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent()}
    result, journey = lab.call(number(4), [pause(1.0), cancel()], phones)
    assert result.ok, result.transcript
    assert journey.heard == []
    assert ("anna", "CANCEL") in journey.statuses or journey.ended is not None


def test_one_who_is_in_a_call_is_not_rung(lab: Lab) -> None:
    """Boris talks to a first caller; a second one is told at once that nobody answers."""
    from ivrc.testbed.sip import Caller, Phone

    with Phone(lab.asterisk, "boris", answers(0.2)) as boris:
        script = [expect_answer(), pause(1.0), key("2"), pause(6.0), hangup()]
        first = Caller(lab.asterisk, to=number(3), script=script, from_="+79160009001").start()
        lab.watch.wait_event(
            lambda event: event.get("Event") == "BridgeEnter" and "boris" in event.get("Channel", ""), 10
        )
        second = Caller(
            lab.asterisk,
            to=number(3),
            script=[expect_answer(), pause(0.5), key("2"), wait_hangup()],
            from_="+79160009002",
        ).run()
        journey = lab.watch.journey(lab.watch.calls("+79160009002")[-1])
        assert first.wait().ok
        assert second.ok, second.transcript
        assert journey.rang == []
        assert journey.heard == [sound("long"), sound("done"), sound("done")]
        assert len(boris.calls) == 1


# ── groups ──────────────────────────────────────────────────────────────────────────────────────


def test_at_once_rings_all_and_the_first_to_answer_has_the_call(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent(), "boris": answers(1.0, hangup_after=0.5)}
    result, journey = lab.call(number(5), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert sorted(journey.rang) == ["anna", "anna-web", "boris"]
    assert journey.talked == ["boris"]
    assert journey.heard == []


def test_at_once_passes_when_nobody_answers(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent(), "boris": BUSY}
    result, journey = lab.call(number(5), HEAR_OUT, phones)
    assert result.ok, result.transcript
    assert journey.ring_seconds("anna") == pytest.approx(3.0, abs=0.4)
    assert journey.heard == [sound("done")]


def test_in_order_passes_over_the_offline_and_rings_one_after_another(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent(), "boris": answers(0.5, hangup_after=0.5)}
    result, journey = lab.call(number(6), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert journey.rang[-1] == "boris"
    assert sorted(journey.rang[:-1]) == ["anna", "anna-web"]
    assert journey.ring_seconds("anna") == pytest.approx(2.0, abs=0.4)
    assert journey.talked == ["boris"]
    assert journey.heard == []


# ── outside ─────────────────────────────────────────────────────────────────────────────────────


def test_external_number_goes_through_the_trunk(lab: Lab) -> None:
    from ivrc.testbed.sip import Caller, Network

    with Network(lab.asterisk, answers(0.5, hangup_after=0.5)) as network:
        result = Caller(lab.asterisk, to=number(7), script=[expect_answer(), wait_hangup()]).run()
        assert result.ok, result.transcript
        assert [call.number for call in network.calls] == ["+78127654321"]


def test_external_number_that_is_busy_passes(lab: Lab) -> None:
    result, journey = lab.call(number(7), HEAR_OUT, {"provider": BUSY})
    assert result.ok, result.transcript
    assert journey.heard == [sound("done")]


# ── extensions ──────────────────────────────────────────────────────────────────────────────────


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


# ── callers ─────────────────────────────────────────────────────────────────────────────────────


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
