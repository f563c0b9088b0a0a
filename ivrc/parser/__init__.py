"""Text to AST. A fault does not stop the reading: what is wrong is set aside and the rest is parsed."""

from __future__ import annotations

from typing import Any, cast

from lark import Lark
from lark.exceptions import UnexpectedToken

from ivrc import resources
from ivrc.ast import File
from ivrc.diagnostics import Diagnostic
from ivrc.parser import recovery
from ivrc.parser.builder import Builder
from ivrc.parser.lexer import IvrLexer
from ivrc.source import Source

# Faults reported in one file; after so many the reader has enough to do.
MAX_FAULTS = 25

GRAMMARS = ("ivrc.lark", "tests.lark")
"""The grammar of offices, and what test blocks add to it."""

_parsers: dict[bool, Lark] = {}


def _make_parser(tests: bool) -> Lark:
    """The LALR parser, its tables from the user's cache where there is one."""
    grammar = "\n".join(resources.read_resource("grammar", name) for name in GRAMMARS[: 1 + tests])
    options: dict[str, Any] = {
        "parser": "lalr",
        "lexer": IvrLexer,
        "transformer": Builder(),
        "maybe_placeholders": False,
    }
    folder = resources.cache_folder()
    if folder is not None:
        import sys

        kind = "tests" if tests else "offices"
        name = f"grammar-{kind}-{sys.version_info[0]}{sys.version_info[1]}.pickle"
        try:
            return Lark(grammar, cache=str(folder / name), **options)
        except (OSError, ValueError):
            pass
    return Lark(grammar, **options)


def get_parser(text: str) -> Lark:
    """The parser for a text, one of two in a process: loading the rules of tests takes longer than a small office."""
    tests = "test" in text
    if tests not in _parsers:
        _parsers[tests] = _make_parser(tests)
    return _parsers[tests]


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """Parse a file; faulty statements are left out of the result and reported."""
    diagnostics: list[Diagnostic] = []
    text = source.text
    parser = get_parser(text)
    while True:
        attempt = Source(source.path, text, source.base)
        try:
            return cast(File, parser.parse(cast(Any, attempt))), diagnostics
        except UnexpectedToken as fault:
            diagnostics.append(recovery.describe(fault, source, text))
            mended = recovery.set_aside(fault, attempt)
            if mended is None or len(diagnostics) >= MAX_FAULTS:
                return File(()), diagnostics
            text = mended
