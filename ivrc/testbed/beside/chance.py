"""What the telephone leaves to chance, or to earlier calls: a simulated call is given the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from ivrc.simulate import Call, Prepared, World, run_in
from ivrc.simulate import journey as j
from ivrc.simulate.line import Line
from ivrc.simulate.reach import MUSIC


class Chance(NamedTuple):
    """What the telephone left to chance or to earlier calls: draws of random groups, and in queues whose turn it was.

    `places`: of each queue the place of whoever was tried first, which the queue remembers.
    """

    drawn: tuple[int, ...] = ()
    places: tuple[int, ...] = ()


NO_CHANCE = Chance()


class Drawing(World):
    """A world in which chance is what it was on the telephone, as far as that is known."""

    def __init__(self, office: Prepared, call: Call, chance: Chance, queue_takes: int = 0, fax_more: int = 0) -> None:
        super().__init__(office, call)
        self._queue_takes = queue_takes
        self._fax_more = fax_more
        self._drawn = list(chance.drawn)
        self._places = list(chance.places)
        self._turns: dict[int, list[int]] = {}
        # The people of each queue so far.
        self.queues: list[list[str]] = []

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
        """Whose turn it was."""
        self.queues.append(people)
        return self._places.pop(0) if self._places else 0

    def queue_takes(self, line: Line) -> int:
        """As it was given."""
        return self._queue_takes

    def fax_patience(self, line: Line) -> int:
        """As usual, and as much more as was given."""
        return super().fax_patience(line) + self._fax_more


def chance_of(office: Prepared, call: Call, drawn: Sequence[int], queued: Sequence[Sequence[str]]) -> Chance:
    """Chance as it was on the telephone. `queued`: who was rung in each queue so far, one after another.

    Where a queue began is not told. It is the place from which the same people are rung in the same order.
    """
    chance = Chance(tuple(drawn))
    for index, rung in enumerate(queued):
        world = Drawing(office, call, chance)
        run_in(world, call)
        if index >= len(world.queues):
            break
        people = world.queues[index]
        seen = [who for who in rung if who in people]
        tried = [chance._replace(places=(*chance.places, place)) for place in range(len(people))]
        chance = max(tried, key=lambda each: _alike(seen, _rung(office, call, each, index, people)))
    return chance


def _rung(office: Prepared, call: Call, chance: Chance, index: int, people: list[str]) -> list[str]:
    """Who is rung in a queue of the simulated call."""
    events = run_in(Drawing(office, call, chance), call).events
    heard = [event for event in events if isinstance(event, j.Heard) and event.prompt == MUSIC]
    if index >= len(heard):
        return []
    rung = [event for event in events if isinstance(event, j.Rang) and event.who in people]
    return [event.who for event in rung if heard[index].at <= event.at < heard[index].until]


def _alike(seen: list[str], told: list[str]) -> int:
    """How many are the same, from the first on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(seen, told, strict=False)))
