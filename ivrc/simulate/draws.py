"""One call, whatever its random groups draw: each order in which the turns that matter can come."""

from __future__ import annotations

from collections.abc import Iterator

from ivrc import model as m
from ivrc.simulate import Journey, run, run_in
from ivrc.simulate.call import Call
from ivrc.simulate.line import Line
from ivrc.simulate.office import Prepared
from ivrc.simulate.ringing import name_of
from ivrc.simulate.world import World
from ivrc.walking import dial_together

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
        """The turn of this path. Turns in which nobody can be rung come last: when they come changes nothing."""
        left = [index for index, weight in enumerate(weights) if weight]
        ringing = [index for index in left if not self._idle(line.turns[index][1])]
        if not ringing:
            return left[0]
        left = ringing
        step = len(self.drawn_so_far)
        chosen = self.taken[step] if step < len(self.taken) else 0
        self.drawn_so_far.append((chosen, len(left)))
        return left[chosen]

    def _idle(self, plan: m.RingPlan) -> bool:
        """Whether everybody beneath is passed over, for the whole call."""
        for target in dial_together(plan):
            state = self.call.states.get(name_of(target), self.call.others)
            if isinstance(target, m.Outside) or state.kind not in ("busy", "offline") or state.free_at is not None:
                return False
        return True


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
