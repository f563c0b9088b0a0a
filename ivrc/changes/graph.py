"""Scenarios as graphs of steps, in which names of scenarios no longer matter; and which parts of two are the same.

A node is a step with what follows it: the node past it, and those behind its keys or its condition. Moves are edges.
Two nodes are the same if no call can tell one from the other: the same step, and the same behind every edge.
"""

from __future__ import annotations

from typing import assert_never

from ivrc import model as m
from ivrc.changes.sides import Sides

NOTHING, WRONG, FAX = "nothing", "wrong", "fax"


class Node:
    """A step in its place. `label` is equal for steps that do the same; `rough` for steps that may be compared."""

    __slots__ = ("falls", "kids", "label", "next", "passes", "rough", "scenario", "step", "target")

    def __init__(self, step: m.Step | None, scenario: str, next_: Node | None) -> None:
        self.step = step
        self.scenario = scenario
        self.next = next_
        self.label = self.rough = -1
        # What follows a key or a condition, by key, or "yes" and "no".
        self.kids: dict[str, Node] = {}
        # Whether what follows comes back to `next`.
        self.falls: dict[str, bool] = {}
        # Whether a call can get past the step.
        self.passes = True
        # A move: the scenario.
        self.target = ""


class Graph:
    """The scenarios of one side; each is built when it is first asked for."""

    def __init__(self, sides: Sides, old: bool) -> None:
        self.sides = sides
        self.old = old
        side = sides.old if old else sides.new
        self._scenarios = {scenario.name: scenario for scenario in side.office.scenarios}
        self._entries: dict[str, Node] = {}
        self.end = Node(None, "", None)
        self.end.label = self.end.rough = sides.intern("end")

    def entry(self, name: str) -> Node:
        """The first step of a scenario."""
        found = self._entries.get(name)
        if found is None:
            scenario = self._scenarios[name]
            found = self._entries[name] = self._block(scenario.body, self.end, name)[0]
        return found

    def resolve(self, node: Node) -> Node:
        """The step that a call comes to at a node: moves are followed."""
        seen = 0
        while node.target and seen < 1000:
            node = self.entry(node.target)
            seen += 1
        return node

    def _block(self, block: m.Block, after: Node, scenario: str) -> tuple[Node, bool]:
        """A block's first node, and whether a call can come to its end."""
        head, falls = after, True
        for step in reversed(block.steps):
            node = self._node(step, head, scenario)
            head, falls = node, falls and node.passes
        return head, falls

    def _node(self, step: m.Step, after: Node, scenario: str) -> Node:
        node = Node(step, scenario, after)
        if isinstance(step, m.Move):
            node.target, node.passes = step.scenario, False
            return node
        if isinstance(step, m.Hangup):
            node.passes = False
        elif isinstance(step, m.When):
            self._kid(node, "yes", step.then)
            self._kid(node, "no", step.otherwise)
            node.passes = any(node.falls.values())
        elif isinstance(step, m.Branch):
            for case in step.cases:
                first, *others = case.keys
                self._kid(node, first, case.body)
                for key in others:
                    node.kids[key], node.falls[key] = node.kids[first], node.falls[first]
            self._kid(node, NOTHING, step.nothing)
            self._kid(node, WRONG, step.wrong)
            node.passes = any(node.falls.values())
        elif isinstance(step, m.FaxDetected):
            node.kids[FAX] = Node(m.Move(step.scenario, step.start, step.end), scenario, None)
            node.kids[FAX].target = step.scenario
            node.falls[FAX] = False
        rough, fine = self._labels(step)
        node.rough = self.sides.intern(rough)
        node.label = self.sides.intern((*rough, *fine))
        return node

    def _kid(self, node: Node, choice: str, block: m.Block | None) -> None:
        assert node.next is not None
        body = block if block is not None else m.Block(())
        node.kids[choice], node.falls[choice] = self._block(body, node.next, node.scenario)

    def _labels(self, step: m.Step) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """What a step is about, and how it does it."""
        sides, old = self.sides, self.old
        match step:
            case m.Play(prompt, seconds):
                return ("play", sides.prompt(prompt, old)), (seconds,)
            case m.WaitExtension(seconds, prompt):
                return ("wait extension",), (seconds, sides.prompt(prompt, old))
            case m.CallGroup(group, seconds):
                return ("group", sides.group(group, old)), (seconds,)
            case m.CallEmployee(employee, seconds, mobile, mobile_seconds):
                then = (sides.outside(mobile, old), mobile_seconds) if mobile else ()
                return ("employee", sides.employee(employee.name, old)), (seconds, *then)
            case m.CallNumber(target, seconds):
                return ("number", *sides.outside(target, old)[:-1]), (target.confirm, seconds)
            case m.CallSip(address, seconds):
                return ("sip", address), (seconds,)
            case m.CallResponsible(desk_seconds, mobiles, mobile_seconds, confirm, second):
                return ("responsible",), (desk_seconds, mobiles, mobile_seconds, confirm, second)
            case m.Branch(prompt, seconds, retries):
                return ("branch",), (sides.prompt(prompt, old), seconds, retries)
            case m.When(condition):
                return ("when", sides.condition(condition, old)), ()
            case m.ReachAnyone(people, responsible, seconds):
                return ("reach",), (tuple(sides.employee(e.name, old) for e in people), responsible, seconds)
            case m.Voicemail(prompt, seconds, to):
                box = sides.employee(to.name, old) if to else None
                return ("voicemail",), (sides.prompt(prompt, old), seconds, box)
            case m.RecordCalls(prompt):
                return ("record",), (sides.prompt(prompt, old),)
            case m.Fax() | m.FaxDetected() | m.Hangup() | m.Move():
                return (type(step).__name__,), ()
            case _:
                assert_never(step)


class Same:
    """Which nodes of two graphs are the same. What was found out is kept."""

    def __init__(self, old: Graph, new: Graph) -> None:
        self.old, self.new = old, new
        self._same: set[tuple[int, int]] = set()
        self._differ: set[tuple[int, int]] = set()

    def __call__(self, old: Node, new: Node) -> bool:
        """Whether no call can tell them apart: assumed of each pair until one is found that differs."""
        root = (self.old.resolve(old), self.new.resolve(new))
        # Pair → the pair that led to it.
        assumed: dict[tuple[int, int], tuple[int, int] | None] = {(id(root[0]), id(root[1])): None}
        pending = [root]
        while pending:
            before, after = pending.pop()
            key = (id(before), id(after))
            if key in self._same:
                continue
            if key in self._differ or before.label != after.label or before.kids.keys() != after.kids.keys():
                self._put_apart(key, assumed)
                return False
            for first, second in self._behind(before, after):
                pair = (self.old.resolve(first), self.new.resolve(second))
                below = (id(pair[0]), id(pair[1]))
                if below not in assumed:
                    assumed[below] = key
                    pending.append(pair)
        self._same.update(assumed)
        return True

    def _behind(self, before: Node, after: Node) -> list[tuple[Node, Node]]:
        """The pairs of nodes that must be the same, too."""
        found = [(kid, after.kids[choice]) for choice, kid in before.kids.items()]
        through = before.passes and not (before.kids and FAX not in before.kids)
        if through and before.next is not None and after.next is not None:
            found.append((before.next, after.next))
        return found

    def _put_apart(self, key: tuple[int, int], assumed: dict[tuple[int, int], tuple[int, int] | None]) -> None:
        at: tuple[int, int] | None = key
        while at is not None:
            self._differ.add(at)
            at = assumed[at]
