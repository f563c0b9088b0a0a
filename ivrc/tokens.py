"""Words of the source, as the lexer finds them and the nodes of `ivrc.ast` hold them."""

from __future__ import annotations

import re

# \" and \\ are the escapes; any other backslash is an ordinary character.
_ESCAPE = re.compile(r'\\(["\\])')


class Token:
    """One word of the source: its type in the grammar, its text, where it starts."""

    __slots__ = ("start", "text", "type")

    # Lark reads these of the last token when it makes its end token; ours count nothing.
    start_pos = line = column = end_line = end_column = end_pos = None

    def __init__(self, type: str, text: str, start: int) -> None:
        self.type = type
        self.text = text
        self.start = start

    @property
    def end(self) -> int:
        """The position just after the token."""
        return self.start + len(self.text)

    @property
    def value(self) -> str:
        """A string's content, its escapes resolved; any other token's text."""
        if self.type != "STRING":
            return self.text
        inner = self.text[1:-1]
        return inner if "\\" not in inner else _ESCAPE.sub(r"\1", inner)

    def __repr__(self) -> str:
        return f"Token({self.type}, {self.text!r}, {self.start})"
