"""What holds of every program, and of every text that is none."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivrc.diagnostics import render
from tests.dialplan import complaints_about
from tests.strategies import broken, hostile_texts, junk, programs, quoted
from tests.support import Outcome, compile_text

# Far above what any of these texts takes: a limit on hanging, not on slowness.
MOST_SECONDS = 20


@contextmanager
def within_limit() -> Iterator[None]:
    """TimeoutError for what hangs."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done in {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def code_lines(dialplan: str) -> list[str]:
    return [line for line in dialplan.split("\n") if line and not line.startswith(";")]


@given(programs())
def test_valid_program_compiles_to_a_dialplan_that_holds_together(program: str) -> None:
    outcome = compile_text(program)
    assert [each for each in outcome.diagnostics if each.severity == "error"] == []
    assert complaints_about(outcome.dialplan) == []


@given(programs())
def test_valid_program_compiles_to_the_same_bytes_twice(program: str) -> None:
    assert compile_text(program).everything == compile_text(program).everything


@given(programs())
def test_order_of_declarations_matters_only_for_the_order_of_what_is_written(program: str) -> None:
    head, *rest = re.split(r"^(?=employee|group|hours|switch|callers|number|scenario)", program, flags=re.MULTILINE)
    code = {line for line in code_lines(compile_text(program).dialplan) if line.startswith("[")}
    other = {line for line in code_lines(compile_text(head + "".join(reversed(rest))).dialplan) if line.startswith("[")}
    assert code == other


@given(programs())
def test_source_map_names_lines_of_the_program(program: str) -> None:
    outcome = compile_text(program)
    lines = program.split("\n")
    for extensions in outcome.manifest["source_map"].values():
        for steps in extensions.values():
            for priority, path, line, column, kind in steps:
                assert (path, kind != "") == ("office.ivr", True)
                assert priority >= 1
                assert lines[line - 1][column - 1] not in " \n"


def assert_only_diagnostics(text: str) -> None:
    """No traceback; every diagnostic can be shown, as text and as JSON."""
    with within_limit():
        outcome = compile_text(text)
        assert (outcome.compiled.files is None) == any(d.severity == "error" for d in outcome.diagnostics)
        for shown in outcome.shown:
            assert all(line.isprintable() for line in shown.split("\n"))
        for diagnostic in outcome.diagnostics:
            found = render.render_json(diagnostic, outcome.compiled.sources)
            assert json.loads(json.dumps(found))["line"] <= text.count("\n") + 1
        if outcome.compiled.files is not None:
            assert complaints_about(outcome.dialplan) == []


@given(broken())
def test_broken_program_gives_diagnostics_or_a_dialplan(text: str) -> None:
    assert_only_diagnostics(text)


@given(junk())
@example("scenario s { wait extension for 5_s }")
@example("hours h { except holidays holidays }")
@example("scenario scenario scenario {")
def test_words_in_no_order_give_diagnostics_or_a_dialplan(text: str) -> None:
    assert_only_diagnostics(text)


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_gives_diagnostics_or_a_dialplan(text: str) -> None:
    assert_only_diagnostics(text)


@given(st.binary())
def test_any_bytes_give_diagnostics_or_a_dialplan(data: bytes) -> None:
    with within_limit():
        outcome = compile_text(data)
    assert outcome.compiled.files is not None or outcome.diagnostics


