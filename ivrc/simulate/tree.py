"""The branches of a call as a tree: an outline for people, plain data for programs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ivrc.named import NamedTuple
from ivrc.simulate import journey as j
from ivrc.simulate.telling import Teller, clock


class Choice(NamedTuple):
    """A point of a path where something was open: when, at which step, what could be, the odds of a draw, what was."""

    at: int
    start: int
    options: tuple[str, ...]
    odds: tuple[Fraction, ...] | None
    chosen: int


class Node:
    """What is known after some choices: the next one with what follows on each option, or the whole journey."""

    __slots__ = ("branches", "choice", "journey")

    def __init__(self) -> None:
        self.choice: Choice | None = None
        self.branches: dict[int, Node] = {}
        self.journey: j.Journey | None = None

    def add(self, choices: list[Choice], journey: j.Journey) -> None:
        """Put a path into the tree."""
        node = self
        for choice in choices:
            node.choice = choice
            node = node.branches.setdefault(choice.chosen, Node())
        node.journey = journey


class Tree(NamedTuple):
    """All paths; `cut` if there were more than could be followed."""

    root: Node
    paths: int
    cut: bool

    def leaves(self) -> list[tuple[tuple[str, ...], Fraction, j.Journey]]:
        """Each path: the options taken, the probability of its draws, its journey."""
        return list(_leaves(self.root, (), Fraction(1)))

    def text(self, teller: Teller) -> str:
        """An outline."""
        lines: list[str] = []
        _outline(self.root, teller, 0, Fraction(1), lines)
        more = "; there are more, not followed: say more of the call" if self.cut else ""
        return "\n".join([*lines, f"{self.paths} paths{more}"])

    def data(self, teller: Teller) -> dict[str, Any]:
        """The tree as plain data."""
        return {"paths": self.paths, "cut": self.cut, "call": _data(self.root, teller, Fraction(1))}


def _leaves(node: Node, taken: tuple[str, ...], chance: Fraction) -> Any:
    if node.journey is not None:
        yield taken, chance, node.journey
    for index, branch in node.branches.items():
        yield from _leaves(branch, (*taken, _option(node, index)), chance * _odds(node, index))


def _option(node: Node, index: int) -> str:
    return node.choice.options[index] if node.choice else ""


def _odds(node: Node, index: int) -> Fraction:
    return node.choice.odds[index] if node.choice and node.choice.odds else Fraction(1)


def percent(chance: Fraction) -> str:
    """`40%`, `33.3%`."""
    return f"{float(100 * chance):.3g}%"


def outcome(journey: j.Journey, teller: Teller) -> str:
    """What a call came to, in short."""
    ended = journey.ended
    parts = []
    for event in journey.events:
        if isinstance(event, j.Talked):
            parts.append(f"talks with {teller.who(event.who)}")
        elif isinstance(event, (j.Recorded, j.Faxed, j.Cut)):
            parts.append(teller.words(event))
    parts += [f"end: {ended.how}"] if ended.how != "talked" else []
    return "; ".join(parts)


def _outline(node: Node, teller: Teller, depth: int, chance: Fraction, lines: list[str]) -> None:
    indent = "  " * depth
    if node.journey is not None:
        odds = "" if chance == 1 else f"  [{percent(chance)}]"
        lines.append(f"{indent}{clock(node.journey.ended.at)}  {outcome(node.journey, teller)}{odds}")
    for index, branch in node.branches.items():
        choice = node.choice
        assert choice is not None
        odds = f" ({percent(choice.odds[index])})" if choice.odds else ""
        lines.append(f"{indent}{clock(choice.at)}  {_option(node, index)}{odds}    {teller.place(choice.start)}")
        _outline(branch, teller, depth + 1, chance * _odds(node, index), lines)


def _data(node: Node, teller: Teller, chance: Fraction) -> dict[str, Any]:
    if node.journey is not None:
        ended = node.journey.ended
        events = [teller.data(event) for event in node.journey.events]
        told = {"seconds": ended.at / 1000, "outcome": outcome(node.journey, teller), "events": events}
        return {"chance": str(chance), "probability": float(chance), **told}
    choice = node.choice
    assert choice is not None
    options = []
    for index, branch in node.branches.items():
        odds = {"odds": str(choice.odds[index])} if choice.odds else {}
        then = _data(branch, teller, chance * _odds(node, index))
        options.append({"option": choice.options[index], **odds, "then": then})
    return {"at": choice.at / 1000, "place": teller.place(choice.start), "options": options}
