"""A few calls that between them walk what many random ones do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from ivrc import model as m
from ivrc.simulate import Call, run
from ivrc.simulate import journey as j
from ivrc.simulate.call import Answer, State, Turn
from ivrc.testbed.beside.play import Office
from ivrc.testbed.fuzz import calls
from ivrc.testbed.fuzz.covering import (
    LENGTH,
    across,
    at_each,
    coming_to,
    covering,
    hours_of,
    keyed,
    machines,
    managers,
    steps_of_kind,
    talks,
    turning,
    turns,
    unanswered,
    walk,
)
from ivrc.testbed.fuzz.offices import prepare
from ivrc.testbed.fuzz.programs import program
from ivrc.testing.coverage import Coverage

MOMENT = datetime(2026, 3, 2, 11, 58, 30, tzinfo=UTC)
OFFICE = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider" }
employee anna { extension 1  sip "PJSIP/p000e0" }
hours open { mon-sun 00:00-15:00 }
number "+74950000000" -> main
scenario main {
    when open { branch playing "p1" for 3s { 1 { call employee anna for 4s }  2 -> other  wrong { play "p3" } } }
    voicemail for 9s
}
scenario other { wait extension for 3s }
"""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = prepare(OFFICE, tmp_path, {})
    assert office is not None
    return office


def test_ten_calls_walk_all_of_a_small_office(office: Office) -> None:
    found = covering(Random(1), office, MOMENT, 10)
    assert len(found) <= 10
    coverage = Coverage(office.names.office)
    for call in found:
        assert not calls.is_ambiguous(office.prepared, call)
        journey = run(office.prepared, call)
        assert journey.ended.at <= LENGTH
        coverage.add(journey)
    # Whether a condition holds is among what counts, though it is true at some of the moments only.
    missing = [item.what for kind in ("steps", "conditions") for item in coverage.missing(kind)]
    assert missing == []


def test_what_has_been_shown_counts_for_nothing(office: Office) -> None:
    first = covering(Random(1), office, MOMENT, 10)
    shown = frozenset[str]().union(*(walk(office, call).shows for call in first))
    for call in covering(Random(2), office, MOMENT, 10, shown=shown):
        assert walk(office, call).shows - shown


def test_only_what_is_wanted_is_taken(office: Office) -> None:
    ringing = max((walk(office, call).reached for call in covering(Random(1), office, MOMENT, 10)), key=len)
    found = covering(Random(3), office, MOMENT, 10, lambda each: ringing <= each.reached)
    assert found
    assert all(ringing <= walk(office, call).reached for call in found)


def test_the_same_seed_is_the_same_calls(tmp_path: Path) -> None:
    part = program(Random(4), MOMENT.astimezone(ZoneInfo("Europe/Moscow")))
    office = prepare(part.text(), tmp_path, {})
    assert office is not None
    assert covering(Random(5), office, MOMENT, 6) == covering(Random(5), office, MOMENT, 6)


GROUPS = """
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider" }
employee anna { sip "PJSIP/p000e0" }
employee boris { sip "PJSIP/p000e1" }
hours night { thu-thu 21:58-05:00  except holidays RU }
number "+74950000000" -> main
scenario main { call employee anna for 3s  call responsible { no mobile  second }  when night { play "p1" } }
"""


def test_whoever_is_rung_is_talked_with_and_hangs_up_first(tmp_path: Path) -> None:
    office = prepare(GROUPS, tmp_path, {})
    assert office is not None
    silent = State("silent")
    crm = Answer("found", (Turn("boris"),), 0)
    call = Call("+74950000000", at=MOMENT, states={"anna": silent, "boris": silent}, crm=crm)
    found = [(run(office.prepared, each), each) for each in talks(Random(1), office, [call], 20)]
    ends = [event for journey, _ in found for event in journey.events if isinstance(event, j.Talked)]
    assert {(event.who, event.by) for event in ends} == {("anna", "answerer"), ("boris", "answerer")}
    # A line that lets the caller go on after Boris would ring a second manager.
    assert any(
        event.who == "boris" and [turn.employee for turn in each.crm.turns] == ["boris", "anna"]
        for event, (_, each) in zip(ends, found, strict=True)
    )


