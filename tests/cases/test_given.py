"""What is given: to a `Call`, and to what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivrc.simulate.call import Answer, FaxMachine, Message, Press, State, Turn
from tests.cases.support import DECLARATIONS, Ran, ran
from tests.simulate.support import moment, source_of

MOBILES = ("+79160000001", "+79160000002")
STEPS = (
    'branch playing "menu" { 1 { hangup } }',
    'wait extension playing "long"',
    "call group hall",
    'call sip "sip:help@partner.example"',
)
ANSWERS, BUSY, OFFLINE = State("answers", 5000), State("busy"), State("offline")


@pytest.mark.parametrize(
    ("clause", "field", "value"),
    [
        ("", "to", "+74951234567"),
        ("", "at", moment("2026-03-02 12:00")),
        ('call "8 (495) 123-45-67"', "to", "+74951234567"),
        ('call from "8 916 123-45-67"', "caller", "+79161234567"),
        ('call from "8 916 123-45-67"', "hidden", False),
        ('call from "8 916 123-45-67" hidden', "hidden", True),
        ("call from hidden", "hidden", True),
        ("call from hidden", "caller", None),
        ("call at 2026-12-31 9:05", "at", moment("2026-12-31 09:05")),
        ("anna answers", "states", {"anna": ANSWERS}),
        ("anna answers after 1.5s", "states", {"anna": State("answers", 1500)}),
        ("anna answers after 2s accepts after 3s", "states", {"anna": State("answers", 2000, 3000)}),
        ("anna answers accepts", "states", {"anna": State("answers", 5000, 1000)}),
        ("anna answers declines after 3s", "states", {"anna": State("answers", 5000, None, 3000)}),
        ("anna machine after 2s", "states", {"anna": State("answers", 2000, None)}),
        ("anna refuses", "states", {"anna": State("refuses", 0)}),
        ("anna refuses after 300ms", "states", {"anna": State("refuses", 300)}),
        ("anna silent", "states", {"anna": State("silent")}),
        ("anna, boris busy", "states", {"anna": BUSY, "boris": BUSY}),
        ("anna offline for 1m", "states", {"anna": State("offline", free_at=60_000)}),
        ("anna mobile answers", "states", dict.fromkeys(MOBILES, ANSWERS)),
        ('"+7 916 000-00-01" answers', "states", {MOBILES[0]: ANSWERS}),
        ('"SIP:help@partner.example" answers', "states", {"sip:help@partner.example": ANSWERS}),
        ("hall offline", "states", {"boris": OFFLINE, "vera": OFFLINE}),
        ("others busy", "others", BUSY),
        ("crm anna", "crm", Answer("found", (Turn("anna", "free", MOBILES),))),
        ("crm boris, anna after 1s", "crm", Answer("found", (Turn("boris"), Turn("anna", "free", MOBILES)), 1000)),
        ("crm down after 3s", "crm", Answer("down", (), 3000)),
        ("switch night on", "switches", frozenset({"night"})),
        ("switch night off", "switches", frozenset()),
        ("press 1", "presses", (Press("1", 1000, "branch"),)),
        ("press wrong 7 after 3s", "presses", (Press("7", 3000, "branch"),)),
        ("press wrong *", "presses", (Press("*", 1000, "branch"),)),
        ('press wrong "#"', "presses", (Press("#", 1000, "branch"),)),
        ("press 101", "presses", (Press("101", 1000, "wait"),)),
        ("press 1 at menu", "presses", (Press("1", 1000, "branch"),)),
        ('press 1 at "menu" after 2s', "presses", (Press("1", 2000, "menu"),)),
        ('press 101 at "long"', "presses", (Press("101", 1000, "long"),)),
        ("press 1 at 12.5s", "presses", (Press("1", 12_500),)),
        ("fax", "fax", FaxMachine()),
        ("fax of 3 pages", "fax", FaxMachine(3)),
        ("message for 5s", "message", Message(5000)),
        ('message for 5s then "#"', "message", Message(5000, "hash")),
        ("message for 5s then silence", "message", Message(5000, "silence")),
        ("message for 5s then hangup", "message", Message(5000)),
        ("talk for 2m", "talk", 120_000),
        ("hangup after 8s", "hangs_up", 8000),
        ("seed 7", "seed", 7),
    ],
)
def test_clause(tmp_path: Path, clause: str, field: str, value: Any) -> None:
    (case,) = ran(tmp_path, STEPS, clause, "expect ends").cases
    assert getattr(case.call, field) == value


def test_whoever_has_only_a_mobile_is_rung_there(tmp_path: Path) -> None:
    source = source_of("call employee pavel", declarations='employee pavel { mobile "+7 916 000-00-09" }\n')
    test = 'test "p" { pavel answers  expect { rings pavel  reaches pavel } }\n'
    assert Ran(tmp_path, source + test).failures == []


def test_whoever_picks_up_declines(tmp_path: Path) -> None:
    steps = ('call number "+7 916 000-00-09" for 40s confirm', 'play "done"')
    given = '"+7 916 000-00-09" answers after 2s declines after 3s'
    facts = 'rings "+7 916 000-00-09" for 5s plays "done" at 5s reaches nobody'
    assert ran(tmp_path, steps, given, f"expect {{ {facts} }}").failures == []


# ── tables ──

TABLE = """\
test "<who> at <time>" for each who, time, what {
    anna  09:00 answers
    boris 17:59 busy
    "+7 916 000-00-01", 12:00 refuses
} {
    call at 2026-03-02 <time>
    <who> <what>
    expect ends
}
test "without" for each what { busy answers } {
    anna <what>
    expect ends
}
"""


def test_a_table_is_a_test_for_each_row(tmp_path: Path) -> None:
    cases = Ran(tmp_path, source_of(*STEPS, declarations=DECLARATIONS) + TABLE).cases
    assert [(case.name, case.row, case.timed) for case in cases] == [
        ("anna at 09:00", 1, True),
        ("boris at 17:59", 2, True),
        ("+7 916 000-00-01 at 12:00", 3, True),
        ("without (busy)", 1, False),
        ("without (answers)", 2, False),
    ]
    assert [case.call.states for case in cases[:3]] == [
        {"anna": ANSWERS},
        {"boris": BUSY},
        {"+79160000001": State("refuses", 0)},
    ]


# ── the time ──


def test_a_step_that_asks_for_the_time_wants_it_given(tmp_path: Path) -> None:
    steps = ('play "welcome"', "when open { hangup }", "when switch night { hangup }")
    ((expected, got),) = ran(tmp_path, steps, 'expect plays "welcome"').failures
    assert expected.startswith("a test that says when the call comes")
    assert got == "a step that asks for the time (office.ivr:17)"
    assert ran(tmp_path, steps, "call at 2026-03-02 12:00", "expect ends by office").failures == []
    assert ran(tmp_path, ["when switch night { hangup }"], "expect ends").failures == []


# ── draws ──


def test_expectations_hold_whatever_is_drawn(tmp_path: Path) -> None:
    answers = ("call group turns for 5s",), "vera answers after 1s"
    run = ran(tmp_path, *answers, "expect reaches vera")
    assert run.failures == []
    # Anna and Boris before her, one of them, or neither: five orders of six differ.
    assert run.verdicts[0].draws == 5
    run = ran(tmp_path, *answers, "expect { rings anna reaches vera }")
    assert (run.verdicts[0].failed, run.verdicts[0].draws) == (2, 5)
    assert ran(tmp_path, ("call group turns for 5s",), "expect rings anna, boris, vera").failures == []


def test_when_those_are_drawn_who_cannot_be_rung_changes_nothing(tmp_path: Path) -> None:
    steps = ("call group turns for 5s", 'play "done"')
    run = ran(tmp_path, steps, "anna busy", "boris offline", 'expect { rings vera at 0s  plays "done" at 5s }')
    assert (run.failures, run.verdicts[0].draws) == ([], 1)
    # One who becomes free can be rung.
    run = ran(tmp_path, steps, "anna busy", "boris offline for 5s", "expect rings vera")
    assert run.verdicts[0].draws == 2


def test_a_seed_is_one_draw(tmp_path: Path) -> None:
    for first in ("anna", "boris", "vera"):
        facts = f"expect {{ not rings {', '.join({'anna', 'boris', 'vera'} - {first})} rings {first} }}"
        verdicts = [ran(tmp_path, ("call group turns for 5s",), f"seed {seed}", facts).verdicts[0] for seed in range(9)]
        assert {verdict.draws for verdict in verdicts} == {1}
        assert {verdict.passed for verdict in verdicts} == {True, False}


def test_of_very_many_draws_some_are_tried(tmp_path: Path) -> None:
    run = ran(tmp_path, ("call group turns for 5s",) * 4, "expect rings anna")
    assert run.verdicts[0].draws == 200
