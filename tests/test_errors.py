"""Every fault that the compiler finds, with where it points and what it says.

In tests/errors/*.ivr a comment says what is expected of its own line or, where it stands alone, of the next
line of the program:

    # error: COLUMN [CODE] "part of the message"
    # warning: COLUMN [CODE] "part of the message"
    # help: "part of the help of the diagnostic above"

Nothing else may be reported in the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ivrc import pipeline
from ivrc.diagnostics import CODES, render
from tests.support import ERRORS, compile_text, write_tree

CASES = sorted(path.stem for path in ERRORS.glob("*.ivr"))
# Codes that take more than a file of text to cause: tested at the end of this module.
WITH_FILES = {"IVR106", "IVR206", "IVR408", "IVR501", "IVR502"}

_EXPECTED = re.compile(r'# (error|warning): (\d+) \[(IVR\d+)\] "((?:[^"\\]|\\.)*)"(?: # help: "([^"]*)")?')
_HELP = re.compile(r'^\s*# help: "([^"]*)"')


class Expected(NamedTuple):
    """A diagnostic that a file announces."""

    line: int
    column: int
    severity: str
    code: str
    message: str
    help: str


def expectations(text: str) -> list[Expected]:
    """The diagnostics announced in a file."""
    found: list[Expected] = []
    pending: list[Expected] = []
    for number, line in enumerate(text.split("\n"), 1):
        alone = line.lstrip().startswith(("# error:", "# warning:"))
        announced = [
            Expected(number, int(column), severity, code, message.replace('\\"', '"'), help_)
            for severity, column, code, message, help_ in _EXPECTED.findall(line)
        ]
        assert len(announced) == line.count("# error:") + line.count("# warning:"), f"line {number} is malformed"
        if alone:
            pending += announced
        elif help_ := _HELP.match(line):
            pending[-1] = pending[-1]._replace(help=help_[1])
        else:
            found += [each._replace(line=number) for each in pending] + announced
            pending = []
    assert not pending, "an expectation stands after the last line"
    return sorted(found)


def matches(expected: Expected, found: Expected) -> bool:
    return expected[:4] == found[:4] and expected.message in found.message and expected.help in found.help


@pytest.mark.parametrize("case", CASES)
def test_file_has_exactly_the_faults_that_it_announces(case: str) -> None:
    path = ERRORS / f"{case}.ivr"
    result = pipeline.check([path])
    found = sorted(
        Expected(*result.sources.place(each.start)[1:], each.severity, each.code, each.message, each.help)
        for each in render.in_order(result.diagnostics)
    )
    left = list(found)
    missing = []
    for expected in expectations(path.read_bytes().decode()):
        same = next((each for each in left if matches(expected, each)), None)
        if same is None:
            missing.append(expected)
        else:
            left.remove(same)
    assert (missing, left) == ([], [])


@pytest.mark.parametrize("case", CASES)
def test_file_announces_something(case: str) -> None:
    assert expectations((ERRORS / f"{case}.ivr").read_bytes().decode())


def test_every_code_has_a_case() -> None:
    announced = {each.code for case in CASES for each in expectations((ERRORS / f"{case}.ivr").read_bytes().decode())}
    assert set(CODES) - announced == WITH_FILES


UNFINISHED = ["play", "say", "wait", "call", "call employee", "call employee anna for", "branch playing", "when", "->"]
NEXT = {
    "brace": " }",
    "brace-below": "\n}",
    "step": "\n    hangup\n}",
    "block": "\n    when caller hidden {\n        hangup\n    }\n}",
    "inner-brace": "\n    when caller hidden {\n        play\n    }\n    hangup\n}",
    "declaration": "\n}\nscenario other {\n    hangup\n}",
}


@pytest.mark.parametrize("follows", NEXT.values(), ids=NEXT.keys())
@pytest.mark.parametrize("statement", UNFINISHED)
def test_unfinished_statement_is_not_taken_for_an_open_brace(statement: str, follows: str) -> None:
    """All braces are closed here. Whatever else is reported, the block is not what is wrong."""
    source = f'employee anna {{ sip "PJSIP/anna" }}\nscenario main {{\n    {statement}{follows}\n'
    found = compile_text(source).diagnostics
    assert found
    assert {each.code for each in found} <= {"IVR101", "IVR201"}
    assert len(found) <= 3


@pytest.mark.parametrize("declaration", ["include", "switch night", "group sales", 'number "+7 495 123-45-67" ->'])
def test_unfinished_declaration_is_not_taken_for_the_end_of_the_file(declaration: str) -> None:
    found = compile_text(f"{declaration}\nscenario main {{ hangup }}\n").diagnostics
    assert {each.code for each in found} == {"IVR101"}
    assert not any("the file ends" in each.message for each in found)


# ── faults that take other files ────────────────────────────────────────────────────────────────


class Found(NamedTuple):
    """A diagnostic of a folder's compilation; the place as `file:line:column`, empty without one."""

    code: str
    place: str
    message: str
    help: str


