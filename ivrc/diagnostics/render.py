"""Diagnostics for people (the line itself, underlined) and for machines (JSON)."""

from __future__ import annotations

from typing import Any

from ivrc.diagnostics import Diagnostic
from ivrc.source import Sources

# The line is shown up to this many characters: a terminal is no place for a megabyte.
_SHOWN = 160


def _printable(text: str) -> str:
    """Text that cannot drive a terminal: control characters become visible signs, tabs a space."""
    return "".join(
        char if char.isprintable() else " " if char in "\t\u3000" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def _columns(text: str) -> int:
    """How many columns a terminal takes for a text: wide letters two, marks on letters none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _cut(text: str) -> str:
    """A message of bounded length, whatever names it quotes."""
    return text if len(text) <= 400 else text[:400] + "…"


def _excerpt(sources: Sources, start: int, end: int, note: str) -> list[str]:
    place = sources.place(start)
    line = sources.of(start).line_text(place.line)
    left = max(0, place.column - 1 - _SHOWN // 2) if len(line) > _SHOWN else 0
    shown = _printable(line[left : left + _SHOWN])
    begin = place.column - 1 - left
    column = _columns(shown[:begin])
    width = max(1, _columns(shown[begin : begin + max(1, end - start)]))
    number = str(place.line)
    gutter = " " * len(number)
    return [
        f" {gutter}--> {_printable(sources.of(start).shown)}:{place.line}:{place.column}",
        f" {gutter} |",
        f" {number} | {shown}",
        f" {gutter} | {' ' * column}{'^' * width}{' ' + note if note else ''}",
    ]


def render_text(diagnostic: Diagnostic, sources: Sources) -> str:
    """One diagnostic as a terminal shows it, without a final line end."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {_printable(_cut(diagnostic.message))}"]
    if diagnostic.start >= 0:
        lines += _excerpt(sources, diagnostic.start, diagnostic.end, "")
    for label in diagnostic.labels:
        lines += _excerpt(sources, label.start, label.end, label.text)
    if diagnostic.help:
        lines.append(f"  = help: {_printable(_cut(diagnostic.help))}")
    return "\n".join(lines)


def render_json(diagnostic: Diagnostic, sources: Sources) -> dict[str, Any]:
    """One diagnostic as a JSON object; lines and columns start at 1, the end column is exclusive."""
    result: dict[str, Any] = {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
    }
    if diagnostic.start >= 0:
        result |= _range_json(sources, diagnostic.start, diagnostic.end)
    result["labels"] = [
        {"text": label.text, **_range_json(sources, label.start, label.end)} for label in diagnostic.labels
    ]
    return result


def _range_json(sources: Sources, start: int, end: int) -> dict[str, Any]:
    source = sources.of(start)
    first, last = source.place(start), source.place(max(start, end))
    return {
        "path": source.shown,
        "line": first.line,
        "column": first.column,
        "end_line": last.line,
        "end_column": last.column,
    }


def in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics by place, each once."""
    return sorted(set(diagnostics), key=lambda d: (d.start, d.code, d.message))
