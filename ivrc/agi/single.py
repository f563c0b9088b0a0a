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
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ivrc.agi.session import Session, Talk

LONGEST = 10.0
"""Seconds: the most that a source's `lookup` may be."""
_GRACE = 0.5


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
    from ivrc.agi.service import Service, seconds_of
    from ivrc.crm.settings import SettingsError, locate

    log = make_log()
    try:
        service = Service(locate(config or _beside()), log)
    except SettingsError as fault:
        # The call goes on, and the history has the reason.
        log.error("the settings are wrong", fault=str(fault))
        await _talk(_always("unset"), 2.0, began)
        return 2
    except Exception:
        log.exception("a fault of ivrc's own")
        await _talk(_always("error"), 2.0, began)
        return 1
    deadline = service.settings.agi.deadline
    given = seconds_of(arguments[3]) if len(arguments) > 3 else LONGEST
    _end_at(began + min(given, deadline) + _GRACE)
    talk = await _talk(service.answer, deadline, began, arguments)
    if talk.outcome is None or talk.request is None:
        log.error("Asterisk does not ask as it should", trouble=talk.trouble, fault=talk.detail)
        return 1
    service.tell(talk.outcome, talk.request, talk.seconds, talk.trouble and f"{talk.trouble}: {talk.detail}")
    return 1 if talk.trouble else 0


async def _talk(answer: Any, seconds: float, began: float, arguments: tuple[str, ...] = ()) -> Talk:
    """A session with who is at the other end of standard input and output."""
    from ivrc.agi.session import Session

    loop = asyncio.get_running_loop()
    over: asyncio.Future[Talk] = loop.create_future()
    session = Session(answer, lambda _, talk: over.set_result(talk), seconds, began=began, arguments=arguments)
    session.connection_made(Output())
    threading.Thread(target=_listen, args=(session, loop), daemon=True).start()
    return await over


def _always(why: str) -> Any:
    """The answer where there is nobody to ask for one."""
    from ivrc.agi.service import failure

    async def answer(_: Any, began: float) -> Any:
        return failure(why)

    return answer


def _beside() -> Path | None:
    """Asterisk starts us in a folder of its own: the system's ivrc.toml is what is meant there."""
    system = Path("/etc/ivrc/ivrc.toml")
    here = Path("ivrc.toml")
    return system if not here.is_file() and not os.environ.get("IVRC_CONFIG") and system.is_file() else None


class Output:
    """Standard output as a session's channel: a short line, which a pipe always takes."""

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

    def close(self) -> None:
        """The process is about to end."""

    abort = close


def _listen(session: Session, loop: asyncio.AbstractEventLoop) -> None:
    """Hand over what comes on standard input, be it pipe, file or terminal: not all of these can be waited for."""
    from ivrc.agi.protocol import LIMIT

    total = 0
    while (data := _piece()) and total < 2 * LIMIT:
        total += len(data)
        loop.call_soon_threadsafe(session.data_received, data)
    loop.call_soon_threadsafe(session.eof_received)


def _piece() -> bytes:
    try:
        return b"" if sys.stdin is None else os.read(0, 4096)
    except OSError:
        return b""
