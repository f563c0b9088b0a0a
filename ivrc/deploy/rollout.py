"""A deploy as a whole: on one node or on all of several, or on none.

The new parts are loaded and verified on every node before a call enters them on any. A fault puts every node back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from ivrc.deploy import journal
from ivrc.deploy.errors import DeployError
from ivrc.deploy.failpoints import passing
from ivrc.deploy.node import Node, Target
from ivrc.deploy.release import Release
from ivrc.named import NamedTuple


class Outcome(NamedTuple):
    """What came of a deploy on one node: the generation that is active, whether anything changed, the time it took."""

    node: str
    generation: int
    changed: bool
    seconds: float
    collected: tuple[str, ...] = ()


@asynccontextmanager
async def nodes(targets: Sequence[Target], wait: float = 0.0, only_look: bool = False) -> AsyncIterator[list[Node]]:
    """The nodes, connected, and locked (in one order, so that two deploys cannot wait for each other)."""
    async with AsyncExitStack() as stack:
        owner = journal.whoever()
        found = {}
        for target in sorted(targets, key=lambda each: each.name):
            try:
                found[target.name] = await stack.enter_async_context(Node(target, owner, wait, only_look))
            except DeployError as fault:
                raise _of(target.name, fault, len(targets)) from None
        yield [found[target.name] for target in targets]


def _of(name: str, fault: DeployError, count: int) -> DeployError:
    """A fault with the name of its node, if there are several."""
    return type(fault)(f"{name}: {fault.message}", fault.reasons) if count > 1 else fault


async def deploy(targets: Sequence[Target], release: Release, note: str = "", wait: float = 0.0) -> list[Outcome]:
    """Make a release active on all targets. DeployError if it is on none; the old one is then as it was."""
    began = time.monotonic()
    async with nodes(targets, wait) as found:
        about = {"by": found[0].owner, "note": note}

        async def step(node: Node) -> int:
            return await node.activate(release, about)

        try:
            await _each(found, lambda node: node.prepare(release))
        except DeployError as fault:
            for node in found:
                await _note(node, "deploy", "refused", why=fault.message, reasons=list(fault.reasons), note=note)
            raise
        changed = [node for node in found if node.now.active != release.active]
        numbers = await _all_or_none(changed, "deploy", [lambda node: node.load(release), step], note)
        return await _finish(found, changed, "deploy", numbers, began, note)


async def rolling(targets: Sequence[Target], release: Release, note: str = "", wait: float = 0.0) -> list[Outcome]:
    """One node after another; DeployError at the first on which it does not come about. The rest stay as they are."""
    done: list[Outcome] = []
    for index, target in enumerate(targets):
        try:
            done += await deploy([target], release, note, wait)
        except DeployError as fault:
            active = ", ".join(each.node for each in done) or "no node"
            left = ", ".join(each.name for each in targets[index + 1 :])
            rest = f"; not touched: {left}" if left else ""
            message = f"{target.name}: {fault.message}; the new plan is active on {active}{rest}"
            raise DeployError(message, fault.reasons) from None
    return done


async def rollback(targets: Sequence[Target], number: int | None = None, wait: float = 0.0) -> list[Outcome]:
    """Make a kept generation active again: the one before unless a number is given."""
    began = time.monotonic()
    async with nodes(targets, wait) as found:
        wanted = {node.target.name: number or node.now.previous for node in found}
        for node in found:
            if not wanted[node.target.name]:
                raise DeployError(f"{node.target.name}: there is no generation before the active one")

        async def step(node: Node) -> int:
            await node.rollback(wanted[node.target.name])
            return wanted[node.target.name]

        changed = [node for node in found if node.now.generation != wanted[node.target.name]]
        numbers = await _all_or_none(changed, "rollback", [step], "")
        return await _finish(found, changed, "rollback", numbers, began, "")


async def _all_or_none(
    found: Sequence[Node], what: str, steps: Sequence[Callable[[Node], Awaitable[int | None]]], note: str
) -> dict[str, int | None]:
    """Each step on all nodes before the next on any; a fault on one puts all back."""
    results: dict[str, int | None] = {}
    try:
        for step in steps:
            results = await _each(found, step)
    except BaseException as fault:
        failed = await _put_back(found)
        reasons = fault.reasons if isinstance(fault, DeployError) else ()
        said = str(fault) or type(fault).__name__
        for node in found:
            await _note(node, what, "put back", why=said, reasons=list(reasons), note=note)
        if isinstance(fault, DeployError):
            state = "everything is as it was before" if not failed else "; ".join(failed)
            raise DeployError(f"{said}; {state}", reasons) from None
        raise
    return results


async def _each(found: Sequence[Node], step: Callable[[Node], Awaitable[int | None]]) -> dict[str, int | None]:
    """A step on all nodes at once; the first fault once all have ended."""
    ended = await asyncio.gather(*(step(node) for node in found), return_exceptions=True)
    for node, result in zip(found, ended, strict=True):
        if isinstance(result, DeployError):
            raise _of(node.target.name, result, len(found))
        if isinstance(result, BaseException):
            raise result
    return {
        node.target.name: result
        for node, result in zip(found, ended, strict=True)
        if not isinstance(result, BaseException)
    }


async def _put_back(found: Sequence[Node]) -> list[str]:
    """Where that did not come about, and what it means."""
    # At once: a node that is not reached any more must not keep the others waiting.
    ended = await asyncio.gather(*(node.put_back() for node in found), return_exceptions=True)
    failed = []
    for node, fault in zip(found, ended, strict=True):
        if isinstance(fault, DeployError):
            failed.append(f"{node.target.name}: {node.state_after(fault)}")
        elif isinstance(fault, BaseException):
            raise fault
    return failed


async def _finish(
    found: Sequence[Node],
    changed: Sequence[Node],
    what: str,
    numbers: dict[str, int | None],
    began: float,
    note: str,
) -> list[Outcome]:
    outcomes = []
    for node in found:
        seconds = round(time.monotonic() - began, 2)
        if node in changed:
            passing("before the log is written")
            await _note(node, what, "active", generation=node.now.generation, seconds=seconds, note=note)
        gone: list[str] = []
        if node not in changed:
            gone = await node.collect()
        else:
            await node.tidy()
        passing("at the end")
        outcomes.append(Outcome(node.target.name, node.now.generation, node in changed, seconds, tuple(gone)))
    return outcomes


async def _note(node: Node, what: str, result: str, **more: object) -> None:
    """A line in the log. A log that cannot be written undoes nothing."""
    try:
        await journal.note(node.target.folder, what, result, by=node.owner, **more)
    except DeployError:
        return
