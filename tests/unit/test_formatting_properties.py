"""What formatting never does: change a program, fail, or come to another form the second time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ivrc.formatting import format_source
from ivrc.parser import parse
from ivrc.source import Source
from ivrc.tokens import Token
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


def shape(node: Any) -> Any:
    """A tree without the places of its nodes."""
    if isinstance(node, Token):
        return node.type, node.text
    if isinstance(node, tuple):
        fields = getattr(node, "_fields", None) or [""] * len(node)
        kept = (each for name, each in zip(fields, node, strict=True) if name not in ("start", "end"))
        return (type(node).__name__, *map(shape, kept))
    return node


def tree_of(text: str) -> Any:
    tree, faults = parse(Source("", text))
    assert faults == []
    return shape(tree)


SIGNS = ["\r", "\r\n", "\n", "#", '"', "# c", "\\", " ", "a", "{", "->", ","]


@st.composite
def line_ends_and_quotes(draw: DrawFn) -> str:
    """A program with line ends of all systems, comments and quotes between its words, and in its strings."""

    def some() -> str:
        return "".join(draw(st.lists(st.sampled_from(SIGNS), max_size=4)))

    def gap() -> str:
        # With a sign after it `#` cannot be a key.
        comment = "#:" + some().replace("\r", "").replace("\n", "") + draw(st.sampled_from(["\r", "\n", "\r\n"]))
        return draw(st.sampled_from([" ", "\r", "\r\n", "\n", comment, comment]))

    string = '"' + re.sub(r'[\n"\\]', "", some()) + '"'
    words = ["scenario", "main", "{", "play", string, "branch", "{", "1", "->", "main", "#", "->", "main", "}", "}"]
    # A key `#` stands on one line with what follows it.
    return gap() + "".join(word + (" " if word == "#" else gap()) for word in words)


@given(line_ends_and_quotes())
@example('# "x"\rscenario main { hangup }')
@example('scenario main { play "a#b\rc" }')
@example('scenario main { play "a#b\rc" # "d"\r}\r')
def test_formatting_keeps_the_tree(text: str) -> None:
    formatted, faults = format_source(text)
    assert faults == []
    assert formatted is not None
    assert tree_of(formatted) == tree_of(text)
    assert format_source(formatted) == (formatted, [])


@given(broken())
def test_formatting_keeps_the_tree_of_whatever_can_be_read(text: str) -> None:
    formatted, _ = format_source(text)
    if formatted is not None:
        assert tree_of(formatted) == tree_of(text)


@pytest.mark.parametrize("text", ["plya\r\n", "# c\r\nscenario main {\r\n    plya\r\n}\r\n"])
def test_fault_has_its_place_in_the_text_as_it_was(text: str) -> None:
    _, (fault,) = format_source(text)
    assert text[fault.start : fault.end] == "plya"


@pytest.mark.parametrize("line_end", ["\r", "\r\n", "\n"])
def test_comment_ends_at_any_line_end(line_end: str) -> None:
    assert format_source(f"# c{line_end}scenario main {{ hangup }}{line_end}")[1] == []