def faults(folder: Path, files: dict[str, str | bytes], *names: str) -> list[Found]:
    """What the compiler reports of some files, with everything that it does to prompts."""
    write_tree(folder, files)
    result = pipeline.compile_offices([folder / name for name in names] or [folder])
    found = []
    for each in render.in_order(result.diagnostics):
        place = result.sources.place(each.start) if each.start >= 0 else None
        shown = f"{place.path}:{place.line}:{place.column}" if place else ""
        message = each.message.replace(f"{folder}/", "")
        found.append(Found(each.code, shown, message, each.help))
    assert (result.files is None) == bool(found)
    return found


@pytest.mark.parametrize("text", [b"scenario caf\xe9 { }", b"\xff\xfes\x00", b"\xc3", b"# \xed\xa0\x80\n"])
def test_file_that_is_not_utf_8(tmp_path: Path, text: bytes) -> None:
    message, help_ = "office.ivr is not UTF-8 text (line 1)", "save it as UTF-8"
    assert faults(tmp_path, {"office.ivr": text}) == [Found("IVR106", "", message, help_)]


def test_included_file_that_is_not_utf_8(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"office.ivr": '\n  include "staff.ivr"\n', "staff.ivr": b"# \xe9"}
    (found,) = faults(tmp_path, files, "office.ivr")
    assert found[:3] == ("IVR106", "office.ivr:2:11", "staff.ivr is not UTF-8 text (line 1)")


