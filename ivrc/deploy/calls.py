"""Which calls are on which part: by the variable that a call and its legs carry, and by the contexts they are in."""

from __future__ import annotations

import re

from ivrc.deploy.ami import Manager
from ivrc.named import NamedTuple

PLAN = "IVRC_PLAN"
_MARKED = re.compile(r"ivrc~(?P<mark>[a-z2-7]{8})-(?P<name>\w+)|(?P<shared>ivrc\.[\w.-]+)~(?P<own>[a-z2-7]{8})")


class Channel(NamedTuple):
    """A channel: the call it belongs to, and the parts that it shows to be on."""

    name: str
    call: str
    parts: frozenset[str]


async def channels(manager: Manager) -> list[Channel]:
    """All channels."""
    found = []
    async for event in manager.list("Status", Variables=PLAN):
        if "Channel" not in event:
            continue
        values = [value.partition("=")[2] for value in event.get("Variable", "").split("\n")]
        # The context of a leg, and what it dials or waits in.
        seen = [*values, event.get("Context", ""), event.get("Data", ""), event["Channel"]]
        parts = frozenset(part for text in seen for part in parts_in(text))
        found.append(Channel(event["Channel"], event.get("Linkedid", event["Channel"]), parts))
    return found


async def any_on(manager: Manager) -> bool:
    """Whether there are any channels: a question that costs nothing."""
    return (await manager.ask("CoreStatus")).get("CoreCurrentCalls") != "0"


def parts_in(text: str) -> set[str]:
    """The ids of the parts whose names stand in a text."""
    found = set()
    for match in _MARKED.finditer(text):
        found.add(f"{match['name']}~{match['mark']}" if match["mark"] else f"{match['shared']}~{match['own']}")
    return found


def calls_by_part(found: list[Channel]) -> dict[str, set[str]]:
    """Part's id → the calls that are on it."""
    calls: dict[str, set[str]] = {}
    for channel in found:
        for part in channel.parts:
            calls.setdefault(part, set()).add(channel.call)
    return calls
