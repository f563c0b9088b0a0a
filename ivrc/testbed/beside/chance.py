"""What the telephone leaves to chance, or to earlier calls: a simulated call is given the same."""

from __future__ import annotations

from typing import NamedTuple

from ivrc.simulate import Call, Prepared, World
from ivrc.simulate.line import Line


class Chance(NamedTuple):
    """What the telephone left to chance or to earlier calls: draws of random groups, and who had had a call before.

    `before`: those who had, the latest last.
    """

    drawn: tuple[int, ...] = ()
    before: tuple[str, ...] = ()


NO_CHANCE = Chance()


class Drawing(World):
    """A world in which chance is what it was on the telephone."""

    def __init__(self, office: Prepared, call: Call, chance: Chance, queue_takes: int = 0, fax_more: int = 0) -> None:
        super().__init__(office, call)
        self._queue_takes = queue_takes
        self._fax_more = fax_more
        self._drawn = list(chance.drawn)
        self._before = chance.before
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

    def in_turn(self, people: list[str]) -> list[str]:
        """As they stood on the telephone."""
        return [*(who for who in people if who not in self._before), *(who for who in self._before if who in people)]

    def queue_takes(self, line: Line) -> int:
        """As it was given."""
        return self._queue_takes

    def fax_patience(self, line: Line) -> int:
        """As usual, and as much more as was given."""
        return super().fax_patience(line) + self._fax_more
