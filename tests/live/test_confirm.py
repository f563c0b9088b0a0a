"""`confirm`: a mobile's voicemail picks up and presses nothing; it must not get the call, nor stop the others."""

from __future__ import annotations

import pytest

from ivrc.testbed.sip_xml import BUSY, answers, cancel, expect_answer, hangup, pause, silent, wait_hangup
from tests.live.lab import SETTINGS, Lab, MakeLab, number

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna  { sip "PJSIP/anna" mobile "+7 916 111-22-33" confirm }
employee boris { sip "PJSIP/boris" mobile "+7 916 222-33-44" }
employee gleb  { mobile "+7 916 333-44-55" confirm }
group together at once  { boris  anna mobile  "+7 916 777-88-99" confirm }
group turns    in order { anna mobile  boris }
group drawn    random   { gleb 100%  boris 0% }

number "+7 495 000-00-01" -> together
number "+7 495 000-00-02" -> turns
number "+7 495 000-00-03" -> drawn
number "+7 495 000-00-04" -> employee_then
number "+7 495 000-00-05" -> number_step
scenario together { call group together for 20s  play "done" }
scenario turns { call group turns for 20s  play "done" }
scenario drawn { call group drawn for 20s  play "done" }
scenario employee_then { call employee boris for 2s then mobile for 20s confirm  play "done" }
scenario number_step { call number "+7 916 777-88-99" for 20s confirm  play "done" }
"""
)
VOICEMAIL = answers(0.3, talk=True)
PRESSES_1 = answers(0.5, keys="1", keys_after=2.0)
PRESSES_2 = answers(0.5, keys="2", keys_after=2.0)
TALK = [expect_answer(40), pause(1.5), hangup()]


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, make_lab: MakeLab) -> Lab:
    return make_lab(OFFICE, version=request.param, prompts={"done": 0.4}, phones=["anna", "boris"])


def test_loads_without_a_warning(lab: Lab) -> None:
    assert lab.asterisk.warnings() == []


def test_at_once_voicemail_does_not_stop_the_others(lab: Lab) -> None:
    """Both mobiles pick up at once and press nothing; Boris, who rings beside them, answers after 8 s."""
    phones = {"boris": answers(8.0), "provider": VOICEMAIL}
    result, journey = lab.call(number(1), TALK, phones)
    assert result.ok, result.transcript
    assert journey.talked[-1] == "boris"
    assert ("boris", "ANSWER") in journey.statuses
    assert result.answered_at is not None
    assert result.answered_at - result.began_at > 7.5, "nobody but Boris may answer the caller"


def test_at_once_the_one_who_presses_1_has_the_call(lab: Lab) -> None:
    phones = {"boris": silent(), "provider": VOICEMAIL}
    result, journey = lab.call(number(1), TALK, phones, {r"\+79161112233": PRESSES_1})
    assert result.ok, result.transcript
    assert result.answered_at is not None
    assert 2.0 < result.answered_at - result.began_at < 8.0
    assert "sound done" not in journey.summary()
    assert ("boris", "ANSWER") not in journey.statuses


def test_in_order_voicemail_passes_to_the_next(lab: Lab) -> None:
    phones = {"boris": answers(0.5), "provider": VOICEMAIL}
    result, journey = lab.call(number(2), TALK, phones)
    assert result.ok, result.transcript
    assert journey.talked[-1] == "boris"
    assert result.answered_at is not None
    assert result.answered_at - result.began_at > 5.0, "the mobile is asked before its turn is over"


def test_in_order_accepted(lab: Lab) -> None:
    phones = {"boris": silent(), "provider": PRESSES_1}
    result, journey = lab.call(number(2), TALK, phones)
    assert result.ok, result.transcript
    assert "boris" not in journey.rang


def test_in_order_refused_with_another_key(lab: Lab) -> None:
    phones = {"boris": answers(0.5), "provider": PRESSES_2}
    result, journey = lab.call(number(2), TALK, phones)
    assert result.ok, result.transcript
    assert journey.talked[-1] == "boris"


def test_random_voicemail_passes_to_the_next(lab: Lab) -> None:
    phones = {"boris": answers(0.5), "provider": VOICEMAIL}
    result, journey = lab.call(number(3), TALK, phones)
    assert result.ok, result.transcript
    assert journey.talked[-1] == "boris"


def test_random_accepted(lab: Lab) -> None:
    phones = {"boris": silent(), "provider": PRESSES_1}
    result, journey = lab.call(number(3), TALK, phones)
    assert result.ok, result.transcript
    assert "boris" not in journey.rang


def test_then_mobile_confirm_after_a_busy_desk(lab: Lab) -> None:
    phones = {"boris": BUSY, "provider": PRESSES_1}
    result, journey = lab.call(number(4), TALK, phones)
    assert result.ok, result.transcript
    assert journey.heard.count("ivrc/lab/done") == 0


def test_call_number_confirm_refused_passes(lab: Lab) -> None:
    result, journey = lab.call(number(5), [expect_answer(40), wait_hangup()], {"provider": VOICEMAIL})
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done"


def test_caller_who_gives_up_is_not_put_through(lab: Lab) -> None:
    """The caller hangs up while the mobile is being asked: pressing 1 then reaches nobody, and no leg stays."""
    result, _ = lab.call(number(5), [pause(1.5), cancel()], {"provider": PRESSES_1})
    assert result.ok, result.transcript
    lab.await_idle(20)
