"""Text to tokens: one master regular expression, and words made keywords only where one fits.

Handed to Lark as a custom lexer. A word such as `office` is the keyword where the parser's
state can take that keyword and a NAME elsewhere, so `scenario play { … }` is a fine name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from lark.lexer import Lexer, PatternStr

from ivrc.source import Source
from ivrc.tokens import Token

# Blocks in blocks: no office needs more, and every later stage recurses into them.
MAX_DEPTH = 40

_DAYS = frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"})

# Group names are the grammar's terminals. The last alternative takes anything: finditer skips
# silently what no alternative knows.
MASTER = re.compile(
    r"""[ \t\r\n\f\ufeff]*(?:
      (?P<NAME>[^\W\d](?:\w|[^\x00-\x7f\s])*)
    | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*")
    | (?P<LBRACE>\{) | (?P<RBRACE>\}) | (?P<ARROW>->)
    | (?P<COMMENT>\#[^\r\n]*)
    | (?P<DATE>[0-9]{4}-[0-9][0-9]-[0-9][0-9])(?![\w-])
    | (?P<TIME>[0-9]{1,2}:[0-9][0-9])(?![\w:])
    | (?P<PERCENT>[0-9]+(?:\.[0-9]+)?%)
    | (?P<DURATION>[0-9]+(?:\.[0-9]+)?[^\W\d]\w*)
    | (?P<INT>[0-9]+)
    | (?P<SLOT><[^\W\d]\w*>)
    | (?P<DOTS>\.\.) | (?P<COMMA>,) | (?P<MINUS>-) | (?P<STAR>\*)
    | (?P<BAD>[^\s\w{}",*\#-]+|\S)
    | \Z
    | \s
    )""",
    re.VERBOSE,
)
# In a branch `#` before an arrow, a brace or a comma is the key; everywhere else it begins a comment.
HASH_KEY = re.compile(r"#(?=[ \t]*(?:->|\{|,))")


class _Respelled(Token):
    """A name that is longer or shorter in its one spelling than as it was written."""

    __slots__ = ("_end",)

    def __init__(self, type: str, text: str, start: int, end: int) -> None:
        super().__init__(type, text, start)
        self._end = end

    @property
    def end(self) -> int:
        """The position just after what was written."""
        return self._end


class IvrLexer(Lexer):
    """The lexer that Lark drives: for each word it looks at what the parser can take."""

    __future_interface__ = 1

    def __init__(self, conf: Any) -> None:
        self._keywords = {
            terminal.pattern.value: terminal.name
            for terminal in conf.terminals
            if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value.isalpha()
        }

    @property
    def keywords(self) -> dict[str, str]:
        """The words of the language and their terminals."""
        return self._keywords

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Any]:
        """Yield the tokens of `lexer_state.text`, which is a Source."""
        source: Source = lexer_state.text
        text, base = source.text, source.base
        states = parser_state.parse_conf.parse_table.states
        keywords = self._keywords
        position = 0
        blocks: list[bool] = []
        scan = MASTER.match
        while (match := scan(text, position)) is not None:
            kind = match.lastgroup
            if kind is None:
                # White space of another kind, or the end.
                if match.end() == position:
                    break
                position = match.end()
                continue
            position = match.end()
            value = match[kind]
            start = base + position - len(value)
            if kind == "NAME":
                accepted = states[parser_state.position]
                keyword = keywords.get(value)
                if keyword is not None and (keyword in accepted or "NAME" not in accepted):
                    kind = keyword
                elif value in _DAYS and "DAY" in accepted:
                    kind = "DAY"
                elif not value.isascii():
                    # Two spellings of one name (composed, decomposed) are one name.
                    value = unicodedata.normalize("NFC", value)
                    if not value.isidentifier():
                        kind, value = "BAD", match["NAME"]
                    elif len(value) != base + position - start:
                        yield _Respelled(kind, value, start, base + position)
                        continue
            elif kind == "LBRACE":
                # Only the head of a branch can take `retries`: what follows is a branch's block.
                blocks.append("RETRIES" in states[parser_state.position])
                if len(blocks) > MAX_DEPTH:
                    kind = "TOO_DEEP"
            elif kind == "RBRACE":
                if blocks:
                    blocks.pop()
            elif kind == "COMMENT":
                if not (blocks and blocks[-1] and HASH_KEY.match(value)):
                    continue
                if "KEY_HASH" not in states[parser_state.position]:
                    continue
                kind, value, position = "KEY_HASH", "#", start - base + 1
            yield Token(kind, value, start)
