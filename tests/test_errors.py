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
from tests.support import ERRORS

CASES = sorted(path.stem for path in ERRORS.glob("*.ivr"))
# Codes that take more than one file to cause, each with a test in this module's neighbours.
WITH_FILES = {
    "IVR106": "tests/unit/test_loading.py",
    "IVR206": "tests/unit/test_pipeline.py",
    "IVR408": "tests/unit/test_pipeline.py",
}

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
    assert set(CODES) - announced == set(WITH_FILES)


def test_codes_that_need_files_have_their_tests() -> None:
    root = Path(__file__).parents[1]
    assert [code for code, file in WITH_FILES.items() if code not in (root / file).read_text("utf-8")] == []

