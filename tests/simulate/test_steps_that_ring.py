"""Every step that rings people against the language's page: who rings when and for how long, who is talked with."""

from __future__ import annotations

from typing import Any

import pytest

from ivrc.simulate.call import Answer, Turn
from tests.simulate.support import BUSY, OFFLINE, SILENT, answers, refuses, told, try_steps

END = "ended: end of scenario"
OVER = "ended: talked 16"
REACH = "group all at once { anna, boris }\n"
MOBILE, MOBILE2 = "+79160000001", "+79160000002"

CASES: list[tuple[str, tuple[str, ...], dict[str, Any], list[str]]] = [
    # employees
    (
        "employee answers",
        ("call employee boris",),
        {"states": {"boris": answers(3)}, "talk_ends": "answerer"},
        ["0-3 rang boris: answered", "3 answered", "3-63 talked boris, answerer", f"63 {OVER}"],
    ),
    ("no answer", ("call employee boris for 9s",), {}, ["0-9 rang boris: no answer", f"9 {END} 19"]),
    (
        "answer too late",
        ("call employee boris for 9s",),
        {"states": {"boris": answers(9)}},
        ["0-9 rang boris: no answer", f"9 {END} 19"],
    ),
    (
        "refuses",
        ("call employee boris",),
        {"states": {"boris": refuses(2)}},
        ["0-2 rang boris: refused", f"2 {END} 19"],
    ),
    (
        "busy, mobile at once",
        ("call employee anna then mobile for 5s",),
        {"states": {"anna": BUSY}},
        ["0 passed over anna: busy", f"0-5 rang {MOBILE}: no answer", f"5 {END} 19"],
    ),
    (
        "confirm",
        ("call employee anna then mobile confirm",),
        {"states": {"anna": OFFLINE, MOBILE: answers(2, 3)}, "talk": 1000},
        [
            "0 passed over anna: offline",
            f"0-5 rang {MOBILE}: answered",
            f"2-5 asked {MOBILE}: yes",
            "5 answered",
            f"5-6 talked {MOBILE}, caller",
            f"6 {OVER}",
        ],
    ),
    (
        "voicemail picks up",
        ("call employee anna for 1s then mobile confirm",),
        {"states": {MOBILE: answers(2, None)}},
        [
            "0-1 rang anna: no answer",
            f"1-18.16 rang {MOBILE}: not accepted",
            f"3-18.16 asked {MOBILE}: no",
            f"18.16 {END} 19",
        ],
    ),
    (
        "caller gives up",
        ("call employee boris",),
        {"hangs_up": 4000},
        ["0-4 rang boris: cancelled", "4 ended: caller hung up 16"],
    ),
    # outside
    (
        "number",
        ('call number "+7 812 765-43-21" for 8s',),
        {"states": {"+78127654321": BUSY}},
        ["0-0 rang +78127654321: busy", f"0 {END} 19"],
    ),
    (
        "sip",
        ('call sip "sip:help@partner.example" for 8s',),
        {},
        ["0-8 rang sip:help@partner.example: no answer", f"8 {END} 19"],
    ),
    # groups
    (
        "at once",
        ("call group g",),
        {
            "declarations": "group g at once { anna boris vera }\n",
            "states": {"anna": OFFLINE, "boris": answers(4), "vera": answers(3)},
            "talk": 0,
        },
        [
            "0 passed over anna: offline",
            "0-3 rang boris: cancelled",
            "0-3 rang vera: answered",
            "3 answered",
            "3-3 talked vera, caller",
            f"3 {OVER}",
        ],
    ),
    (
        "at once, all refuse",
        ("call group g",),
        {"declarations": "group g at once { anna boris }\n", "states": {"anna": refuses(1), "boris": refuses(2)}},
        ["0-1 rang anna: refused", "0-2 rang boris: refused", f"2 {END} 19"],
    ),
    (
        "at once, nobody there",
        ("call group g",),
        {"declarations": "group g at once { anna boris }\n", "states": {"anna": BUSY, "boris": OFFLINE}},
        ["0 passed over anna: busy", "0 passed over boris: offline", f"0 {END} 19"],
    ),
    (
        "in order",
        ("call group g for 5s",),
        {"declarations": "group g in order { anna boris vera }\n", "states": {"boris": BUSY}},
        ["0-5 rang anna: no answer", "5 passed over boris: busy", "5-10 rang vera: no answer", f"10 {END} 19"],
    ),
    (
        "nested",
        ("call group g for 5s",),
        {"declarations": "group f at once { anna boris }\ngroup g in order { vera f }\n"},
        ["0-5 rang vera: no answer", "5-10 rang anna: no answer", "5-10 rang boris: no answer", f"10 {END} 19"],
    ),
    (
        "weight 0 last",
        ("call group g for 5s",),
        {"declarations": "group g random { vera 0% anna 100% }\n"},
        ["0-5 rang anna: no answer", "5-10 rang vera: no answer", f"10 {END} 19"],
    ),
    (
        "voicemail does not stop the others",
        ("call group g for 20s",),
        {
            "declarations": "group g at once { anna mobile confirm, boris }\n",
            "states": {MOBILE: answers(0, None), "boris": answers(8)},
            "talk": 0,
        },
        [
            f"0-8 rang {MOBILE}: cancelled",
            f"0-8 asked {MOBILE}: no",
            "0-8 rang boris: answered",
            "8 answered",
            "8-8 talked boris, caller",
            f"8 {OVER}",
        ],
    ),
    # responsible
    ("unknown", ("call responsible",), {}, ["0-0 crm unknown", f"0 {END} 19"]),
    ("late", ("call responsible",), {"crm": Answer("found", (Turn("anna"),), 5000)}, ["0-2 crm late", f"2 {END} 19"]),
    (
        "found",
        ("call responsible",),
        {"crm": Answer("found", (Turn("anna", "free", (MOBILE,)),), 300)},
        ["0-0.3 crm found", "0.3-20.3 rang anna: no answer", f"20.3-50.3 rang {MOBILE}: no answer", f"50.3 {END} 19"],
    ),
    (
        "all mobiles, second",
        ("call responsible { desk for 5s all mobiles for 7s second }",),
        {"crm": Answer("found", (Turn("anna", "no", (MOBILE, MOBILE2)), Turn("boris"))), "states": {"boris": SILENT}},
        [
            "0-0 crm found",
            f"0-7 rang {MOBILE}: no answer",
            f"0-7 rang {MOBILE2}: no answer",
            "7-12 rang boris: no answer",
            f"12 {END} 19",
        ],
    ),
    (
        "busy is passed",
        ("call responsible",),
        {"crm": Answer("found", (Turn("anna", "pass", (MOBILE,)),)), "states": {"anna": BUSY}},
        ["0-0 crm found", "0 passed over anna: busy", f"0 {END} 19"],
    ),
    (
        "no mobile",
        ("call responsible { desk for 5s no mobile }",),
        {"crm": Answer("found", (Turn("anna", "free", (MOBILE,)),))},
        ["0-0 crm found", "0-5 rang anna: no answer", f"5 {END} 19"],
    ),
    # reach anyone
    (
        "reach: nobody answers",
        ("call group all for 1s", "reach anyone for 45s"),
        {"declarations": REACH},
        [
            "0-1 rang anna: no answer",
            "0-1 rang boris: no answer",
            "1 answered",
            "1.2-46.2 heard music (time)",
            "1.2-21.2 rang anna: no answer",
            "22.2-42.2 rang boris: no answer",
            "43.2-46.2 rang anna: no answer",
            f"46.2 {END} 16",
        ],
    ),
    (
        "reach: becomes free",
        ("call group all for 1s", "reach anyone for 45s"),
        {
            "declarations": REACH,
            "talk": 0,
            "states": {"anna": OFFLINE, "boris": BUSY._replace(free_at=9000, after=2000)},
        },
        [
            "0 passed over anna: offline",
            "0 passed over boris: busy",
            "0 answered",
            "0.2-11 heard music (time)",
            "9-11 rang boris: answered",
            "11-11 talked boris, caller",
            f"11 {OVER}",
        ],
    ),
    (
        "reach: the manager beside the step's people",
        ("call employee anna for 1s", "call responsible { desk for 1s no mobile }", "reach anyone for 24s"),
        {
            "crm": Answer("found", (Turn("boris", "no"),)),
            "states": {"anna": OFFLINE._replace(free_at=4000, after=30_000)},
        },
        [
            "0 passed over anna: offline",
            "0-0 crm found",
            "0 answered",
            "0.2-24.2 heard music (time)",
            "0.2-20.2 rang boris: no answer",
            "4-24 rang anna: no answer",
            "21.2-24.2 rang boris: no answer",
            f"24.2 {END} 16",
        ],
    ),
    (
        "reach: nobody to wait for",
        ("call responsible { desk for 1s no mobile }", "reach anyone for 24s"),
        {},
        ["0-0 crm unknown", "0 answered", f"0 {END} 16"],
    ),
]


@pytest.mark.parametrize(("steps", "call", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_step(steps: tuple[str, ...], call: dict[str, Any], expected: list[str]) -> None:
    assert told(try_steps(*steps, **call)) == expected
