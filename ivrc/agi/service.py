"""The answer to a request, and what it is made of: settings, who works where, one look-up service a CRM.

Settings and manifest are read anew while calls go on; a file that is wrong leaves what was there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
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
from ivrc.named import NamedTuple

MARGIN = 0.1
"""Seconds kept of every time limit for the way of the answer."""
SCRIPT = "responsible"
_MANIFEST_PAUSE = 1.0


class Outcome(NamedTuple):
    """The line for the dialplan, and what logs and metrics want to know of it."""

    line: str
    why: str
    origin: str = ""
    who: str = ""
    office: str = ""
    number: str = ""
    detail: str = ""
    seconds: float = 0.0


class Service:
    """Answers requests. For one event loop."""

    def __init__(self, config: Path, log: Any) -> None:
        """Read settings and manifest; SettingsError if the settings are wrong. A manifest may come later."""
        self.log = log
        self.config = config
        self.settings: Settings = load(config)
        self.offices: dict[str, Office] = {}
        self.lookups: dict[tuple[str, str | None], Lookup] = {}
        self._stamp: tuple[int, int] | None = None
        self._looked_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._read_manifest()

    # ── what is read ──

    def reload(self) -> bool:
        """Read the settings and the manifest again; False, and a line in the log, if they stay as they were."""
        try:
            settings = load(self.config)
        except SettingsError as fault:
            self.log.error("the settings are wrong, the old ones stay", fault=str(fault))
            return False
        if settings.agi.listen != self.settings.agi.listen or settings.agi.status != self.settings.agi.status:
            self.log.warning("a new address to listen on is taken at the next start")
        kept = {key: look for key, look in self.lookups.items() if settings.crm_of(key[0]) == self._asked(key[0])}
        gone = [look for key, look in self.lookups.items() if key not in kept]
        self.settings, self.lookups = settings, kept
        for look in gone:
            task = asyncio.get_running_loop().create_task(look.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._stamp = None
        self._read_manifest()
        self.log.info("the settings are read", offices=len(self.offices))
        return True

    def _asked(self, office: str) -> CrmSettings | None:
        return self.settings.crm_of(office)

    def _read_manifest(self) -> None:
        path = self.settings.agi.manifest
        stamp = _stamp(path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.offices = read_offices(path)
        except SettingsError as fault:
            # Written whole or not at all, it is wrong only by somebody's hand.
            self.log.error("the manifest is of no use, what was known stays", fault=str(fault))

    def _look_at_manifest(self) -> None:
        """Now and then: has `ivrc compile` written a new one? Read beside the calls."""
        now = time.monotonic()
        if now - self._looked_at < _MANIFEST_PAUSE or (self._reading and not self._reading.done()):
            return
        self._looked_at = now
        if _stamp(self.settings.agi.manifest) != self._stamp:
            self._reading = asyncio.get_running_loop().create_task(asyncio.to_thread(self._read_manifest))

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

    # ── what is answered ──

    async def answer(self, request: Request, until: Callable[[float], float]) -> Outcome:
        """The answer to a request. `until(seconds)`: how much is left when the dialplan gave so many in all.

        Raises nothing but CancelledError.
        """
        arguments = request.arguments
        if arguments and arguments[0] == SCRIPT and request.script != SCRIPT:
            arguments = arguments[1:]
        elif request.script != SCRIPT:
            return _outcome("error", detail=f"there is no script {request.script[:40]!r}")
        if len(arguments) < 2:
            return _outcome("error", detail="office and number are missing")
        self._look_at_manifest()
        try:
            return await self._responsible(arguments, until)
        except asyncio.CancelledError:
            raise
        except SettingsError as fault:
            return _outcome("unset", detail=str(fault))
        except Exception as fault:
            self.log.exception("a fault of ivrc's own")
            return _outcome("error", detail=f"{type(fault).__name__}: {fault}")

    async def _responsible(self, arguments: tuple[str, ...], until: Callable[[float], float]) -> Outcome:
        name, number = arguments[0], arguments[1]
        limit = _seconds(arguments[2]) if len(arguments) > 2 else self.settings.agi.deadline
        office = self.offices.get(name)
        if office is None:
            return _outcome("unset", office=name, number=number, detail="the manifest has no such office")
        if not number:
            return _outcome("hidden", office=name)
        caller = normal(number, office.country) or ""
        if caller and any(caller in employee.mobiles for employee in office.employees):
            return _outcome("own", office=name, number=number, detail="an employee's own mobile")
        look = self.lookup_of(office)
        asked = self._asked(name)
        if look is None or asked is None:
            return _outcome("unset", office=name, number=number, detail="no CRM is set for this office")
        found = await look.find(number, seconds=until(min(limit, self.settings.agi.deadline)))
        why, turns = decide(found, office, asked.presence, caller)
        line = render(why, turns, found.contact)
        who = ",".join(turn.who or "-" for turn in turns)
        return Outcome(line, why, found.origin, who, name, number, found.detail, found.seconds)

    def tell(self, outcome: Outcome, request: Request, seconds: float) -> None:
        """One line of the log for a request."""
        number = outcome.number if self.settings.agi.log_numbers == "full" else masked(outcome.number)
        level = self.log.warning if outcome.why in _FAILURES else self.log.info
        level(
            "looked up",
            office=outcome.office,
            number=number,
            why=outcome.why,
            origin=outcome.origin,
            who=outcome.who,
            milliseconds=round(seconds * 1000, 1),
            call=request.variables.get("agi_uniqueid", "")[:40],
            **({"detail": outcome.detail[:200]} if outcome.why in _FAILURES else {}),
        )

    async def close(self) -> None:
        """Give back the CRMs' connections."""
        await asyncio.gather(*(look.close() for look in self.lookups.values()), *self._closing)


_FAILURES = frozenset({"down", "slow", "busy", "refused", "nonsense", "error", "unset"})


def _outcome(why: str, *, office: str = "", number: str = "", detail: str = "") -> Outcome:
    return Outcome(render(why, [], None), why, office=office, number=number, detail=detail)


def failure(why: str) -> Outcome:
    """The answer when there was no time, or no way, to find one."""
    return _outcome(why)


def _seconds(milliseconds: str) -> float:
    return min(int(milliseconds) / 1000, 60.0) if milliseconds.isascii() and milliseconds.isdigit() else 2.0


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


__all__ = ["MARGIN", "SCRIPT", "Outcome", "Service", "failure"]
