"""Several benches that share the calls to be played: each moment has a clock of its own, which goes forwards only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

from ivrc.simulate import Call
from ivrc.testbed.ami import AmiError
from ivrc.testbed.fuzz.run import Bench, open_bench
from ivrc.testbed.prefix import TestbedError

# So many rigs, and so many calls at a time on each; fewer where the machine is to be quiet.
RIGS, AT_ONCE, AGAIN = 8, 6, 2
# What is raised when an Asterisk has stopped to answer.
GONE = (TestbedError, AmiError, TimeoutError, ConnectionError)

# A call to the office in a place.
Play = tuple[int, Call]


@asynccontextmanager
async def open_benches(folder: Path, rate: float, places: int) -> AsyncIterator[list[Bench]]:
    """All of them before the first call: to boot one keeps everything else waiting."""
    folder.mkdir()
    folder.chmod(0o755)
    async with AsyncExitStack() as stack:
        opened = [open_bench(folder / str(number), rate, places) for number in range(RIGS)]
        yield [await stack.enter_async_context(each) for each in opened]


async def by_moment(
    benches: Sequence[Bench], plays: Sequence[Play], play: Callable[[Bench, list[Play]], Awaitable[None]]
) -> None:
    """The plays of each moment on the benches, whose clocks go forwards only; a place's calls on several at a time."""

    async def some(bench: Bench, rows: Sequence[list[Play]]) -> None:
        for row in sorted(rows, key=lambda row: row[0][1].at):
            await bench.players.set_clock(row[0][1].at)
            await play(bench, row)

    await asyncio.gather(*map(some, benches, shared(plays, len(benches))))


def shared(plays: Sequence[Play], count: int) -> list[list[list[Play]]]:
    """Rows of plays, each of one moment, for so many benches: a place's calls are spread over rows, all about as long.

    The calls of a row to one place wait for each other, and so does whatever comes after the longest.
    """
    rows: dict[tuple[datetime, int], list[Play]] = {}
    places: Counter[tuple[datetime, int]] = Counter()
    for place, call in plays:
        rows.setdefault((call.at, places[call.at, place] % count), []).append((place, call))
        places[call.at, place] += 1
    lengths = [(max(Counter(place for place, _ in row).values()), row) for row in rows.values()]
    shares: list[list[list[Play]]] = [[] for _ in range(count)]
    taken = [0] * count
    for length, row in sorted(lengths, key=lambda each: -each[0]):
        least = taken.index(min(taken))
        shares[least].append(row)
        # To set a clock takes some time, too.
        taken[least] += length + 1
    return shares


async def by_place(
    bench: Bench, plays: Sequence[Play], one: Callable[[Bench, int, Call], Awaitable[None]], at_once: int
) -> None:
    """Play each place's calls one after another, and those of so many places at a time."""
    gate = asyncio.Semaphore(at_once)

    async def place(slot: int) -> None:
        for call in [call for other, call in plays if other == slot]:
            async with gate:
                await one(bench, slot, call)

    await asyncio.gather(*(place(slot) for slot in dict.fromkeys(slot for slot, _ in plays)))
