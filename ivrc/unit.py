"""One office compiled: everything that the output needs of it, as plain data that can be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ivrc.named import NamedTuple
from ivrc.source import Source

Span = tuple[int, int, int]
"""(index into the unit's files, offset of the start, offset of the end)."""


class SoundFile(NamedTuple):
    """A sound to be made: see `ivrc.ir.Sound`; `folder` is where prompts are looked for."""

    name: str
    kind: str
    text: str
    language: str
    folder: str
    seconds: int | None
    fill: str
    at: Span


class NumberEntry(NamedTuple):
    """An incoming number (E.164, None for `other`) and where it is declared."""

    number: str | None
    written: str
    at: Span


class OfficeUnit(NamedTuple):
    """A compiled office. `text` is its dialplan, `entries` the contexts that the world outside refers to.

    Names in them have holes for marks (`ivrc.marks`).
    """

    name: str
    named_at: Span
    country: str | None
    files: tuple[str, ...]
    numbers: tuple[NumberEntry, ...]
    text: tuple[bytes, ...]
    entries: tuple[bytes, ...]
    source_map: tuple[str, ...]
    # (context, extension, its steps) of the entries: offices share the contexts of numbers.
    entry_map: tuple[tuple[str, str, list[list[Any]]], ...]
    sounds: tuple[SoundFile, ...]
    own_sounds: tuple[str, ...]
    endpoints: tuple[str, ...]
    holidays: tuple[tuple[str, str], ...]
    applications: tuple[str, ...]
    callers: bool
    confirms: bool
    external_sip: bool
    shared: tuple[str, ...]
    queues: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...]
    mailboxes: tuple[tuple[str, str, str, str], ...]
    directory: str


class Office(NamedTuple):
    """A compiled office with the sources that its positions count in, and the file that it begins with."""

    unit: OfficeUnit
    sources: tuple[Source, ...]
    root: Path

    def positions(self, at: Span) -> tuple[int, int]:
        """A span of the unit in the positions of this compilation."""
        index, start, end = at
        return self.sources[index].base + start, self.sources[index].base + end


def plain(unit: OfficeUnit) -> tuple[Any, ...]:
    """The unit without classes, for marshal."""
    fields: list[Any] = list(unit)
    fields[OfficeUnit._fields.index("numbers")] = tuple(tuple(entry) for entry in unit.numbers)
    fields[OfficeUnit._fields.index("sounds")] = tuple(tuple(sound) for sound in unit.sounds)
    return tuple(fields)


def revive(fields: tuple[Any, ...]) -> OfficeUnit:
    """The unit of `plain`."""
    unit = OfficeUnit(*fields)
    return unit._replace(
        numbers=tuple(NumberEntry(*entry) for entry in unit.numbers),
        sounds=tuple(SoundFile(*sound) for sound in unit.sounds),
    )
