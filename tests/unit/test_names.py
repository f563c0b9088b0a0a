"""Names in the dialplan: short enough for Asterisk, one for each thing, the same tomorrow."""

from __future__ import annotations

import pytest

from ivrc import marks
from ivrc.lower.names import MAX_NAME_BYTES, context_name, extension_name
from tests.dialplan import Dialplan, complaints_about
from tests.support import compile_text

LONG = "очень_длинное_имя_" * 20


def test_names_of_scenarios_and_of_ivrcs_own_contexts_never_meet() -> None:
    assert marks.unmarked(context_name("acme", "people")) == "ivrc-acme-people"
    assert marks.unmarked(context_name("acme", ".people")) == "ivrc-acme.people"


@pytest.mark.parametrize("office", ["a", "контора", "x" * 30, "ы" * 30])
@pytest.mark.parametrize("part", ["main", ".group-sales", LONG, ".group-" + LONG, "花" * 100])
def test_context_names_fit(office: str, part: str) -> None:
    name = context_name(office, part)
    marked = marks.filled(name.encode(), "k3jx7q2a", {})
    assert len(marked) <= MAX_NAME_BYTES
    assert marked.decode().startswith("ivrc~k3jx7q2a-" + office[:5])
    assert marks.unmarked(name).startswith("ivrc-" + office[:5])
    assert name == context_name(office, part)


def test_longest_name_that_fits_is_whole() -> None:
    fits = "x" * (MAX_NAME_BYTES - marks.BYTES - len("ivrc-a-"))
    assert marks.unmarked(context_name("a", fits)) == "ivrc-a-" + fits
    assert marks.unmarked(context_name("a", fits + "x")) != "ivrc-a-" + fits + "x"


def test_names_that_are_cut_stay_apart() -> None:
    parts = [LONG + str(number) for number in range(500)] + ["." + LONG + str(number) for number in range(500)]
    assert len({context_name("acme", part) for part in parts}) == 1000


def test_extension_of_a_name_is_no_pattern() -> None:
    assert extension_name("_x") == "._x"
    assert extension_name("x") == "x"


def test_contexts_of_an_office_full_of_like_names_are_all_there() -> None:
    menus = "branch { 1 { branch { 1 { hangup } } branch { 1 { hangup } } } } when mon { hangup } when tue { hangup }"
    names = ["main", "main_branch", "main2", "branch", "main_branch2", "branch2", "b", "wait", "hours", "b2", "main_2"]
    text = 'settings { office main  timezone "UTC" }\n' + "".join(
        f"scenario {name} {{ {menus * 12} }}\n" for name in names
    )
    dialplan = Dialplan(compile_text(text).dialplan)
    assert dialplan.check() == []
    assert len(dialplan.contexts) == 2 + len(names) * (1 + 12 * 5)


@pytest.mark.parametrize("length", [20, 80, 300, 9000])
@pytest.mark.parametrize(
    "declarations",
    [
        'employee NAME { extension 1 sip "PJSIP/a" }\nscenario main { call employee NAME  wait extension }',
        'employee a { sip "PJSIP/a" }\ngroup NAME at once { a }\nscenario main { call group NAME }',
        'switch NAME toggled by "*1"\nscenario main { when switch NAME { } }',
        'callers NAME { "+7 495 *" }\nscenario main { when caller in NAME { } }',
        "hours NAME { mon }\nscenario main { when NAME { } }",
        'number "+7 495 123-45-67" -> NAME\nscenario NAME { branch { 1 { branch { 1 -> NAME } } } }',
        'scenario main { play "asterisk:NAME" }',
        'scenario main { play "NAME" }',
        'scenario main { say "NAME" }',
        'employee a { name "NAME" crm "NAME" sip "PJSIP/a" }',
        'employee a { sip "PJSIP/NAME" }\nscenario main { call employee a }',
        'scenario main { call sip "sip:NAME@NAME.example" }',
    ],
    ids=[
        *("employee", "group", "switch", "callers", "hours", "scenario", "own-sound", "prompt", "speech"),
        *("text", "endpoint", "address"),
    ],
)
def test_long_names_compile_to_what_asterisk_can_hold_or_are_refused(declarations: str, length: int) -> None:
    letter = "x" if "PJSIP/NAME" in declarations or "sip:NAME" in declarations else "ы"
    outcome = compile_text('settings { timezone "UTC" }\n' + declarations.replace("NAME", letter * length))
    if outcome.compiled.files is None:
        assert length > 20
    else:
        assert complaints_about(outcome.dialplan) == []
