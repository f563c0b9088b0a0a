"""What Asterisk holds, read back and compared with what was compiled. Each function gives the faults that it finds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping

from ivrc.deploy import checks
from ivrc.deploy.ami import Manager
from ivrc.deploy.calls import any_on, parts_in
from ivrc.deploy.dialplan import Held, Key, Line, differences, lines_in, read_text
from ivrc.deploy.release import DIALPLAN, ENTRIES

_ABSENT = "Did not find context"
# Seconds that a turn of questions may take, and that a question may take without anybody noticing.
_TURN, _QUICK = 0.02, 0.001
_AT_ONCE = 20
# Seconds after which it is looked again whether calls have come in.
_LOOK_AGAIN = 0.2

Parts = Mapping[str, Mapping[str, bytes]]
"""Part's id → its files."""


async def parts_differ(manager: Manager, parts: Parts, sample: int = 0) -> list[str]:
    """New parts that Asterisk does not hold as they were compiled.

    To show a context Asterisk goes through all there are: the time for all is quadratic to a plan. `sample`: of more
    contexts than that only so many are compared, and of the rest it is seen that each extension has all its lines.
    """
    held = read_text(files[DIALPLAN] for files in parts.values())
    faults: list[str] = []
    contexts = sorted(held.contexts)
    if 0 < sample < len(contexts):
        faults += await _outline_differs(manager, held)
        every = len(contexts) // sample
        contexts = [each for at, each in enumerate(contexts) if at % every == 0 or _has_pattern(held.contexts[each])]
    async for context, found in _holds(manager, contexts):
        faults += differences(context, held.contexts[context], found, held.steps)
    faults += await checks.queues_differ(manager, parts)
    faults += await checks.mailboxes_lack(manager, parts)
    return _explained(faults)


async def entries_differ(manager: Manager, changed: Parts, left: Parts, active: set[str]) -> list[str]:
    """Where new calls would not be led to the active parts, or would still be led to those that were left."""
    held, gone = (read_text(files[ENTRIES] for files in each.values() if ENTRIES in files) for each in (changed, left))
    faults: list[str] = []
    async for context, found in _holds(manager, {**gone.contexts, **held.contexts}):
        faults += differences(context, held.contexts.get(context, {}), found, held.steps, whole=False)
        for key, line in found.items():
            if astray := parts_in(line.arguments) - active:
                faults.append(f"{key.extension}@{context} still leads to {', '.join(sorted(astray))}")
    return faults


async def all_differs(manager: Manager, parts: Parts, active: set[str]) -> list[str]:
    """Every difference between what Asterisk holds and the loaded parts: nothing is left out."""
    texts = [files[DIALPLAN] for files in parts.values() if DIALPLAN in files]
    texts += [files[ENTRIES] for name, files in parts.items() if name in active and ENTRIES in files]
    held = read_text(texts)
    faults: list[str] = []
    async for context, found in _holds(manager, held.contexts):
        faults += differences(context, held.contexts[context], found, held.steps)
    faults += await checks.queues_differ(manager, parts)
    faults += await checks.mailboxes_lack(manager, parts)
    return faults


def _has_pattern(lines: Iterable[Key]) -> bool:
    """Whether a context has a pattern, which is no extension that could be looked up."""
    return any(key.extension.startswith("_") for key in lines)


async def _outline_differs(manager: Manager, held: Held) -> list[str]:
    """Extensions of which Asterisk does not hold the last line, and so none before it where it should be."""
    last: dict[tuple[str, str], int] = {}
    for context, lines in held.contexts.items():
        for key in lines:
            if key.priority.isdigit():
                place = (context, key.extension)
                last[place] = max(last.get(place, 0), int(key.priority))
    places = [(context, exten, at) for (context, exten), at in last.items() if not exten.startswith("_")]
    asked = manager.values(f"DIALPLAN_EXISTS({context},{exten},{at})" for context, exten, at in places)
    faults, index = [], 0
    async for value in asked:
        context, exten, at = places[index]
        index += 1
        if value != "1":
            faults.append(f"{exten}@{context},{at}: Asterisk does not hold it")
    return faults


async def _holds(manager: Manager, contexts: Iterable[str]) -> AsyncIterator[tuple[str, dict[Key, Line]]]:
    """What Asterisk holds of each context."""
    asked = manager.texts("ShowDialPlan", "Context", contexts, absent=_ABSENT, turns=FairTurns(manager), seconds=60)
    async for context, events in asked:
        yield context, lines_in(events)


class FairTurns:
    """Asterisk answers with the lock of the whole dialplan held, which every call's next step needs.

    So calls wait for a turn at the most, and then have the dialplan for themselves for as long. Where there are none,
    or answers are quick, there is no rest.
    """

    def __init__(self, manager: Manager) -> None:
        self.questions = 1
        self._manager = manager
        self._calls = True
        self._looked = 0.0

    async def rest(self, asked: int, began: float, ended: float) -> None:
        """See `Turns`."""
        each = (ended - began) / asked
        self.questions = max(1, min(_AT_ONCE, int(_TURN / each)))
        if each <= _QUICK:
            return
        if time.monotonic() - self._looked > _LOOK_AGAIN:
            self._calls = await any_on(self._manager)
            self._looked = time.monotonic()
        if self._calls:
            await asyncio.sleep(ended + (ended - began) - time.monotonic())


def _explained(faults: list[str]) -> list[str]:
    """The faults, the first twenty; with a hint where nothing at all was loaded."""
    shown = faults[:20]
    if len(faults) > 20:
        shown.append("… and more")
    if faults and all("does not hold it" in fault for fault in faults):
        shown.append("nothing of it is there: does Asterisk's extensions.conf include ivrc's (see docs/deploy.md)?")
    return shown
