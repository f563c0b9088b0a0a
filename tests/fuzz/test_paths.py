"""From which step a call comes to which, and when it can."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivrc import model as m
from ivrc.testbed.fuzz.clock import Span
from ivrc.testbed.fuzz.offices import prepare
from ivrc.testbed.fuzz.paths import Paths

NOON = datetime(2026, 3, 5, 12)
SPAN = Span(NOON, NOON + timedelta(minutes=5))
SETTINGS = (
    'settings { office fuzz000  country RU  timezone "Europe/Moscow"  trunk "PJSIP/{number}@provider" }\n'
    'hours early { mon-sun 06:00-07:00 }\nnumber "+74950000000" -> main\n'
)


def paths(folder: Path, source: str) -> Paths:
    office = prepare(SETTINGS + source, folder, {})
    assert office is not None
    return Paths(office.names.office)


def voicemail(found: Paths) -> m.Step:
    return next(step for step in found.steps.values() if isinstance(step, m.Voicemail))


def test_steps_and_those_before_them(tmp_path: Path) -> None:
    found = paths(
        tmp_path,
        'scenario main { play "p1"  branch for 3s { 1 { hangup }  2 -> other  nothing { } }  record calls }\n'
        'scenario other { when early { voicemail } else { play "p2" } fax }\n',
    )
    kinds = {
        type(step).__name__: sorted((type(came.step).__name__, came.held) for came in found.came[start])
        for start, step in found.steps.items()
    }
    assert kinds["Branch"] == [("Play", None)]
    assert kinds["RecordCalls"] == [("Branch", None), ("Branch", None)]
    assert kinds["When"] == [("Move", None)]
    assert kinds["Voicemail"] == [("When", True)]
    assert kinds["Fax"] == [("Play", None), ("Voicemail", None)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("main { voicemail }", True),
        ("main { when early { voicemail } }", False),
        ("main { when early { } else { voicemail } }", True),
        ("main { when early { play p1 voicemail } }", False),
        # Two hours for each step: too long ago for hours that ended at 7, and not for four steps.
        ("main { when early { play p1 play p1 play p1 play p1 voicemail } }", True),
        ("main { when early -> next } scenario next { voicemail }", False),
        ("main { when early -> next  branch for 3s { 1 -> next } } scenario next { voicemail }", True),
        ("main { fax detected -> next  when early -> next } scenario next { voicemail }", True),
        ("main { when early { branch for 3s { 1 { voicemail }  2 -> main } } }", False),
        ("main { when early -> next } scenario next { voicemail  branch for 3s { 1 -> next } }", True),
    ],
)
def test_a_step_within_hours_is_come_to_while_they_held(tmp_path: Path, source: str, expected: bool) -> None:
    found = paths(tmp_path, f"scenario {source}\n".replace("play p1", 'play "p1"'))
    assert found.can_come(voicemail(found), SPAN) is expected


def test_what_leads_where(tmp_path: Path) -> None:
    found = paths(tmp_path, 'scenario main { play "p1"  record calls  branch for 3s { 1 { voicemail } } }\n')
    first = next(step for step in found.steps.values() if isinstance(step, m.Play))

    def ends(step: m.Step) -> bool:
        return isinstance(step, m.Voicemail)

    assert list(found.leads(first, ends, lambda _: False)) == [voicemail(found)]
    assert list(found.leads(first, ends, lambda step: isinstance(step, m.Branch))) == []
