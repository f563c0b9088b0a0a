"""`call responsible`: every setting and every answer of the helper, on real calls."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.journey import Journey
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.sip import Caller, CallResult, Phone
from ivrc.testbed.sip_xml import answers, cancel, expect_answer, hangup, pause, silent, wait_hangup
from tests.live.lab import SETTINGS, Lab, MakeLab, number
from tests.live.scripted_helper import Reply, ScriptedHelper

pytestmark = pytest.mark.live

PORT = take_ports()
OFFICE = (
    SETTINGS.replace("office lab", f'office lab  helper "127.0.0.1:{PORT}"')
    + """
employee anna  { crm "17" browser "PJSIP/annaweb" sip "PJSIP/anna" mobile "+7 916 111-22-33" }
employee boris { crm "18" sip "PJSIP/boris" }
employee vera  { crm "19" sip "PJSIP/vera" mobile "+7 916 111-33-44" confirm }
employee пётр  { crm "20" sip "PJSIP/pjotr" }

number "+7 495 000-00-01" -> plain
number "+7 495 000-00-02" -> settings_
number "+7 495 000-00-03" -> desk_only
number "+7 495 000-00-04" -> asks
number "+7 495 000-00-05" -> after_a_play
number "+7 495 000-00-06" -> straight
scenario plain     { call responsible { desk for 2s mobile for 3s }  play "done" }
scenario settings_ { call responsible { desk for 2s all mobiles for 3s second }  play "done" }
scenario desk_only { call responsible { desk for 2s no mobile }  play "done" }
scenario asks      { call responsible { desk for 2s mobile for 20s confirm }  play "done" }
scenario straight { call employee boris for 10s }
scenario after_a_play { play "done" for 1s  call responsible { desk for 2s }  play "done" }
"""
)
TALK = [expect_answer(30), pause(1.0), hangup()]
TO_THE_END = [expect_answer(30), wait_hangup()]
PHONES = ["anna", "annaweb", "boris", PhoneSpec("vera", online=False), "pjotr"]


@pytest.fixture(scope="module")
def helper() -> Iterator[ScriptedHelper]:
    with ScriptedHelper(PORT) as helper:
        yield helper
    give_back(PORT)


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, make_lab: MakeLab, helper: ScriptedHelper) -> Lab:
    return make_lab(OFFICE, version=request.param, prompts={"done": 0.4}, phones=PHONES)


def passed(result: CallResult, journey: Journey) -> None:
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done"
    assert journey.talked == []


def test_loads_without_a_warning(lab: Lab) -> None:
    assert lab.asterisk.warnings() == []


def test_rings_the_desk_of_whom_the_crm_names(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000001"] = "1/found/anna/free/79161112233////c1/Ivanov"
    phones = {"anna": answers(0.5), "annaweb": silent()}
    result, journey = lab.call(number(1), TALK, phones, from_="+79167000001")
    assert result.ok, result.transcript
    assert journey.talked == ["anna"]
    assert {"anna", "annaweb"} <= set(journey.rang), "browser and SIP phone ring together"
    assert helper.asked[-1] == ["responsible", "lab", "+79167000001", "2000"]
    assert journey.variable("IVRC_WHY") == "found"


def test_no_answer_goes_on_to_the_mobile(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000002"] = "1/found/anna/free/79161112233-79161112244////c/N"
    phones = {"anna": silent(), "annaweb": silent(), "provider": answers(0.5)}
    result, journey = lab.call(number(1), TALK, phones, from_="+79167000002")
    assert result.ok, result.transcript
    assert journey.talked == ["+79161112233@provider"]
    assert 1.8 < journey.ring_seconds("anna") < 2.6
    assert "+79161112244@provider" not in journey.rang, "the first mobile alone"


@pytest.mark.parametrize("word", ["free", "waiting", "pass", "any"])
def test_offline_goes_to_the_mobile_at_once(lab: Lab, helper: ScriptedHelper, word: str) -> None:
    helper.replies["+79167000003"] = f"1/found/vera/{word}/79161112277////c/N"
    result, journey = lab.call(number(1), TALK, {"provider": answers(0.3)}, from_="+79167000003")
    assert result.ok, result.transcript
    assert journey.talked == ["+79161112277@provider"]
    assert "vera" not in journey.rang
    assert result.answered_at is not None
    assert result.answered_at - result.began_at < 1.5


def test_not_at_work_goes_to_the_mobile_at_once(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000004"] = "1/found/anna/no/79161112233////c/N"
    phones = {"anna": answers(0.1), "annaweb": answers(0.1), "provider": answers(0.3)}
    result, journey = lab.call(number(1), TALK, phones, from_="+79167000004")
    assert result.ok, result.transcript
    assert journey.talked == ["+79161112233@provider"]
    assert "anna" not in journey.rang


@pytest.mark.parametrize(
    ("word", "rung"),
    [("free", ["+79161112255@provider"]), ("waiting", ["boris"]), ("any", ["boris"]), ("pass", [])],
)
def test_busy_counts_as_the_answer_says(lab: Lab, helper: ScriptedHelper, word: str, rung: list[str]) -> None:
    """Boris talks to a first caller; a second one reaches his phone again, his mobile, or nobody."""
    helper.replies["+79167000005"] = f"1/found/boris/{word}/79161112255////c/N"
    with Phone(lab.asterisk, "boris", answers(0.2)), Phone(lab.asterisk, "provider", silent()):
        script = [expect_answer(), pause(5.0), hangup()]
        seen = len(lab.watch.events)
        first = Caller(lab.asterisk, to=number(6), script=script, from_="+79160009001").start()
        lab.watch.wait_event(
            lambda event: event.get("Event") == "BridgeEnter" and "boris" in event.get("Channel", ""), 10, seen
        )
        second = Caller(
            lab.asterisk,
            to=number(1),
            script=[pause(1.0), cancel()] if rung and word == "free" else [expect_answer(), pause(0.3), hangup()],
            from_="+79167000005",
        ).run()
        if word != "pass":
            assert second.ok, second.transcript
        journey = lab.watch.journey(lab.watch.calls("+79167000005")[-1])
        assert first.wait().ok
    assert journey.rang[1:] == rung


def test_all_mobiles_ring_together(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000006"] = "1/found/anna/no/79161110001-79161110002-79161110003////c/N"
    rules = {r"\+79161110002": answers(0.8)}
    result, journey = lab.call(number(2), TALK, {"provider": silent()}, rules, from_="+79167000006")
    assert result.ok, result.transcript
    assert journey.talked == ["+79161110002@provider"]
    assert sorted(journey.rang)[:3] == [f"+7916111000{i}@provider" for i in (1, 2, 3)]


def test_second_follows_the_first(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000007"] = "1/found/anna/free/79161110001/boris/free//c/N"
    phones = {"anna": silent(), "annaweb": silent(), "boris": answers(0.3), "provider": silent()}
    result, journey = lab.call(number(2), TALK, phones, from_="+79167000007")
    assert result.ok, result.transcript
    assert journey.talked == ["boris"]
    order = [name for name in journey.rang if name in ("anna", "+79161110001@provider", "boris")]
    assert order == ["anna", "+79161110001@provider", "boris"]


def test_without_second_only_the_first_is_rung(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000008"] = "1/found/vera/free//boris/free//c/N"
    result, journey = lab.call(number(1), TO_THE_END, {"boris": answers(0.1)}, from_="+79167000008")
    passed(result, journey)
    assert "boris" not in journey.rang


def test_no_mobile(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000009"] = "1/found/vera/free/79161112233////c/N"
    result, journey = lab.call(number(3), TO_THE_END, {"provider": answers(0.1)}, from_="+79167000009")
    passed(result, journey)
    assert not [name for name in journey.rang if "provider" in name]


def test_confirm_of_the_step_keeps_voicemail_away(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000010"] = "1/found/anna/no/79161112255////c/N"
    result, journey = lab.call(number(4), TO_THE_END, {"provider": answers(0.2, talk=True)}, from_="+79167000010")
    assert result.ok, result.transcript
    assert journey.heard[-1] == "ivrc/lab/done"
    accepted = answers(0.2, keys="1", keys_after=2.0)
    result, journey = lab.call(number(4), TALK, {"provider": accepted}, from_="+79167000010")
    assert result.ok, result.transcript
    assert "ivrc/lab/done" not in journey.heard
    assert "+79161112255@provider" in journey.talked


def test_confirm_of_the_employee_holds_here_too(lab: Lab, helper: ScriptedHelper) -> None:
    """Vera's own mobile asks for the key wherever it is rung."""
    helper.replies["+79167000011"] = "1/found/vera/free/79161113344////c/N"
    result, journey = lab.call(number(1), TO_THE_END, {"provider": answers(0.2, talk=True)}, from_="+79167000011")
    assert result.ok, result.transcript
    # (A mobile that is being asked hears the question to its end, after the caller has gone on.)
    assert "ivrc/lab/done" in journey.heard
    assert "+79161113344@provider" in journey.rang


