"""The subroutine for hours, followed line by line, says what hours mean; one that is wrong says it otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivrc import model as m
from ivrc.testbed.fuzz.clock import held, spans
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from ivrc.testbed.fuzz.offices import prepare
from tests.support import compile_paths

ZONE = ZoneInfo("Europe/Moscow")
MOMENT = datetime(2026, 3, 5, 12, tzinfo=ZONE)
HOURS = (
    "mon-fri 09:00-18:00",
    "thu 22:00-05:00  sat 10:00-10:01",
    "mon-sun 08:00-20:00  except 2026-03-05  also 2026-03-07 23:00-02:00",
    "mon-fri 09:00-18:00  except 2026-03-05 11:30-12:30  also 2026-03-08 10:00-12:00",
    "mon-fri 09:00-18:00  except holidays RU",
    "mon, wed, sun 21:00-03:00  except holidays RU  also 2026-05-09 00:00-24:00",
)


def source(hours: str) -> str:
    return (
        'settings { office fuzz000  country RU  timezone "Europe/Moscow" }\n'
        f"hours open {{ {hours} }}\n"
        'number "+74950000000" -> main\nscenario main { when open { play "asterisk:beep" } }\n'
    )


@pytest.mark.parametrize("hours", HOURS)
def test_every_part_of_every_day_is_as_hours_mean(tmp_path: Path, hours: str) -> None:
    office = prepare(source(hours), tmp_path, {})
    assert office is not None
    step = office.names.office.scenarios[0].body.steps[0]
    assert isinstance(step, m.When)
    assert isinstance(step.condition, m.ByHours)
    (tmp_path / "office.ivr").write_text(source(hours), "utf-8")
    jumps = Jumps(lines_of(compile_paths(tmp_path / "office.ivr").dialplan))
    found = spans(jumps, MOMENT)
    assert len(found) > 50
    for span in found:
        for at in (span.begin, span.end - timedelta(minutes=1)):
            assert held(jumps, "ivrc-fuzz000.hours-open", at) is step.condition.hours.holds_at(at), (hours, at)
    # The parts are all of a day.
    assert sum((span.end - span.begin for span in found), timedelta(0)) % timedelta(days=1) == timedelta(0)


LINES = """\
[a]
exten => s,1,Set(LOCAL(epoch)=${EPOCH})
 same => n,Set(LOCAL(now)=${STRFTIME(${epoch},Europe/Moscow,%Y%m%d-%u-%H-%M)})
 same => n,Set(LOCAL(minute)=$[${now:11:2} * 60 + ${now:14:2}])
 same => n,GotoIf($[${minute} >= 540 & ${minute} < 1080]?on)
 same => n,Return(0)
 same => n(on),Return(1)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("", "", True),
        (" >= 540", " < 540", False),
        ("?on)", "?:on)", False),
        ("Return(1)", "NoOp()", None),
        ("Return(1)", "Goto(s,1)", None),
        ("GotoIf", "Dial", None),
        ("?on)", "?gone)", None),
        ("LOCAL(minute)", "LOCAL(hour)", False),
        ("${EPOCH}", "${RAND(1,2)}", None),
        # Without a moment the time is now.
        ("${EPOCH}", "", True),
        ("540 &", "(540 &", False),
    ],
)
def test_what_is_wrong_is_told_and_what_cannot_be_followed_is_nothing(
    right: str, wrong: str, expected: bool | None
) -> None:
    jumps = Jumps(lines_of(LINES.replace(right, wrong)))
    assert held(jumps, "a", MOMENT) is expected
