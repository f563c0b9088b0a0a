"""The two offices that are compared, and who in the one is who in the other.

What has a name and a declaration of its own (employees, groups, lists, switches, prompts) is the same thing on both
sides if it has the same name; or, renamed, the same content. Its own changes are told once, where it is declared;
a step that names it is the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import chain
from math import gcd
from typing import Any, Protocol, TypeVar, assert_never

from ivrc import model as m
from ivrc.changes.times import meaning
from ivrc.hours import Hours
from ivrc.named import NamedTuple
from ivrc.source import Sources
from ivrc.walking import child_blocks


class Named(Protocol):
    """What is declared under a name."""

    @property
    def name(self) -> str:
        """The name in the source."""


T = TypeVar("T", bound=Named)
# Orders and weights of groups in it, by name of the new side where there is one.
Identity = tuple[Any, ...]


class Side(NamedTuple):
    """One of the two. `sources` tell places, if given; `prompts`: a prompt file's name → a digest of its content."""

    office: m.Office
    sources: Sources | None = None
    prompts: Mapping[str, str] = {}

    def place(self, start: int) -> str:
        """`office.ivr:31`, or nothing."""
        if self.sources is None or start < 0:
            return ""
        place = self.sources.place(start)
        return f"{place.path}:{place.line}"

    def mobiles(self) -> dict[str, str]:
        """A mobile's number → the name of its employee."""
        return {number: e.name for e in reversed(self.office.employees) for number in e.mobiles}


class Matched(NamedTuple):
    """Entries of one kind: those of both sides as pairs, those of one side only."""

    both: list[tuple[Any, Any]]
    removed: list[Any]
    added: list[Any]

    def renamed(self) -> dict[str, str]:
        """The old names of those with a new one."""
        return {old.name: new.name for old, new in self.both if old.name != new.name}


def match(old: Iterable[T], new: Iterable[T], content: Callable[[T], object]) -> Matched:
    """Pair entries by name, and what is left by content, where that belongs to one of each side only."""
    olds = {entry.name: entry for entry in old}
    news = {entry.name: entry for entry in new}
    both = [(olds[name], news[name]) for name in olds if name in news]
    removed = [entry for name, entry in olds.items() if name not in news]
    added = [entry for name, entry in news.items() if name not in olds]
    by_content = [_single(entries, content) for entries in (removed, added)]
    for key in [key for key in by_content[0] if key in by_content[1]]:
        before, after = by_content[0][key], by_content[1][key]
        both.append((before, after))
        removed.remove(before)
        added.remove(after)
    return Matched(both, removed, added)


def _single(entries: list[T], content: Callable[[T], object]) -> dict[object, T]:
    """Content → the one entry that has it."""
    found: dict[object, list[T]] = {}
    for entry in entries:
        found.setdefault(content(entry), []).append(entry)
    return {key: same[0] for key, same in found.items() if len(same) == 1}


