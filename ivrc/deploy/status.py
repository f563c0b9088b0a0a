"""What is deployed, and which calls are on it."""

from __future__ import annotations

from typing import Any

from ivrc.deploy import state
from ivrc.deploy.calls import calls_by_part
from ivrc.deploy.errors import DeployError
from ivrc.deploy.node import Target
from ivrc.deploy.rollout import nodes


async def status_of(target: Target) -> dict[str, Any]:
    """The kept generations, the newest first: a call counts for the newest that has its part."""
    async with nodes([target], only_look=True) as (node,):
        found = calls_by_part(await node.channels())
        left = dict(found)
        generations = []
        order = [node.now.generation, *(each for each in reversed(node.now.generations) if each != node.now.generation)]
        for number in (each for each in order if each):
            try:
                record = await state.generation(target.folder, number)
            except DeployError:
                continue
            ids = {f"{name}~{mark}" for name, mark in record["active"].items()}
            calls = {call for part in ids for call in left.pop(part, set())}
            generations.append(
                {
                    "generation": number,
                    "active": number == node.now.generation,
                    "loaded": ids <= node.now.parts.keys(),
                    "calls": len(calls),
                    "when": record["when"],
                    "by": record["by"],
                    "note": record["note"],
                    "parts": len(ids),
                }
            )
        elsewhere = {part: len(calls) for part, calls in sorted(left.items())}
        shown = {"generation": node.now.generation, "active": dict(node.now.active)}
        return {**shown, "generations": generations, "elsewhere": elsewhere}
