"""Who of several free people is rung first in `reach anyone`: whoever has been without a call for longest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.journey import Rang
from ivrc.testbed.sip import Phone
from ivrc.testbed.sip_xml import answers, expect_answer, expect_refused, silent, wait_hangup
from tests.live.lab import SETTINGS, Lab, MakeLab, number

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna  { extension 101  sip "PJSIP/anna" }
employee boris { extension 102  browser "PJSIP/boris-web"  sip "PJSIP/boris" }
employee vera  { extension 103  sip "PJSIP/vera" }
employee _глеб { extension 104  sip "PJSIP/gleb" }
group three at once { anna boris vera }
switch named toggled by "*28"

number "+7 495 000-00-01" -> any
number "+7 495 000-00-02" -> other
number "+7 495 000-00-03" -> direct
number "+7 495 000-00-04" -> short
number "+7 495 000-00-05" -> vain
number "+7 495 000-00-06" -> both
# The switch is off: it only names people without ringing them.
scenario any    { when switch named { call group three for 1s }  reach anyone for 60s }
scenario other  {
    when switch named { call employee _глеб for 1s  call group three for 1s }
    reach anyone for 60s
}
scenario direct { call employee anna for 20s }
scenario short  { when switch named { call group three for 1s }  reach anyone for 2s }
scenario both   { play "asterisk:beep"  call group three for 1s  reach anyone for 2s }
scenario vain   { call employee vera for 1s }
"""
)
INTERNAL = "ivrc-lab.internal"
PEOPLE = ("anna", "boris", "vera", "gleb")
PHONES = [*(PhoneSpec(name, context=INTERNAL) for name in PEOPLE), PhoneSpec("boris-web", online=False)]


@pytest.fixture(params=["22", "16"])
def lab(request: pytest.FixtureRequest, make_lab: MakeLab) -> Lab:
    return make_lab(OFFICE, version=request.param, phones=PHONES)


@pytest.fixture
def phones(lab: Lab) -> Iterator[None]:
    """All pick up, and hang up soon."""
    with ExitStack() as ringing:
        for name in PEOPLE:
            ringing.enter_context(Phone(lab.asterisk, name, answers(0.1, hangup_after=0.2)))
        yield


def talks_with(lab: Lab, to: str, **caller: Any) -> str:
    """Who alone is rung in a call, and answers."""
    result, journey = lab.call(to, [expect_answer(5), wait_hangup(20)], **caller)
    assert result.ok, result.transcript
    lab.await_idle(2.0)
    rang = [name for name in journey.rang if name in PEOPLE]
    assert rang == [name for name in journey.talked if name in PEOPLE] and len(rang) == 1
    return rang[0]


def penalties(lab: Lab) -> list[int]:
    """Those of the members of a queue, as they are told."""
    told = lab.asterisk.cli("queue show ivrc-lab-any-reach")
    return [int(penalty or 0) for penalty in re.findall(r"^ +\S+ \(Local/.*?\)(?: with penalty (\d+))?", told, re.M)]


@pytest.mark.usefixtures("phones")
def test_as_written_until_there_are_calls(lab: Lab) -> None:
    assert [talks_with(lab, number(1)) for _ in range(5)] == ["anna", "boris", "vera", "anna", "boris"]
    # Another step, in which Gleb stands first, who has had no call; then as they come.
    assert [talks_with(lab, number(2)) for _ in range(4)] == ["gleb", "vera", "anna", "boris"]
    assert lab.asterisk.warnings() == []


@pytest.mark.usefixtures("phones")
def test_a_conversation_of_any_kind_counts(lab: Lab) -> None:
    assert talks_with(lab, number(3)) == "anna"
    assert [talks_with(lab, number(1)) for _ in range(4)] == ["boris", "vera", "anna", "boris"]
    # Vera's phone calls Anna's: Boris comes first, who has just talked.
    assert talks_with(lab, "101", user="vera", from_="103") == "anna"
    assert talks_with(lab, number(1)) == "boris"
    assert lab.asterisk.warnings() == []


def test_a_ring_in_vain_counts_if_it_is_a_queues(lab: Lab) -> None:
    with ExitStack() as ringing:
        for name in PEOPLE:
            ringing.enter_context(Phone(lab.asterisk, name, silent()))
        for rung in (["anna"], ["boris"]):
            _, journey = lab.call(number(4), [expect_answer(5), wait_hangup(20)])
            assert [name for name in journey.rang if name in PEOPLE] == rung
            lab.await_idle(2.0)
        _, journey = lab.call(number(5), [expect_refused(480)])
        assert [name for name in journey.rang if name in PEOPLE] == ["vera"]
        lab.await_idle(2.0)
        _, journey = lab.call(number(4), [expect_answer(5), wait_hangup(20)])
        assert [name for name in journey.rang if name in PEOPLE] == ["vera"]


def test_those_whom_the_step_before_has_rung_can_be_rung_at_once(lab: Lab) -> None:
    """A phone that stops ringing at this moment is not yet free for a queue, which would look again a second later."""
    for _ in range(3):
        with ExitStack() as ringing:
            for name in PEOPLE:
                ringing.enter_context(Phone(lab.asterisk, name, silent()))
            _, journey = lab.call(number(6), [expect_answer(5), wait_hangup(20)])
            lab.await_idle(2.0)
        began = next(step.at for step in journey.steps if step.app == "Queue")
        rang = [event for event in journey.events if isinstance(event, Rang) and event.endpoint in PEOPLE]
        assert [event.endpoint for event in rang] == ["anna", "boris", "vera", "anna"]
        assert 0.0 <= rang[-1].at - began < 0.3
        # For the next call Anna is first again.
        lab.asterisk.cli("queue set penalty 0 on Local/anna@ivrc-lab.reach/n")


@pytest.mark.usefixtures("phones")
def test_a_count_beyond_what_a_penalty_holds(lab: Lab) -> None:
    """It begins again in the middle of the calls, and nobody loses their turn."""
    assert [talks_with(lab, number(1)) for _ in range(4)] == ["anna", "boris", "vera", "anna"]
    lab.asterisk.cli("dialplan set global IVRC_TURNS_lab 990")
    highest = 0
    for who in (["boris", "vera", "anna"] * 4)[:10]:
        assert talks_with(lab, number(1)) == who
        highest = max(highest, *penalties(lab))
    assert 1990 < highest < 2000
    assert len(penalties(lab)) == 3 and 1500 < max(penalties(lab)) < 1550
    assert lab.asterisk.warnings() == []
