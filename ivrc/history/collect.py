"""The collector: reads what Asterisk has written since the last time, and goes on from there whatever happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ivrc.history.cel import MAX_LINE, Event, parse, whole_lines
from ivrc.history.journey import tell
from ivrc.history.media import attach
from ivrc.history.plan import Plan, load_plan
from ivrc.history.settings import HistorySettings
from ivrc.history.store import Place, Store

BATCH = 256 * 1024
"""Bytes of the log in one transaction."""
PAUSE = 0.5
"""Seconds between two looks at the log."""
_AGE = 3600.0


class Collector:
    """Reads one machine's log into a store."""

    def __init__(self, settings: HistorySettings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.machine = settings.name
        self._plan = Plan()
        self._stamp: tuple[int, ...] = ()
        self._swept = 0.0
        self._settled = 0.0

    def run(self, stopped: Callable[[], bool]) -> None:
        """Collect until told to stop; between two batches only."""
        while not stopped():
            if not self.step():
                self._wait(stopped)

    def _wait(self, stopped: Callable[[], bool]) -> None:
        until = time.monotonic() + PAUSE
        while not stopped() and time.monotonic() < until:
            time.sleep(0.05)

    def collect(self) -> int:
        """Read all there is; how many batches."""
        count = 0
        while self.step():
            count += 1
        self._settled = 0.0
        self._settle()
        return count

    def step(self) -> bool:
        """Take one batch; False if there was none. StoreError and OSError leave everything as it was."""
        self._read_plan()
        for path, place in self._files():
            data = _read(path, place.offset)
            found, end = self._events(place, data)
            if end > place.offset:
                self.store.add(self.machine, str(self.settings.cel), place._replace(offset=end), found, self._plan)
                return True
        self._settle()
        self._sweep()
        return False

    def _events(self, place: Place, data: bytes) -> tuple[list[tuple[str, Event]], int]:
        found: list[tuple[str, Event]] = []
        at = place.offset
        for line in whole_lines(data):
            event = parse(line)
            if event is not None:
                found.append((f"{place.inode}:{at}", event))
            at += len(line)
        if at == place.offset and len(data) > MAX_LINE:
            # A quote that is never closed would hide all that follows.
            at += data.find(b"\n") + 1 or len(data)
        return found, at

    def _files(self) -> Iterator[tuple[Path, Place]]:
        """The log files that may have something new: what was read last, if it has been rotated away, first."""
        path = self.settings.cel
        known = self.store.place(self.machine, str(path))
        current = _inode(path)
        if known is not None and known.inode != current:
            old = next(
                (each for each in sorted(path.parent.glob(path.name + "*")) if _inode(each) == known.inode), None
            )
            if old is not None and old.stat().st_size > known.offset:
                yield old, known
                return
        if current is None:
            return
        if known is not None and known.inode == current and path.stat().st_size >= known.offset:
            yield path, known
        else:
            yield path, Place(current, 0)

    def _read_plan(self) -> None:
        files = [self.settings.build / name for name in ("extensions.conf", "manifest.json")]
        stamp = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
        if stamp != self._stamp:
            self._plan, self._stamp = load_plan(self.settings.build), stamp

    def _settle(self) -> None:
        """Look at the files of calls that are over. Those still being written are looked at again later."""
        if time.monotonic() - self._settled < PAUSE:
            return
        self._settled = time.monotonic()
        for call in self.store.unsettled(self.machine):
            self._attach(call)

    def _attach(self, call: int) -> None:
        shown = self.store.show(call)
        told = shown and tell(shown["linkedid"], self.store.events(self.machine, shown["linkedid"]), self._plan)
        if told and told.marks:
            found = attach(self.settings, told.linkedid, told.marks, told.ended)
            self.store.add_media(call, found.media, found.notes)
            if found.missing:
                return
            lengths = [each["seconds"] for each in found.media if each["kind"] == "voicemail"]
            if told.outcome == "message" and lengths:
                self.store.outcome(call, "message", f"left a message of {lengths[-1]:.0f} s")
            elif told.outcome == "message" and found.empty_message:
                self.store.outcome(call, "no_message", "left no message")
        self.store.settle(call)

    def _sweep(self) -> None:
        """Now and then: what Asterisk wrote of calls long over need not be kept."""
        if time.monotonic() - self._swept > _AGE / 6:
            self._swept = time.monotonic()
            self.store.drop_rows(time.time() - _AGE)


def prune(settings: HistorySettings, store: Store, now: float | None = None) -> tuple[int, int]:
    """Forget what the settings say is too old or too much; (calls, files) that are gone."""
    now = time.time() if now is None else now
    files = store.files()
    total = sum(each["size"] for each in files)
    gone = 0
    for each in files:
        too_old = settings.keep_media and each["began"] < now - settings.keep_media
        too_much = settings.media_bytes and total > settings.media_bytes
        forgotten = settings.keep and each["began"] < now - settings.keep
        if too_old or too_much or forgotten:
            _delete(settings, each["path"])
            store.forget_file(each["id"])
            total -= each["size"]
            gone += 1
    return (store.prune(now - settings.keep) if settings.keep else 0), gone


def _delete(settings: HistorySettings, text: str) -> None:
    path = Path(text)
    if text and path.resolve().is_relative_to(settings.media.resolve()):
        path.unlink(missing_ok=True)
        path.with_suffix(".tiff").unlink(missing_ok=True)


def _read(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(BATCH)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


__all__ = ["Collector", "prune"]
