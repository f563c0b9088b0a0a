"""What is seen of a question, from Asterisk's events: a leg that is asked to press 1 rings until the question."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivrc.simulate import Call, run
from ivrc.simulate import journey as j
from ivrc.simulate.call import State
from ivrc.testbed.beside.chance import NO_CHANCE
from ivrc.testbed.beside.facts import Fact, compare, told_by_the_simulator
from ivrc.testbed.beside.journeys import seen
from ivrc.testbed.beside.observed import Observed
from ivrc.testbed.beside.play import Office, Outcome
from ivrc.testbed.fuzz.offices import prepare

PROGRAM = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider" }
number "+74950000000" -> main
scenario main { call number "+78120000002" for 9s confirm }
"""
CALL = Call("+74950000000", at=datetime(2026, 3, 2, 12, tzinfo=UTC))
LOCAL = "Local/78120000002@ivrc-fuzz000.confirm-00000001"
WHO = "+78120000002"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = prepare(PROGRAM, tmp_path, {})
    assert office is not None
    return office


def event(kind: str, at: float, uniqueid: str, **more: str) -> dict[str, str]:
    return {"Event": kind, "Timestamp": f"{100 + at:.1f}", "Uniqueid": uniqueid, **more}


RINGS = (
    event("Newchannel", 0, "caller", Channel="PJSIP/incoming-1"),
    event("Newchannel", 0, "one", Channel=f"{LOCAL};1"),
    event("Newchannel", 0, "two", Channel=f"{LOCAL};2"),
    event("Newchannel", 0, "leg", Channel="PJSIP/provider-2"),
    event("DialBegin", 0, "two", Channel=f"{LOCAL};2", DestUniqueid="leg", DialString=f"{WHO}@provider"),
    event("DialEnd", 2, "two", DestUniqueid="leg", DialStatus="ANSWER"),
    event(
        "Newexten", 2, "leg", Context="ivrc.accept", Extension="s", Priority="2", Application="Read",
        Channel="PJSIP/provider-2",
    ),
)  # fmt: skip
LEG_GONE = event("Hangup", 4, "leg", Channel="PJSIP/provider-2", Cause="16")
STEP_OVER = (
    event("Hangup", 9, "one", Channel=f"{LOCAL};1", Cause="0"),
    event("Hangup", 12, "leg", Channel="PJSIP/provider-2", Cause="16"),
)
PUT_THROUGH = event("BridgeEnter", 5, "leg", Channel="PJSIP/provider-2")


@pytest.mark.parametrize(
    ("more", "until", "rang"),
    [
        ((LEG_GONE,), 4.0, (4_000, "not accepted")),
        (STEP_OVER, 9.0, (9_000, "not accepted")),
        ((PUT_THROUGH, event("Hangup", 8, "caller", Channel="PJSIP/incoming-1", Cause="16")), 5.0, (5_000, "answered")),
    ],
    ids=["turned down", "the step goes on", "accepted"],
)
def test_a_question(office: Office, more: tuple[dict[str, str], ...], until: float, rang: tuple[int, str]) -> None:
    observed = Observed(office.names, "caller", 100)
    for each in (*RINGS, *more):
        observed.read(each)
    facts = observed.facts
    assert [fact for fact in facts if fact.what.startswith("rang")] == [Fact(f"rang {WHO}", 0, 2.0, "answered")]
    assert [fact for fact in facts if fact.what.startswith("asked")] == [Fact(f"asked {WHO}", 2.0, until)]
    journey = run(office.prepared, CALL)
    outcome = Outcome(CALL, journey, [], facts, None, NO_CHANCE, frozenset(), False)
    # Tests of the language count whoever is asked as rung until the answer.
    assert [(e.until, e.result) for e in seen(outcome).events if isinstance(e, j.Rang)] == [rang]


def test_how_long_a_question_lasts_is_compared(office: Office) -> None:
    call = CALL._replace(states={WHO: State("answers", 2_000, None, 3_000)})
    told = told_by_the_simulator(run(office.prepared, call))
    assert [fact.told() for fact in told if fact.what.startswith("asked")] == [f"2.0-5.0 asked {WHO}"]
    other = [
        Fact(f.what, f.at, f.until + 3 if f.what.startswith("asked") and f.until else f.until, f.how) for f in told
    ]
    difference = compare(told, other)
    assert difference is not None
    assert difference.kind == "how long asked"


