"""The last gate before the file: what would break it is refused, whatever lowering did."""

from __future__ import annotations

import pytest

from ivrc.emit import escape


@pytest.mark.parametrize("sign", list(';,()"\\&|$] \t\n\r\x00\x7f'))
def test_names_with_signs_of_the_dialplan_are_refused(sign: str) -> None:
    with pytest.raises(escape.UnsafeText):
        escape.name(f"a{sign}b")


def test_empty_name_is_refused() -> None:
    with pytest.raises(escape.UnsafeText):
        escape.name("")


@pytest.mark.parametrize(
    "name", ["s", "ivrc-acme-main", "ivrc-acme.people", "анна", "*28", "#", "_7495!", "_[+0-9]!", "._x"]
)
def test_names_pass_as_they_are(name: str) -> None:
    assert escape.name(name) == name


@pytest.mark.parametrize("sign", [";", "\n", "\r", "\x00", "\x1b", "\x7f"])
def test_arguments_that_would_end_the_line_are_refused(sign: str) -> None:
    with pytest.raises(escape.UnsafeText):
        escape.argument(f"PJSIP/a{sign},20")


def test_arguments_pass_as_they_are() -> None:
    assert escape.argument('$["${x}" = "y"]?a:b') == '$["${x}" = "y"]?a:b'


@pytest.mark.parametrize("letter", ["x", "ы", "花"])
def test_arguments_longer_than_a_line_are_refused(letter: str) -> None:
    """Asterisk counts bytes."""
    with pytest.raises(escape.UnsafeText):
        escape.argument(letter * (8200 // len(letter.encode())))


@pytest.mark.parametrize("text", ["a\nexten => s,1,System(id)", "a\r[x]", "a\x00b", "a\u2028b", "a\x85b", "\x1b[31m"])
def test_comment_is_one_line_of_printable_text(text: str) -> None:
    assert escape.comment(text).isprintable()
    assert len(escape.comment(text)) == len(text)


def test_comment_opens_no_block_comment() -> None:
    assert ";--" not in "; " + escape.comment(";-- a ;;-- b --;")
    assert ";--" not in "; " + escape.comment("-- a")


def test_comment_is_of_bounded_length() -> None:
    assert len(escape.comment("x" * 10_000)) <= 1000
    assert len(escape.comment("\n" * 10_000)) <= 1000
