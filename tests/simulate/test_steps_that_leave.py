"""Steps in which the caller leaves something: messages, faxes, recordings. What is told of each, and when."""

from __future__ import annotations

from typing import Any

import pytest

from ivrc.simulate.call import FaxMachine, Message, Press
from tests.simulate.support import answers, told, try_steps

END = "ended: end of scenario"
OVER = "ended: talked 16"

CASES: list[tuple[str, tuple[str, ...], dict[str, Any], list[str]]] = [
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
    ("nobody sends", ("fax",), {}, ["0 answered", "0-25 fax 0 no fax came", f"25 {END} 16"]),
    (
        "somebody presses Start",
        ("fax",),
        {"fax": FaxMachine(1, 20_000, begins=7000)},
        ["0 answered", "0-22.5 fax 1", f"22.5 {END} 16"],
    ),
    (
        "somebody presses Start too late",
        ("fax",),
        {"fax": FaxMachine(1, 20_000, begins=25_500)},
        ["0 answered", "0-25 fax 0 no fax came", f"25 {END} 16"],
    ),
    (
        "a second try",
        ("fax", "fax"),
        {"fax": FaxMachine(1, 20_000, begins=25_500)},
        ["0 answered", "0-25 fax 0 no fax came", "25-45 fax 1", f"45 {END} 16"],
    ),
    (
        "a second one waits less",
        ("fax", "fax"),
        {},
        ["0 answered", "0-25 fax 0 no fax came", "25-47 fax 0 no fax came", f"47 {END} 16"],
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
]


@pytest.mark.parametrize(("steps", "call", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_step(steps: tuple[str, ...], call: dict[str, Any], expected: list[str]) -> None:
    assert told(try_steps(*steps, **call)) == expected
