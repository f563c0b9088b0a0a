"""The collector: reads what Asterisk has written since the last time, and goes on from there whatever happened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from ivrc.history.journey import Call, tell
from ivrc.history.log import Log, Source
from ivrc.history.media import attach, is_full
from ivrc.history.plan import Plan, load_plan
from ivrc.history.settings import HistorySettings
from ivrc.history.store import Store
from ivrc.history.table import Table

PAUSE = 0.5
"""Seconds between two looks at the log."""
_SWEEP = 600.0
# Seconds after which a call of which nothing more was told is taken for one that Asterisk's own end cut off.
_SILENT = 24 * 3600.0


class Collector:
    """Reads one machine's log into a store."""

    def __init__(self, settings: HistorySettings, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.settings = settings
        self.store = store
        self.machine = settings.name
        self._source: Source = Table(store, self.machine) if settings.source == "table" else Log(settings.cel)
        self._plan = Plan()
        self._stamp: tuple[int, ...] = ()
        self._swept = -math.inf
        self._settled = -math.inf

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
        self._settled = -math.inf
        self._settle()
        return count

    def step(self) -> bool:
        """Take one batch; False if there was none. StoreError and OSError leave everything as it was."""
        self._read_plan()
        batch = self._source.read(self.store.place(self.machine, self._source.name))
        if batch is not None:
            self.store.add(self.machine, self._source.name, batch.place, batch.events, self._plan)
            return True
        self._settle()
        self._sweep()
        return False

    def _read_plan(self) -> None:
        files = [self.settings.build / name for name in ("extensions.conf", "manifest.json", "active/manifest.json")]
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
        if told:
            full = is_full(self.settings) and _leaves_something(told)
            found = attach(self.settings, told.linkedid, told.marks, told.ended)
            full_ = [(told.ended, "the disk is full: what was left may be cut short or lost")] * full
            self.store.add_media(call, found.media, [*found.notes, *full_])
            if found.missing and not full:
                return
            lengths = [each["seconds"] for each in found.media if each["kind"] == "voicemail"]
            faxes = [each["status"] for each in found.media if each["kind"] == "fax"]
            if told.outcome == "message" and lengths:
                self.store.outcome(call, "message", f"left a message of {lengths[-1]:.0f} s")
            elif told.outcome == "message" and found.empty_message:
                self.store.outcome(call, "no_message", "the disk was full: no message" if full else "left no message")
            elif told.outcome == "fax" and faxes[-1] != "SUCCESS":
                self.store.outcome(call, "fax_failed", "fax failed: " + faxes[-1].removeprefix("FAILED: "))
        self.store.settle(call)

    def _sweep(self) -> None:
        """Now and then: end what never will, forget what need not be kept."""
        if time.monotonic() - self._swept > _SWEEP:
            self._swept = time.monotonic()
            now = self._clock()
            self.store.give_up(self.machine, now - _SILENT)
            self.store.drop_rows(now - _SILENT)
            self._source.forget(self.store.place(self.machine, self._source.name), now - _SILENT)
            prune(self.settings, self.store, now)


def _leaves_something(told: Call) -> bool:
    """Whether a call came to where something is recorded; what cannot be begun on a full disk has no mark."""
    steps = (entry.text.partition(" ")[0] for entry in told.entries if entry.kind == "step")
    return bool(told.marks) or any(step in ("voicemail", "fax") for step in steps)


def prune(settings: HistorySettings, store: Store, now: float | None = None) -> tuple[int, int]:
    """Forget what the settings say is too old or too much; (calls, files) that are gone."""
    now = time.time() if now is None else now
    if not (settings.keep or settings.keep_media or settings.media_bytes):
        return 0, 0
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


__all__ = ["Collector", "prune"]
