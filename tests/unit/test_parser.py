"""Text to AST: names, signs, and what is reported when the text is not in the language."""

from __future__ import annotations

import unicodedata

import pytest

from ivrc import ast
from ivrc.parser import MAX_FAULTS, parse
from ivrc.parser.lexer import MAX_DEPTH
from ivrc.source import Source
from ivrc.tokens import Token
from tests.support import OFFICE, codes_of, compile_apart, compile_text, office_of


def parsed(text: str) -> tuple[ast.Declaration, ...]:
    tree, diagnostics = parse(Source("office.ivr", text))
    assert diagnostics == []
    return tree.declarations


def faults(text: str) -> list[tuple[int, str]]:
    """(line, code) of every syntax fault."""
    source = Source("office.ivr", text)
    return [(source.place(each.start).line, each.code) for each in parse(source)[1]]


# ── what is in the language ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "\n", "   \t\r\n", "# a comment", "# a comment\n", "\ufeff", "\ufeff# x\n"])
def test_empty_file_declares_nothing(text: str) -> None:
    assert parsed(text) == ()


@pytest.mark.parametrize("break_", ["\n", "\r\n", " ", "\t", "\n\n"])
def test_line_ends_separate_nothing_that_braces_do_not(break_: str) -> None:
    text = OFFICE.replace("\n", break_).replace("  ", break_)
    assert len(parsed(text)) == len(parsed(OFFICE)) == 5


def test_byte_order_mark_does_not_move_the_columns() -> None:
    source = "\ufeffscenari main { }\n"
    assert "office.ivr:1:1\n" in compile_text(source).shown[0]


def test_carriage_returns_do_not_move_the_columns() -> None:
    outcome = compile_text("settings { }\r\nscenario main {\r\n  plya\r\n}\r\n")
    assert outcome.codes == ["IVR101"]
    assert "office.ivr:3:3\n" in outcome.shown[0]


@pytest.mark.parametrize("name", ["продажи", "花子", "café", "naïve", "ёлка", "אבג", "ضيف", "_x", "x1", "नमस्ते", "ขาย"])
def test_names_are_in_any_script(name: str) -> None:
    office = office_of(f"scenario {name} {{ }}\nscenario other {{ -> {name} }}\n")
    assert office.scenarios[0].name == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", ["йод", "café", "Å"])
def test_two_spellings_of_a_name_are_one_name(name: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)
    assert composed != decomposed
    assert codes_of(f"scenario {composed} {{ }}\nscenario other {{ -> {decomposed} }}\n") == []


WORDS = sorted(
    [
        "settings",
        "employee",
        "group",
        "hours",
        "callers",
        "switch",
        "number",
        "scenario",
        "include",
        "office",
        "country",
        "timezone",
        "language",
        "trunk",
        "sip",
        "prompts",
        "domain",
        "name",
        "crm",
        "extension",
        "browser",
        "email",
        "mobile",
        "confirm",
        "at",
        "once",
        "in",
        "order",
        "random",
        "holidays",
        "except",
        "also",
        "toggled",
        "by",
        "other",
        "play",
        "say",
        "wait",
        "call",
        "then",
        "desk",
        "no",
        "all",
        "mobiles",
        "second",
        "responsible",
        "reach",
        "anyone",
        "branch",
        "nothing",
        "wrong",
        "when",
        "else",
        "caller",
        "hidden",
        "voicemail",
        "to",
        "fax",
        "hangup",
        "record",
        "calls",
        "for",
        "playing",
        "retries",
    ]
)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_language_may_be_a_name(word: str) -> None:
    office = office_of(
        'settings { office other_name  timezone "UTC" }\n'
        f'employee {word} {{ sip "PJSIP/x" }}\n'
        f"group {word} at once {{ {word} }}\n"
        f"hours {word} {{ mon }}\n"
        f'callers {word} {{ "+7 495 *" }}\n'
        f'switch {word} toggled by "*1"\n'
        f'number "+7 495 123-45-67" -> {word}\n'
        f"scenario {word} {{ call group {word}  call employee {word}  when caller in {word} -> last\n"
        f"  when switch {word} -> last  -> last }}\n"
        "scenario last { }\n"
    )
    assert office.scenarios[0].name == office.groups[0].name == office.employees[0].name == word
    assert len(office.scenarios[0].body.steps) == 5


def test_days_may_be_names() -> None:
    assert office_of("scenario mon { }\nscenario x { -> mon }\n").scenarios[0].name == "mon"


def test_comment_ends_where_an_editor_ends_the_line() -> None:
    """A carriage return alone ends a line too: what follows must not vanish into the comment."""
    assert codes_of("# an office\rplya\r") == ["IVR101"]


def test_strings_have_two_escapes() -> None:
    token = Token("STRING", r'"a \"b\" \\ \n \x c"', 0)
    assert token.value == r'a "b" \ \n \x c'


def test_commas_are_allowed_in_lists() -> None:
    with_commas = "group g in order { , a, b , ,c, }"
    (group,) = parsed(with_commas)
    assert isinstance(group, ast.Group)
    assert [member.target.text for member in group.members] == ["a", "b", "c"]


