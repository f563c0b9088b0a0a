"""What callers meet differently: the graphs of both sides walked side by side, from the numbers on.

Wherever the two part, that is a difference, under the conditions of the way there. What one side asks and the other
does not (hours that have changed, a new `when`) is decided both ways; ways that no moment can take are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

from ivrc import model as m
from ivrc.changes.differences import Difference, Literal, by_numbers, merged
from ivrc.changes.graph import FAX, NOTHING, WRONG, Graph, Node, Same
from ivrc.changes.sides import Sides, hours_in
from ivrc.changes.times import Calendar, TimeSet, calendar_of
from ivrc.changes.words import prompt_words, step_words
from ivrc.named import NamedTuple
from ivrc.simulate.steps import condition_text

# Decisions that one side makes and the other does not, followed on one way.
MAX_DECIDED = 8
# Pairs of step sequences compared for one number.
MAX_UNITS = 20_000
# Steps told of a side.
MAX_STEPS = 4
A_WRONG_KEY = "a wrong key"
# Not the same, and yet no moment at which a call would take another way: hours within hours, for one.
UNTOLD = "at most another way for calls that are on the line when hours begin or end"


class _Where(NamedTuple):
    """The way to a place: conditions decided, time left, conditions and keys in words, the step before."""

    facts: frozenset[tuple[int, bool]]
    time: TimeSet | None
    path: tuple[Literal | str, ...]
    after: str


class _Unit(NamedTuple):
    """A sequence of steps on each side, from a node up to another."""

    old: Node
    old_stop: Node
    new: Node
    new_stop: Node
    where: _Where


class _Element(NamedTuple):
    """A step of a sequence, and what must hold for a call to come so far."""

    node: Node
    given: tuple[tuple[Node, bool], ...]


class Walk:
    """Compares the scenarios behind numbers."""

    def __init__(
        self, sides: Sides, elsewhere: tuple[Mapping[str | None, str], Mapping[str | None, str]] = ({}, {})
    ) -> None:
        self.sides = sides
        self.elsewhere = elsewhere
        self.graphs = (Graph(sides, True), Graph(sides, False))
        self.same = Same(*self.graphs)
        self._times: dict[int, TimeSet] = {}
        self._calendar: Calendar | None = None
        self.cut = False

    # ── numbers ──

    def numbers(self) -> list[Difference]:
        """All differences, number by number; those of many numbers once."""
        before = {number.number: number for number in self.sides.old.office.numbers}
        after = {number.number: number for number in self.sides.new.office.numbers}
        found: list[Difference] = []
        pairs: dict[tuple[str, str], list[str]] = {}
        for number in after.values():
            was = before.get(number.number)
            if was is None:
                found.append(self._declared(number, before.get(None)))
            else:
                pairs.setdefault((was.scenario, number.scenario), []).append(_shown(number))
        for number in before.values():
            if number.number not in after:
                found.append(self._undeclared(number, after.get(None)))
        for (old, new), numbers in pairs.items():
            told = self.scenarios(old, new)
            if not told and not self.same(self.graphs[0].entry(old), self.graphs[1].entry(new)):
                told = [Difference((), None, (), "", (), (UNTOLD,), new, -1, -1)]
            found += [each._replace(numbers=tuple(numbers)) for each in told]
        return by_numbers(found)

    def _declared(self, number: m.Number, before: m.Number | None) -> Difference:
        was = self._other(0, number, before)
        now = (f"-> {number.scenario}", *self._steps(1, number.scenario))
        return Difference((_shown(number),), None, (), "", (was,), now, number.scenario, -1, number.start)

    def _undeclared(self, number: m.Number, after: m.Number | None) -> Difference:
        now = self._other(1, number, after)
        was = (f"-> {number.scenario}", *self._steps(0, number.scenario))
        return Difference((_shown(number),), None, (), "", was, (now,), number.scenario, number.start, -1)

    def _other(self, side: int, number: m.Number, rest: m.Number | None) -> str:
        """Where a number leads on the side on which the office does not declare it."""
        if number.number in self.elsewhere[side]:
            return self.elsewhere[side][number.number]
        if number.number is not None and rest is not None:
            return f"-> {rest.scenario}, as any other number"
        return self.elsewhere[side].get(None, "refused: nobody declares the number")

    def _steps(self, side: int, scenario: str) -> tuple[str, ...]:
        graph = self.graphs[side]
        found, _ = self._sequence(graph, graph.entry(scenario), graph.end, {})
        return _told(found)

    def scenarios(self, old: str, new: str) -> list[Difference]:
        """What a call to scenario `new` meets differently from one to `old`."""
        before, after = self.graphs
        first = _Unit(before.entry(old), before.end, after.entry(new), after.end, _Where(frozenset(), None, (), ""))
        pending = deque([first])
        visited: dict[tuple[int, ...], list[frozenset[tuple[int, bool]]]] = {}
        found: list[Difference] = []
        units = 0
        while pending:
            unit = pending.popleft()
            if self.same(unit.old, unit.new):
                continue
            facts = visited.setdefault(tuple(id(node) for node in unit[:4]), [])
            if any(known <= unit.where.facts for known in facts):
                continue
            facts.append(unit.where.facts)
            units += 1
            if units > MAX_UNITS:
                self.cut = True
                break
            for each in self._compare(unit):
                if isinstance(each, _Unit):
                    pending.append(each)
                else:
                    found.append(each)
        return merged(found)

    # ── a sequence ──

    def _sequence(
        self, graph: Graph, node: Node, stop: Node, facts: dict[int, bool]
    ) -> tuple[list[_Element], Node | None]:
        """The steps up to `stop` or the end, conditions decided by `facts`; and the node behind them, if any."""
        known = dict(facts)
        found: list[_Element] = []
        given: tuple[tuple[Node, bool], ...] = ()
        moved: set[str] = set()
        while node is not stop and (node.step is not None):
            if node.target:
                if node.target in moved:
                    return found, None
                moved.add(node.target)
                node = graph.entry(node.target)
                continue
            is_when = isinstance(node.step, m.When)
            if is_when and node.rough in known:
                node = node.kids["yes" if known[node.rough] else "no"]
                continue
            found.append(_Element(node, given))
            if not node.passes or node.next is None:
                return found, None
            if is_when and sum(node.falls.values()) == 1:
                known[node.rough] = node.falls["yes"]
                given = (*given, (node, node.falls["yes"]))
            node = node.next
        return found, node

    def _compare(self, unit: _Unit) -> Iterator[_Unit | Difference]:
        facts = dict(unit.where.facts)
        before, after = self.graphs
        olds, old_tail = self._sequence(before, unit.old, unit.old_stop, facts)
        news, new_tail = self._sequence(after, unit.new, unit.new_stop, facts)
        keys = [element.node.rough for element in olds], [element.node.rough for element in news]
        where = unit.where
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
            if tag == "equal":
                for one, other in zip(olds[i1:i2], news[j1:j2], strict=True):
                    here = self._given(where, one.given + other.given)
                    if here is not None:
                        yield from self._pair(one.node, other.node, here._replace(after=""))
                where = where._replace(after=step_words(_step(news[j2 - 1].node)))
                continue
            if (i1 == len(olds) and old_tail is None) or (j1 == len(news) and new_tail is None):
                # No call gets here on one side; where it goes instead is told behind the step before.
                continue
            hunk = olds[i1:i2] + news[j1:j2]
            given = (olds[i1].given if i1 < len(olds) else ()) + (news[j1].given if j1 < len(news) else ())
            here = self._given(where, given)
            if here is None:
                continue
            decision = next((each.node for each in hunk if isinstance(each.node.step, m.When)), None)
            first = olds[i1].node if i1 < len(olds) else old_tail or before.end
            second = news[j1].node if j1 < len(news) else new_tail or after.end
            if decision is not None and len(hunk) == max(i2 - i1, j2 - j1) and _come_back(hunk):
                yield from self._on_one_side(hunk, first if i1 == i2 else second, j1 == j2, here)
                continue
            if decision is not None and len(here.facts) < MAX_DECIDED:
                for holds in (True, False):
                    if (split := self._given(here, ((decision, holds),))) is not None:
                        # At once, not later as a unit of its own: with less decided it is this very unit.
                        yield from self._compare(_Unit(first, unit.old_stop, second, unit.new_stop, split))
                return
            back = old_tail is unit.old_stop is not before.end and new_tail is unit.new_stop is not after.end
            was = _told(olds[i1:i2]) or self._behind(before, i1 == len(olds) and not back, old_tail, facts)
            now = _told(news[j1:j2]) or self._behind(after, j1 == len(news) and not back, new_tail, facts)
            if was != now:
                yield self._difference(
                    here, was, now, *(part[0].node if part else None for part in (olds[i1:i2], news[j1:j2]))
                )

    def _on_one_side(self, hunk: list[_Element], other: Node, old: bool, where: _Where) -> Iterator[_Unit | Difference]:
        """Steps that one side has more, and whose conditions all come back: each condition is a way of its own."""
        plain: list[_Element] = []
        for element in [*hunk, None]:
            node = element.node if element is not None else None
            if element is not None and node is not None and not isinstance(node.step, m.When):
                plain.append(element)
                continue
            if plain:
                was, now = (_told(plain), ()) if old else ((), _told(plain))
                pair = (plain[0].node, None) if old else (None, plain[0].node)
                yield self._difference(where, was, now, *pair)
                where = where._replace(after=_words(plain[-1].node))
                plain = []
            if node is not None and node.next is not None:
                for holds, choice in ((True, "yes"), (False, "no")):
                    here = self._given(where, ((node, holds),))
                    if here is not None and old:
                        yield _Unit(node.kids[choice], node.next, other, other, here)
                    elif here is not None:
                        yield _Unit(other, other, node.kids[choice], node.next, here)

    def _behind(self, graph: Graph, at_end: bool, tail: Node | None, facts: dict[int, bool]) -> tuple[str, ...]:
        """What comes where one side has no step of its own: nothing between two steps, else what follows."""
        if not at_end or tail is None:
            return ()
        found, _ = self._sequence(graph, tail, graph.end, facts)
        return _told(found) or ("the call is hung up",)

    def _pair(self, old: Node, new: Node, where: _Where) -> Iterator[_Unit | Difference]:
        """The same step on both sides: how it does it, and what is behind its keys."""
        if old.label != new.label:
            yield self._difference(where, (_words(old),), (_words(new),), old, new)
        if (not old.kids and not new.kids) or self.same(old, new):
            return
        assert old.next is not None and new.next is not None
        if isinstance(new.step, m.When):
            for holds, choice in ((True, "yes"), (False, "no")):
                if (here := self._given(where, ((new, holds),))) is not None:
                    here = here._replace(after="")
                    yield _Unit(old.kids[choice], old.next, new.kids[choice], new.next, here)
            return
        groups: dict[tuple[int, int], list[str]] = {}
        for choice in dict.fromkeys([*old.kids, *new.kids]):
            pair = (id(old.kids.get(choice)), id(new.kids.get(choice)))
            groups.setdefault(pair, []).append(choice)
        for choices in groups.values():
            first, second = old.kids.get(choices[0]), new.kids.get(choices[0])
            here = where._replace(path=(*where.path, _choice(choices, _step(new))), after="")
            if first is not None and second is not None:
                yield _Unit(first, old.next, second, new.next, here)
            else:
                was = self._behind_key(self.graphs[0], first)
                now = self._behind_key(self.graphs[1], second)
                yield self._difference(here, was, now, first or old, second or new)

    def _behind_key(self, graph: Graph, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return (A_WRONG_KEY,)
        if node.target:
            return (f"-> {node.target}",)
        found, _ = self._sequence(graph, node, graph.end, {})
        return _told(found) or ("the call is hung up",)

    def _difference(
        self, where: _Where, was: tuple[str, ...], now: tuple[str, ...], old: Node | None, new: Node | None
    ) -> Difference:
        scenario = (new or old or self.graphs[1].end).scenario
        starts = [node.step.start if node is not None and node.step is not None else -1 for node in (old, new)]
        return Difference((), where.time, where.path, where.after, was, now, scenario, starts[0], starts[1])

    # ── conditions ──

    def _given(self, where: _Where, given: tuple[tuple[Node, bool], ...]) -> _Where | None:
        """The way with more conditions decided; None if no call can take it."""
        for node, holds in given:
            fact = (node.rough, holds)
            if fact in where.facts:
                continue
            if (node.rough, not holds) in where.facts:
                return None
            step = node.step
            assert isinstance(step, m.When)
            where = where._replace(facts=where.facts | {fact})
            if isinstance(step.condition, m.ByHours):
                times, always = self.times(node.rough, step.condition), TimeSet.always(self.calendar())
                left = (where.time or always) & times if holds else (where.time or always) - times
                if not left:
                    return None
                where = where._replace(time=None if left.is_always else left)
            else:
                literal = (node.rough, holds, literal_words(step.condition, holds))
                where = where._replace(path=(*where.path, literal))
        return where

    def times(self, key: int, condition: m.ByHours) -> TimeSet:
        """When hours hold."""
        if key not in self._times:
            self._times[key] = TimeSet.of(self.calendar(), condition.hours)
        return self._times[key]

    def calendar(self) -> Calendar:
        """The special dates of both sides."""
        if self._calendar is None:
            hours = [*hours_in(self.sides.old.office), *hours_in(self.sides.new.office)]
            self._calendar = calendar_of(dict.fromkeys(hours), self.sides.since)
        return self._calendar


def literal_words(condition: m.Condition, holds: bool) -> str:
    """`switch night is on`, `caller not in vip`."""
    match condition:
        case m.BySwitch(switch):
            return f"switch {switch.name} is {'on' if holds else 'off'}"
        case m.ByCallers(callers):
            return f"caller {'' if holds else 'not '}in {callers.name}"
        case m.ByHidden():
            return f"caller {'' if holds else 'not '}hidden"
        case _:
            return ("" if holds else "not ") + condition_text(condition)


def _choice(choices: list[str], step: m.Step) -> str:
    """`key 1 or 2 at "menu"`."""
    names = {NOTHING: "no key", WRONG: A_WRONG_KEY, FAX: "a fax machine"}
    keys = [choice for choice in choices if choice not in names]
    words = [f"key {' or '.join(keys)}"] * bool(keys) + [names[choice] for choice in choices if choice in names]
    prompt = step.prompt if isinstance(step, m.Branch) else None
    return ", ".join(words) + (f" at {prompt_words(prompt, '')}" if prompt else "")


def _step(node: Node) -> m.Step:
    assert node.step is not None
    return node.step


def _come_back(elements: list[_Element]) -> bool:
    """Whether a call goes on behind all of these, whatever their conditions are."""
    nodes = [element.node for element in elements]
    return all(node.passes and (not isinstance(node.step, m.When) or all(node.falls.values())) for node in nodes)


def _words(node: Node) -> str:
    return step_words(_step(node))


def _told(elements: list[_Element]) -> tuple[str, ...]:
    told = [_words(element.node) for element in elements[:MAX_STEPS]]
    return tuple(told + ["…"] * (len(elements) > MAX_STEPS))


def _shown(number: m.Number) -> str:
    return number.written if number.number else "any other number"
