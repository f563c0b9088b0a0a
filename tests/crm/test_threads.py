"""Threads that may hang."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial
from operator import mul

import pytest

from ivrc.crm.threads import Threads


def test_results_and_faults_come_back() -> None:
    async def work() -> None:
        threads = Threads(2, "t")
        assert await asyncio.gather(*(threads.run(partial(mul, n, 2)) for n in range(20))) == [n * 2 for n in range(20)]
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 / 0)
        threads.close()
        assert await threads.run(lambda: 5) == 5

    asyncio.run(work())


async def leave_hanging(threads: Threads, release: threading.Event) -> None:
    """Give a thread work that hangs, and wait for it no longer once it does."""
    begun = threading.Event()

    def hang() -> None:
        begun.set()
        release.wait(60)

    waiting = asyncio.create_task(threads.run(hang))
    assert await asyncio.to_thread(begun.wait, 30)
    waiting.cancel()
    await asyncio.wait({waiting})


def test_others_take_the_place_of_those_that_hang() -> None:
    async def work() -> None:
        release = threading.Event()
        told = []
        threads = Threads(2, "t", on_renewal=lambda: told.append(1))
        for _ in range(2):
            await leave_hanging(threads, release)
        assert await asyncio.wait_for(threads.run(lambda: 7), 5) == 7
        assert (threads.renewed, told) == (1, [1])
        release.set()

    asyncio.run(work())


def test_work_that_nobody_waits_for_is_not_begun() -> None:
    async def work() -> None:
        release = threading.Event()
        threads = Threads(1, "t")
        first = asyncio.create_task(threads.run(lambda: release.wait(20)))
        await asyncio.sleep(0.01)
        begun = []
        second = asyncio.create_task(threads.run(lambda: begun.append(1)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        release.set()
        assert await first is True
        assert await threads.run(lambda: 1) == 1
        assert begun == []

    asyncio.run(work())


def test_a_hanging_thread_does_not_keep_the_process() -> None:
    program = (
        "import asyncio, threading\n"
        "from ivrc.crm.threads import Threads\n"
        "async def main():\n"
        "    try: await asyncio.wait_for(Threads(1, 't').run(threading.Event().wait), 0.02)\n"
        "    except TimeoutError: print('left')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "left\n"