def test_hash_in_a_branch_is_a_key_only_before_what_follows_a_key() -> None:
    (scenario,) = parsed("scenario s { branch {\n1 -> s # -> s\n# {hangup} # comment\n\n} }")
    assert isinstance(scenario, ast.Scenario)
    (branch,) = scenario.body.steps
    assert isinstance(branch, ast.Branch)
    assert [[key.text for key in case.keys] for case in branch.cases] == [["1"], ["#"], ["#"]]


@pytest.mark.parametrize(
    "text", ["scenario s { } # -> a", "scenario s { when caller hidden { } # { a\n}", "scenario s { -> s # , a\n}"]
)
def test_hash_outside_of_a_branch_begins_a_comment_whatever_it_says(text: str) -> None:
    assert faults(text) == []


def test_hash_in_a_string_is_text() -> None:
    assert office_of('employee a { name "a # b" sip "PJSIP/a" }').employees[0].display == "a # b"


# ── what is not ─────────────────────────────────────────────────────────────────────────────────


def test_many_faults_in_one_file_are_all_reported_and_nothing_else() -> None:
    text = """\
settings { office acme  timezone "UTC" }
employee anna {
    extenson 101
    sip "PJSIP/anna"
}
emplyee boris { sip "PJSIP/boris" }
group sales random { anna 40 % }
hours open { mon-fri 9-18 }
callers vip { +7 }
switch night by "*28"
number +7 -> main
scenario main {
    play welcome
    branch retrys 2 {
        1 { hangup }
        2 -> main
    }
    wen open { hangup }
    call employee anna for 20
    play "asterisk:beep"
}
scenario other { -> main }
"""
    assert [line for line, _ in faults(text)] == [3, 6, 7, 8, 9, 10, 11, 13, 14, 18, 19]


def test_declarations_around_a_fault_are_understood() -> None:
    text = OFFICE + "scenari one { }\nscenario two { -> three }\nscenario three { plya  -> four }\n"
    outcome = compile_text(text)
    assert outcome.codes == ["IVR101", "IVR101"]


def test_fault_before_a_block_of_the_hash_key_takes_the_whole_statement() -> None:
    text = "scenario main {\n branch retrys 2 {\n  # {\n   hangup\n  }\n  1 -> main\n }\n hangup\n}\nscenario x { }\n"
    assert faults(text) == [(2, "IVR101")]


def test_unclosed_brace_is_found_at_the_next_declaration() -> None:
    text = "scenario a {\n  hangup\n\nscenario b {\n  hangup\n}\n\nscenario c {\n  hangup\n\nscenario d { }\n"
    assert faults(text) == [(1, "IVR103"), (8, "IVR103")]


def test_unclosed_brace_of_an_inner_block_is_the_one_reported() -> None:
    text = "scenario a {\n  branch {\n    # {\n      hangup\n    1 { hangup }\n  }\n}\nscenario b { }\n"
    assert (3, "IVR103") in faults(text)


def test_superfluous_brace_hides_nothing() -> None:
    assert faults("scenario a { } }\nscenario b { plya }\n") == [(1, "IVR101"), (2, "IVR101")]


def test_unclosed_text_hides_nothing() -> None:
    text = 'scenario a {\n  play "x\n  plya\n}\nscenario b { play y }\n'
    assert faults(text) == [(2, "IVR102"), (3, "IVR101"), (5, "IVR101")]


def test_faults_are_counted_out_at_some_point() -> None:
    assert len(faults("plya\n" * 1000)) == MAX_FAULTS


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_blocks_as_deep_as_allowed_compile(depth: int) -> None:
    inner = depth - 1
    text = "scenario main { " + "when caller hidden { " * inner + "hangup" + " }" * inner + " }"
    assert codes_of(text) == []


def test_ten_thousand_braces() -> None:
    text = "scenario main { " + "when caller hidden { " * 10_000 + " }" * 10_001
    assert faults(text) == [(1, "IVR105")]
    assert "IVR101" in compile_text("{" * 10_000).codes


def test_thousand_conditions_in_a_row() -> None:
    """`else when` nests no braces, however many there are."""
    text = "scenario main { " + "else ".join(["when caller hidden { hangup }\n"] * 1000) + " }"
    run = compile_apart(text)
    assert "Traceback" not in run.stderr
    assert run.returncode in (0, 1)


@pytest.mark.parametrize(
    "junk",
    [bytes(range(32, 256)), b"\x7fELF\x02\x01\x01" + bytes(100), b"\xff\xfe\x00s", b"\x89PNG\r\n\x1a\n", b"\xc3("],
    ids=["latin", "elf", "utf-16", "png", "cut"],
)
def test_binary_junk_is_no_text(junk: bytes) -> None:
    outcome = compile_text(junk)
    assert set(outcome.codes) <= {"IVR101", "IVR104", "IVR106"}
    assert outcome.codes


def test_text_of_control_characters_is_reported() -> None:
    assert codes_of("\x00\x01\x02 \x1b[31m \x7f\n") == ["IVR104"]


@pytest.mark.parametrize(
    "line",
    [";" * 1_000_000, "# " + "x" * 5_000_000, "a " * 200_000, '"' + "x" * 1_000_000, "{" * 200_000],
    ids=["signs", "comment", "words", "text", "braces"],
)
def test_line_of_megabytes(line: str) -> None:
    assert len(faults(line)) <= 1


def test_name_of_a_megabyte() -> None:
    assert codes_of("scenario " + "x" * 1_000_000 + " { }\n") == []
