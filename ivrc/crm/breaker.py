"""A circuit breaker: a CRM that fails is left alone for a while, then tried once.

closed: asked, failures in a row are counted; open: not asked before the pause is over; trial: one request is under way,
its end decides.
"""

from __future__ import annotations

from collections.abc import Callable

_STATES = ("closed", "open", "trial")


class Breaker:
    """After `failures` in a row it opens for `pause` seconds of `clock`."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float]) -> None:
        self._failures = failures
        self._pause = pause
        self._clock = clock
        self._in_a_row = 0
        self._opened_at = 0.0
        self._is_open = False
        self._on_trial = False
        self.last = "down"
        """The reason of the last failure: what is answered while it is open."""
        self.opened = 0
        """How often it has opened."""

    @property
    def state(self) -> str:
        """`closed`, `open` or `trial`."""
        return "trial" if self._on_trial else "open" if self._is_open else "closed"

    def wait(self) -> float:
        """Seconds until the CRM may be tried; 0.0 when it may be asked now."""
        if not self._is_open:
            return 0.0
        left = self._opened_at + self._pause - self._clock()
        return max(left, 0.0) if not self._on_trial else max(left, 0.001)

    def begin(self) -> bool:
        """Whether a request may be made now; if the breaker is open, this is the trial. End it by one of the three."""
        if self.wait() > 0:
            return False
        self._on_trial = self._is_open
        return True

    def succeeded(self) -> None:
        """The CRM answered."""
        self._in_a_row = 0
        self._is_open = self._on_trial = False

    def failed(self, reason: str) -> None:
        """The CRM did not answer."""
        self.last = reason
        self._in_a_row += 1
        # A request from before the opening that fails only now does not lengthen the pause.
        if self._on_trial or (not self._is_open and self._in_a_row >= self._failures):
            self._is_open = True
            self._opened_at = self._clock()
            self.opened += 1
        self._on_trial = False

    def gave_up(self) -> None:
        """Nobody waited for the end: it says nothing about the CRM."""
        self._on_trial = False
