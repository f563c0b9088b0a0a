"""Whole processes measured in turn, and the tables that come of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    """CPU seconds (user and system) and peak resident memory in MB."""

    seconds: float
    megabytes: float


def keep_bytecode(folder: Path) -> None:
    """Have all measured programs compiled to bytecode once, here, whatever the environment says.

    An installed ivrc is; in a checkout it may be stale, and then each start would compile it anew.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def run(command: Sequence[str], cache: Path | None = None) -> Cost:
    """Run a process to its end; it must succeed. `cache` is its XDG_CACHE_HOME."""
    # A child's peak begins with that of the process that starts it, so this one stays small.
    environment = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def interleaved(repeats: int, first: Callable[[int], Cost], second: Callable[[int], Cost]) -> list[tuple[Cost, Cost]]:
    """Pairs of measurements, one beside the other, each first in every other round."""
    pairs = []
    for round_ in range(repeats):
        if round_ % 2:
            other = second(round_)
            pairs.append((first(round_), other))
        else:
            one = first(round_)
            pairs.append((one, second(round_)))
    return pairs


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(median(cost.seconds for cost in costs), median(cost.megabytes for cost in costs))


def ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of the ratios within each pair."""
    return median(one / other for one, other in pairs)


def verdict(value: float, target: float | None) -> str:
    """A ratio beside its target."""
    if target is None:
        return f"{value:.2f}"
    return f"{value:.2f} ({'ok' if value <= target else 'over'}: {target:g})"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """A Markdown table."""
    widths = {name: max([len(name), *(len(row.get(name, "")) for row in rows)]) for name in columns}
    print(f"\n{title}\n")
    print("| " + " | ".join(name.ljust(widths[name]) for name in columns) + " |")
    print("|" + "|".join("-" * (widths[name] + 2) for name in columns) + "|")
    for row in rows:
        print("| " + " | ".join(row.get(name, "").ljust(widths[name]) for name in columns) + " |")
    sys.stdout.flush()