class Sides:
    """Both offices, and the identities of what they name. Old names stand for the new ones."""

    def __init__(self, old: Side, new: Side, since: date) -> None:
        self.old, self.new, self.since = old, new, since
        before, after = old.office, new.office
        self.employees = match(before.employees, after.employees, lambda e: (e.devices, e.extension, e.mobiles))
        self._employee = self.employees.renamed()
        self.switches = match(before.switches, after.switches, lambda each: each.code)
        self.callers = match(before.callers, after.callers, lambda each: (each.numbers, each.prefixes))
        self._mobiles = (self._mobiles_of(old.office, True), self._mobiles_of(new.office, False))
        plans = {id(group): self.plan(group.plan, index == 0) for index, group in self._groups()}
        self.groups = match(before.groups, after.groups, lambda each: plans[id(each)])
        self.plans = plans
        self._group = self._group_identities()
        self._switch, self._list = self.switches.renamed(), self.callers.renamed()
        self.moved_prompts = _moved_prompts(old, new)
        self._interned: dict[object, int] = {}
        self._hours = self._hours_of_both()

    def intern(self, value: object) -> int:
        """A number for a value, the same for equal ones."""
        return self._interned.setdefault(value, len(self._interned))

    def _groups(self) -> Iterator[tuple[int, m.Group]]:
        return chain(((0, g) for g in self.old.office.groups), ((1, g) for g in self.new.office.groups))

    def _group_identities(self) -> tuple[dict[str, Identity], dict[str, Identity]]:
        """A group is its plan of the new side: two groups that ring alike are one to a caller."""
        after = {group.name: self.plans[id(group)] for group in self.new.office.groups}
        before = {old.name: after[new.name] for old, new in self.groups.both}
        before |= {group.name: self.plans[id(group)] for group in self.groups.removed}
        return before, after

    def _mobiles_of(self, office: m.Office, old: bool) -> dict[str, Identity]:
        return {
            number: ("mobile", self.employee(employee.name, old), index)
            for employee in reversed(office.employees)
            for index, number in enumerate(employee.mobiles)
        }

    # ── identities ──

    def employee(self, name: str, old: bool) -> str:
        """Who an employee is."""
        return self._employee.get(name, name) if old else name

    def group(self, group: m.Group, old: bool) -> Identity:
        """Which group it is."""
        return self._group[0 if old else 1][group.name]

    def outside(self, target: m.Outside, old: bool) -> Identity:
        """Whose number it is, and whether it must be accepted."""
        return (*self._mobiles[0 if old else 1].get(target.number, (target.number,)), target.confirm)

    def prompt(self, prompt: m.Prompt | None, old: bool) -> Identity | None:
        """Which prompt it is."""
        if prompt is None:
            return None
        if old and prompt.kind == "file":
            return ("file", self.moved_prompts.get(prompt.text, prompt.text))
        return (prompt.kind, prompt.text)

    def condition(self, condition: m.Condition, old: bool) -> int:
        """Which condition it is; hours are the moments at which they hold."""
        match condition:
            case m.ByHours(_, hours):
                return self.hours(hours)
            case m.BySwitch(switch):
                return self.intern(("switch", self._switch.get(switch.name, switch.name) if old else switch.name))
            case m.ByCallers(callers):
                return self.intern(("caller", self._list.get(callers.name, callers.name) if old else callers.name))
            case m.ByHidden():
                return self.intern(("hidden",))
            case _:
                assert_never(condition)

    def hours(self, hours: Hours) -> int:
        """Which hours they are."""
        hours = hours._replace(timezone="")
        written = self.intern(("written", hours))
        return self._hours.get(written, written)

    def _hours_of_both(self) -> dict[int, int]:
        """As written → what they come to, where not both sides have written the same."""
        sides = []
        for office in (self.old.office, self.new.office):
            written = {each._replace(timezone="") for each in hours_in(office)}
            sides.append({self.intern(("written", each)): each for each in written})
        if sides[0].keys() == sides[1].keys():
            return {}
        return {key: self.intern(("hours", meaning(each, self.since))) for key, each in (sides[0] | sides[1]).items()}

    def plan(self, plan: m.RingPlan, old: bool) -> Identity:
        """How a group rings: who rings together in no order, weights in their proportion."""
        match plan:
            case m.Together(targets):
                found = sorted({self.target(target, old) for target in targets}, key=repr)
                return ("together", *found)
            case m.InOrder(turns):
                rung = [self.plan(turn, old) for turn in turns]
                return rung[0] if len(rung) == 1 else ("in order", *rung)
            case m.Drawn(weighted):
                share = gcd(*(weight for weight, _ in weighted)) or 1
                drawn = [(weight // share, self.plan(turn, old)) for weight, turn in weighted]
                return drawn[0][1] if len(drawn) == 1 else ("random", *drawn)
            case _:
                assert_never(plan)

    def target(self, target: m.Target, old: bool) -> Identity:
        """Whose phone it is."""
        if isinstance(target, m.Desk):
            return ("desk", self.employee(target.employee.name, old))
        return self.outside(target, old)


def hours_in(office: m.Office) -> Iterator[Hours]:
    """All hours of an office, those written in place too."""
    for _, hours in office.hours:
        yield hours
    for scenario in office.scenarios:
        yield from _hours_of(scenario.body)


def _hours_of(block: m.Block) -> Iterator[Hours]:
    for step in block.steps:
        if isinstance(step, m.When) and isinstance(step.condition, m.ByHours):
            yield step.condition.hours
        for inner in child_blocks(step):
            yield from _hours_of(inner)


def _moved_prompts(old: Side, new: Side) -> dict[str, str]:
    """Old name → new name of recordings that have another name now."""
    gone = {digest: name for name, digest in old.prompts.items() if name not in new.prompts}
    come = {digest: name for name, digest in new.prompts.items() if name not in old.prompts}
    return {name: come[digest] for digest, name in gone.items() if digest in come}
