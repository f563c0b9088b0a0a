"""The canonical form: stable, and nothing but white space changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivrc.formatting import format_source

EXAMPLES = sorted(Path("examples").rglob("*.ivr"))


def formatted(text: str) -> str:
    result, faults = format_source(text)
    assert faults == []
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("", ""),
        ("\n\n", ""),
        ('scenario   a{play "x"   for 8s}', 'scenario a { play "x" for 8s }\n'),
        ("scenario a {\nhangup }", "scenario a {\n    hangup\n}\n"),
        ("scenario a\n{\n\n\nhangup\n\n\n\n}", "scenario a {\n    hangup\n}\n"),
        (
            "scenario a { branch {\n1->a # one\n#->a\n# a comment\n} }",
            "scenario a {\n    branch {\n        1 -> a  # one\n        # -> a\n        # a comment\n    }\n}\n",
        ),
        ("hours o { mon - fri 09:00 - 18:00 , sat }", "hours o { mon-fri 09:00-18:00, sat }\n"),
        ("# one\n\n\n# two\n", "# one\n\n# two\n"),
        (
            'test "a"for each k,w{\n1 anna# one\n"22"  b\n# two\n}\n{\npress<k>\nexpect{rings<w>for 3s}}',
            'test "a" for each k, w {\n    1    anna  # one\n    "22" b\n    # two\n} {\n'
            "    press <k>\n    expect { rings <w> for 3s }\n}\n",
        ),
        (
            'test "a" for each k, w {\n1,  anna\n22 b } { expect ends }',
            'test "a" for each k, w {\n    1, anna\n    22 b\n} { expect ends }\n',
        ),
        ('test "a" for each k { 1   22 } { expect ends }', 'test "a" for each k { 1 22 } { expect ends }\n'),
        ('switch s toggled\r\nby "*1"\r\n', 'switch s toggled\nby "*1"\n'),
    ],
)
def test_canonical_form(written: str, canonical: str) -> None:
    assert formatted(written) == canonical


@pytest.mark.parametrize("path", EXAMPLES, ids=str)
def test_formatting_twice_is_formatting_once(path: Path) -> None:
    once = formatted(path.read_text(encoding="utf-8"))
    assert formatted(once) == once


def test_a_file_with_syntax_errors_is_not_formatted() -> None:
    result, faults = format_source("scenario a { plya }")
    assert result is None
    assert [fault.code for fault in faults] == ["IVR101"]
