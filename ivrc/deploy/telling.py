"""What came of a command, told on the terminal: changes, outcomes, statuses, the log."""

from __future__ import annotations

import json
import time
from typing import Any

import click


def changes(found: dict[str, Any]) -> None:
    """What a deploy would change, node by node; nodes that are alike together, as most are."""
    told: dict[str, list[str]] = {}
    for each in found["nodes"]:
        told.setdefault(_changes_of(each), []).append(each["node"])
        prefix = f"{each['node']}: " if each["node"] else ""
        for fault in each.get("missing", ()):
            click.echo(plain(f"{prefix}missing: {fault}"), err=True)
    for text, names in told.items():
        if any(names):
            click.echo(f"{', '.join(names)}:")
        click.echo(text)


def _changes_of(each: dict[str, Any]) -> str:
    if "fault" in each:
        return f"not reached: {plain(each['fault'])}"
    if not (each["new"] or each["changed"] or each["removed"]):
        return f"nothing would change: generation {each['generation']} is the same"
    lines = [f"{kind}: {', '.join(each[kind])}" for kind in ("new", "changed", "removed") if each[kind]]
    return "\n".join([*lines, *([each["text"]] if "text" in each else [])])


def outcomes(found: dict[str, Any]) -> None:
    """Which generation is active on each node, and how long it took."""
    for each in found["nodes"]:
        active = f"{each['node']}: generation {each['generation']} is active"
        click.echo(f"{active} ({each['seconds']:.1f} s)" if each["changed"] else f"{active} already: nothing changed")


def alike(found: list[dict[str, Any]]) -> bool:
    """Whether all nodes have the same plan, byte for byte: its parts have their contents' marks in their names."""
    return len({json.dumps(each.get("active"), sort_keys=True) for each in found}) == 1


def statuses(found: dict[str, Any]) -> None:
    """The generations of one node, or of all."""
    if "nodes" not in found:
        _status(found)
        return
    for each in found["nodes"]:
        click.echo(f"{each['node']}:")
        _status(each)
    if not found["alike"]:
        click.echo("ivrc: the nodes have not all the same plan; deploy again", err=True)


def _status(found: dict[str, Any]) -> None:
    if "fault" in found:
        click.echo(plain(f"       {found['fault']}"))
        return
    if not found["generations"]:
        click.echo("nothing is deployed yet")
    for each in found["generations"]:
        age = _age(time.time() - each["when"])
        state = "active" if each["active"] else "loaded" if each["loaded"] else "kept"
        note = f"  {each['note']}" if each["note"] else ""
        click.echo(f"{each['generation']:>5}  {state:<7} {each['calls']:>5} calls  {age:>8} ago  {each['by']}{note}")
    for part, calls in found["elsewhere"].items():
        click.echo(f"       {part} is loaded for {calls} calls; its generation is not kept any more")


def _age(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def log_line(name: str, line: dict[str, Any]) -> None:
    """A line of the log; `name` is the node's, if there are several."""
    number = f" generation {line['generation']}" if "generation" in line else ""
    why = f": {line['why']}" if "why" in line else ""
    note = f"  ({line['note']})" if line.get("note") else ""
    node = f"  {name}" if name else ""
    who = f"{line['when']}{node}  {line.get('by', '')}"
    click.echo(plain(f"{who}  {line['what']}{number} {line['result']}{why}{note}"))


def plain(text: str) -> str:
    """A text of others without control characters."""
    return "".join(char if char.isprintable() else " " for char in text)
