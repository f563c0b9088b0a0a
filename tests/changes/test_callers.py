"""Each kind of change is told, in the words of the source, with the way on which callers meet it; and nothing else."""

from __future__ import annotations

from datetime import date

import pytest

from ivrc.changes import describe_changes
from tests.changes.support import NUMBER, OPEN, SINCE, changes_of, source, told
from tests.support import OFFICE, office_of, scenario

WHO = f"callers of {NUMBER}"
MENU = 'branch playing "menu" {{ 1 {{ call group sales }} 2 {{ {} }} }}'


def test_the_example_of_the_page() -> None:
    old = source("when open { call group sales for 20s } else { voicemail }", declarations=OPEN)
    new = source("when open { voicemail } else { voicemail }", declarations=OPEN)
    assert told(old, new) == [f"{WHO}, when open: now voicemail for 2m | before call group sales for 20s"]


def test_hours_that_begin_later() -> None:
    steps = "when open { call group sales } else { voicemail }"
    old = source(steps, declarations="hours open { mon-sat 09:00-16:00 }\n")
    new = source(steps, declarations="hours open { mon-fri 09:00-16:00  sat 09:00-14:00 }\n")
    assert told(old, new) == [
        f"{WHO}, sat 14:00-16:00: now voicemail for 2m | before call group sales for 20s",
        "hours open: no longer sat 14:00-16:00",
    ]


def test_hours_with_dates() -> None:
    steps = "when open { call group sales } else { voicemail }"
    old = source(steps, declarations="hours open { mon-fri 09:00-16:00 }\n")
    new = source(
        steps, declarations="hours open { mon-fri 09:00-16:00  except 2026-05-01  also 2026-05-02 10:00-12:00 }\n"
    )
    assert told(old, new) == [
        f"{WHO}, 2026-05-01 09:00-16:00: now voicemail for 2m | before call group sales for 20s",
        f"{WHO}, 2026-05-02 10:00-12:00: now call group sales for 20s | before voicemail for 2m",
        "hours open: also 2026-05-02 10:00-12:00; no longer 2026-05-01 09:00-16:00",
    ]


def test_dates_that_are_past_do_not_matter() -> None:
    steps = "when open { call group sales }"
    old = source(steps, declarations="hours open { mon-fri 09:00-16:00  except 2026-02-02 }\n")
    new = source(steps, declarations="hours open { mon-fri 09:00-16:00 }\n")
    assert not changes_of(old, new).noticed
    assert changes_of(old, new, date(2026, 2, 2)).noticed


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "call group sales",
            "call group sales for 30s",
            "now call group sales for 30s | before call group sales for 20s",
        ),
        ("call group sales", "call group support", "now call group support for 20s | before call group sales for 20s"),
        ('play "a"', 'play "a" for 8s', 'now play "a" for 8s | before play "a"'),
        ('say "hello"', 'say "goodbye"', 'now say "goodbye" | before say "hello"'),
        (
            "call employee anna",
            "call employee boris",
            "now call employee boris for 20s | before call employee anna for 20s",
        ),
        (
            "call employee anna",
            "call employee anna then mobile confirm",
            "now call employee anna for 20s then mobile for 30s confirm | before call employee anna for 20s",
        ),
        ('call number "+78127654321"', 'call number "+78127654322"', "now call number"),
        ('call sip "a@b.example"', 'call sip "a@c.example"', 'now call sip "sip:a@c.example" for 30s'),
        ("wait extension for 5s", "wait extension for 6s", "now wait extension for 6s | before wait extension for 5s"),
        (
            "call responsible",
            "call responsible { no mobile second }",
            "now call responsible { desk for 20s no mobile second } | before",
        ),
        ("voicemail", "voicemail to anna", "now voicemail for 2m to anna | before voicemail for 2m"),
        ("hangup", "fax", "now fax | before hangup"),
        (
            "call group sales\nreach anyone",
            "call group sales\nreach anyone for 2m",
            "now reach anyone for 2m (anna, boris)",
        ),
        ('play "a"', 'record calls playing "b"\nplay "a"', 'now also record calls playing "b"'),
    ],
)
def test_a_step_that_has_changed(old: str, new: str, says: str) -> None:
    (only,) = told(source(old), source(new))
    assert only.startswith(f"{WHO}: {says}")