@pytest.mark.parametrize(
    ("music", "rings", "kind"),
    [(20.0, 21.0, None), (20.0, 22.5, "when rang"), (21.0, 21.0, "when heard")],
    ids=["tried again", "too late", "the queue itself is late"],
)
def test_a_queue_tries_again_after_a_second(music: float, rings: float, kind: str | None) -> None:
    def account(music: float, rings: float) -> list[Fact]:
        return [
            Fact("rang anna", 16.0, 20.0, "not answered"),
            Fact("heard music", music, 31.0),
            Fact("rang anna", rings, 31.0, "not answered"),
            Fact("ended", 31.0, None, "16"),
        ]

    difference = compare(account(20.0, 20.0), account(music, rings))
    assert (difference and difference.kind) == kind


@pytest.mark.parametrize(("late", "kind"), [(0.02, None), (0.2, "what fax")])
def test_what_is_told_a_moment_late_may_stand_behind_what_came_after(late: float, kind: str | None) -> None:
    """Sounds and steps are told of in two ways."""
    told = [Fact("answered", 0.0), Fact("fax 0", 25.0), Fact("heard p1", 25.0, 26.0), Fact("ended", 26.0)]
    seen = [Fact("answered", 0.0), Fact("heard p1", 24.9, 25.9), Fact("fax 0", 24.9 + late), Fact("ended", 25.9)]
    difference = compare(told, seen)
    assert (difference.kind if difference else None) == kind
    # What does not come at all is missed.
    assert compare(told, [seen[0], seen[1], seen[3]]) is not None
    assert compare(told, [*seen[:3], Fact("fax 0", 24.95), seen[3]]) is not None


def test_a_fax_machine_is_found_in_the_middle_of_a_conversation(office: Office) -> None:
    """What is told of the first line may still name the application that the call was taken out of."""
    observed = Observed(office.names, "caller", 100)
    step = {"Context": "ivrc-fuzz000-main", "Priority": "1", "Channel": "PJSIP/incoming-1"}
    for each in (
        *RINGS,
        PUT_THROUGH,
        event("Newexten", 6, "caller", Extension="fax", Application="Dial", AppData="Local/one", **step),
        event("Newexten", 6, "caller", Extension="fax", Application="Goto", AppData="elsewhere", **step),
        event("Newexten", 6, "caller", Extension="s", Application="Playback", AppData="a", **step),
        event("Newexten", 9, "caller", Extension="fax", Application="Set", AppData="TIMEOUT(absolute)=0", **step),
    ):
        observed.read(each)
    found = [fact.told() for fact in observed.facts if fact.what.startswith(("talked", "fax"))]
    assert found == [f"5.0-6.0 talked {WHO}", "6.0 fax detected", "9.0 fax detected"]


def test_who_is_rung_again_at_once_has_not_got_two_phones(tmp_path: Path) -> None:
    office = prepare(
        'settings { office fuzz000  country RU  timezone "Europe/Moscow" }\nnumber "+74950000000" -> main\n'
        'employee anna { sip "PJSIP/anna"  browser "PJSIP/annaw" }\nscenario main { call employee anna }\n',
        tmp_path,
        {},
    )
    assert office is not None
    observed = Observed(office.names, "caller", 100)
    for each in (
        event("DialBegin", 1.0, "caller", Channel="PJSIP/incoming-1", DestUniqueid="one", DialString="anna/sip:1"),
        event("DialBegin", 1.1, "caller", Channel="PJSIP/incoming-1", DestUniqueid="two", DialString="annaw/sip:1"),
        event("DialEnd", 1.3, "caller", DestUniqueid="one", DialStatus="CANCEL"),
        event("DialEnd", 1.3, "caller", DestUniqueid="two", DialStatus="CANCEL"),
        event("DialBegin", 1.4, "caller", Channel="PJSIP/incoming-1", DestUniqueid="three", DialString="anna/sip:1"),
        event("DialEnd", 6.4, "caller", DestUniqueid="three", DialStatus="CANCEL"),
    ):
        observed.read(each)
    assert [fact.told() for fact in observed.facts] == [
        "1.0-1.3 rang anna (not answered)",
        "1.4-6.4 rang anna (not answered)",
    ]
