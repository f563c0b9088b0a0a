"""What formatting never does: change a program, fail, or come to another form the second time."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ivrc.formatting import format_source
from tests.strategies import broken, hostile_texts, programs
from tests.support import compile_text


@st.composite
def untidy(draw: DrawFn) -> str:
    """A program with other white space, and comments with anything in them."""
    lines = []
    for line in draw(programs()).split("\n"):
        comment = draw(st.one_of(st.just(""), st.just(""), hostile_texts().map(lambda text: "  # " + text)))
        # A key `#` and what would be taken for one must not come out of a comment.
        lines.append(" " * draw(st.integers(0, 9)) + line + re.sub(r"[\r\n{},>-]", " ", comment))
        lines += [""] * draw(st.sampled_from([0, 0, 0, 1, 3]))
    return draw(st.sampled_from(["\n", "\n", "\r\n"])).join(lines)


def code_of(text: str) -> list[str]:
    """The dialplan without its comments, which name lines."""
    return [line for line in compile_text(text).dialplan.split("\n") if not line.startswith(";")]


@given(untidy())
def test_formatting_keeps_what_a_program_does(text: str) -> None:
    formatted, faults = format_source(text)
    assert faults == []
    assert formatted is not None
    assert format_source(formatted) == (formatted, [])
    assert code_of(formatted) == code_of(text)
    assert re.sub(r"\s", "", formatted) == re.sub(r"\s", "", text)


@given(broken())
@example("# c\rscenario main { hangup }")
@example("scenario main { # c\r hangup }")
def test_formatting_of_any_text_gives_a_form_or_faults(text: str) -> None:
    formatted, faults = format_source(text)
    assert (formatted is None) == bool(faults)
    if formatted is not None:
        assert format_source(formatted) == (formatted, [])


@pytest.mark.parametrize("line_end", ["\r", "\r\n", "\n"])
def test_comment_ends_at_any_line_end(line_end: str) -> None:
    assert format_source(f"# c{line_end}scenario main {{ hangup }}{line_end}")[1] == []
