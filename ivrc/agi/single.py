"""`ivrc agi run`: one session on standard input and output, as Asterisk's AGI() starts it.

The process ends in time whatever happens: what hangs in a thread is left, and what holds the whole process is ended by
the clock's signal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

LONGEST = 10.0
"""Seconds: the most that a source's `lookup` may be."""
_GRACE = 0.5
_PIECE = 4096


def run(config: Path | None, arguments: tuple[str, ...], began: float) -> NoReturn:
    """Answer, and end the process. `arguments`: the script's name and its own; `began` by `time.monotonic`."""
    _end_at(began + LONGEST + _GRACE)
    code = asyncio.new_event_loop().run_until_complete(_session(config, arguments, began))
    # Not by way of Python's ending, which waits for threads.
    os._exit(code)


def _end_at(moment: float) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(moment - time.monotonic(), 0.01))


async def _session(config: Path | None, arguments: tuple[str, ...], began: float) -> int:
    from ivrc.agi.log import make_log
    from ivrc.agi.server import converse
    from ivrc.agi.service import Service, seconds_of
    from ivrc.crm.settings import SettingsError, locate

    log, reader, writer = make_log(), _input(), Output()
    try:
        service = Service(locate(config or _beside()), log)
    except SettingsError as fault:
        # The call goes on, and the history has the reason.
        log.error("the settings are wrong", fault=str(fault))
        await _say(reader, writer, "unset")
        return 2
    except Exception:
        log.exception("a fault of ivrc's own")
        await _say(reader, writer, "error")
        return 1
    given = seconds_of(arguments[3]) if len(arguments) > 3 else LONGEST
    _end_at(began + min(given, service.settings.agi.deadline) + _GRACE)
    talk = await converse(service, reader, writer, began, arguments)
    if talk.outcome is None or talk.request is None:
        log.error("Asterisk does not ask as it should", trouble=talk.trouble, fault=talk.detail)
        return 1
    trouble = talk.trouble and f"{talk.trouble}: {talk.detail}"
    service.tell(talk.outcome, talk.request, talk.seconds, trouble)
    return 1 if talk.trouble else 0


async def _say(reader: asyncio.StreamReader, writer: Output, why: str) -> None:
    """The answer where there is nobody to ask for one."""
    from ivrc.agi.protocol import AgiError, read_request, set_variable
    from ivrc.agi.service import failure

    try:
        async with asyncio.timeout(1):
            await read_request(reader)
            await set_variable(reader, writer, "IVRC_FOUND", failure(why).line)
    except (AgiError, TimeoutError):
        return


def _beside() -> Path | None:
    """Asterisk starts us in a folder of its own: the system's ivrc.toml is what is meant there."""
    system = Path("/etc/ivrc/ivrc.toml")
    here = Path("ivrc.toml")
    return system if not here.is_file() and not os.environ.get("IVRC_CONFIG") and system.is_file() else None


class Output:
    """Standard output as a stream: a few short lines, which a pipe always takes."""

    def write(self, data: bytes) -> None:
        """Send it; AgiError if nobody takes it."""
        from ivrc.agi.protocol import AgiError

        # Closed when we were started, its number may be another file's by now.
        if sys.stdout is None:
            raise AgiError("there is no standard output")
        try:
            os.write(1, data)
        except OSError as fault:
            raise AgiError(f"Asterisk is gone: {fault.strerror}") from None

    async def drain(self) -> None:
        """Nothing waits."""


def _input() -> asyncio.StreamReader:
    """Standard input, be it pipe, file, terminal or closed. Read in a thread: not all of these can be waited for."""
    from ivrc.agi.protocol import LINE_LIMIT

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT, loop=loop)

    def take(data: bytes, taken: threading.Event) -> None:
        reader.feed_data(data) if data else reader.feed_eof()
        taken.set()

    def read() -> None:
        data = b"" if sys.stdin is None else _piece()
        # As much as a session is at the most; what is more stays where it is.
        for _ in range(16):
            taken = threading.Event()
            loop.call_soon_threadsafe(take, data, taken)
            if not data:
                return
            taken.wait()
            data = _piece()
        loop.call_soon_threadsafe(reader.feed_eof)

    threading.Thread(target=read, daemon=True).start()
    return reader


def _piece() -> bytes:
    try:
        return os.read(0, _PIECE)
    except OSError:
        return b""
