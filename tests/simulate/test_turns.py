"""Whose turn it is in a queue: whoever has been without a call or a queue's ring for longest.

The orders are those of Asterisk 22, on calls to programs such as these.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivrc.simulate import Call, run, run_in
from ivrc.simulate import journey as j
from ivrc.simulate.call import State
from ivrc.testbed.beside.chance import Chance, Drawing
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz.offices import prepare

PROGRAM = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider" }
employee anna { sip "PJSIP/p000e0" }
employee boris { sip "PJSIP/p000e1" }
employee gleb { sip "PJSIP/p000e2" }
group all in order { anna boris gleb }
number "+74950000000" -> main
scenario main { call group all for 1s  reach anyone for 75s }
"""
MOMENT = datetime(2026, 3, 2, 12, tzinfo=UTC)
SILENT, BUSY, OFFLINE = State("silent"), State("busy"), State("offline")
REFUSES = State("refuses", 2_500)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = prepare(PROGRAM, tmp_path, {})
    assert office is not None
    return office


def call_of(*states: State) -> Call:
    return Call("+74950000000", at=MOMENT, states=dict(zip(("anna", "boris", "gleb"), states, strict=True)))


def rung(journey: j.Journey) -> list[tuple[str, float, float]]:
    """Who was rung in the queue, from when until when, in seconds of it."""
    music = next(event for event in journey.events if isinstance(event, j.Heard))
    rings = [event for event in journey.events if isinstance(event, j.Rang) and event.at >= music.at]
    return [(event.who, (event.at - music.at) / 1000, (event.until - music.at) / 1000) for event in rings]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (
            (SILENT, SILENT, SILENT),
            [("anna", 0, 20), ("boris", 21, 41), ("gleb", 42, 62), ("anna", 63, 75)],
        ),
        (
            (REFUSES, SILENT, SILENT),
            [("anna", 0, 2.5), ("boris", 2.5, 20), ("gleb", 21, 41), ("anna", 42, 44.5), ("boris", 44.5, 62)],
        ),
        # One who has become free comes before one who has been rung.
        (
            (SILENT, State("busy", free_at=34_500), BUSY),
            [("anna", 0, 20), ("anna", 21, 41), ("boris", 42, 47)],
        ),
        (
            (REFUSES, OFFLINE, REFUSES),
            [each for at in range(0, 72, 6) for each in (("anna", at, at + 2.5), ("gleb", at + 2.5, at + 5))],
        ),
    ],
    ids=["nobody", "turned down", "free too late", "two turn down"],
)
def test_whose_turn_it_is(states: tuple[State, ...], expected: list[tuple[str, float, float]], office: Office) -> None:
    assert rung(run(office.prepared, call_of(*states)))[: len(expected)] == expected


@pytest.mark.parametrize(
    ("before", "order"),
    [
        ((), ["anna", "boris", "gleb", "anna"]),
        (("anna",), ["boris", "gleb", "anna", "boris"]),
        (("gleb", "anna"), ["boris", "gleb", "anna", "boris"]),
        (("anna", "gleb", "boris"), ["anna", "gleb", "boris", "anna"]),
        (("somebody else", "boris"), ["anna", "gleb", "boris", "anna"]),
    ],
)
def test_who_had_a_call_before_comes_later(before: tuple[str, ...], order: list[str], office: Office) -> None:
    call = call_of(SILENT, SILENT, SILENT)
    assert [who for who, _, _ in rung(run_in(Drawing(office.prepared, call, Chance((), before)), call))] == order


def test_a_second_step_knows_whom_the_first_has_rung(tmp_path: Path) -> None:
    """Boris, whose ring the end of the step has cut, is last; then come those who had been rung before."""
    program = PROGRAM.replace("reach anyone for 75s", "reach anyone for 23s  reach anyone for 75s")
    office = prepare(program, tmp_path, {})
    assert office is not None
    journey = run(office.prepared, call_of(SILENT, SILENT, SILENT))
    assert [who for who, _, _ in rung(journey)] == ["anna", "boris", "gleb", "anna", "boris", "gleb"]


def test_a_ring_of_another_step_changes_no_turn(office: Office) -> None:
    """All ring before the queue, in order; in it Anna, as the first who is written, is rung first all the same."""
    journey = run(office.prepared, call_of(SILENT, REFUSES, SILENT))
    assert [event.who for event in journey.events if isinstance(event, j.Rang)][:4] == ["anna", "boris", "gleb", "anna"]
