"""Files of a target that nothing needs any more."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ivrc.deploy import state
from ivrc.deploy.folder import LEFT_OVER, Folder
from ivrc.deploy.release import ABOUT
from ivrc.deploy.state import GENERATIONS, PARTS, SETS, Set


async def remove(folder: Folder, sounds: Folder, now: Set) -> None:
    """Remove what neither the active set nor a kept generation needs; with the lock nobody else writes."""
    for name in await folder.names(SETS):
        if not name.isdigit() or int(name) != now.number:
            await folder.remove(f"{SETS}/{name}")
    needed = set(now.parts)
    for name in await folder.names(GENERATIONS):
        number = name.partition(".")[0]
        if number.isdigit() and int(number) in now.generations:
            if name == f"{number}.json":
                record = await state.generation(folder, int(number))
                needed |= {f"{part}~{mark}" for part, mark in record["active"].items()}
        else:
            await folder.remove(f"{GENERATIONS}/{name}")
    there = await folder.names(PARTS)
    gone = there - needed
    prompts = await _prompts_of(folder, gone)
    if prompts:
        # Prompts are named after their offices: only the same offices' other parts can have them, too.
        offices = {name.partition("~")[0] for name in gone}
        prompts -= await _prompts_of(folder, {name for name in there & needed if name.partition("~")[0] in offices})
    for path in sorted(prompts):
        await sounds.remove(path)
    for name in sorted(gone):
        await folder.remove(f"{PARTS}/{name}")
    for name in await folder.names("."):
        if name.startswith(LEFT_OVER):
            await folder.remove(name)


async def _prompts_of(folder: Folder, parts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for name in parts:
        about = None if name.startswith(LEFT_OVER) else await folder.read(f"{PARTS}/{name}/{ABOUT}")
        if about:
            found.update(json.loads(about)["sounds"])
    return found
