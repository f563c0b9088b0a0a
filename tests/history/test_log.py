"""Asterisk's log as it is found: rotated, copied, packed, torn by a full disk."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivrc.history import cel
from ivrc.history.log import BATCH, Log, Place

DATA = (Path(__file__).parent / "recorded-22/ivrc.csv").read_bytes()
LINES = list(cel.whole_lines(DATA))


class Reader:
    """A log in a folder, and what has been read of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ivrc.csv"
        self.log = Log(self.path)
        self.place: Place | None = None
        self.found: list[cel.Event] = []
        self._names: set[str] = set()
        self._clock = 1_000_000.0

    def write(self, *lines: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(b"".join(lines))
        self._clock += 10
        os.utime(self.path, (self._clock, self._clock))

    def read(self) -> None:
        while batch := self.log.read(self.place):
            self.place = batch.place
            self.found += [event for name, event in batch.events if name not in self._names]
            self._names.update(name for name, _ in batch.events)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


EVENTS = [cel.parse(line) for line in LINES]


def renamed(path: Path) -> None:
    path.rename(path.with_name("ivrc.csv.1"))


def copied(path: Path) -> None:
    """logrotate's copytruncate."""
    path.with_name("ivrc.csv.1").write_bytes(path.read_bytes())
    os.utime(path.with_name("ivrc.csv.1"), (path.stat().st_mtime, path.stat().st_mtime))
    path.write_bytes(b"")


def packed(path: Path) -> None:
    target = path.with_name("ivrc.csv-2026.gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(target, (path.stat().st_mtime, path.stat().st_mtime))
    path.unlink()


@pytest.mark.parametrize("rotate", [renamed, copied, packed])
@pytest.mark.parametrize("before", [0, 1, 20, 40])
def test_rotation_loses_nothing(reader: Reader, rotate: Callable[[Path], None], before: int) -> None:
    reader.write(*LINES[:before])
    reader.read()
    reader.write(*LINES[before:40])
    rotate(reader.path)
    reader.write(*LINES[40:])
    reader.read()
    assert reader.found == EVENTS


def test_rotated_several_times_while_nobody_read(reader: Reader) -> None:
    reader.write(*LINES[:10])
    reader.read()
    reader.write(*LINES[10:20])
    for number, part in enumerate((LINES[20:50], LINES[50:90], LINES[90:])):
        reader.path.rename(reader.path.with_name(f"ivrc.csv.{3 - number}"))
        reader.write(*part)
    reader.read()
    assert reader.found == EVENTS


def test_what_was_read_last_has_been_thrown_away(reader: Reader) -> None:
    reader.write(*LINES[:10])
    reader.read()
    reader.path.rename(reader.path.with_name("ivrc.csv.2"))
    reader.write(*LINES[10:20])
    renamed(reader.path)
    reader.path.with_name("ivrc.csv.2").unlink()
    reader.write(*LINES[20:])
    reader.read()
    assert reader.found == EVENTS


def test_same_inode_and_longer_is_another_file_all_the_same(reader: Reader) -> None:
    reader.write(*LINES[:3])
    reader.read()
    reader.path.write_bytes(b"")
    reader.write(*LINES[10:])
    reader.read()
    assert reader.found == [*EVENTS[:3], *EVENTS[10:]]


def test_line_still_being_written_is_waited_for(reader: Reader) -> None:
    reader.write(LINES[0], LINES[1][:-20])
    reader.read()
    assert reader.found == EVENTS[:1]
    reader.write(LINES[1][-20:])
    reader.read()
    assert reader.found == EVENTS[:2]


@given(st.integers(1, len(LINES) - 3), st.data())
def test_torn_line_takes_no_other_with_it(
    tmp_path_factory: pytest.TempPathFactory, torn: int, data: st.DataObject
) -> None:
    """A full disk cut a line off, and Asterisk went on behind it: only that event may be missing."""
    cut = data.draw(st.integers(0, len(LINES[torn]) - 1))
    reader = Reader(tmp_path_factory.mktemp("log"))
    reader.write(*LINES[:torn], LINES[torn][:cut], *LINES[torn + 1 :])
    reader.read()
    assert reader.found == [*EVENTS[:torn], *EVENTS[torn + 1 :]]


def test_torn_last_line_of_a_rotated_file(reader: Reader) -> None:
    reader.write(*LINES[:5], LINES[5][:30])
    reader.read()
    renamed(reader.path)
    reader.write(*LINES[6:])
    reader.read()
    assert reader.found == [*EVENTS[:5], *EVENTS[6:]]


def test_quote_that_is_never_closed(reader: Reader) -> None:
    reader.write(*LINES[:5], b'"', b"x" * (BATCH + 100), b"\n", *LINES[5:])
    reader.read()
    assert reader.found == EVENTS


def test_no_file_yet(reader: Reader) -> None:
    assert reader.log.read(None) is None
