"""How the compiled dialplan changes: a unified diff without the noise of line numbers of the source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import unified_diff

# `; play "x"    (office.ivr:9)`: a line added above would change every one below. And the names of the files.
_PLACE = re.compile(r"^(;.*?)(?:    \([^()]*:\d+\)| from .*: change the source, not this file\.)$", re.MULTILINE)


def dialplan_diff(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """The diff of all files, name → text; empty if they are equal but for places in comments."""
    parts: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        before, after = (_PLACE.sub(r"\1", side.get(name, "")).splitlines() for side in (old, new))
        if before != after:
            parts += _unified(name, before, after)
    return "\n".join(parts)


def _unified(name: str, before: list[str], after: list[str]) -> list[str]:
    """Compared between the first and the last line that differ: a large dialplan is mostly the same."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    # With lines around, and so that line numbers count from the files' beginning.
    around = max(0, start - 3)
    tail = max(0, end - 3)
    found = unified_diff(
        before[around : len(before) - tail],
        after[around : len(after) - tail],
        f"old/{name}",
        f"new/{name}",
        lineterm="",
    )
    return [_shifted(line, around) for line in found]


def _shifted(line: str, by: int) -> str:
    head = re.match(r"^@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@", line)
    if head is None:
        return line
    old, new = int(head[1]) + by, int(head[3]) + by
    return f"@@ -{old}{head[2] or ''} +{new}{head[4] or ''} @@"
