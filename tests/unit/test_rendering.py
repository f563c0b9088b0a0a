"""Diagnostics as people and machines read them."""

from __future__ import annotations

import unicodedata

import pytest

from ivrc.diagnostics import Diagnostic, Label, render
from ivrc.source import Sources
from tests.support import compile_text


def shown(text: str, underlined: str, note: str = "", help_: str = "") -> str:
    """A diagnostic at the first place of some text."""
    sources = Sources()
    sources.add("other.ivr", "nothing here\n")
    source = sources.add("office.ivr", text)
    start = source.base + text.index(underlined)
    labels = (Label(start, start + len(underlined), note),) if note else ()
    diagnostic = Diagnostic("IVR201", start, start + len(underlined), "what is wrong", help_, labels)
    return render.render_text(diagnostic, sources)


def width(text: str) -> int:
    """Terminal cells of a text."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def underlined(rendered: str) -> str:
    """What the carets stand under, by terminal cells."""
    line, carets = rendered.splitlines()[3:5]
    begin, end = carets.index("^"), carets.rindex("^") + 1
    found, at = "", 0
    for char in line:
        if begin <= at < end:
            found += char
        at += width(char)
    return found


def test_one_diagnostic_as_a_terminal_shows_it() -> None:
    text = "scenario main {\n    call group sals\n}\n"
    assert shown(text, "sals", help_="did you mean `sales`?") == (
        "error[IVR201]: what is wrong\n"
        "  --> office.ivr:2:16\n"
        "   |\n"
        " 2 |     call group sals\n"
        "   |                ^^^^\n"
        "  = help: did you mean `sales`?"
    )


def test_second_place_is_shown_with_its_note() -> None:
    assert shown("employee anna { }\n", "anna", note="first declared here").splitlines()[5:] == [
        "  --> office.ivr:1:10",
        "   |",
        " 1 | employee anna { }",
        "   |          ^^^^ first declared here",
    ]


def test_line_numbers_of_any_length_keep_the_columns() -> None:
    rendered = shown("\n" * 999 + "employee anna { }", "anna").splitlines()
    assert rendered[1:] == [
        "     --> office.ivr:1000:10",
        "      |",
        " 1000 | employee anna { }",
        "      |          ^^^^",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "\tcall group sals",
        "call\tgroup \t sals",
        "группа «Продажи» sals",
        'say "電話番号" sals',
        'say "cafe\u0301 n\u0303" sals',
        'say "ｗｉｄｅ" sals',
        "x" * 500 + " sals " + "y" * 500,
        "x" * 500 + " sals",
        "sals " + "y" * 500,
        'say "電' + "電" * 300 + '" sals',
    ],
    ids=["tab", "tabs", "cyrillic", "wide", "combining", "fullwidth", "long", "end", "begin", "long-wide"],
)
def test_carets_stand_under_the_fault(line: str) -> None:
    assert underlined(shown(line + "\r\nnext", "sals")) == "sals"


def test_long_line_is_shown_in_part() -> None:
    rendered = shown("x" * 100_000 + " sals " + "y" * 100_000, "sals")
    assert max(map(len, rendered.splitlines())) < 200


def test_long_fault_is_shown_in_part() -> None:
    outcome = compile_text("scenario main { " + "x" * 100_000 + " }\n")
    assert outcome.codes == ["IVR101"]
    assert len(outcome.shown[0]) < 2000


def test_long_name_is_shown_in_part() -> None:
    outcome = compile_text("scenario main { -> " + "x" * 100_000 + " }\n")
    assert outcome.codes == ["IVR201"]
    assert len(outcome.shown[0]) < 2000


@pytest.mark.parametrize("control", ["\x1b[31m", "\x1b]0;title\x07", "\x00", "\x9b31m", "\u202e", "\u2028", "\r"])
def test_control_characters_never_reach_the_terminal(control: str) -> None:
    """In the line, in the message, in the help."""
    source = f'settings {{ timezone "Europe/{control}Moscow" }}\nscenario main {{ -> "{control}" }}\n'
    rendered = "\n".join(compile_text(source).shown)
    assert "Moscow" in rendered
    assert [char for char in rendered if char != "\n" and not char.isprintable()] == []


def test_control_characters_in_a_files_name_never_reach_the_terminal() -> None:
    sources = Sources()
    source = sources.add("o\x1b[31m.ivr", "scenario")
    rendered = render.render_text(Diagnostic("IVR101", source.base, source.base + 8, "wrong"), sources)
    assert "\x1b" not in rendered
    assert "[31m.ivr:1:1" in rendered


def test_fault_over_several_lines_is_underlined_on_the_first() -> None:
    rendered = shown("branch {\n  1\n}", "branch {\n  1\n}").splitlines()
    assert rendered[3:] == [" 1 | branch {", "   | ^^^^^^^^"]


def test_fault_at_the_end_of_the_file_has_a_caret() -> None:
    sources = Sources()
    source = sources.add("office.ivr", "scenario")
    end = source.base + 8
    rendered = render.render_text(Diagnostic("IVR101", end, end, "wrong"), sources)
    assert rendered.splitlines()[3:] == [" 1 | scenario", "   |         ^"]


def test_diagnostic_without_a_place() -> None:
    assert render.render_text(Diagnostic("IVR106", -1, -1, "cannot be read"), Sources()) == (
        "error[IVR106]: cannot be read"
    )


def test_warning_is_called_one() -> None:
    assert render.render_text(Diagnostic("IVR901", -1, -1, "odd"), Sources()) == "warning[IVR901]: odd"


def test_json_form() -> None:
    sources = Sources()
    source = sources.add("office.ivr", "employee анна { }\nemployee анна { }\n", "shown/office.ivr")
    first, second = source.base + 9, source.base + 27
    label = Label(first, first + 4, "first declared here")
    diagnostic = Diagnostic("IVR202", second, second + 4, "declared twice", "rename", (label,))
    assert render.render_json(diagnostic, sources) == {
        "code": "IVR202",
        "severity": "error",
        "message": "declared twice",
        "help": "rename",
        "path": "shown/office.ivr",
        "line": 2,
        "column": 10,
        "end_line": 2,
        "end_column": 14,
        "labels": [
            {
                "text": "first declared here",
                "path": "shown/office.ivr",
                "line": 1,
                "column": 10,
                "end_line": 1,
                "end_column": 14,
            }
        ],
    }


def test_json_form_without_a_place() -> None:
    assert render.render_json(Diagnostic("IVR106", -1, -1, "cannot be read"), Sources()) == {
        "code": "IVR106",
        "severity": "error",
        "message": "cannot be read",
        "help": "",
        "labels": [],
    }


def test_diagnostics_come_by_place_and_once() -> None:
    late, early = Diagnostic("IVR101", 9, 10, "b"), Diagnostic("IVR201", 3, 4, "a")
    assert render.in_order([late, early, late]) == [early, late]