def test_calls_begin_before_hours_end_and_ask_for_them_afterwards(tmp_path: Path) -> None:
    source = OFFICE.replace("voicemail for 9s", "voicemail for 9s  when open { hangup }")
    office = prepare(source, tmp_path, {})
    assert office is not None
    steps = hours_of(office, "ivrc-fuzz000.hours-open")
    ends = turning(office, MOMENT, steps)
    assert {f"{end.astimezone(ZoneInfo('Europe/Moscow')):%H:%M:%S}" for end in ends} == {"00:00:00", "15:00:00"}
    found = across(Random(1), office, ends[:4], steps[1:], lambda _: True)
    assert len(found) == 4
    for end, call in zip(ends, found, strict=False):
        assert call.at < end
        events = run(office.prepared, call).events
        asked = next(event for event in events if isinstance(event, j.Reached) and event.start == steps[1].start)
        assert call.at + timedelta(milliseconds=asked.at) > end


def test_hours_of_a_step_turn_at_their_own_moments(tmp_path: Path) -> None:
    source = OFFICE.replace("when open {", 'when mon-sun 15:30-16:00 { play "p1" }\n    when open {')
    office = prepare(source, tmp_path, {})
    assert office is not None
    moscow = ZoneInfo("Europe/Moscow")
    own, named = (
        {f"{each.astimezone(moscow):%H:%M}" for each in turns(office, MOMENT, hours_of(office, context))}
        for context in ("ivrc-fuzz000-main-hours", "ivrc-fuzz000.hours-open")
    )
    assert {"15:30", "16:00"} <= own
    assert "00:00" not in own
    assert {"00:00", "15:00"} <= named
    assert "15:30" not in named


def test_hours_turn_on_the_right_morning_and_not_on_another(tmp_path: Path) -> None:
    """The next Thursdays are holidays: the first that is not is looked for."""
    office = prepare(GROUPS, tmp_path, {})
    assert office is not None
    moscow = ZoneInfo("Europe/Moscow")
    found = turns(office, datetime(2026, 1, 1, 21, tzinfo=UTC), hours_of(office, "ivrc-fuzz000.hours-night"))
    told = [f"{each.astimezone(moscow):%a %d %H:%M}" for each in found]
    assert told == ["Thu 15 21:58", "Fri 16 05:00", "Fri 16 01:29", "Sat 17 01:29", "Thu 15 01:29"]


def test_each_who_can_be_a_manager_rings_in_vain(tmp_path: Path) -> None:
    office = prepare(GROUPS, tmp_path, {})
    assert office is not None
    states = {"anna": State("answers", after=500), "boris": State("busy")}
    call = Call("+74950000000", at=MOMENT, states=states, crm=Answer("unknown"), hangs_up=3_000)
    found = unanswered(Random(1), office, [call], 20)
    rang = {
        (event.who, event.result)
        for each in found
        for event in run(office.prepared, each).events
        if isinstance(event, j.Rang)
    }
    assert rang == {("anna", "no answer"), ("boris", "no answer")}


def test_random_calls_come_to_each_step_of_a_kind(tmp_path: Path) -> None:
    source = GROUPS.replace("when night { play", "when night { call responsible { mobile }  play")
    office = prepare(source, tmp_path, {})
    assert office is not None
    first, second = steps_of_kind(office, m.CallResponsible)
    found = [walk(office, call) for call in coming_to(Random(1), office, MOMENT, m.CallResponsible, 2)]
    # Nobody is there before night falls.
    assert [sum(step.start in each.reached for each in found) for step in (first, second)] == [2, 0]
    night = MOMENT.replace(day=5, hour=18, minute=59)
    found = [walk(office, call) for call in coming_to(Random(1), office, night, m.CallResponsible, 2)]
    assert sum(second.start in each.reached for each in found) >= 2


