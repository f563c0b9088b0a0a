"""Two texts in, what changes from one to the other out."""

from __future__ import annotations

from datetime import date

from ivrc.changes import Changes, Side, describe_changes
from tests.support import OFFICE, office_of, scenario

SINCE = date(2026, 3, 1)
NUMBER = "+7 495 123-45-67"
GROUPS = "group sales in order { anna, boris }\ngroup support at once { vera, gleb }\n"
OPEN = "hours open { mon-fri 09:00-18:00 }\n"


def source(*steps: str, declarations: str = "", people: str = OFFICE) -> str:
    """An office with some groups, whose one number leads to a scenario of these steps."""
    return people + GROUPS + declarations + f'number "{NUMBER}" -> main\n' + scenario(*steps)


def changes_of(old: str, new: str, since: date = SINCE) -> Changes:
    return describe_changes(Side(office_of(old)), Side(office_of(new)), since)


def told(old: str, new: str) -> list[str]:
    """What is printed, its lines without indentation; that of callers as `way: now | before`."""
    lines = [" ".join(line.split()) for line in changes_of(old, new).text().splitlines()]
    joined: list[str] = []
    for line in lines[1:]:
        if line.startswith(("now ", "before ", "no longer ")) and joined:
            joined[-1] += f" {line}" if joined[-1].endswith(":") else f" | {line}"
        else:
            joined.append(line)
    return joined