# Every place where the language takes a text, and what must be there for it.
PLACES = {
    "display": 'employee a { name TEXT sip "PJSIP/a" }',
    "crm": 'employee a { crm TEXT sip "PJSIP/a" }',
    "extension": 'employee a { extension TEXT sip "PJSIP/a" }',
    "browser": "employee a { browser TEXT } group g at once { a } scenario m { call employee a call group g }",
    "sip": "employee a { sip TEXT } group g random { a } scenario m { call employee a call group g }",
    "mobile": 'settings { country RU trunk "PJSIP/{number}@p" } employee a { mobile TEXT }  group g at once { a }',
    "play": "scenario m { play TEXT }",
    "play for": "scenario m { play TEXT for 5s }",
    "own sound": 'scenario m { play "asterisk:TEXT }',
    "say": 'scenario m { say TEXT wait extension playing say TEXT } employee a { extension 1 sip "PJSIP/a" }',
    "playing": "scenario m { branch playing TEXT { 1 { branch playing TEXT { 2 -> m } } } }",
    "key": "scenario m { branch { TEXT -> m } }",
    "call number": 'settings { country RU trunk "PJSIP/{number}@p" } scenario m { call number TEXT }',
    "call sip": "scenario m { call sip TEXT }",
    "number": "settings { country RU } number TEXT -> m scenario m { }",
    "callers": "settings { country RU } callers c { TEXT } scenario m { when caller in c { } }",
    "switch": "switch s toggled by TEXT scenario m { when switch s { } }",
    "member": 'settings { country RU trunk "PJSIP/{number}@p" } group g at once { TEXT } scenario m { call group g }',
    "office": "settings { office TEXT } scenario m { branch { 1 -> m } }",
    "country": 'settings { country TEXT } callers c { "+7*" } scenario m { when caller in c { } }',
    "timezone": "settings { timezone TEXT } scenario m { when mon { } }",
    "language": 'settings { language TEXT } number "+7 495 123-45-67" -> m scenario m { say "x" }',
    "trunk": 'settings { trunk TEXT } scenario m { call number "+7 495 123-45-67" }',
    "trunk with a number": 'settings { trunk "{number}TEXT } scenario m { call number "+7 495 123-45-67" }',
    "sip setting": 'settings { sip "PJSIP/{address}TEXT } scenario m { call sip "a@b.example" }',
    "prompts": 'settings { prompts TEXT } scenario m { play "x" }',
    "domain": 'settings { domain TEXT } scenario m { call sip "a@b.example" }',
    "include": "include TEXT scenario m { }",
}
MARK = "zzz"


def put(place: str, text: str) -> Outcome:
    """A program with a text in a place."""
    literal = quoted(text)
    return compile_text(
        PLACES[place]
        .replace('"asterisk:TEXT', quoted("asterisk:" + text))
        .replace('"{number}TEXT', quoted("PJSIP/{number}" + text))
        .replace('"PJSIP/{address}TEXT', quoted("PJSIP/{address}" + text))
        .replace("TEXT", literal)
    )


@pytest.mark.parametrize("place", PLACES)
@given(text=hostile_texts())
def test_hostile_text_is_data_wherever_it_stands(place: str, text: str) -> None:
    outcome = put(place, text)
    if outcome.compiled.files is None:
        return
    assert complaints_about(outcome.dialplan) == []
    code = "\n".join(code_lines(outcome.dialplan))
    assert "System" not in code.replace("_System_", "")
    assert "SHELL(" not in code


# Signs in no text that a dialplan of ivrc's holds outside of its own expressions.
SIGNS = [";", "&", ",", "${", "$[", "|", "\\", '"', "(", ")", "{", "\t", "\r", "\u2028", "?"]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("place", PLACES)
def test_no_sign_of_the_dialplan_gets_through(place: str, sign: str) -> None:
    """A mark on both sides of the sign: no line of code holds the three together."""
    outcome = put(place, f"PJSIP/{MARK}{sign}{MARK}" if place in ("browser", "sip") else f"{MARK}{sign}{MARK}")
    if outcome.compiled.files is not None:
        assert [line for line in code_lines(outcome.dialplan) if f"{MARK}{sign}" in line] == []


@pytest.mark.parametrize("place", PLACES)
def test_harmless_text_gets_through_somewhere(place: str) -> None:
    """The places above are places: with a text that fits, the program compiles."""
    fitting = {
        **dict.fromkeys(["extension"], "7"),
        **dict.fromkeys(["browser", "sip"], "PJSIP/x"),
        **dict.fromkeys(["mobile", "call number", "number", "callers", "member"], "+7 495 123-45-67"),
        **dict.fromkeys(["trunk"], "PJSIP/{number}@p"),
        **dict.fromkeys(["trunk with a number"], "@p"),
        **{"key": "1", "call sip": "a@b.example", "switch": "*1", "country": "RU", "timezone": "UTC", "language": "ru"},
        **{"include": "none.ivr"},
    }
    assert put(place, fitting.get(place, "x")).codes == (["IVR107"] if place == "include" else [])
