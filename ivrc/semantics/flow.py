"""Flow: where a call could go round without end."""

from __future__ import annotations

from collections.abc import Iterator

from ivrc import model as m
from ivrc.diagnostics import Label
from ivrc.semantics.scope import Faults
from ivrc.walking import child_blocks

# Of a longer round only the beginning and the end are told: nobody could read it.
SHOWN = 8


def check_loops(scenarios: tuple[m.Scenario, ...], faults: Faults) -> None:
    """Report every round of moves that a caller could be in without a key pressed each time round.

    A key is the caller's own act and bounds a round by itself; anything else does not.
    """
    moves = {scenario.name: tuple(_unprompted_moves(scenario.body)) for scenario in scenarios}
    for round_trip in _cycles(moves):
        first = round_trip[0]
        names = [*(name for name, _ in round_trip), first[0]]
        path = " → ".join(names if len(names) <= SHOWN else [*names[:4], "…", *names[-3:]])
        labels = tuple(Label(move.start, move.end, f"then here, in `{name}`") for name, move in round_trip[1:SHOWN])
        message = f"a caller could go round here for ever: {path}"
        help_ = "let the caller press a key to go back, or end the scenario here"
        faults.add("IVR301", first[1], message, help_, *labels)


def _unprompted_moves(block: m.Block) -> Iterator[m.Move]:
    """The moves of a block that happen without the caller pressing a key in this block."""
    for step in block.steps:
        match step:
            case m.Move():
                yield step
            case m.Branch(nothing=nothing):
                if nothing is not None:
                    yield from _unprompted_moves(nothing)
            case _:
                for inner in child_blocks(step):
                    yield from _unprompted_moves(inner)


def _cycles(moves: dict[str, tuple[m.Move, ...]]) -> Iterator[list[tuple[str, m.Move]]]:
    """One cycle for each move that closes one, found by depth-first search without recursion."""
    done: set[str] = set()
    for root in moves:
        if root in done:
            continue
        path: list[tuple[str, m.Move]] = []
        on_path: dict[str, int] = {root: 0}
        stack: list[tuple[str, Iterator[m.Move]]] = [(root, iter(moves[root]))]
        while stack:
            name, pending = stack[-1]
            move = next(pending, None)
            if move is None:
                stack.pop()
                done.add(name)
                on_path.pop(name, None)
                if path:
                    path.pop()
            elif move.scenario in on_path:
                yield [*path[on_path[move.scenario] :], (name, move)]
            elif move.scenario not in done and move.scenario in moves:
                on_path[move.scenario] = len(stack)
                path.append((name, move))
                stack.append((move.scenario, iter(moves[move.scenario])))
