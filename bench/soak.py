"""Fifty look-ups a second against a real `ivrc agi serve`, while its CRM is killed, frozen, slowed and restored.

`python bench/soak.py [--minutes 10] [--rate 50]`. Exit code 1 if an answer came later than the time limit and half a
second, if one was lost, or if the helper held more memory at the end than at the beginning, or more open files once
it has been left alone for a while (connections in use, and those kept for the next question, are none that leak).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from agi import free_port, head, http_table, myself, number, resident, running, settle, wait_for
from measure import print_table

LIMIT = 2.0
GRACE = 0.5
COLUMNS = ["the CRM", "look-ups", "answers", "p50, ms", "p99, ms", "longest, ms", "lost", "memory, MB", "open files"]
_WHY = re.compile(rb'SET VARIABLE IVRC_FOUND "1/(\w+)/')
_GROWTH_MB = 6.0
_GROWTH_FILES = 2
_REST = 45.0  # seconds; connections to a CRM that are idle for 15 are closed within 15 more
_CALLERS = 200_000
# A cache that is full after the first phase: what grows later is not answers that are kept.
_MORE = """
[crm.breaker]
pause = "1s"
[crm.cache]
size = 200
"""


class Asked(NamedTuple):
    """One look-up: the reason in its answer, "" if there was none; seconds."""

    why: str
    seconds: float


class Crm:
    """The CRM's process, and what is done to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(myself("crm", self.port))
        wait_for(self.port)
        return process

    def kill(self) -> None:
        """Dead."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """It takes connections and says nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def behave(self, mode: str) -> None:
        """As bench/agi.py's CRM may."""
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/mode/{mode}", data=b"", timeout=5).close()

    def restore(self) -> None:
        """As on the first day, whatever was done."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        else:
            self.process = self._start()
        self.behave("well")


async def look_up(port: int, index: int) -> Asked:
    """One call's question."""
    began = time.monotonic()
    why = ""
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head(number(index), int(LIMIT * 1000)))
            said = _WHY.match(await reader.readline())
            why = said[1].decode() if said else ""
            writer.write(b"200 result=1\n")
            writer.close()
    except (OSError, TimeoutError):
        pass
    return Asked(why, time.monotonic() - began)


async def phase(port: int, rate: int, seconds: float, first: int) -> list[Asked]:
    """Look-ups at a rate, each begun at its moment whatever became of those before. One in ten calls again."""
    began = time.monotonic()
    tasks = []
    for count in range(int(rate * seconds)):
        await asyncio.sleep(max(began + count / rate - time.monotonic(), 0))
        index = first + count - 200 if count % 10 == 9 else first + count
        tasks.append(asyncio.create_task(look_up(port, index % _CALLERS)))
    return list(await asyncio.gather(*tasks))


def row(name: str, asked: list[Asked], process: int) -> dict[str, str]:
    """A phase's row of the table."""
    times = [each.seconds for each in asked]
    cuts = quantiles(times, n=100)
    whys = Counter(each.why for each in asked if each.why)
    return {
        "the CRM": name,
        "look-ups": str(len(asked)),
        "answers": ", ".join(f"{why} {count}" for why, count in whys.most_common()),
        "p50, ms": f"{cuts[49] * 1000:.1f}",
        "p99, ms": f"{cuts[98] * 1000:.1f}",
        "longest, ms": f"{max(times) * 1000:.0f}",
        "lost": str(sum(not each.why for each in asked)),
        "memory, MB": f"{resident(process):.1f}",
        "open files": str(open_files(process)),
    }


def open_files(process: int) -> int:
    """File descriptors of a process."""
    return len(os.listdir(f"/proc/{process}/fd"))


def judge(rows: list[dict[str, str]], asked: list[Asked], files: tuple[int, int]) -> list[str]:
    """What is wrong; the first phase is for warming up."""
    wrong = []
    late = [each.seconds for each in asked if each.seconds > LIMIT + GRACE]
    if late:
        wrong.append(f"{len(late)} answers were later than {LIMIT + GRACE} s, the last after {max(late):.2f} s")
    if lost := sum(not each.why for each in asked):
        wrong.append(f"{lost} look-ups were lost")
    first, last = rows[1], rows[-1]
    if float(last["memory, MB"]) > float(first["memory, MB"]) + _GROWTH_MB:
        wrong.append(f"memory grew from {first['memory, MB']} to {last['memory, MB']} MB")
    if files[1] > files[0] + _GROWTH_FILES:
        wrong.append(f"open files at rest grew from {files[0]} to {files[1]}")
    return wrong


async def soak(port: int, process: int, crm: Crm, minutes: float, rate: int) -> list[str]:
    """All phases, twice over; what was wrong."""
    trials: list[tuple[str, Callable[[], None]]] = [
        ("killed", crm.kill),
        ("frozen", crm.freeze),
        ("answers after 3 s", lambda: crm.behave("slow")),
        ("limits its rate", lambda: crm.behave("limit")),
        ("talks nonsense", lambda: crm.behave("nonsense")),
        ("answers 500", lambda: crm.behave("error")),
    ]
    plan = [("well: warming up", crm.restore), ("well", crm.restore)]
    for name, work in [*trials, *trials]:
        plan += [(name, work), ("well again", crm.restore)]
    seconds = minutes * 60 / len(plan)
    rows, everything, before = [], [], 0
    for count, (name, work) in enumerate(plan):
        await asyncio.to_thread(work)
        asked = await phase(port, rate, seconds, count * int(rate * seconds))
        everything += asked
        rows.append(row(name, asked, process))
        if count == 0:
            await asyncio.sleep(_REST)
            before = open_files(process)
        print(f"{name}: {rows[-1]['answers']}", file=sys.stderr, flush=True)
    await asyncio.sleep(_REST)
    files = (before, open_files(process))
    print_table(f"{minutes:g} minutes at {rate} look-ups a second, time limit {LIMIT:g} s", COLUMNS, rows)
    print(f"Open files at rest: {files[0]} after the warming up, {files[1]} at the end.")
    return judge(rows, everything, files)


def main() -> None:
    """Run it and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=50, help="look-ups a second")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivrc-soak-") as name:
        folder = Path(name)
        port, crm = free_port(), Crm(free_port())
        try:
            config = settle(folder / "helper", port, http_table(crm.port) + _MORE)
            command = [sys.executable, "-m", "ivrc", "agi", "serve", "--config", str(config)]
            with running(command, port, folder / "log") as helper:
                wrong = asyncio.run(soak(port, helper.pid, crm, given.minutes, given.rate))
        finally:
            crm.kill()
    for each in wrong:
        print(f"WRONG: {each}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
