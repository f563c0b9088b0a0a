"""Calls by fax machines: what the town's machines do in them, and which of them nobody can be held to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from ivrc.simulate import Call, run
from ivrc.simulate.call import Press
from ivrc.testbed.beside.acts import acts_of
from ivrc.testbed.beside.facts import FAX_TOLERANCE, Fact, compare, told_by_the_simulator
from ivrc.testbed.beside.machines import LEAVES, TRAY, has_t38, machine_with, sheets_of, write_sheets
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.offices import prepare

OFFICE = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en }
number "+74950000000" -> main
number "+74950000001" -> other
scenario main { fax detected -> other  branch playing "p3" for 60s { 1 -> other } }
scenario other { fax  voicemail "p1" for 9s }
"""
MOMENT = datetime(2026, 3, 2, 12, tzinfo=UTC)
ONE, TWO, LONG = TRAY


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = prepare(OFFICE, tmp_path, {})
    assert office is not None
    return office


def acts(office: Office, call: Call) -> list[tuple[str, float]]:
    journey = run(office.prepared, call)
    return [(act.kind, round(act.at, 2)) for act in acts_of(call, journey, told_by_the_simulator(journey))]


def test_a_machine_leaves_by_itself_and_does_nothing_that_people_do(office: Office) -> None:
    call = Call("+74950000000", at=MOMENT, fax=machine_with(ONE, 2_500, stays=False))
    assert acts(office, call) == [("faxes", 2.5)]
    assert acts(office, call._replace(hangs_up=9_000)) == [("faxes", 2.5), ("hangs up", 9.0)]


def test_somebody_at_a_machine_presses_keys_and_then_start(office: Office) -> None:
    call = Call(
        "+74950000000", at=MOMENT, presses=(Press("1", 2_000, "branch"),), fax=machine_with(ONE, 4_500, stays=True)
    )
    assert acts(office, call)[:2] == [("key", 2.0), ("is quiet", 2.0)]
    assert acts(office, call)[2:] == [("faxes", 4.5)]


def test_people_in_a_fax_are_heard(office: Office) -> None:
    call = Call("+74950000001", at=MOMENT, seed=1)
    assert acts(office, call)[0] == ("says something", 0.0)
    assert acts(office, call._replace(seed=2))[0] == ("is quiet", 0.0)


def test_t38_is_for_machines_that_are_received_soon(office: Office) -> None:
    call = Call("+74950000000", at=MOMENT, fax=machine_with(TWO, 0, stays=False))
    early, late = run(office.prepared, call), run(office.prepared, call._replace(to="+74950000001"))
    assert call.fax is not None
    assert [has_t38(journey, call.fax, seed) for journey in (early, late) for seed in (2, 3)] == [True, False] * 2
    assert not has_t38(late, call.fax._replace(begins=1_000), 2)


def test_what_depends_on_how_long_a_fax_takes_is_not_played(office: Office) -> None:
    call = Call("+74950000001", at=MOMENT, fax=machine_with(LONG, 0, stays=False))
    for hangs_up, ambiguous in ((20_000, False), (27_000, True), (36_000, False), (43_500, True)):
        assert calls.is_ambiguous(office.prepared, call._replace(hangs_up=hangs_up)) is ambiguous, hangs_up


@pytest.mark.parametrize(
    ("begins", "ambiguous"), [(12_500, False), (20_500, True), (24_500, True), (25_300, True), (25_500, False)]
)
def test_a_machine_that_begins_as_asterisk_gives_up_is_not_played(begins: int, ambiguous: bool, tmp_path: Path) -> None:
    """One that begins after the end counts from it, and can be held to it."""
    office = prepare(OFFICE + 'number "+74950000002" -> short scenario short { fax  play "p1" }', tmp_path, {})
    assert office is not None
    call = Call("+74950000002", at=MOMENT, fax=machine_with(ONE, begins, stays=True))
    assert calls.is_ambiguous(office.prepared, call) is ambiguous


def test_random_machines_call_an_office_that_thinks_of_them(office: Office) -> None:
    caller = calls.Caller(Random(1), office.prepared, office.names, MOMENT)
    some = [caller.call() for _ in range(200)]
    machines = [call for call in some if call.fax is not None]
    assert 80 < len(machines) < 160
    assert {sheets_of(call.fax).name for call in machines if call.fax} == {"one", "two", "long"}
    assert {call.fax.leaves for call in machines if call.fax} == {None, LEAVES}
    assert all(calls.from_json(calls.to_json(call)) == call for call in machines[:9])


def test_a_fax_may_take_longer_and_what_follows_counts_from_its_end() -> None:
    told = [Fact("scenario a", 0.0), Fact("fax 1", 20.0), Fact("heard p1", 20.0, 21.0), Fact("ended", 21.0)]
    seen = [Fact("scenario a", 0.0), Fact("fax 1", 26.0), Fact("heard p1", 26.1, 27.1), Fact("ended", 27.1)]
    assert compare(told, seen) is None
    late = [
        each if each.what == "scenario a" else Fact(each.what, each.at + FAX_TOLERANCE, each.until) for each in seen
    ]
    difference = compare(told, late)
    assert difference is not None
    assert difference.kind == "when fax"
    other = compare(told, [*seen[:2], Fact("heard p1", 28.0, 29.0), Fact("ended", 29.0)])
    assert other is not None
    assert other.kind == "when heard"


def test_sheets_are_pages_as_machines_send_them(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    write_sheets(tmp_path)
    for sheets in TRAY:
        with image.open(tmp_path / f"{sheets.name}.tiff") as file:
            assert (file.n_frames, file.width) == (sheets.pages, 1728)


@pytest.mark.parametrize(
    ("steps", "seconds", "ambiguous"),
    [
        # Just after a step has begun: it cannot come sooner, for it comes with the call.
        ('play "p0"  play "p1"', 0.05, False),
        ('play "p0"  play "p1"', 0.44, True),
        ('play "p0"  play "p1"', 1.0, False),
        # Just after a fax has begun, which ends the listening.
        ('play "p0"  fax', 0.05, False),
        ('play "p0"  fax', 0.44, True),
        # Just after the end of the call.
        ('play "p0"', 0.05, False),
        ('play "p0"', 0.3, True),
    ],
)
def test_a_tone_that_is_or_would_be_known_half_a_second_after_the_answer(
    steps: str, seconds: float, ambiguous: bool, tmp_path: Path
) -> None:
    short = f'number "+74950000002" -> short scenario short {{ fax detected -> other  {steps} }}'
    office = prepare(OFFICE + short, tmp_path, {"p0": seconds, "p1": 2.0})
    assert office is not None
    hangs_up = 6_500 if "p1" in steps else None
    call = Call("+74950000002", at=MOMENT, fax=machine_with(ONE, 0, stays=True), hangs_up=hangs_up)
    assert calls.is_ambiguous(office.prepared, call) is ambiguous
