"""Which step of an office a call may come to from which, and whether it can be at some moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import NamedTuple

from ivrc import model as m
from ivrc.testbed.fuzz.clock import Span
from ivrc.walking import steps_of

# No step takes as long: a fax is given an hour. What happened longer ago than this is not looked for.
LONGEST, AGO = timedelta(hours=2), timedelta(hours=22)
MINUTE = timedelta(minutes=1)


class Came(NamedTuple):
    """The step before, and of a condition whether it held."""

    step: m.Step
    held: bool | None


class Paths:
    """The steps of an office, each with those from which a call comes to it."""

    def __init__(self, office: m.Office) -> None:
        self.came: dict[int, list[Came]] = {}
        # Where calls begin, and where a fax machine is taken from anywhere.
        self.begins: set[int] = set()
        self.found: set[int] = set()
        self._moves: dict[str, list[Came]] = {}
        steps = [step for scenario in office.scenarios for step in steps_of(scenario.body)]
        self.steps = {step.start: step for step in steps}
        for scenario in office.scenarios:
            self._block(scenario.body, [])
        detects = {step.scenario for step in steps if isinstance(step, m.FaxDetected)}
        numbers = {number.scenario for number in office.numbers}
        for scenario in office.scenarios:
            if not scenario.body.steps:
                continue
            first = scenario.body.steps[0].start
            self.came[first] += self._moves.get(scenario.name, [])
            if scenario.name in numbers:
                self.begins.add(first)
            if scenario.name in detects:
                self.found.add(first)

    def _block(self, block: m.Block, came: list[Came]) -> list[Came]:
        """A block that is come to so; how a call comes to what stands behind it."""
        for step in block.steps:
            self.came.setdefault(step.start, []).extend(came)
            came = self._step(step)
        return came

    def _step(self, step: m.Step) -> list[Came]:
        passed = [Came(step, None)]
        match step:
            case m.Hangup():
                return []
            case m.Move(scenario=scenario):
                self._moves.setdefault(scenario, []).extend(passed)
                return []
            case m.When(then=then, otherwise=otherwise):
                fails = [Came(step, False)]
                holds = self._block(then, [Came(step, True)])
                return holds + (fails if otherwise is None else self._block(otherwise, fails))
            case m.Branch(cases=cases, nothing=nothing, wrong=wrong):
                blocks = [*(case.body for case in cases), nothing, wrong]
                return [came for block in blocks for came in (self._block(block, passed) if block else passed)]
            case _:
                return passed

    def after(self, step: m.Step) -> list[m.Step]:
        """The steps that a call comes to next, also as a fax machine that was found."""
        nexts = [start for start, came in self.came.items() if any(each.step.start == step.start for each in came)]
        return [self.steps[start] for start in {*nexts, *self.found}]

    def leads(self, step: m.Step, to: Callable[[m.Step], bool], but: Callable[[m.Step], bool]) -> Iterable[m.Step]:
        """The steps of a kind that a call comes to from this one, with none of another kind between."""
        todo, seen = self.after(step), set[int]()
        while todo:
            each = todo.pop()
            if each.start in seen:
                continue
            seen.add(each.start)
            if to(each):
                yield each
            if not but(each):
                todo += self.after(each)

    def can_come(self, step: m.Step, span: Span) -> bool:
        """Whether a call can come to a step within these minutes, as far as hours decide; yes, if in doubt."""
        todo, seen = [(step, timedelta(0))], set[tuple[int, timedelta]]()
        while todo:
            at, ago = todo.pop()
            if at.start in self.begins or at.start in self.found or ago > AGO:
                return True
            if (at.start, ago) in seen:
                continue
            seen.add((at.start, ago))
            for came in self.came[at.start]:
                before = ago if isinstance(came.step, m.When) else ago + LONGEST
                if _can_be(came, Span(span.begin - before, span.end)):
                    todo.append((came.step, before))
        return False


def _can_be(came: Came, span: Span) -> bool:
    """Whether a condition can have come out so at any of these minutes."""
    if came.held is None or not isinstance(came.step, m.When) or not isinstance(came.step.condition, m.ByHours):
        return True
    hours = came.step.condition.hours
    minutes = range(int((span.end - span.begin) / MINUTE))
    return any(hours.holds_at(span.begin + minute * MINUTE) is came.held for minute in minutes)


def comes_to_same(step: m.When) -> bool:
    """Whether it makes no difference what a condition is."""
    moves = [_only(block) for block in (step.then, step.otherwise)]
    return moves[0] == moves[1] and moves[0] is not None


def _only(block: m.Block | None) -> str | None:
    """Nothing, or the scenario that is all of a block; None for any other."""
    match block:
        case None | m.Block(steps=()):
            return ""
        case m.Block(steps=(m.Move(scenario=scenario),)):
            return f"-> {scenario}"
        case _:
            return None
