"""Random calls: people do in them all that people can do, and a call written down is the same call when it is read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from ivrc.simulate import Call
from ivrc.simulate.call import Desk, Kind, Press, State
from ivrc.testbed.beside.town import phone_word
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.offices import prepare
from ivrc.testbed.fuzz.programs import program

MOMENT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    found: list[Call] = []
    random = Random(1)
    while len(found) < 400:
        office = prepare(program(random, MOMENT).text(), tmp_path_factory.mktemp("office"), {})
        if office is not None:
            caller = calls.Caller(random, office.prepared, office.names, MOMENT)
            found += [caller.call() for _ in range(10)]
    return found


def test_phones_do_all_that_phones_can_do(some: list[Call]) -> None:
    states = [state for call in some for state in call.states.values()]
    assert {state.kind for state in states} == set(get_args(Kind))
    for field in State._fields[1:]:
        assert len({getattr(state, field) for state in states}) > 1, field
    assert all(state.kind in ("busy", "offline") for state in states if state.free_at is not None)


def test_callers_and_the_crm_do_all_that_they_can_do(some: list[Call]) -> None:
    for field in set(Call._fields) - {"at", "others", "fax", "states"}:
        assert len({str(getattr(call, field)) for call in some}) > 1, field
    assert {turn.desk for call in some for turn in call.crm.turns} == set(get_args(Desk))
    assert {call.message.ends for call in some} == {"hangs up", "hash", "silence"}


def test_a_call_is_read_as_it_was_written(some: list[Call]) -> None:
    assert [calls.from_json(calls.to_json(call)) for call in some] == some


def test_every_moment_of_a_call_is_shifted() -> None:
    state = State("offline", 3_500, 1_500, 2_500, 9_500)
    call = Call("1", at=MOMENT, presses=(Press("1", 1_500),), states={"anna": state}, hangs_up=5_500)
    moved = list(calls.shifted(call))
    for field in ("after", "accepts", "declines", "free_at"):
        values = {getattr(other.states["anna"], field) - getattr(state, field) for other in moved}
        assert values == {-calls.MARGIN, 0, calls.MARGIN}, field
    for field in ("at", "hangs_up", "talk", "message", "presses"):
        assert len({str(getattr(other, field)) for other in moved}) == 3, field


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State("answers", 1_500, 2_500), "answers:1.5:2.5:1:7200"),
        (State("answers", 1_500, None, 3_500), "answers:1.5:3.5:2:7200"),
        (State("answers", 0, None), "answers:0:never:2:7200"),
        (State("silent"), "silent:5:1:1:7200"),
    ],
)
def test_what_a_phone_does_as_the_town_reads_it(state: State, word: str) -> None:
    assert phone_word(state, True) == word
    assert phone_word(state, False).split(":")[2] == "never"


@pytest.mark.parametrize(("seconds", "ambiguous"), [(22, True), (25, False)])
def test_a_queue_that_rings_a_second_later_may_change_what_happens(
    seconds: int, ambiguous: bool, tmp_path: Path
) -> None:
    """A ring of 20 s, a pause of one, and the last second: too near."""
    source = f"""
settings {{ office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{{number}}@provider" }}
employee anna {{ sip "PJSIP/p000e0" }}
number "+74950000000" -> main
scenario main {{ call employee anna for 3s  reach anyone for {seconds}s }}
"""
    office = prepare(source, tmp_path, {})
    assert office is not None
    assert calls.is_ambiguous(office.prepared, Call("+74950000000", at=MOMENT)) is ambiguous


@pytest.mark.parametrize(("free_at", "ambiguous"), [(10_500, False), (12_200, True), (12_900, True)])
def test_who_becomes_free_at_the_end_of_a_queue_may_be_rung_or_not(
    free_at: int, ambiguous: bool, tmp_path: Path
) -> None:
    """The step is over after 13.2 s."""
    source = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider" }
employee anna { sip "PJSIP/p000e0" }
number "+74950000000" -> main
scenario main { call employee anna for 3s  reach anyone for 13s }
"""
    office = prepare(source, tmp_path, {})
    assert office is not None
    call = Call("+74950000000", at=MOMENT, states={"anna": State("busy", after=9_000, free_at=free_at)})
    assert calls.is_ambiguous(office.prepared, call) is ambiguous


@pytest.mark.parametrize(("offset", "ambiguous"), [(1_500, True), (2_800, False)])
def test_a_sound_that_comes_again_soon_may_count_as_going_on(offset: int, ambiguous: bool, tmp_path: Path) -> None:
    source = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider" }
number "+74950000000" -> main
scenario main { branch playing "asterisk:vm-goodbye" for 4s retries 1 { 1 { } } }
"""
    office = prepare(source, tmp_path, {"asterisk:vm-goodbye": 0.9})
    assert office is not None
    press = Press("2", offset, "asterisk:vm-goodbye")
    assert calls.is_ambiguous(office.prepared, Call("+74950000000", at=MOMENT, presses=(press,))) is ambiguous
