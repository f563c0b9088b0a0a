"""One call, whatever its random groups draw: each order in which the turns that matter can come."""

from __future__ import annotations

from collections.abc import Iterator

from ivrc.simulate import Journey, run, run_in
from ivrc.simulate.call import Call
from ivrc.simulate.line import Line
from ivrc.simulate.office import Prepared
from ivrc.simulate.world import World

# All orders of five turns, and more; of a call with more draws so many are taken, always the same ones.
MAX_DRAWS = 200


class _Drawing(World):
    """A world in which the draws of this path are prescribed as far as `taken` goes; then the first turn is drawn."""

    def __init__(self, office: Prepared, call: Call, taken: list[int]) -> None:
        super().__init__(office, call)
        self.taken = taken
        # Of each draw: which of the turns left was drawn, and how many were left.
        self.drawn_so_far: list[tuple[int, int]] = []

    def draw(self, line: Line, weights: list[int], first: bool) -> int:
        """The turn of this path."""
        left = [index for index, weight in enumerate(weights) if weight]
        step = len(self.drawn_so_far)
        chosen = self.taken[step] if step < len(self.taken) else 0
        self.drawn_so_far.append((chosen, len(left)))
        return left[chosen]


def all_draws(office: Prepared, call: Call) -> Iterator[Journey]:
    """The journeys of a call, one for each way in which the draws can come, up to MAX_DRAWS.

    Of more ways than that the journeys are those of the seeds 0, 1, 2 …
    """
    journeys = list(_each(office, call))
    if len(journeys) > MAX_DRAWS:
        return (run(office, call._replace(seed=seed)) for seed in range(MAX_DRAWS))
    return iter(journeys)


def _each(office: Prepared, call: Call) -> Iterator[Journey]:
    taken: list[int] = []
    for _ in range(MAX_DRAWS + 1):
        world = _Drawing(office, call, taken)
        yield run_in(world, call)
        path = world.drawn_so_far
        while path and path[-1][0] + 1 >= path[-1][1]:
            path.pop()
        if not path:
            return
        taken = [chosen for chosen, _ in path[:-1]] + [path[-1][0] + 1]
