"""Whom a call rings, and what the caller meets of it. The core set: on the oldest and the newest Asterisk."""

from __future__ import annotations

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.sip import Caller, Network, Phone
from ivrc.testbed.sip_xml import (
    BUSY,
    REJECT,
    Behaviour,
    answers,
    cancel,
    expect_answer,
    expect_refused,
    hangup,
    pause,
    refuses,
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
group together at once  { boris anna away }
group turns    in order { away anna boris }

number "+7 495 000-00-01" -> ring_anna
number "+7 495 000-00-02" -> ring_together
number "+7 495 000-00-03" -> ring_turns
number "+7 495 000-00-04" -> outside
number "+7 495 000-00-05" -> mobile
number "+7 495 000-00-06" -> offline
number "+7 495 000-00-07" -> ring_boris
number "+7 495 000-00-08" -> nobody
number "+7 495 000-00-09" -> nobody_outside

scenario ring_anna { call employee anna for 2s  play "done" }
scenario ring_together { call group together for 3s  play "done" }
scenario ring_turns { call group turns for 2s  play "done" }
scenario outside { call number "8 (812) 765-43-21" for 3s  play "done" }
scenario mobile { call employee away for 5s then mobile for 3s  play "done" }
scenario offline { call employee away  play "done" }
scenario ring_boris { call employee boris for 3s  play "done" }
scenario nobody { call employee boris for 1s }
scenario nobody_outside { call number "+7 812 765-43-22" for 3s }
"""
)
PROMPTS = {"done": 0.4}
DONE = "ivrc/lab/done"
PHONES = ["anna", "anna-web", "boris", PhoneSpec("away", online=False)]


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, make_lab: MakeLab) -> Lab:
    return make_lab(OFFICE, version=request.param, prompts=PROMPTS, phones=PHONES)


@pytest.mark.parametrize(("last", "phones"), [(8, {"boris": silent()}), (9, {"provider": refuses(404)}), (8, {})])
def test_nobody_answered_is_told_as_such(lab: Lab, last: int, phones: dict[str, Behaviour]) -> None:
    """480, and never the 404 that a phone or network on the way may have given."""
    phones = phones or {"boris": BUSY}
    result, _journey = lab.call(number(last), [expect_refused(480)], phones)
    assert result.ok, result.transcript
    assert not result.answered


def test_browser_and_sip_phone_ring_together_and_one_answers(lab: Lab) -> None:
    phones = {"anna": answers(1.0, hangup_after=1.0), "anna-web": silent()}
    result, journey = lab.call(number(1), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert sorted(journey.rang) == ["anna", "anna-web"]
    assert journey.talked == ["anna"]
    assert journey.heard == [], "a conversation never falls through to the next step"
    assert result.answered_at is not None
    assert result.answered_at - result.began_at > 0.9, "the line is answered when the phone is"


def test_caller_ends_the_conversation(lab: Lab) -> None:
    phones = {"anna": answers(0.5), "anna-web": silent()}
    result, journey = lab.call(number(1), [expect_answer(), pause(1.0), hangup()], phones)
    assert result.ok, result.transcript
    assert journey.talked == ["anna"]
    assert journey.heard == []


def test_no_answer_passes_when_the_time_is_over(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent()}
    result, journey = lab.call(number(1), HEAR_OUT, phones)
    assert result.ok, result.transcript
    assert journey.ring_seconds("anna") == pytest.approx(2.0, abs=0.4)
    assert journey.heard == [DONE]
    assert result.rang_at is not None, "the caller hears ringing before the line is answered"


def test_refusals_pass_at_once(lab: Lab) -> None:
    result, journey = lab.call(number(1), HEAR_OUT, {"anna": BUSY, "anna-web": REJECT})
    assert result.ok, result.transcript
    assert journey.ring_seconds("anna") < 0.5
    assert journey.heard == [DONE]


def test_offline_passes_at_once_without_ringing(lab: Lab) -> None:
    mark = lab.asterisk.mark()
    result, journey = lab.call(number(6), HEAR_OUT)
    assert result.ok, result.transcript
    assert journey.rang == []
    assert journey.heard == [DONE]
    assert lab.asterisk.warnings(mark) == []


def test_offline_goes_to_the_mobile_at_once(lab: Lab) -> None:
    phones = {"provider": answers(0.5, hangup_after=1.0)}
    result, journey = lab.call(number(5), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert journey.talked == ["+79163334455@provider"]
    assert result.answered_at is not None
    assert result.answered_at - result.began_at < 2.0
    assert journey.heard == []


def test_caller_gives_up_while_it_rings(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent()}
    result, journey = lab.call(number(1), [pause(1.0), cancel()], phones)
    assert result.ok, result.transcript
    assert journey.heard == []
    assert sorted(journey.statuses) == [("anna", "CANCEL"), ("anna-web", "CANCEL")]


def test_one_who_is_in_a_call_is_not_rung(lab: Lab) -> None:
    """Boris talks to a first caller; a second one is told at once that nobody answers."""
    began = len(lab.watch.events)
    with Phone(lab.asterisk, "boris", answers(0.2)) as boris:
        script = [expect_answer(), pause(6.0), hangup()]
        first = Caller(lab.asterisk, to=number(7), script=script, from_="+79160009001").start()
        lab.watch.wait_event(
            lambda event: event.get("Event") == "BridgeEnter" and "boris" in event.get("Channel", ""), 10, began
        )
        second = Caller(lab.asterisk, to=number(7), script=HEAR_OUT, from_="+79160009002").run()
        journey = lab.watch.journey(lab.watch.calls("+79160009002")[-1])
        assert first.wait().ok
        assert second.ok, second.transcript
        assert journey.rang == []
        assert journey.heard == [DONE]
        assert len(boris.calls) == 1


# ── groups ────────────────────────────────────────────────────────────────────────────────────────


def test_at_once_rings_all_and_the_first_to_answer_has_the_call(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent(), "boris": answers(1.0, hangup_after=0.5)}
    result, journey = lab.call(number(2), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert sorted(journey.rang) == ["anna", "anna-web", "boris"]
    assert journey.talked == ["boris"]
    assert journey.heard == []


def test_at_once_passes_when_nobody_answers(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent(), "boris": BUSY}
    result, journey = lab.call(number(2), HEAR_OUT, phones)
    assert result.ok, result.transcript
    assert journey.ring_seconds("anna") == pytest.approx(3.0, abs=0.4)
    assert journey.heard == [DONE]


def test_in_order_passes_over_the_offline_and_rings_one_after_another(lab: Lab) -> None:
    phones = {"anna": silent(), "anna-web": silent(), "boris": answers(0.5, hangup_after=0.5)}
    result, journey = lab.call(number(3), [expect_answer(), wait_hangup()], phones)
    assert result.ok, result.transcript
    assert journey.rang[-1] == "boris"
    assert sorted(journey.rang[:-1]) == ["anna", "anna-web"]
    assert journey.ring_seconds("anna") == pytest.approx(2.0, abs=0.4)
    assert journey.talked == ["boris"]
    assert journey.heard == []


# ── outside ───────────────────────────────────────────────────────────────────────────────────────


def test_external_number_goes_through_the_trunk(lab: Lab) -> None:
    with Network(lab.asterisk, answers(0.5, hangup_after=0.5)) as network:
        result = Caller(lab.asterisk, to=number(4), script=[expect_answer(), wait_hangup()]).run()
        assert result.ok, result.transcript
        assert [call.number for call in network.calls] == ["+78127654321"]


def test_external_number_that_is_busy_passes(lab: Lab) -> None:
    result, journey = lab.call(number(4), HEAR_OUT, {"provider": BUSY})
    assert result.ok, result.transcript
    assert journey.heard == [DONE]