def test_fax_machines_are_found_by_each_step_that_listens(tmp_path: Path) -> None:
    office = prepare(
        'settings { office fuzz000  country RU  timezone "Europe/Moscow" }\nnumber "+74950000000" -> main\n'
        'scenario main {\n    fax detected -> line\n    play "p1" for 8s\n    fax detected -> other\n'
        '    play "p1" for 8s\n}\nscenario line { fax }\nscenario other { fax }\n',
        tmp_path,
        {"p1": 2.0},
    )
    assert office is not None
    found = machines(Random(1), office, [Call("+74950000000", at=MOMENT)], 4)
    moved = [
        event.scenario for each in found for event in run(office.prepared, each).events if isinstance(event, j.Moved)
    ]
    assert set(moved[:2]) == {"line", "other"}


def test_calls_at_moments_come_to_each_step_that_asks_for_the_hours(tmp_path: Path) -> None:
    source = OFFICE.replace("when open {", 'branch for 5s { 1 { when open { play "p1" } } }\n    when open {')
    office = prepare(source, tmp_path, {"p1": 2.0})
    assert office is not None
    hours = hours_of(office, "ivrc-fuzz000.hours-open")
    assert len(hours) == 2
    moments = turns(office, MOMENT, hours)
    found = at_each(Random(1), office, moments, hours, lambda walked: True)
    assert {step.start for step in hours} <= frozenset.union(*(walk(office, call).reached for call in found))


def test_keys_come_early_in_each_step_that_listens_where_a_call_comes_to_it(tmp_path: Path) -> None:
    """The wait is come to at some hours only, and by those who did not press 1."""
    hours = 'when mon-sun 14:00-15:00 { branch for 3s { 1 -> other } wait extension for 3s playing "p1" }\n    '
    source = OFFICE.replace("when open { branch", hours + "when open { branch")
    office = prepare(source, tmp_path, {"p1": 1.0, "asterisk:pbx-invalid": 4.4})
    assert office is not None
    like = Call("+74950000000", at=MOMENT)
    waits = [event.start for event in run(office.prepared, like).events if isinstance(event, j.Reached)]
    step = next(start for start in waits if source[start:].startswith("wait"))
    found = keyed(Random(1), office, [like], 4, {step})
    chosen = [event for each in found for event in run(office.prepared, each).events if isinstance(event, j.Chose)]
    wrong = [event for event in chosen if event.start == step and event.what == "wrong"]
    assert wrong
    assert {event.what for event in chosen if event.start == step} >= {"wrong", "extension"}
    # Where no step is meant, all that listen have their turn.
    anywhere = [
        event.start
        for each in keyed(Random(1), office, [like], 12)
        for event in run(office.prepared, each).events
        if isinstance(event, j.Chose) and event.what == "wrong"
    ]
    assert len(set(anywhere)) == 3


def test_a_key_comes_later_where_a_sound_ends_after_half_a_second(tmp_path: Path) -> None:
    source = OFFICE.replace("when open { branch", 'wait extension for 2s playing "p1"\n    when open { branch')
    office = prepare(source, tmp_path, {"p1": 0.4, "asterisk:pbx-invalid": 4.4})
    assert office is not None
    step = source.index("wait extension")
    found = keyed(Random(1), office, [Call("+74950000000", at=MOMENT)], 4, {step})
    wrong = [
        event.at
        for each in found
        for event in run(office.prepared, each).events
        if isinstance(event, j.Chose) and event.start == step and event.what == "wrong"
    ]
    assert wrong and min(wrong) >= 1_300


def test_managers_ring_in_vain_and_the_crm_is_late(tmp_path: Path) -> None:
    office = prepare(GROUPS, tmp_path, {})
    assert office is not None
    call = Call("+74950000000", at=MOMENT, states={"anna": State("busy"), "boris": State("busy")})
    found = [run(office.prepared, each).events for each in managers(Random(1), office, [call], 12)]
    why = {event.why for events in found for event in events if isinstance(event, j.LookedUp)}
    assert why == {"found", "late"}
    in_vain = [{event.who for event in events if isinstance(event, j.Rang) and event.start > 0} for events in found]
    assert {"anna", "boris"} in in_vain
    # However the desk is to be rung, and whatever phones do.
    every = [each.crm.turns[0].desk for each in managers(Random(1), office, [call], 60)]
    assert set(every) == {"free", "waiting", "pass", "any", "no"}
