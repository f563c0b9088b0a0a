"""Steps against the language's page: what is heard, what is pressed, how it ends; those that ring are beside."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from ivrc import model as m
from ivrc.simulate.call import FaxMachine, Message, Press
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
    # voicemail
    (
        "message",
        ('voicemail "done"',),
        {},
        [
            "0 answered",
            "0-1 heard done",
            "1-1.44 heard asterisk:beep",
            "1.44-11.44 message -: hangs up",
            "11.44 ended: caller hung up 16",
        ],
    ),
    (
        "hash",
        ("voicemail to anna",),
        {"message": Message(3000, "hash")},
        [
            "0 answered",
            "0-0.44 heard asterisk:beep",
            "0.44-3.44 message anna: hash",
            "3.44-4.4 heard asterisk:auth-thankyou",
            f"4.4 {END} 16",
        ],
    ),
    (
        "shorter than a second, for a mailbox",
        ("voicemail to anna",),
        {"hangs_up": 1_400},
        ["0 answered", "0-0.44 heard asterisk:beep", "1.4 ended: caller hung up 16"],
    ),
    (
        "a second, for a mailbox",
        ("voicemail to anna",),
        {"hangs_up": 1_450},
        [
            "0 answered",
            "0-0.44 heard asterisk:beep",
            "0.44-1.45 message anna: hangs up",
            "1.45 ended: caller hung up 16",
        ],
    ),
    (
        "shorter than a second, for the call history",
        ("voicemail",),
        {"hangs_up": 1_400},
        [
            "0 answered",
            "0-0.44 heard asterisk:beep",
            "0.44-1.4 message -: hangs up",
            "1.4 ended: caller hung up 16",
        ],
    ),
    (
        "hash key",
        ("voicemail",),
        {"presses": (Press("5#", 2000, "voicemail"),)},
        ["0 answered", "0-0.44 heard asterisk:beep", "0.44-2.25 message -: hash", f"2.25 {END} 16"],
    ),
    (
        "silence",
        ("voicemail",),
        {"message": Message(3000, "silence")},
        ["0 answered", "0-0.44 heard asterisk:beep", "0.44-13.44 message -: silence", f"13.44 {END} 16"],
    ),
    (
        "limit",
        ("voicemail for 4s",),
        {},
        ["0 answered", "0-0.44 heard asterisk:beep", "0.44-4.44 message -: limit", f"4.44 {END} 16"],
    ),
    (
        "limit of a mailbox",
        ("voicemail for 4s to anna",),
        {},
        ["0 answered", "0-0.44 heard asterisk:beep", "0.44-5 message anna: limit", f"5 {END} 16"],
    ),
    # fax
    ("fax", ("fax",), {"fax": FaxMachine(2, 20_000)}, ["0 answered", "0-20 fax 2", f"20 {END} 16"]),
    (
        "the machine leaves a moment after its last page",
        ("fax", 'play "long"'),
        {"fax": FaxMachine(2, 20_000)},
        ["0 answered", "0-20 fax 2", "20-21 heard long (time)", "21 ended: caller hung up 16"],
    ),
    (
        "the pages that came are kept",
        ("fax",),
        {"fax": FaxMachine(2, 32_000), "hangs_up": 25_000},
        ["0 answered", "0-25 fax 1 caller hung up", "25 ended: caller hung up 16"],
    ),
    (
        "no page came",
        ("fax",),
        {"fax": FaxMachine(2, 32_000), "hangs_up": 21_000},
        ["0 answered", "0-21 fax 0 caller hung up", "21 ended: caller hung up 16"],
    ),
    ("nobody sends", ("fax",), {}, ["0 answered", "0-23.5 fax 0 no fax came", f"23.5 {END} 16"]),
    (
        "somebody presses Start",
        ("fax",),
        {"fax": FaxMachine(1, 20_000, begins=7000)},
        ["0 answered", "0-22.5 fax 1", f"22.5 {END} 16"],
    ),
    (
        "somebody presses Start too late",
        ("fax",),
        {"fax": FaxMachine(1, 20_000, begins=24_000)},
        ["0 answered", "0-23.5 fax 0 no fax came", f"23.5 {END} 16"],
    ),
    (
        "a second try",
        ("fax", "fax"),
        {"fax": FaxMachine(1, 20_000, begins=24_000)},
        ["0 answered", "0-23.5 fax 0 no fax came", "23.5-43.5 fax 1", f"43.5 {END} 16"],
    ),
    (
        "a machine that nobody receives gives up",
        ("call employee boris", "wait extension for 90s"),
        {"fax": FaxMachine(begins=1000)},
        ["0-20 rang boris: no answer", "20 answered", "80 ended: caller hung up 16"],
    ),
    (
        "one fax a call",
        ("fax", "fax"),
        {"fax": FaxMachine(2, 20_000, None)},
        ["0 answered", "0-20 fax 2", "20-20 fax 0 one fax a call", f"20 {END} 16"],
    ),
    (
        "fax detected",
        ("fax detected -> other", 'play "long"'),
        {"fax": FaxMachine(1, 5000), "declarations": "scenario other { fax }\n"},
        ["0 answered", "0-3.5 heard long (time)", "3.5 moved other", "3.5-8.5 fax 1", f"8.5 {END} 16"],
    ),
    (
        "the first tone that is heard whole counts",
        ('play "done"', "fax detected -> other", 'play "long"'),
        {"fax": FaxMachine(1, 5000, tone=900), "declarations": "scenario other { fax }\n"},
        [
            "0 answered",
            "0-1 heard done",
            "1-4.9 heard long (time)",
            "4.9 moved other",
            "4.9-9.9 fax 1",
            f"9.9 {END} 16",
        ],
    ),
    (
        "a machine is moved as long as it sends its tone",
        ('play "done"', "-> other"),
        {
            "fax": FaxMachine(tone=52_000),
            "declarations": 'scenario other { fax detected -> other  play "done" for 57s }\n',
        },
        [
            *("0 answered", "0-1 heard done", "1 moved other", "1-52.5 heard done (time)", "52.5 moved other"),
            *("52.5-56 heard done (time)", "56 moved other", "56-59 heard done (time)", "59 ended: caller hung up 16"),
        ],
    ),
    (
        "people are not moved",
        ("fax detected -> other", 'play "long"'),
        {"declarations": "scenario other { fax }\n"},
        ["0 answered", "0-9 heard long", f"9 {END} 16"],
    ),
    # record calls
    (
        "recorded",
        ('record calls playing "done"', "call employee boris"),
        {"states": {"boris": answers(1)}, "talk": 2000},
        ["0 answered", "0-1 heard done", "1-2 rang boris: answered", "2-4 talked boris, caller recorded", f"4 {OVER}"],
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
