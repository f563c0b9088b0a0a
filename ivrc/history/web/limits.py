"""How often a login may be tried: failures are counted by name and by address."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

SPAN = 900.0
"""Seconds for which a failure counts."""
BY_NAME, BY_ADDRESS = 10, 30
_KEYS = 20_000  # more than so many names and addresses are not kept in memory


class Attempts:
    """Failures of late, kept in memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def begin(self, name: str, address: str) -> float:
        """Count a try as failed; 0 if it may be made, else the seconds until one may."""
        now = self._clock()
        keys = {("name", name.casefold()[:80]): BY_NAME, ("address", address): BY_ADDRESS}
        waits = [self._wait(key, most, now) for key, most in keys.items()]
        if max(waits) > 0:
            return max(waits)
        for key in keys:
            self._failed.setdefault(key, deque()).append(now)
            self._failed.move_to_end(key)
        while len(self._failed) > _KEYS:
            self._failed.popitem(last=False)
        return 0.0

    def succeed(self, name: str, address: str) -> None:
        """That was the right password: the name's failures are forgotten, and this try of the address."""
        self._failed.pop(("name", name.casefold()[:80]), None)
        if failed := self._failed.get(("address", address)):
            failed.pop()

    def _wait(self, key: tuple[str, str], most: int, now: float) -> float:
        failed = self._failed.get(key, deque())
        while failed and failed[0] <= now - SPAN:
            failed.popleft()
        return failed[0] + SPAN - now if len(failed) >= most else 0.0
