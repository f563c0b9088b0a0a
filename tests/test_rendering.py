"""What a user sees of a fault, letter for letter, through the whole program."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import compile_text, run_python, write_tree


def shown(source: str) -> str:
    """All that a terminal shows of a text's faults, the temporary folder left out."""
    return re.sub(r"(?m)^( +--> ).*/", r"\1", "\n\n".join(compile_text(source).shown))


def ivrc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_python(["-m", "ivrc", *arguments], folder)


# ── exact text ──────────────────────────────────────────────────────────────────────────────────


def test_unknown_name() -> None:
    source = 'employee anna { sip "PJSIP/anna" }\nscenario main {\n    call employee ana\n}\n'
    assert shown(source) == (
        "error[IVR201]: there is no employee `ana`\n"
        "  --> office.ivr:3:19\n"
        "   |\n"
        " 3 |     call employee ana\n"
        "   |                   ^^^\n"
        "  = help: did you mean `anna`?"
    )


def test_second_place() -> None:
    source = 'switch day toggled by "*28"\nswitch night toggled by "*28"\n'
    assert shown(source) == (
        "error[IVR413]: the code *28 is taken\n"
        "  --> office.ivr:2:25\n"
        "   |\n"
        ' 2 | switch night toggled by "*28"\n'
        "   |                         ^^^^^\n"
        "  --> office.ivr:1:23\n"
        "   |\n"
        ' 1 | switch day toggled by "*28"\n'
        "   |                       ^^^^^ it flips this one"
    )


def test_warning() -> None:
    source = "scenario main {\n    hangup\n    hangup\n}\n"
    assert shown(source) == (
        "warning[IVR902]: no call gets here: `hangup` before it is where the call goes\n"
        "  --> office.ivr:3:5\n"
        "   |\n"
        " 3 |     hangup\n"
        "   |     ^^^^^^\n"
        "  = help: take it out, or move it up"
    )


def test_tabs_are_shown_as_spaces_of_one_column() -> None:
    assert shown("scenario main {\n\t\t->\tnowhere\n}\n") == (
        "error[IVR201]: there is no scenario `nowhere`\n"
        "  --> office.ivr:2:6\n"
        "   |\n"
        " 2 |   -> nowhere\n"
        "   |      ^^^^^^^\n"
        "  = help: there are: `main`"
    )


def test_cyrillic_letters_take_one_column() -> None:
    assert shown("scenario главный { call group продажи }\n") == (
        "error[IVR201]: there is no group `продажи`\n"
        "  --> office.ivr:1:31\n"
        "   |\n"
        " 1 | scenario главный { call group продажи }\n"
        "   |                               ^^^^^^^\n"
        "  = help: nothing declares a group in this office yet"
    )


def test_wide_letters_take_two_columns_of_a_terminal() -> None:
    """The place is counted in characters, the carets in cells."""
    assert shown("scenario 受付 { -> 花子 }\n").splitlines()[1:5] == [
        "  --> office.ivr:1:18",
        "   |",
        " 1 | scenario 受付 { -> 花子 }",
        "   |                    ^^^^",
    ]


def test_control_characters_are_shown_as_a_sign() -> None:
    assert shown('settings { timezone "\x1b[31mUTC" }\n') == (
        "error[IVR209]: there is no time zone `�[31mUTC`\n"
        "  --> office.ivr:1:21\n"
        "   |\n"
        ' 1 | settings { timezone "�[31mUTC" }\n'
        "   |                     ^^^^^^^^^^\n"
        '  = help: as in: timezone "Europe/Moscow"'
    )


@pytest.mark.parametrize("before", [0, 50, 79, 80, 81, 159, 160, 161, 5000])
@pytest.mark.parametrize("after", [0, 80, 5000])
def test_long_lines_keep_the_caret_under_the_fault(before: int, after: int) -> None:
    source = "scenario main {\n" + " " * before + "plya" + " " * after + "\n}\n"
    lines = shown(source).splitlines()
    begin, end = lines[4].index("^"), lines[4].rindex("^") + 1
    assert lines[1] == f"  --> office.ivr:2:{before + 1}"
    assert lines[3][begin:end] == "plya"
    assert max(map(len, lines)) <= 180


# ── hints ───────────────────────────────────────────────────────────────────────────────────────