def test_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may be allowed to read everything: the refusal is made."""
    really = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.suffix == ".ivr":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert faults(tmp_path, {"office.ivr": ""}) == [
        Found("IVR106", "", "office.ivr cannot be read: Permission denied", "")
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.ivr", "nowhere.ivr cannot be read: No such file or directory"),
        ("parts", "parts cannot be read: Is a directory"),
        ("office.ivr/x.ivr", "office.ivr/x.ivr cannot be read: Not a directory"),
        ("\0", "\0 cannot be read: no such path"),
        ("x" * 300, f"{'x' * 300} cannot be read: File name too long"),
    ],
    ids=["missing", "folder", "below-a-file", "nul", "long"],
)
def test_include_of_what_is_no_file(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "parts").mkdir()
    help_ = "paths are relative to the file with the `include`"
    assert faults(tmp_path, {"office.ivr": f'include "{path}"\n'}, "office.ivr") == [
        Found("IVR107", "office.ivr:1:9", message, help_)
    ]


def test_include_within_an_include_is_reported_where_it_stands(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"office.ivr": 'include "parts/a.ivr"\n', "parts/a.ivr": '\ninclude "b.ivr"\n'}
    (found,) = faults(tmp_path, files, "office.ivr")
    assert found[:3] == ("IVR107", "parts/a.ivr:2:9", "parts/b.ivr cannot be read: No such file or directory")


def test_number_of_two_offices(tmp_path: Path) -> None:
    a = 'settings { country RU }\nnumber "8 495 123-45-67" -> main\nnumber other -> main\nscenario main { }\n'
    b = 'number "+7 495 123-45-67" -> main\nnumber other -> main\nscenario main { }\n'
    help_ = "a number belongs to one scenario of one office"
    assert faults(tmp_path, {"a.ivr": a, "b.ivr": b}) == [
        Found("IVR205", "b.ivr:1:8", "+74951234567 is declared twice", help_),
        Found("IVR205", "b.ivr:2:1", "`number other` is declared twice", help_),
    ]


@pytest.mark.parametrize(
    ("files", "place", "name"),
    [
        ({"a.ivr": "settings { office acme }", "b.ivr": "settings { office acme }"}, "b.ivr:1:19", "acme"),
        ({"a.ivr": "settings { office Acme }", "b.ivr": "settings { office acme }"}, "b.ivr:1:19", "acme"),
        ({"a.ivr": "settings { office b }", "b.ivr": "scenario x { }"}, "b.ivr:1:1", "b"),
        ({"one/x.ivr": "scenario x { }", "two/x.ivr": "scenario x { }"}, "two/x.ivr:1:1", "x"),
        ({"x-y.ivr": "settings { }", "x y.ivr": "settings { }"}, "x-y.ivr:1:1", "x_y"),
    ],
    ids=["same", "letter-case", "a-files-name", "two-files-names", "signs"],
)
def test_two_offices_of_one_name(tmp_path: Path, files: dict[str, str | bytes], place: str, name: str) -> None:
    (found,) = faults(tmp_path, files)
    assert found[:3] == ("IVR206", place, f"there are two offices `{name}`")


def test_prompt_that_is_missing_has_near_names_in_its_help(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "office.ivr": 'scenario main {\n    play "welcom"\n    play "welcom"\n}\n',
        "prompts/welcome.wav": b"",
    }
    assert faults(tmp_path, files) == [
        Found("IVR407", "office.ivr:2:10", "there is no prompt `welcom` in prompts/", "did you mean `welcome`?")
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("welcome.wav", b"", "welcome.wav is empty"),
        ("welcome.wav", b"RIFF" + bytes(100), "welcome.wav"),
        ("welcome.wav", b"this is no sound at all" * 10, "welcome.wav"),
        ("welcome.m4a", bytes(100), "welcome.m4a"),
    ],
    ids=["empty", "cut", "text", "another-format"],
)
def test_prompt_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    files: dict[str, str | bytes] = {"office.ivr": f'scenario main {{ play "{name}" }}\n', f"prompts/{name}": content}
    (found,) = faults(tmp_path, files)
    assert found[:2] == ("IVR408", "office.ivr:1:22")
    assert message in found.message


@pytest.mark.parametrize("command", ["/nowhere/espeak-ng", "false"], ids=["missing", "failing"])
def test_text_that_cannot_be_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("IVRC_ESPEAK", command)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (found,) = faults(tmp_path, {"office.ivr": 'scenario main {\n    say "Hello"\n}\n'})
    assert found[:2] == ("IVR409", "office.ivr:2:9")


@pytest.mark.parametrize("text", ["...", "!?", "—"])
def test_text_without_a_word_cannot_be_spoken(tmp_path: Path, text: str) -> None:
    (found,) = faults(tmp_path, {"office.ivr": f'scenario main {{ say "{text}" }}\n'})
    assert found[:2] == ("IVR409", "office.ivr:1:21")


# ── files of tests ──────────────────────────────────────────────────────────────────────────────

TEST = 'test "a caller" {\n    expect rings anna\n}\n'
TESTED = 'employee anna { sip "PJSIP/anna" }\nnumber "+7 495 123-45-67" -> main\nscenario main { call employee anna }\n'


def found_by_check(folder: Path, *names: str) -> list[tuple[str, str, str]]:
    """What `check` reports of files and folders; the place as `file:line:column`."""
    result = pipeline.check([folder / name for name in names] or [folder])
    found = []
    for each in render.in_order(result.diagnostics):
        place = result.sources.place(each.start) if each.start >= 0 else None
        shown = f"{place.path}:{place.line}:{place.column}" if place else ""
        found.append((each.code, shown, each.message.replace(f"{folder}/", "")))
    return found


def test_tests_without_an_office(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": TESTED, "offices.test.ivr": TEST, "office.night.test.ivr": TEST})
    fault = ("IVR501", "", "offices.test.ivr: there is no office of these tests")
    assert found_by_check(tmp_path) == [fault]
    assert found_by_check(tmp_path, "offices.test.ivr") == [fault]
    assert found_by_check(tmp_path, "office.night.test.ivr") == []


def test_declarations_among_tests(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": TESTED, "office.test.ivr": 'include "office.ivr"\n' + TEST})
    assert found_by_check(tmp_path) == [("IVR502", "office.test.ivr:1:1", "a file of tests holds tests alone")]


def test_a_file_of_tests_that_cannot_be_read(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": TESTED, "office.test.ivr": b"# \xe9"})
    assert found_by_check(tmp_path) == [("IVR106", "", "office.test.ivr is not UTF-8 text (line 1)")]


def test_faults_in_tests_are_no_compilations(tmp_path: Path) -> None:
    wrong = TEST.replace("anna", "ana")
    write_tree(tmp_path, {"office.ivr": TESTED + wrong, "office.test.ivr": wrong.replace("a caller", "another")})
    assert [(code, place) for code, place, _ in found_by_check(tmp_path)] == [
        ("IVR201", "office.ivr:5:18"),
        ("IVR201", "office.test.ivr:2:18"),
    ]
    assert pipeline.compile_offices([tmp_path]).diagnostics == []


def test_offices_kept_compiled_have_their_tests_checked(tmp_path: Path) -> None:
    """Several offices compiled before without a fault, and unchanged."""
    other = "scenario other { hangup }\n" + TEST.replace("rings anna", "rings ana")
    write_tree(tmp_path, {"office.ivr": TESTED, "other.ivr": other})
    for _ in range(2):
        assert pipeline.compile_offices([tmp_path]).diagnostics == []
        assert [code for code, *_ in found_by_check(tmp_path)] == ["IVR503", "IVR201"]
