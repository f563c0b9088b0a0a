"""Rules for hours that are wrong when no call can tell: each where it holds, and where it nearly does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivrc.testbed.fuzz.equivalent import asked_wrongly, hours_asked_by
from ivrc.testbed.fuzz.jumps import Jumps, lines_of
from ivrc.testbed.fuzz.wrongs import Mutant
from tests.fuzz.plans import MOMENT, compiled

SAME, NOTHING, NEVER = (
    "the hours are the same at every minute",
    "what is done does not depend on these hours",
    "no call can ask for these hours while they are wrong",
)


def test_a_date_that_makes_no_difference(tmp_path: Path) -> None:
    """On Thursday the fifth these hours hold anyway; on the sixth they do not."""
    for day, expected in ((5, SAME), (6, "")):
        also = f"hours open {{ thu 10:00-12:00  also 2026-03-0{day} 11:00-12:00 }}\n"
        plan = compiled(tmp_path, also + 'scenario main { when open { play "asterisk:beep" } }\n')
        assert plan.why("line dropped", plan.line(".hours-open", f"2026030{day}")) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("when open { } else { }", NOTHING),
        ("when open -> other else -> other", NOTHING),
        ("when open { }", NOTHING),
        ("when open -> other", ""),
        ("when open { hangup } else { }", ""),
        ("when open -> other else -> third", ""),
    ],
)
def test_hours_around_what_comes_to_the_same(tmp_path: Path, step: str, expected: str) -> None:
    source = f"hours open {{ mon-sun 10:00-12:00 }}\nscenario main {{ {step} }}\n"
    plan = compiled(tmp_path, source + 'scenario other { play "asterisk:beep" }\nscenario third { hangup }\n')
    asked = plan.line(".hours-open", ">= 600")
    assert plan.why("line dropped", asked) == expected
    # Hours that do not come back are told everywhere.
    end = next(each for each in lines_of(plan.dialplan) if each.context == asked.context and each.args == "1")
    assert plan.why("line dropped", end) == ""


def test_hours_within_hours_that_exclude_them(tmp_path: Path) -> None:
    hours = "hours open {{ mon-sun {} }}\nhours noon {{ mon-sun 12:00-13:00 }}\n"
    step = 'scenario main { when open { voicemail for 5s  when noon { play "asterisk:beep" } } }\n'
    for span, expected in (("17:00-23:00", NEVER), ("11:59-12:00", ""), ("10:30-11:30", "")):
        plan = compiled(tmp_path, hours.format(span) + step)
        assert plan.why("line dropped", plan.line(".hours-noon", ">= 720")) == expected, span
    # In the other block they are asked for at every other time.
    other = step.replace("{ voicemail for 5s  when", "{ } else { when")
    plan = compiled(tmp_path, hours.format("17:00-23:00") + other)
    assert plan.why("line dropped", plan.line(".hours-noon", ">= 720")) == ""
    # And where another way leads there, too.
    keyed = step.replace("main {", "main { branch for 3s { 1 -> b }") + "scenario b { when noon { hangup } }\n"
    plan = compiled(tmp_path, hours.format("17:00-23:00") + keyed)
    assert plan.why("line dropped", plan.line(".hours-noon", ">= 720")) == ""


def test_when_wrong_hours_are_asked_for(tmp_path: Path) -> None:
    """At noon, as long as the hours around them hold; and some minutes later, for a step has its time."""
    hours = "hours open { mon-sun 11:00-12:30 }\nhours noon { mon-sun 12:00-13:00 }\n"
    step = 'when noon { play "asterisk:beep" }'
    for steps, expected in (
        (f"when open {{ {step} }}", ["12:00-12:30"]),
        (f"when open {{ voicemail for 5s {step} }}", ["12:00-12:30", "12:30-13:00"]),
    ):
        plan = compiled(tmp_path, f"{hours}scenario main {{ {steps} }}\n")
        wrong = Mutant("line dropped", plan.line(".hours-noon", ">= 720"), "NoOp", "")
        found = asked_wrongly(wrong, plan.dialplan, plan.office, MOMENT)
        assert len(found) == 1
        assert list(dict.fromkeys(f"{span.begin:%H:%M}-{span.end:%H:%M}" for span in found[0][1])) == expected


def test_which_hours_a_line_is_about(tmp_path: Path) -> None:
    source = (
        "hours open { mon-sun 11:00-12:30 }\nscenario main { when open { hangup } when mon 10:00-11:00 { hangup } }\n"
    )
    plan = compiled(tmp_path, source + "scenario other { when caller hidden { hangup } }\n")
    jumps = Jumps(lines_of(plan.dialplan))
    about = [
        hours_asked_by(line, jumps).removeprefix("ivrc-fuzz000")
        for line in jumps.lines
        if line.app in ("Gosub", "GotoIf") and line.context in ("ivrc-fuzz000-main", "ivrc-fuzz000-other")
    ]
    assert about == [".hours-open", ".hours-open", "-main-hours", "-main-hours", ""]
    assert hours_asked_by(plan.line(".hours-open", ">= 660"), jumps) == "ivrc-fuzz000.hours-open"
