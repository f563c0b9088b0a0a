"""Steps against the language's page: what is heard, what is pressed, how it ends; those that ring are beside."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from ivrc import model as m
from ivrc.simulate.call import Press
from ivrc.simulate.steps import STEPS
from tests.simulate.support import BUSY, OFFLINE, answers, keys, moment, told, try_steps

END = "ended: end of scenario"
OVER = "ended: talked 16"
MENU = 'branch playing "menu" for 3s retries 1 { 1 -> other  2, 3 { play "done" }  wrong { play "done" } }'
OTHER = 'scenario other { play "welcome" }\n'
WAIT = 'wait extension for 6s playing "menu"'
PREFIX = 'employee dora { extension 10 sip "PJSIP/dora" }\n'


def test_every_step_kind_has_its_function() -> None:
    assert set(STEPS) == set(get_args(m.Step))


CASES: list[tuple[str, tuple[str, ...], dict[str, Any], list[str]]] = [
    # play
    ("play", ('play "welcome"',), {}, ["0 answered", "0-2 heard welcome", f"2 {END} 16"]),
    ("play for", ('play "welcome" for 7s',), {}, ["0 answered", "0-7 heard welcome (time)", f"7 {END} 16"]),
    (
        "own sound timed",
        ('play "asterisk:beep" for 2s',),
        {},
        ["0 answered", "0-2 heard asterisk:beep (time)", f"2 {END} 16"],
    ),
    ("unknown length", ('play "x"',), {}, ["0 answered", "0-5 heard x", f"5 {END} 16"]),
    (
        "keys in play are lost",
        ('play "welcome"', MENU),
        {"presses": keys(("1", 1)), "declarations": OTHER},
        [
            "0 answered",
            "0-2 heard welcome",
            "2-6 heard menu",
            "9 nothing",
            "9-13 heard menu",
            "16 nothing",
            f"16 {END} 16",
        ],
    ),
    # ends
    ("hangup unanswered", ("hangup",), {}, ["0 ended: hangup 16"]),
    ("nothing answered", (), {}, [f"0 {END} 19"]),
    (
        "caller leaves",
        ('play "menu"',),
        {"hangs_up": 1500},
        ["0 answered", "0-1.5 heard menu (time)", "1.5 ended: caller hung up 16"],
    ),
    ("undeclared", ('play "menu"',), {"to": "+74950000000"}, ["0 ended: nobody declared the number 1"]),
    (
        "number other",
        ("hangup",),
        {"to": "trunkname", "declarations": "number other -> main\n"},
        ["0 ended: hangup 16"],
    ),
    ("number, local form", ("hangup",), {"to": "84951234567"}, ["0 ended: hangup 16"]),
    # branch
    (
        "key cuts",
        (MENU,),
        {"presses": keys(("1", 1)), "declarations": OTHER},
        ["0 answered", "0-1 heard menu (key)", "1 key 1", "1 moved other", "1-3 heard welcome", f"3 {END} 16"],
    ),
    (
        "key after the audio",
        (MENU,),
        {"presses": keys(("3", 6.9)), "declarations": OTHER},
        ["0 answered", "0-4 heard menu", "6.9 key 3", "6.9-7.9 heard done", f"7.9 {END} 16"],
    ),
    (
        "key too late is the next round's",
        (MENU,),
        {"presses": keys(("3", 7)), "declarations": OTHER},
        [
            "0 answered",
            "0-4 heard menu",
            "7 nothing",
            "7-7 heard menu (key)",
            "7 key 3",
            "7-8 heard done",
            f"8 {END} 16",
        ],
    ),
    (
        "wrong twice",
        (MENU,),
        {"presses": keys(("7", 1), ("8", 2)), "declarations": OTHER},
        [
            "0 answered",
            "0-1 heard menu (key)",
            "1 wrong 7",
            "1-2 heard menu (key)",
            "2 wrong 8",
            "2-3 heard done",
            f"3 {END} 16",
        ],
    ),
    (
        "place",
        (MENU,),
        {"presses": (Press("9", 1000, "menu"), Press("2", 500, "menu")), "declarations": OTHER},
        [
            "0 answered",
            "0-1 heard menu (key)",
            "1 wrong 9",
            "1-1.5 heard menu (key)",
            "1.5 key 2",
            "1.5-2.5 heard done",
            f"2.5 {END} 16",
        ],
    ),
    # wait extension
    ("no extension", (WAIT,), {}, ["0 answered", "0-4 heard menu", "6 nothing", f"6 {END} 16"]),
    (
        "long audio is cut",
        ('wait extension for 6s playing "long"',),
        {},
        ["0 answered", "0-6 heard long", "6 nothing", f"6 {END} 16"],
    ),
    (
        "extension",
        (WAIT,),
        {"presses": keys(("102", 1)), "states": {"boris": answers(2)}, "talk": 5000},
        [
            "0 answered",
            "0-1 heard menu (key)",
            "1.5 extension 102",
            "1.5-3.5 rang boris: answered",
            "3.5-8.5 talked boris, caller",
            f"8.5 {OVER}",
        ],
    ),
    (
        "extension, no answer",
        (WAIT,),
        {"presses": keys(("102", 1))},
        ["0 answered", "0-1 heard menu (key)", "1.5 extension 102", "1.5-21.5 rang boris: no answer", f"21.5 {END} 16"],
    ),
    (
        "extension, offline",
        (WAIT,),
        {"presses": keys(("102", 1)), "states": {"boris": OFFLINE}},
        ["0 answered", "0-1 heard menu (key)", "1.5 extension 102", "1.5 passed over boris: offline", f"1.5 {END} 16"],
    ),
    (
        "beginning of another",
        (WAIT,),
        {"presses": keys(("10", 1)), "declarations": PREFIX, "states": {"dora": BUSY}},
        ["0 answered", "0-1 heard menu (key)", "4.25 extension 10", "4.25 passed over dora: busy", f"4.25 {END} 16"],
    ),
    (
        "incomplete",
        (WAIT,),
        {"presses": keys(("10", 1))},
        [
            "0 answered",
            "0-1 heard menu (key)",
            "4.25 wrong 10",
            "4.25-8.69 heard asterisk:pbx-invalid",
            "8.69 nothing",
            f"8.69 {END} 16",
        ],
    ),
    (
        "wrong, then right",
        (WAIT,),
        {"presses": keys(("9", 1), ("102", 2)), "states": {"boris": BUSY}},
        [
            "0 answered",
            "0-1 heard menu (key)",
            "1 wrong 9",
            "1-2 heard asterisk:pbx-invalid (key)",
            "2.5 extension 102",
            "2.5 passed over boris: busy",
            f"2.5 {END} 16",
        ],
    ),
    (
        "wrong, then the time left",
        (WAIT,),
        {"presses": keys(("9", 1))},
        [
            "0 answered",
            "0-1 heard menu (key)",
            "1 wrong 9",
            "1-5.44 heard asterisk:pbx-invalid",
            "6 nothing",
            f"6 {END} 16",
        ],
    ),
    (
        "late key is finished",
        (WAIT,),
        {"presses": keys(("102", 5.9)), "states": {"boris": BUSY}},
        ["0 answered", "0-4 heard menu", "6.4 extension 102", "6.4 passed over boris: busy", f"6.4 {END} 16"],
    ),
    (
        "own sound: digits may come past the end",
        ('wait extension for 3s playing "asterisk:x"',),
        {"presses": keys(("10", 2.5))},
        [
            "0 answered",
            "0-2.5 heard asterisk:x (key)",
            "5.75 wrong 10",
            "5.75-10.19 heard asterisk:pbx-invalid",
            "10.19 nothing",
            f"10.19 {END} 16",
        ],
    ),
    # when
    (
        "hours",
        ('when mon 12:00-13:00 { play "done" } else { hangup }',),
        {},
        ["0 these hours: yes", "0 answered", "0-1 heard done", f"1 {END} 16"],
    ),
    (
        "decided when reached",
        ('play "welcome"', "when mon 12:00-13:00 { hangup }"),
        {"at": moment("2026-03-02 12:59:59")},
        ["0 answered", "0-2 heard welcome", "2 these hours: no", f"2 {END} 16"],
    ),
    ("hidden", ("when caller hidden { hangup }",), {}, ["0 caller hidden: yes", "0 ended: hangup 16"]),
    (
        "in a list",
        ("when caller in vip { hangup }",),
        {"caller": "8 916 123-45-67", "declarations": 'callers vip { "+7 916 *" }\n'},
        ["0 caller in vip: yes", "0 ended: hangup 16"],
    ),
    (
        "not in a list",
        ("when caller in vip { hangup }",),
        {"caller": "+390312345678", "declarations": 'callers vip { "+7 903 *" }\n'},
        ["0 caller in vip: no", f"0 {END} 19"],
    ),
    (
        "switch",
        ("when switch night -> other",),
        {"switches": frozenset({"night"}), "declarations": OTHER + 'switch night toggled by "*1"\n'},
        ["0 switch night: yes", "0 moved other", "0 answered", "0-2 heard welcome", f"2 {END} 16"],
    ),
]


@pytest.mark.parametrize(("steps", "call", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_step(steps: tuple[str, ...], call: dict[str, Any], expected: list[str]) -> None:
    assert told(try_steps(*steps, **call)) == expected