def test_steps_put_in_and_taken_out() -> None:
    long = ('play "a"', "call group sales", 'play "b"', "call group support")
    assert told(source(long[0], *long[2:]), source(*long)) == [
        f'{WHO}, after `play "a"`: now also call group sales for 20s'
    ]
    assert told(source(*long), source(*long[:2], long[3])) == [
        f'{WHO}, after `call group sales for 20s`: no longer play "b"'
    ]
    assert told(source(*long[:3]), source(*long)) == [
        f'{WHO}, after `play "b"`: now call group support for 20s | before the call is hung up'
    ]


def test_keys_of_a_menu() -> None:
    old = source(MENU.format("call group support"))
    assert told(old, source(MENU.format("call group support for 30s"))) == [
        f'{WHO}, key 2 at "menu": now call group support for 30s | before call group support for 20s'
    ]
    assert told(old, source('branch playing "menu" { 1, 3 { call group sales } }')) == [
        f'{WHO}, key 2 at "menu": now a wrong key | before call group support for 20s',
        f'{WHO}, key 3 at "menu": now call group sales for 20s | before a wrong key',
    ]
    assert told(old, source(MENU.format("call group support") + "\nhangup")) == [
        f'{WHO}, after `branch playing "menu" for 7s`: now hangup | before the call is hung up'
    ]
    retried = source(MENU.format("call group support").replace("{ 1", "retries 2 { 1"))
    assert told(old, retried) == [
        f'{WHO}: now branch playing "menu" for 7s retries 2 | before branch playing "menu" for 7s'
    ]
    answered = MENU.format("call group support").removesuffix("}") + "nothing { voicemail } }"
    assert told(old, source(answered)) == [
        f'{WHO}, no key at "menu": now voicemail for 2m | before the call is hung up'
    ]


def test_a_menu_that_is_reached_again_is_told_once() -> None:
    old = source('branch playing "menu" { 1 { call group sales } 9 -> main }')
    new = source('branch playing "menu" { 1 { call group support } 9 -> main }')
    assert told(old, new) == [
        f'{WHO}, key 1 at "menu": now call group support for 20s | before call group sales for 20s'
    ]


def test_conditions_that_come_and_go() -> None:
    more = 'switch night toggled by "*28"\ncallers vip { "+7 916 *" }\n'
    plain = source("call group sales", declarations=more)
    night = source("when switch night { hangup }\ncall group sales", declarations=more)
    assert told(plain, night) == [
        f"{WHO}, switch night is on: now hangup | before call group sales for 20s",
    ]
    assert told(night, plain) == [
        f"{WHO}, switch night is on: now call group sales for 20s | before hangup",
    ]
    vip = source("when caller in vip { call group support } else { call group sales }", declarations=more)
    assert told(plain, vip) == [
        f"{WHO}, caller in vip: now call group support for 20s | before call group sales for 20s"
    ]
    hidden = source("when caller hidden { call group support } else { call group sales }", declarations=more)
    assert told(vip, hidden) == [
        f"{WHO}, caller in vip, caller not hidden: now call group sales for 20s | before call group support for 20s",
        f"{WHO}, caller not in vip, caller hidden: now call group support for 20s | before call group sales for 20s",
    ]


def test_what_is_the_same_either_way_has_no_condition() -> None:
    more = 'switch night toggled by "*28"\n'
    old = source('when switch night { play "night" }\ncall group sales', declarations=more)
    new = source('when switch night { play "night" }\ncall group sales for 30s', declarations=more)
    assert told(old, new) == [f"{WHO}: now call group sales for 30s | before call group sales for 20s"]


