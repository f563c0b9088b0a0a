"""One Asterisk that is deployed to: what a deploy does there, step by step, each step repeatable.

`async with Node(target, owner, wait) as node` holds the target's lock and the manager's connection. The order is
prepare, load, activate; put_back after a fault in one of the last two; collect at the end.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Self

from ivrc.deploy import calls as on_line
from ivrc.deploy import checks, held, leftovers, state, written
from ivrc.deploy.ami import Address, Manager
from ivrc.deploy.errors import DeployError, FolderError, ManagerError
from ivrc.deploy.failpoints import passing
from ivrc.deploy.folder import Folder
from ivrc.deploy.release import ABOUT, DIALPLAN, PJSIP, QUEUES, VOICEMAIL, Release
from ivrc.deploy.state import GENERATIONS, MANIFEST, PARTS, READ, SETS, SOURCES, Loaded, Set
from ivrc.named import NamedTuple

GRACE = 5.0
"""Seconds for which a part stays after it was left, calls or none: one may just have been led into it."""
_RELOAD_SECONDS = 300.0
_MODULES = {QUEUES: "app_queue", VOICEMAIL: "app_voicemail", PJSIP: "res_pjsip", DIALPLAN: "pbx_config"}
# What is left over of a deploy that was interrupted may be repaired within so many seconds of a lost connection.
_AGAIN_SECONDS = 10.0


class Target(NamedTuple):
    """A node: its name, where its files are put, where its prompts are (Asterisk's sounds folder), its manager."""

    name: str
    folder: Folder
    sounds: Folder
    manager: Address
    # Generations that stay for a rollback.
    keep: int = 10
    # Of more new contexts than that only so many are compared line by line; 0: all.
    sample: int = 0
    # Seconds after which a part that was left is taken out although calls are on it; 0 for never.
    limit: float = 0.0


class Node:
    """The steps on one node."""

    def __init__(self, target: Target, owner: str, wait: float = 0.0, only_looks: bool = False) -> None:
        """`only_looks`: without the lock."""
        self.target = target
        self.owner = owner
        self.wait = wait
        self.only_looks = only_looks
        self.before = Set()
        """The set that was active when the lock was had."""
        self.now = Set()
        """The set that is active."""
        self._stack = AsyncExitStack()
        self._manager: Manager | None = None

    # ── the connection ──

    async def __aenter__(self) -> Self:
        try:
            if not self.only_looks:
                await self._stack.enter_async_context(self.target.folder.lock(self.wait, self.owner))
            passing("with the lock")
            self.before = self.now = await state.active_set(self.target.folder)
            self._manager = await self._stack.enter_async_context(Manager(self.target.manager))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def manager(self) -> Manager:
        """The connection."""
        assert self._manager is not None, "not entered"
        return self._manager

    # ── the steps ──

    async def missing(self, release: Release) -> list[str]:
        """What the release expects and this Asterisk has not."""
        fresh = await self._fresh_files(release)
        return await checks.missing(self.manager, self.target.sounds, fresh)

    async def prepare(self, release: Release) -> None:
        """Write what is not there yet: parts and prompts. Nothing that Asterisk reads changes."""
        await self._repair()
        if faults := await self.missing(release):
            raise DeployError("Asterisk lacks what the plan needs", tuple(faults))
        passing("before prompts are written")
        await self._write_sounds(release)
        passing("before parts are written")
        there = await self.target.folder.names(PARTS)
        for part in release.parts:
            if part.id not in there:
                passing("before a part is written")
                await self.target.folder.put(f"{PARTS}/{part.id}", part.files)
        passing("after parts are written")
        await self.target.folder.settle()
        passing("after parts are on the disk")

    async def load(self, release: Release) -> None:
        """Make Asterisk hold the release's parts beside what it holds; new calls come in by the old entries."""
        wanted = {part.id: Loaded(tuple(sorted(part.files)), part.uses) for part in release.parts}
        await self._load(wanted, await self._fresh_files(release))

    async def _load(self, wanted: Mapping[str, Loaded], fresh: Mapping[str, Mapping[str, bytes]]) -> None:
        kept, now, active = await self._still_used(), time.time(), self.now.active_ids
        parts = {
            name: replace(one, left=0.0 if name in active else now if name in wanted else one.left)
            for name, one in sorted({**wanted, **kept}.items())
        }
        await self._switch(replace(self.now, parts=parts), "load")
        await self._reload(READ, "load")
        passing("before the new parts are verified")
        await self._verify_parts(fresh)
        passing("after the new parts are verified")

    async def activate(self, release: Release, about: Mapping[str, Any]) -> int:
        """New calls take the release's parts; the number of the generation that is active now."""
        number = await self._next_generation()
        record = {"generation": number, "active": release.active, "when": time.time(), **about}
        folder = self.target.folder
        await folder.write(f"{GENERATIONS}/{number}.{MANIFEST}", release.manifest)
        if release.sources:
            await folder.write(f"{GENERATIONS}/{number}.{SOURCES}", release.sources)
        await folder.write(f"{GENERATIONS}/{number}.json", [state.encode(record)])
        passing("after the generation is written")
        parts = {part.id: Loaded(tuple(sorted(part.files)), part.uses) for part in release.parts}
        await self._activate(number, release.active, parts)
        await self._verify_entries({part.id: written.joined(part.files) for part in release.parts})
        passing("after the entries are verified")
        return number

    async def rollback(self, number: int) -> None:
        """A kept generation is active again; its parts are verified before a call can enter them."""
        await self._repair()
        record = await state.generation(self.target.folder, number)
        ids = [f"{name}~{mark}" for name, mark in record["active"].items()]
        files = {name: await written.read(self.target.folder, name) for name in sorted(ids)}
        if changed := [f"{PARTS}/{name}/{each}" for name in files for each in written.changed(files[name], (ABOUT,))]:
            raise DeployError(f"generation {number} is not what was deployed", tuple(changed))
        if faults := await checks.missing(self.manager, self.target.sounds, files):
            raise DeployError("Asterisk lacks what the generation needs", tuple(faults))
        wanted = {
            name: Loaded(tuple(sorted(each)), tuple(json.loads(each[ABOUT]).get("uses", ())))
            for name, each in files.items()
        }
        await self._load(wanted, {name: files[name] for name in files if name not in self.now.parts})
        await self._activate(number, record["active"], wanted)
        await self._verify_entries(files)
        passing("after the entries are verified")

    async def _activate(self, number: int, active: Mapping[str, str], parts: Mapping[str, Loaded]) -> None:
        now = time.time()
        ids = {f"{name}~{mark}" for name, mark in active.items()}
        merged = {**self.now.parts, **parts}
        merged = {name: replace(one, left=0.0 if name in ids else one.left or now) for name, one in merged.items()}
        was = self.now
        kept = [each for each in was.generations if each != number] + [number]
        keep = max(1, self.target.keep)
        previous = was.generation if was.generation != number else was.previous
        fresh = replace(
            was, generation=number, previous=previous, generations=tuple(kept[-keep:]), active=active, parts=merged
        )
        await self._switch(fresh, "activate")
        await self._reload((DIALPLAN,), "activate")
        passing("before the entries are verified")

    async def put_back(self) -> None:
        """As it was before: the set that was active is active again, and Asterisk has read it."""
        folder, was = self.target.folder, self.before
        if self.now.number == was.number:
            return
        passing("before it is put back")
        if was.number:
            await folder.remove(self._mark_of(was.number))
            await folder.point(state.ACTIVE, f"{SETS}/{was.number}")
        else:
            await folder.remove(state.ACTIVE)
        self.now = was
        passing("before what was put back is read")
        await self._reload(READ, "put back", again=True)

    def state_after(self, fault: DeployError) -> str:
        """In words what a node holds of which not all could be put back."""
        if isinstance(fault, FolderError):
            return f"its files could not be put back: {fault}. It holds the old plan or the new one, whole"
        return (
            f"the files are as before, but {fault}. Asterisk holds the old plan or the new one, whole, "
            "and the old one once it starts again"
        )

    async def collect(self) -> list[str]:
        """Take parts out that no call is on, then remove files that nothing needs any more; the parts taken out."""
        kept = await self._still_used()
        gone = sorted(self.now.parts.keys() - kept.keys())
        if gone:
            await self._switch(replace(self.now, parts=kept), "collect")
            await self._reload(READ, "collect")
        await self.tidy()
        return gone

    # ── what is there ──

    async def sources(self) -> bytes | None:
        """What the active generation was compiled from, packed; None if it is not known."""
        return await self.target.folder.read(f"{GENERATIONS}/{self.now.generation}.{SOURCES}")

    async def channels(self) -> list[on_line.Channel]:
        """All channels of this Asterisk."""
        return await on_line.channels(self.manager)

    async def verify(self) -> list[str]:
        """Everything that Asterisk or the folder holds otherwise than it was deployed."""
        faults: list[str] = []
        files: dict[str, Mapping[str, bytes]] = {}
        for name in sorted(self.now.parts):
            files[name] = await written.read(self.target.folder, name)
            faults += [f"{PARTS}/{name}/{each}" for each in written.changed(files[name], self.now.parts[name].files)]
            faults += await written.sounds_gone(self.target.sounds, files[name])
        for name in sorted(await self.target.folder.names(PARTS) - files.keys()):
            # Kept for a rollback.
            faults += [
                f"{PARTS}/{name}/{each}"
                for each in written.changed(await written.read(self.target.folder, name), (ABOUT,))
            ]
        wanted = state.files_of(self.target.folder, self.now, await state.mailboxes_of(self.target.folder, self.now))
        for name in (*READ, "set.json") if self.now.number else ():
            if await self.target.folder.read(f"{SETS}/{self.now.number}/{name}") != b"".join(wanted[name]):
                faults.append(f"{SETS}/{self.now.number}/{name} has been changed since it was deployed")
        faults += await checks.missing(self.manager, self.target.sounds, {n: f for n, f in files.items() if ABOUT in f})
        faults += await held.all_differs(self.manager, files, self.now.active_ids)
        return faults

    # ── sets ──

    async def _switch(self, wanted: Set, stage: str) -> None:
        """Write a set and make it the active one."""
        folder = self.target.folder
        numbers = [int(name) for name in await folder.names(SETS) if name.isdigit()]
        fresh = replace(wanted, number=max([self.now.number, *numbers], default=0) + 1)
        passing(f"{stage}: before the set is written")
        mailboxes = await state.mailboxes_of(folder, fresh)
        await folder.put(f"{SETS}/{fresh.number}", state.files_of(folder, fresh, mailboxes))
        if fresh.generation:
            await folder.point(
                f"{SETS}/{fresh.number}/{MANIFEST}", f"../../{GENERATIONS}/{fresh.generation}.{MANIFEST}"
            )
        await folder.settle()
        passing(f"{stage}: before the set is active")
        await folder.point(state.ACTIVE, f"{SETS}/{fresh.number}")
        self.now = fresh
        passing(f"{stage}: after the set is active")

    async def _reload(self, names: Iterable[str], stage: str, again: bool = False) -> None:
        """Let Asterisk read the set: queues and mailboxes before the dialplan that leads to them."""
        order = (PJSIP, VOICEMAIL, QUEUES, DIALPLAN)
        wanted = [name for name in order if name in names and (name == DIALPLAN or self._has(name))]
        if stage == "load":
            wanted = [name for name in wanted if not self._is_as_before(name)]
        until = time.monotonic() + _AGAIN_SECONDS
        while True:
            try:
                for name in wanted:
                    passing(f"{stage}: before Asterisk reads {name}")
                    await self.manager.ask("Reload", Module=_MODULES[name], seconds=_RELOAD_SECONDS)
                if self.now.number:
                    await self.target.folder.write(self._mark_of(self.now.number), [b""])
                passing(f"{stage}: after Asterisk has read")
                return
            except ManagerError as fault:
                if not again or time.monotonic() > until:
                    raise DeployError(f"Asterisk did not read its files again: {fault}") from None
            await asyncio.sleep(0.5)
            await self._connect_again()

    async def _connect_again(self) -> None:
        try:
            fresh = Manager(self.target.manager)
            self._manager = await self._stack.enter_async_context(fresh)
        except ManagerError:
            return

    def _has(self, name: str) -> bool:
        """Whether a file matters to what is or was loaded."""
        return any(name in one.files for each in (self.before, self.now) for one in each.parts.values())

    def _is_as_before(self, name: str) -> bool:
        """Whether Asterisk has read the same of a file already: pjsip.conf is one text, and long in reading."""
        return name == PJSIP and all(
            any(name in one.files for one in each.parts.values()) for each in (self.before, self.now)
        )

    async def _still_used(self) -> dict[str, Loaded]:
        """The loaded parts that are active, have calls, or were left a moment ago; and what these jump into."""
        now, calls = time.time(), on_line.calls_by_part(await self.channels())
        kept: dict[str, Loaded] = {}

        def keep(name: str) -> None:
            if name in self.now.parts and name not in kept:
                kept[name] = self.now.parts[name]
                for used in kept[name].uses:
                    keep(used)

        for name, one in self.now.parts.items():
            age = now - one.left if one.left else 0.0
            forced = bool(self.target.limit) and age > max(self.target.limit, GRACE)
            if name in self.now.active_ids or age < GRACE or (name in calls and not forced):
                keep(name)
        return kept

    async def _next_generation(self) -> int:
        there = [
            int(name.partition(".")[0]) for name in await self.target.folder.names(GENERATIONS) if name[0].isdigit()
        ]
        return max([self.now.generation, *self.now.generations, *there], default=0) + 1

    # ── files ──

    async def _fresh_files(self, release: Release) -> dict[str, dict[str, bytes]]:
        """The parts of a release that Asterisk did not hold when the lock was had."""
        return {part.id: written.joined(part.files) for part in release.parts if part.id not in self.before.parts}

    async def _write_sounds(self, release: Release) -> None:
        sounds, there = self.target.sounds, dict[str, set[str]]()
        for path, content in sorted(release.sounds.items()):
            folder, _, name = path.rpartition("/")
            if folder not in there:
                there[folder] = await sounds.names(folder)
            if name not in there[folder]:
                passing("before a prompt is written")
                await sounds.write(path, content)
        if there:
            await sounds.settle()

    async def _repair(self) -> None:
        """Remove what a deploy left that was interrupted, and let Asterisk read the set that counts if it may not."""
        await self.tidy()
        if self.now.number and await self.target.folder.read(self._mark_of(self.now.number)) is None:
            await self._reload(READ, "repair")
            # Until now calls may have come in by other entries: each part may have been left this moment.
            now, active = time.time(), self.now.active_ids
            parts = {name: replace(one, left=0.0 if name in active else now) for name, one in self.now.parts.items()}
            self.now = self.before = replace(self.now, parts=parts)

    async def _verify_parts(self, fresh: Mapping[str, Mapping[str, bytes]]) -> None:
        """DeployError if Asterisk does not hold these parts as they were compiled."""
        sample = self.target.sample
        faults = await written.not_as_written(self.target.folder, fresh) if sample else []
        if faults := [*faults, *await held.parts_differ(self.manager, fresh, sample)]:
            raise DeployError("Asterisk does not hold what was compiled", tuple(faults))

    async def _verify_entries(self, parts: Mapping[str, Mapping[str, bytes]]) -> None:
        """DeployError if new calls would not be led where they should be, or would still be led elsewhere."""
        active, was = self.now.active_ids, self.before.active_ids
        changed = {name: files for name, files in parts.items() if name not in was}
        left = {name: await written.read(self.target.folder, name) for name in sorted(was - active)}
        if faults := await held.entries_differ(self.manager, changed, left, active):
            raise DeployError("new calls are not led into the new plan", tuple(faults[:20]))

    def _mark_of(self, number: int) -> str:
        """The file that says that Asterisk has read a set."""
        return f"{SETS}/{number}/read"

    async def tidy(self) -> None:
        """Remove files that neither the active set nor a kept generation needs."""
        await leftovers.remove(self.target.folder, self.target.sounds, self.now)
