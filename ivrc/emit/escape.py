"""What may stand where in an Asterisk configuration file: the one owner of every special character.

Text of the user's stands in comments only, made harmless by `comment`. Names and arguments are put
together from checked parts; `name` and `argument` refuse what would break the file or the line.
"""

from __future__ import annotations

import re

from ivrc.marks import BYTES, CONTENT, PART

# Asterisk reads lines of at most 8191 bytes and takes the rest for the next line.
MAX_ARGUMENT_BYTES = 8000
MAX_COMMENT_CHARACTERS = 300
# A semicolon begins a comment, a line end ends the line; brackets and commas would end a name.
# The holes of marks stand where lowering puts them and nowhere else.
_STRAY = rf"(?<!ivrc){PART}|(?<![^\s,&()]){CONTENT}"
_NOT_IN_ARGUMENT = re.compile(rf"[\x00\x03-\x1f\x7f;]|{_STRAY}")
# Most arguments have nothing special: one look is enough.
_SPECIAL = re.compile(r"[\x00-\x1f\x7f;]")
_SURELY_FITS = MAX_ARGUMENT_BYTES // 8
_HOLE = "ivrc" + PART
# The only brackets: of what begins like a number or a word, and of the last digit of extensions.
_CLASS = re.compile(r"\[\+0-9\]|\[A-Za-z\]|(?<=\d)\[\d+\]$|(?<=^_)\[\d+\]$", re.ASCII)
_NOT_IN_NAME = re.compile(rf"[\x00\x03-\x20\x7f;,()\"\\&|$\]]|{_STRAY}")


class UnsafeText(AssertionError):
    """A bug in lowering: a text that was not checked came this far."""


def comment(text: str) -> str:
    """A text for a comment: one line, no control characters, of bounded length."""
    if not (text.isprintable() and len(text) <= MAX_COMMENT_CHARACTERS):
        text = "".join(char if char.isprintable() else " " for char in text[:MAX_COMMENT_CHARACTERS])
    # Within a comment `;--` begins nothing, but a reader of another program's might think so.
    return text.replace(";--", "; --")


def name(text: str) -> str:
    """A context's or an extension's name, checked."""
    plain = _CLASS.sub("", text) if "[" in text else text
    if not plain or _NOT_IN_NAME.search(plain):
        raise UnsafeText(f"not a name: {text!r}")
    return text


def argument(text: str) -> str:
    """An application's arguments, checked."""
    if len(text) <= _SURELY_FITS and not _SPECIAL.search(text.replace(_HOLE, "")):
        return text
    if _NOT_IN_ARGUMENT.search(text) or _bytes(text) > MAX_ARGUMENT_BYTES:
        raise UnsafeText(f"not an argument: {text[:200]!r}")
    return text


def _bytes(text: str) -> int:
    return len(text.encode()) + BYTES * (text.count(PART) + text.count(CONTENT))


def plain_text(text: str) -> str:
    """A text of the user's where only words may stand: any other sign becomes a space."""
    return " ".join("".join(char if char.isalnum() or char in ".-_'" else " " for char in text).split())[:80]
