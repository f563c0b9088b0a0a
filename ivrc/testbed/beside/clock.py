"""The rig's clock, which runs faster than the machine's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class Clock:
    """What the machine's clock shows at a moment of the rig's: known from the event that came with the least delay."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._behind = float("inf")

    def set(self, rate: float) -> None:
        """The rig's clock has been moved, and runs at this rate."""
        self._rate = rate
        self._behind = float("inf")

    def sees(self, stamp: float) -> None:
        """An event of this moment came in now."""
        self._behind = min(self._behind, asyncio.get_running_loop().time() - stamp / self._rate)

    def now(self) -> float:
        """The rig's clock."""
        return (asyncio.get_running_loop().time() - self._behind) * self._rate

    def date(self) -> datetime:
        """The rig's clock as a date."""
        return datetime.fromtimestamp(self.now(), UTC)

    def machine_time(self, stamp: float) -> float:
        """The loop's time at a moment of the rig's clock."""
        return self._behind + stamp / self._rate