def test_behind_a_condition_that_ends() -> None:
    more = 'callers vip { "+7 916 *" }\n'
    old = source("when caller in vip { hangup }\ncall group sales", declarations=more)
    new = source("when caller in vip { hangup }\ncall group sales for 30s", declarations=more)
    assert told(old, new) == [
        f"{WHO}, caller not in vip: now call group sales for 30s | before call group sales for 20s"
    ]


def test_numbers() -> None:
    more = "scenario other_one { voicemail }\n"
    old = source("call group sales", declarations=more)
    added = source("call group sales", declarations=more + 'number "+7 495 123-45-68" -> other_one\n')
    who = "callers of +7 495 123-45-68"
    assert told(old, added) == [
        f"{who}: now -> other_one; voicemail for 2m | before refused: nobody declares the number"
    ]
    assert told(added, old) == [
        f"{who}: now refused: nobody declares the number | before -> other_one; voicemail for 2m"
    ]
    rest = source("call group sales", declarations=more + "number other -> other_one\n")
    assert told(rest, added) == [
        f"{who}: now -> other_one; voicemail for 2m | before -> other_one, as any other number",
        "callers of any other number: now refused: nobody declares the number | before -> other_one; voicemail for 2m",
    ]
    moved = old.replace("-> main", "-> other_one")
    assert told(old, moved) == [f"{WHO}: now voicemail for 2m | before call group sales for 20s"]


def test_numbers_that_meet_the_same_change_are_told_together() -> None:
    more = "".join(f'number "+7 495 000-00-0{index}" -> main\n' for index in range(6))
    (only,) = told(source("call group sales", declarations=more), source("call group support", declarations=more))
    assert "and 3 more numbers" in only


def test_a_change_behind_many_ways_is_told_once() -> None:
    def many(last: str) -> str:
        parts = [f'number "+7 495 000-00-{index:02}" -> s{index}\n' for index in range(30)]
        parts += [f'scenario s{index} {{ play "p{index}"  -> closed }}\n' for index in range(30)]
        return OFFICE + "".join(parts) + f"scenario closed {{ {last} }}\n"

    lines = changes_of(many('play "closed"'), many("voicemail")).text().splitlines()
    assert len(lines) == 1 + 4 + 2
    assert "more ways" in lines[4]


def test_places_need_files() -> None:
    assert "(" not in "".join(told(source("hangup"), source("fax")))


def test_offices_alone_will_do() -> None:
    old, new = office_of(source("hangup")), office_of(source("fax"))
    assert describe_changes(old, new, SINCE).noticed
    assert not describe_changes(old, old, SINCE).noticed


def test_large_offices_with_many_conditions_end() -> None:
    """Every condition on one side only: 16 of them, 65,536 ways."""
    more = "".join(f'switch s{index} toggled by "*{index}"\n' for index in range(16))
    for last, most in (("", 16), (" hangup", 600)):
        steps = [f'when switch s{index} {{ play "p{index}"{last} }}' for index in range(16)]
        changes = changes_of(source("hangup", declarations=more), source(*steps, "hangup", declarations=more))
        assert 0 < len(changes.callers) <= most


def test_a_condition_that_comes_back_is_a_way_of_its_own() -> None:
    more = 'switch a toggled by "*1"\nswitch b toggled by "*2"\n'
    steps = ['when switch a { play "a" }', 'play "x"', 'when switch b { play "b" }', "call group sales"]
    assert told(source("call group sales", declarations=more), source(*steps, declarations=more)) == [
        f'{WHO}: now also play "x"',
        f'{WHO}, switch a is on: now also play "a"',
        f'{WHO}, switch b is on, after `play "x"`: now also play "b"',
    ]


def test_a_scenario_in_another_file_order() -> None:
    first, second = scenario("hangup"), "scenario b { fax }\n"
    base = OFFICE + f'number "{NUMBER}" -> main\n'
    assert told(base + first + second, base + second + first) == []