PLACES = 'employee anna { sip "PJSIP/a" }\nemployee boris { sip "PJSIP/b" }\nswitch night toggled by "*1"\n'


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("scenrio main { }", "did you mean `scenario`?"),
        ("scenario main { brnach { } }", "did you mean `branch`?"),
        ("scenario main { call employee bori }", "did you mean `boris`?"),
        ("scenario main { call employee BORIS }", "did you mean `boris`?"),
        ("scenario main { when switch nigth { } }", "did you mean `night`?"),
        ("scenario main { -> mian }", "did you mean `main`?"),
        ('settings { timezone "Europe/Mosco" }', "did you mean `Europe/Moscow`?"),
        ('settings { timezone "europe/moscow" }', "did you mean `Europe/Moscow`?"),
        ("settings { country ru }", "did you mean `RU`?"),
        ("settings { lanquage ru }", "did you mean `language`?"),
        ("employee vera { extention 101 }", "did you mean `extension`?"),
        ("scenario main { call employee zzz }", "there are: `anna`, `boris`"),
        ("scenario main { call group zzz }", "nothing declares a group in this office yet"),
        ("scenario main { call group anna }", "write `call employee anna`"),
        ("scenario main { when night { } }", "write `when switch night`"),
    ],
)
def test_help_names_what_was_meant(source: str, hint: str) -> None:
    diagnostics = compile_text(PLACES + source + "\n").diagnostics
    assert [diagnostic.help for diagnostic in diagnostics] == [hint]


# ── the command line ────────────────────────────────────────────────────────────────────────────


def test_errors_go_to_standard_error_with_a_last_line(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": "scenario main { hangup hangup -> other }\n", "b.ivr": "scenario x { -> y }\n"})
    run = ivrc(tmp_path, "check", "office.ivr", "b.ivr")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("warning[IVR902]")
    assert run.stderr.endswith("\n\nivrc: 2 errors, 1 warning; nothing was written\n")


def test_warnings_alone_are_no_failure(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": "scenario main { hangup hangup }\n"})
    run = ivrc(tmp_path, "check", "office.ivr")
    assert (run.returncode, run.stdout) == (0, "office: all is well (1 warning)\n")
    assert run.stderr.startswith("warning[IVR902]")


def test_json_of_faults(tmp_path: Path) -> None:
    source = 'employee анна { sip "PJSIP/a" }\nemployee анна { sip "PJSIP/b" }\nscenario main { hangup hangup }\n'
    write_tree(tmp_path, {"office.ivr": source})
    run = ivrc(tmp_path, "check", "--format", "json", "office.ivr")
    assert (run.returncode, run.stderr) == (1, "")
    assert json.loads(run.stdout) == {
        "ok": False,
        "offices": [],
        "diagnostics": [
            {
                "code": "IVR202",
                "severity": "error",
                "message": "employee `анна` is declared twice",
                "help": "rename one of them",
                **where(2, 10, 14),
                "labels": [{"text": "first declared here", **where(1, 10, 14)}],
            },
            {
                "code": "IVR902",
                "severity": "warning",
                "message": "no call gets here: `hangup` before it is where the call goes",
                "help": "take it out, or move it up",
                **where(3, 24, 30),
                "labels": [],
            },
        ],
    }


def where(line: int, column: int, end: int) -> dict[str, object]:
    """A place in office.ivr as the JSON form has it."""
    return {"path": "office.ivr", "line": line, "column": column, "end_line": line, "end_column": end}


def test_json_of_success(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": "scenario main { hangup }\n"})
    checked = ivrc(tmp_path, "check", "--format", "json", "office.ivr")
    written = ivrc(tmp_path, "compile", "--format", "json", "office.ivr", "-o", "build")
    assert (checked.stderr, written.stderr) == ("", "")
    assert json.loads(checked.stdout) == {"ok": True, "offices": ["office"], "diagnostics": []}
    assert json.loads(written.stdout) == {"ok": True, "offices": ["office"], "output": "build", "diagnostics": []}


def test_json_is_one_object_whatever_the_source_holds(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": 'settings { timezone "\x1b[31m\u2028\\"{}" }\n'})
    run = ivrc(tmp_path, "check", "--format", "json", "office.ivr")
    (diagnostic,) = json.loads(run.stdout)["diagnostics"]
    assert diagnostic["code"] == "IVR209"
    assert "\x1b" not in run.stdout
