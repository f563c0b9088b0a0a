"""The answer to a request, and what it is made of: settings, who works where, one look-up service a CRM.

Settings and manifest are read anew while calls go on; a file that is wrong leaves what was there.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ivrc.agi.log import masked
from ivrc.agi.protocol import Request
from ivrc.crm.directory import Office, read_offices
from ivrc.crm.kinds import make
from ivrc.crm.lookup import Lookup
from ivrc.crm.numbers import normal
from ivrc.crm.responsible import decide, render
from ivrc.crm.settings import CrmSettings, Settings, SettingsError, load
from ivrc.crm.threads import Threads
from ivrc.named import NamedTuple

MARGIN = 0.1
"""Seconds kept of every time limit for the way of the answer; of a short one, a quarter."""
SCRIPT = "responsible"
_PAUSE = 1.0


class Outcome(NamedTuple):
    """The line for the dialplan, and what logs and metrics want to know of it."""

    line: str
    why: str
    origin: str = ""
    who: str = ""
    office: str = ""
    number: str = ""
    detail: str = ""


class Service:
    """Answers requests. For one event loop."""

    def __init__(self, config: Path, log: Any) -> None:
        """Read settings and manifest; SettingsError if the settings are wrong. A manifest may come later."""
        self.log = log
        self.config = config
        self.settings: Settings = load(config)
        self.offices: dict[str, Office] = {}
        self.lookups: dict[tuple[str, str | None], Lookup] = {}
        self.sessions = 0
        """How many are under way, as their server says."""
        self._mobiles: dict[str, frozenset[str]] = {}
        self._stamp: tuple[int, int] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        # A disk that does not answer must not stop the calls.
        self._threads = Threads(1, "ivrc-files")
        self._take(*_read_manifest(self.settings.agi.manifest))

    # ── what is read ──

    def prepare(self) -> None:
        """Load now what the first calls would have to wait for. SettingsError if a CRM's settings are of no use."""
        _try_kinds(self.settings)
        importlib.import_module("phonenumbers")

        # What is loaded stays: the collector need not walk it again and again.
        gc.freeze()

    async def reload(self) -> bool:
        """Read the settings and the manifest again; False, and a line in the log, if they stay as they were."""
        try:
            settings, read = await self._threads.run(lambda: _read(self.config))
        except SettingsError as fault:
            self.log.error("the settings are wrong, the old ones stay", fault=str(fault))
            return False
        if settings.agi.listen != self.settings.agi.listen or settings.agi.status != self.settings.agi.status:
            self.log.warning("a new address to listen on is taken at the next start")
        kept = {key: look for key, look in self.lookups.items() if settings.crm_of(key[0]) == self._asked(key[0])}
        for key, look in self.lookups.items():
            if key not in kept:
                self._retire(look)
        self.settings, self.lookups = settings, kept
        self._take(*read)
        self.log.info("the settings are read", offices=len(self.offices))
        return True

    def _asked(self, office: str) -> CrmSettings | None:
        return self.settings.crm_of(office)

    def _retire(self, look: Lookup) -> None:
        """Close a look-up service when the calls that it was asked for are over."""

        async def later() -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(self.settings.agi.deadline)
            await look.close()

        task = asyncio.get_running_loop().create_task(later())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def watch(self) -> None:
        """Once: has `ivrc compile` written a new manifest?"""
        path, known = self.settings.agi.manifest, self._stamp
        read = await self._threads.run(lambda: None if _stamp(path) == known else _read_manifest(path))
        if read is not None and path == self.settings.agi.manifest:
            self._take(*read)
            self.log.info("the manifest is read", offices=len(self.offices))

    async def keep_watching(self) -> None:
        """Watch the manifest until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            await self.watch()

    def _take(self, stamp: tuple[int, int] | None, offices: dict[str, Office] | None, fault: str) -> None:
        self._stamp = stamp
        if offices is None:
            # Written whole or not at all, it is wrong only by somebody's hand.
            self.log.error("the manifest is of no use, what was known stays", fault=fault)
        else:
            self.offices = offices
            self._mobiles = {
                name: frozenset(mobile for employee in office.employees for mobile in employee.mobiles)
                for name, office in offices.items()
            }

    def lookup_of(self, office: Office) -> Lookup | None:
        """The look-up service of an office's CRM; None if there is none."""
        asked = self._asked(office.name)
        if asked is None:
            return None
        own = office.name if office.name in self.settings.offices else ""
        key = (own, office.country)
        look = self.lookups.get(key)
        if look is None:
            look = self.lookups[key] = Lookup(make(asked), asked, country=office.country)
        return look

    def named_lookups(self) -> Iterator[tuple[str, Lookup]]:
        """The look-up services in use, by names for people."""
        for (own, country), look in self.lookups.items():
            yield f"{own or 'common'}-{country or 'none'}", look

    # ── what is answered ──

    async def answer(self, request: Request, began: float) -> Outcome:
        """The answer to a request that came in at `began` (`time.monotonic`). Raises nothing but CancelledError."""
        arguments = request.arguments
        if arguments and arguments[0] == SCRIPT and request.script != SCRIPT:
            arguments = arguments[1:]
        elif request.script != SCRIPT:
            return _outcome("error", detail=f"there is no script {request.script[:40]!r}")
        if len(arguments) < 2:
            return _outcome("error", detail="office and number are missing")
        try:
            return await self._responsible(arguments, began)
        except SettingsError as fault:
            return _outcome("unset", office=arguments[0], number=arguments[1], detail=str(fault))
        except Exception as fault:
            self.log.exception("a fault of ivrc's own")
            return _outcome(
                "error", office=arguments[0], number=arguments[1], detail=f"{type(fault).__name__}: {fault}"
            )

    async def _responsible(self, arguments: tuple[str, ...], began: float) -> Outcome:
        name, number = arguments[0], arguments[1]
        office = self.offices.get(name)
        if office is None:
            return _outcome("unset", office=name, number=number, detail="the manifest has no such office")
        if not number:
            return _outcome("hidden", office=name)
        caller = normal(number, office.country) or ""
        if caller in self._mobiles[name]:
            return _outcome("own", office=name, number=number, detail="an employee's own mobile")
        look = self.lookup_of(office)
        asked = self._asked(name)
        if look is None or asked is None:
            return _outcome("unset", office=name, number=number, detail="no CRM is set for this office")
        found = await look.find(number, seconds=self._left(arguments, began))
        why, turns = decide(found, office, asked.presence, caller)
        line = render(why, turns, found.contact)
        who = ",".join(turn.who or "-" for turn in turns)
        return Outcome(line, why, found.origin, who, name, number, found.detail)

    def _left(self, arguments: tuple[str, ...], began: float) -> float:
        """Seconds for the CRM: what the dialplan gave, never more than the deadline, without the answer's own way."""
        limit = float(self.settings.agi.deadline)
        if len(arguments) > 2:
            limit = min(limit, seconds_of(arguments[2]))
        return limit - min(MARGIN, limit / 4) - (time.monotonic() - began)

    def tell(self, outcome: Outcome, request: Request, seconds: float, trouble: str = "") -> None:
        """One line of the log for a request. `trouble`: why Asterisk did not take the answer."""
        failed = outcome.why in _FAILURES
        (self.log.warning if failed or trouble else self.log.info)(
            "looked up",
            office=outcome.office,
            number=outcome.number if self.settings.agi.log_numbers == "full" else masked(outcome.number),
            why=outcome.why,
            origin=outcome.origin,
            who=outcome.who,
            milliseconds=round(seconds * 1000, 1),
            call=request.call,
            **({"detail": outcome.detail} if failed else {}),
            **({"not_taken": trouble} if trouble else {}),
        )

    async def close(self) -> None:
        """Give back the CRMs' connections."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*(look.close() for look in self.lookups.values()), *self._retiring, return_exceptions=True)


_FAILURES = frozenset({"down", "slow", "busy", "refused", "nonsense", "error", "unset"})


def _outcome(why: str, *, office: str = "", number: str = "", detail: str = "") -> Outcome:
    return Outcome(render(why, [], None), why, office=office, number=number, detail=detail)


def failure(why: str) -> Outcome:
    """The answer when there was no way to find one."""
    return _outcome(why)


def seconds_of(milliseconds: str) -> float:
    """The dialplan's time limit; 2 s where it makes no sense."""
    return min(int(milliseconds) / 1000, 60.0) if re.fullmatch("[0-9]{1,9}", milliseconds) else 2.0


def _read(config: Path) -> tuple[Settings, _Manifest]:
    """What a new start would read; SettingsError as there."""
    settings = load(config)
    _try_kinds(settings)
    return settings, _read_manifest(settings.agi.manifest)


def _try_kinds(settings: Settings) -> None:
    """Make every CRM's adapter once: what is wrong shows now, and its modules are loaded. It opens nothing."""
    for asked in filter(None, (settings.crm, *settings.offices.values())):
        make(asked)


_Manifest = tuple[tuple[int, int] | None, dict[str, Office] | None, str]


def _read_manifest(path: Path) -> _Manifest:
    """Its stamp, its offices (None if it is of no use) and why it is not."""
    stamp = _stamp(path)
    try:
        return stamp, read_offices(path), ""
    except SettingsError as fault:
        return stamp, None, str(fault)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


__all__ = ["MARGIN", "SCRIPT", "Outcome", "Service", "failure", "seconds_of"]
