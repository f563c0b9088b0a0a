"""What the telephone leaves to chance, or to earlier calls: a simulated call is given the same."""

from __future__ import annotations

from typing import NamedTuple

from ivrc.simulate import Call, Prepared, World
from ivrc.simulate.line import Line


class Chance(NamedTuple):
    """What the telephone left to chance or to earlier calls: draws of random groups, whose turn it was in queues."""

    drawn: tuple[int, ...] = ()
    queued: tuple[tuple[str, ...], ...] = ()


NO_CHANCE = Chance()


class Drawing(World):
    """A world in which chance is what it was on the telephone, as far as that is known."""

    def __init__(self, office: Prepared, call: Call, chance: Chance, queue_takes: int = 0) -> None:
        super().__init__(office, call)
        self._queue_takes = queue_takes
        self._drawn = list(chance.drawn)
        self._queued = list(chance.queued)
        self._turns: dict[int, list[int]] = {}

    def draw(self, line: Line, weights: list[int], first: bool) -> int:
        """The turn that was drawn: the telephone counts those with a weight only."""
        if first:
            self._turns[id(weights)] = [index for index, weight in enumerate(weights) if weight]
        turns = self._turns[id(weights)]
        if not self._drawn:
            return super().draw(line, weights, first)
        place = self._drawn.pop(0)
        if place >= len(turns) or not weights[turns[place]]:
            # Another call than the one that drew.
            return super().draw(line, weights, first)
        return turns[place]

    def first_in_queue(self, line: Line, people: list[str]) -> int:
        """Who was rung first."""
        rung = self._queued.pop(0) if self._queued else ()
        return next((people.index(who) for who in rung if who in people), 0)

    def queue_takes(self, line: Line) -> int:
        """As it was given."""
        return self._queue_takes
