"""Asterisk's event log as the collector reads it: a file that grows, and is rotated away now and then.

A file is known by its first bytes, which hold the moment and the call of its first event: neither a new name nor a
copy nor a packed one is taken for another.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ivrc.history.cel import MAX_LINE, Event, parse, whole_lines
from ivrc.named import NamedTuple

BATCH = 256 * 1024
"""Bytes of the log in one transaction."""
_HEAD = 256


class Place(NamedTuple):
    """How far a source has been read.

    `head` tells which file: its first bytes, hashed. `offset` is where its next line begins (of a table: the last row's
    number), `seen` its time of change then (seconds since 1970).
    """

    head: str
    offset: int
    seen: float


class Batch(NamedTuple):
    """Events, each with a name that no other event has, and the place behind them."""

    events: list[tuple[str, Event]]
    place: Place


class Source(Protocol):
    """Where events come from; `name` is its key in the database."""

    name: str

    def read(self, place: Place | None) -> Batch | None:
        """What stands behind a place (None: from the beginning); None if there is nothing new. OSError."""

    def forget(self, place: Place | None, before: float) -> None:
        """Drop what stands before a place and a moment, where that is ours to do."""


class Log:
    """The file that Asterisk writes, and those that it wrote before: `ivrc.csv`, `ivrc.csv.1`, `ivrc.csv.2.gz` …"""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def read(self, place: Place | None) -> Batch | None:
        """The next batch, of the oldest file that has one."""
        files = list(self._files(place))
        for index, (path, offset) in enumerate(files):
            # Only where Asterisk writes another one is a file's last line, though it has no end, all there will be.
            final = any(later.exists() for later, _ in files[index + 1 :])
            batch = _read(path, offset, final)
            if batch:
                return batch
        return None

    def forget(self, place: Place | None, before: float) -> None:
        """Asterisk's files are the administrator's: logrotate drops them."""

    def _files(self, place: Place | None) -> Iterator[tuple[Path, int]]:
        """The files to go on with, the oldest first, and where in each."""
        if place and _head(self.path, place.offset) == place.head:
            yield self.path, place.offset
            return
        older = [path for _, path in sorted((each.stat().st_mtime, each) for each in self._rotated())]
        if place:
            last = next((i for i, path in enumerate(older) if _head(path, place.offset) == place.head), None)
            if last is None:
                # Thrown away: what was rotated since then is new.
                older = [path for path in older if path.stat().st_mtime > place.seen]
            else:
                yield older[last], place.offset
                older = older[last + 1 :]
        yield from ((path, 0) for path in older)
        yield self.path, 0

    def _rotated(self) -> Iterator[Path]:
        for path in self.path.parent.glob(glob.escape(self.path.name) + "?*"):
            if path.is_file():
                yield path


def _read(path: Path, offset: int, final: bool) -> Batch | None:
    """The whole lines behind an offset. `final`: nothing more will be written, and the last line is what it is."""
    try:
        with _open(path) as file:
            seen = path.stat().st_mtime
            file.seek(offset)
            data = file.read(BATCH)
    except (FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile):
        return None
    found: list[tuple[str, Event]] = []
    at = 0
    ended = b"\n" * (final and len(data) < BATCH and not data.endswith(b"\n"))
    for line in whole_lines(data + ended):
        if event := parse(line):
            found.append((hashlib.sha256(line).hexdigest()[:40], event))
        at += len(line)
    if not at and (final or len(data) > MAX_LINE):
        # A quote that is never closed would hide all that follows.
        at = data.find(b"\n") + 1 or len(data)
    at = min(at, len(data))
    return Batch(found, Place(_head(path, offset + at), offset + at, seen)) if at else None


def _head(path: Path, offset: int) -> str:
    """Which file this is, by its first bytes up to an offset; empty if it is shorter or not there."""
    length = min(offset, _HEAD)
    try:
        if path.suffix != ".gz" and path.stat().st_size < offset:
            return ""
        with _open(path) as file:
            data = file.read(length)
    except (OSError, EOFError, zlib.error):
        return ""
    return hashlib.sha256(data).hexdigest()[:40] if data and len(data) == length else ""


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


__all__ = ["BATCH", "Batch", "Log", "Place", "Source"]