def test_a_name_in_another_script(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000012"] = "1/found/пётр/free/////c/N"
    result, journey = lab.call(number(1), TALK, {"pjotr": answers(0.3)}, from_="+79167000012")
    assert result.ok, result.transcript
    assert journey.talked == ["pjotr"]


@pytest.mark.parametrize("why", ["unknown", "unassigned", "stranger", "down", "slow", "busy", "refused", "nonsense"])
def test_nobody_found_passes_at_once(lab: Lab, helper: ScriptedHelper, why: str) -> None:
    helper.replies["+79167000013"] = f"1/{why}"
    result, journey = lab.call(number(1), TO_THE_END, from_="+79167000013")
    passed(result, journey)
    assert journey.variable("IVRC_WHY") == why
    assert result.answered_at is not None
    assert result.answered_at - result.began_at < 1.0


HOSTILE = [
    "1/found/anna&Local,s@x/any/79161112233/////",
    "1/found/${SHELL(touch pwned)}/any/${SHELL(touch pwned)}/////",
    "1/found/PJSIP~boris/any/PJSIP-boris&Local-y@z/////",
    "1/found//any/+7 916 111&PJSIP.boris/////",
    "1/found/hint/any//////",
    "9" * 900,
    "//////////",
    "1/found/anna,1)/any//,,,,,////",
]


@pytest.mark.parametrize("answer", HOSTILE)
def test_what_no_helper_says_reaches_no_dial_string(lab: Lab, helper: ScriptedHelper, answer: str) -> None:
    """Even a helper that is not ours cannot make the dialplan ring what the source does not name."""
    helper.replies["+79167000014"] = answer
    _, journey = lab.call(number(1), [pause(0.3), cancel()], None, from_="+79167000014")
    rung = {name for name in journey.rang if ".lookup" not in name}
    assert rung <= {"anna", "annaweb", "+79161112233@provider", "+7916111@provider"}, journey.summary()
    assert not [step for step in journey.steps if step.app.lower() in ("system", "trysystem", "exec")]


def silence(connection: socket.socket) -> None:
    """Says nothing until it is hung up on."""
    connection.settimeout(30)
    connection.recv(1)


def drops(connection: socket.socket) -> None:
    """Goes away in the middle of its answer."""
    connection.sendall(b'SET VARIABLE IVRC_FOUND "1/found/an')


@pytest.mark.parametrize(("reply", "why", "least", "most"), [(silence, "late", 1.9, 2.5), (drops, "broken", 0.0, 1.0)])
def test_the_time_limit_holds(
    lab: Lab, helper: ScriptedHelper, reply: Reply, why: str, least: float, most: float
) -> None:
    helper.replies["+79167000015"] = reply
    result, journey = lab.call(number(1), TO_THE_END, from_="+79167000015")
    passed(result, journey)
    assert journey.variable("IVRC_WHY") == why
    assert result.answered_at is not None
    assert least < result.answered_at - result.began_at < most
    # The leg that waits is gone too.
    lab.await_idle(5)


def test_a_caller_who_gives_up_is_forgotten(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79167000016"] = silence
    result, _ = lab.call(number(1), [pause(0.6), cancel()], from_="+79167000016")
    assert result.ok, result.transcript
    lab.await_idle(1.5)
