"""The canonical form of a source: indentation, spaces and blank lines; line breaks stay where they were put.

Works on tokens, so that comments are kept; nothing but white space ever changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivrc import ast
from ivrc.ast import File
from ivrc.diagnostics import Diagnostic
from ivrc.named import NamedTuple
from ivrc.parser import parse
from ivrc.parser.lexer import MASTER
from ivrc.source import Source

INDENT = "    "
# A lone CR ends a line for an editor, and so a comment for the lexer.
_LINE_END = re.compile(r"\r\n?|\n")


class Piece(NamedTuple):
    """A token or comment, and how many line ends stand before it."""

    kind: str
    text: str
    breaks: int


def format_source(text: str) -> tuple[str | None, list[Diagnostic]]:
    """A file's canonical form; None and the faults if it cannot be read."""
    source = Source("", text)
    tree, diagnostics = parse(source)
    if diagnostics:
        return None, diagnostics
    pieces = list(_pieces(text, _hash_keys(tree)))
    formatted = _lay_out(pieces)
    if [piece.text for piece in pieces] != [piece.text for piece in _pieces(formatted, _hash_keys(_tree(formatted)))]:
        raise AssertionError("formatting changed more than white space")
    return formatted, []


def _tree(text: str) -> File:
    return parse(Source("", text))[0]


def _hash_keys(tree: File) -> set[int]:
    """The offsets at which `#` is a key of a branch and not a comment."""
    found: set[int] = set()
    pending: list[object] = [node.body for node in tree.declarations if isinstance(node, ast.Scenario)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Block):
            pending += node.steps
        elif isinstance(node, ast.When):
            pending += [node.then, node.otherwise]
        elif isinstance(node, ast.Branch):
            for case in node.cases:
                found.update(key.start for key in case.keys if key.type == "KEY_HASH")
                pending.append(case.target)
    return found


def _pieces(text: str, hash_keys: set[int]) -> Iterator[Piece]:
    position = end = 0
    while (match := MASTER.match(text, position)) is not None:
        kind = match.lastgroup
        if kind is None:
            if match.end() == position:
                return
            position = match.end()
            continue
        start = match.start(kind)
        value = match[kind]
        if start in hash_keys:
            kind, value = "KEY_HASH", "#"
        # Between two pieces stands white space only: a CR inside a string is the string's.
        breaks = len(_LINE_END.findall(text, end, start))
        position = end = start + len(value)
        yield Piece(kind, value.rstrip() if kind == "COMMENT" else value, breaks)


def _lay_out(pieces: list[Piece]) -> str:
    lines: list[str] = []
    depth = 0
    rows = list(_rows(pieces))
    tables = _tables(rows)
    for index, row in enumerate(rows):
        closing = 0
        for piece in row:
            if piece.kind != "RBRACE":
                break
            closing += 1
        if row[0].breaks > 1 and lines and not lines[-1].endswith("{") and not closing:
            lines.append("")
        text = _joined(row) if index not in tables else _in_columns(row, tables[index])
        lines.append(INDENT * max(0, depth - closing) + text)
        depth += sum((piece.kind == "LBRACE") - (piece.kind == "RBRACE") for piece in row)
    return "\n".join(lines) + "\n" if lines else ""


def _tables(rows: list[list[Piece]]) -> dict[int, list[int]]:
    """The rows of tests' tables, where each stands on a line of its own, with the widths of their columns."""
    found: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        words = [piece.text for piece in row]
        if "each" not in words or words[-1] != "{" or words[words.index("each") - 1] != "for":
            continue
        columns = sum(piece.kind == "NAME" for piece in row[words.index("each") + 1 :])
        end = next((at for at in range(index + 1, len(rows)) if rows[at][0].kind == "RBRACE"), index + 1)
        body = [at for at in range(index + 1, end) if rows[at][0].kind != "COMMENT"]
        cells = [[piece.text for piece in rows[at] if piece.kind != "COMMENT"] for at in body]
        if cells and all(len(each) == columns and "," not in each for each in cells):
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            found |= dict.fromkeys(body, widths)
    return found


def _in_columns(row: list[Piece], widths: list[int]) -> str:
    cells = [piece.text for piece in row if piece.kind != "COMMENT"]
    text = " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    comments = [piece.text for piece in row if piece.kind == "COMMENT"]
    return "  ".join([text, *comments]) if comments else text.rstrip()


def _opened(pieces: list[Piece]) -> list[Piece]:
    """A block of more than one line has its braces at a line's end and on a line of its own."""
    result = list(pieces)
    stack: list[int] = []
    for index, piece in enumerate(pieces):
        if piece.kind == "LBRACE":
            stack.append(index)
        elif piece.kind == "RBRACE" and stack:
            opener = stack.pop()
            if any(inner.breaks for inner in pieces[opener + 1 : index + 1]):
                for at in (opener + 1, index):
                    if result[at].kind != "COMMENT":
                        result[at] = result[at]._replace(breaks=max(1, result[at].breaks))
    return result


def _rows(pieces: list[Piece]) -> Iterator[list[Piece]]:
    row: list[Piece] = []
    for piece in _opened(pieces):
        # A brace that opens a block stands on the line of what it belongs to.
        own_line = piece.breaks and not (piece.kind == "LBRACE" and row and row[-1].kind != "COMMENT")
        if row and own_line:
            yield row
            row = []
        row.append(piece)
    if row:
        yield row


def _joined(row: list[Piece]) -> str:
    text = ""
    before = ""
    for piece in row:
        tight = piece.kind in ("COMMA", "MINUS", "DOTS") or before in ("MINUS", "DOTS")
        if piece.kind == "COMMENT" and text:
            text += "  "
        elif text and not tight:
            text += " "
        text += piece.text
        before = piece.kind
    return text
