"""The manager interface for code that is not async: a thread collects events while tests place calls."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from ivrc.testbed.ami import Ami, Event
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.journey import Journey, calls_in, is_over, journey_of

T = TypeVar("T")


class Watch:
    """Events of one Asterisk from entry to exit: `with Watch(asterisk) as watch`."""

    def __init__(self, asterisk: Asterisk):
        self.ami = Ami(asterisk.ami_port)
        self._streams = asterisk.prefix.has_stream_events
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ami", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self.ami.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self.ami.__aexit__())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 60.0) -> T:
        """Run a coroutine of `self.ami` and return its result; raises TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    @property
    def events(self) -> list[Event]:
        """The events so far."""
        return list(self.ami.events)

    def wait_event(self, wanted: Callable[[Event], bool], timeout: float = 20.0, since: int = 0) -> Event:
        """The first event wanted, past or to come; raises TimeoutError."""
        return self.run(self.ami.wait_event(wanted, timeout, since), timeout + 5)

    def calls(self, caller: str | None = None, exten: str | None = None) -> list[str]:
        """The Linkedids of the calls since this watch began; of one caller or to one number, if given."""
        return calls_in(self.events, caller, exten)

    def journey(self, linkedid: str | None = None, *, caller: str | None = None, timeout: float = 10.0) -> Journey:
        """A call's journey, of the latest call unless one is named, once it is over (or `timeout` s on)."""
        if linkedid is None:
            self.wait_event(lambda event: bool(calls_in([event], caller)), timeout)
            linkedid = self.calls(caller)[-1]
        end = time.monotonic() + timeout
        while not is_over(self.events, linkedid) and time.monotonic() < end:
            time.sleep(0.01)
        return journey_of(self.events, linkedid, streams=self._streams)
