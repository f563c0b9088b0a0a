"""Whose turn it is in a queue: as app_queue has it, and where a queue began that remembers earlier calls.

The orders are those of Asterisk 22, on calls to programs such as these.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivrc.simulate import Call, run, run_in
from ivrc.simulate import journey as j
from ivrc.simulate.call import State
from ivrc.testbed.beside.chance import NO_CHANCE, Drawing, chance_of
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
        # After a turn in which all were tried the first begins, though another has become free.
        (
            (SILENT, State("busy", free_at=34_500), BUSY),
            [("anna", 0, 20), ("anna", 21, 41), ("anna", 42, 62), ("boris", 63, 68)],
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
    ("place", "order"),
    [
        (0, ["anna", "boris", "gleb", "anna"]),
        (1, ["boris", "gleb", "anna", "boris"]),
        (2, ["gleb", "anna", "boris", "gleb"]),
    ],
)
def test_where_a_queue_began_is_taken_from_whom_it_rang(place: int, order: list[str], office: Office) -> None:
    call = call_of(SILENT, SILENT, SILENT)
    chance = chance_of(office.prepared, call, (), [order[:2]])
    assert chance.places == (place,)
    assert [who for who, _, _ in rung(run_in(Drawing(office.prepared, call, chance), call))] == order


def test_where_a_queue_began_may_show_only_later(office: Office) -> None:
    """Boris is the only one who is free, and is rung first from any place; when Gleb is free, it depends."""
    call = call_of(OFFLINE, SILENT, State("busy", free_at=17_500))
    for place, then in [(0, "gleb"), (1, "gleb"), (2, "boris")]:
        world = Drawing(office.prepared, call, NO_CHANCE._replace(places=(place,)))
        assert [who for who, _, _ in rung(run_in(world, call))][:2] == ["boris", then], place
    assert chance_of(office.prepared, call, (), [("boris",)]).places == (0,)
    assert chance_of(office.prepared, call, (), [("boris", "boris")]).places == (2,)
    # Nothing explains that somebody is rung who is offline: the difference stays.
    assert chance_of(office.prepared, call, (), [("boris", "anna")]).places == (0,)
