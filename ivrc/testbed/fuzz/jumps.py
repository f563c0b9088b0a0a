"""Where jumps of a dialplan lead: to the first line that does anything, past lines and jumps that do nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

_CONTEXT = re.compile(r"\[(.+)\]")
_LINE = re.compile(
    r"(?P<begin>exten => (?P<exten>[^,]+),1| same => n)(?P<label>\([^()]*\))?,(?P<app>\w+)\((?P<args>.*)\)"
)
# Where calls begin: the extension is the context to go on in.
_BEGIN, _SCENARIO = ".in", "_ivrc."
# The order in which queues ring people.
_TURNS = ".turns"
# Lines after one another that do nothing; a ring of jumps has no end.
_MOST = 100


class Line(NamedTuple):
    """A line of the dialplan: where it is and what it says."""

    number: int
    context: str
    exten: str
    priority: int
    label: str
    app: str
    args: str


class Place(NamedTuple):
    """Where a call may go on."""

    context: str
    exten: str
    priority: int


def lines_of(dialplan: str) -> Iterator[Line]:
    """Every line of a dialplan with its priority."""
    context = exten = ""
    priority = 0
    for number, text in enumerate(dialplan.splitlines()):
        if match := _CONTEXT.fullmatch(text):
            context = match[1]
        elif match := _LINE.fullmatch(text):
            priority = 1 if match["exten"] else priority + 1
            exten = match["exten"] or exten
            yield Line(number, context, exten, priority, match["label"] or "", match["app"], match["args"])


def with_line(dialplan: str, line: Line, app: str, args: str) -> str:
    """The dialplan with something else in a line's place."""
    texts = dialplan.splitlines()
    match = _LINE.fullmatch(texts[line.number])
    assert match is not None
    texts[line.number] = f"{match['begin']}{match['label'] or ''},{app}({args})"
    return "\n".join(texts) + "\n"


def is_about_turns(line: Line) -> bool:
    """Whether a line says whose turn it is in queues, which only other calls can tell; twice is the same as once."""
    return line.context.endswith(_TURNS) or f"{_TURNS}," in line.args


class Jumps:
    """The lines of a dialplan by their places."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)
        self._at = {Place(line.context, line.exten, line.priority): line for line in self.lines}
        self._labels = {
            (line.context, line.exten, line.label[1:-1]): line.priority for line in self.lines if line.label
        }

    def at(self, place: Place) -> Line | None:
        """The line there, if there is one."""
        return self._at.get(place)

    def after(self, line: Line) -> Place:
        """The place of the next line."""
        return Place(line.context, line.exten, line.priority + 1)

    def target(self, line: Line, written: str) -> Place | None:
        """Where a jump of this line goes; to the next line if nothing is written. None if only the call can tell."""
        if not written:
            return self.after(line)
        if "$" in written:
            return None
        *where, priority = written.split(",")
        exten = where[-1] if where else line.exten
        context = where[0] if len(where) > 1 else line.context
        if priority.isdigit():
            return Place(context, exten, int(priority))
        labelled = self._labels.get((context, exten, priority))
        return None if labelled is None else Place(context, exten, labelled)

    def ways(self, line: Line, seen: frozenset[Place] = frozenset()) -> tuple[Place | None, Place | None]:
        """Where a condition leads if it holds and if not."""
        first, _, second = line.args.rpartition("?")[2].partition(":")
        return self._come(self.target(line, first), seen), self._come(self.target(line, second), seen)

    def _come(self, place: Place | None, seen: frozenset[Place] = frozenset()) -> Place | None:
        return None if place is None else self.comes_to(place, seen)

    def comes_to(self, place: Place, seen: frozenset[Place] = frozenset()) -> Place:
        """The first line from here on that does anything: no call can tell two places that come to the same."""
        for _ in range(_MOST):
            place = self._begun(place)
            onwards = None if place in seen else self._onwards(place, seen | {place})
            if onwards is None:
                break
            place = onwards
        return place

    def _begun(self, place: Place) -> Place:
        """Past where calls begin: what is set there has been set since this call began, and by nobody since."""
        if self.at(place) is not None or not place.context.endswith(_BEGIN) or not place.exten.startswith("ivrc"):
            return place
        line = self.at(Place(place.context, _SCENARIO, place.priority))
        while line is not None and line.app == "Set" and self._always(line):
            line = self.at(self.after(line))
        leads = line is not None and (line.app, line.args) == ("Goto", "${EXTEN},s,1")
        return Place(place.exten, "s", 1) if leads else place

    def _always(self, line: Line) -> bool:
        """Whether nobody in the office sets the variable to anything else; or it is whose turn it is after the call."""
        if is_about_turns(line):
            return True
        office, variable = line.context.removesuffix(_BEGIN), line.args.partition("=")[0]
        ours = (each for each in self.lines if each.app == "Set" and each.context.startswith(office))
        return "$" not in line.args and all(
            each.args == line.args for each in ours if each.args.partition("=")[0].lstrip("_") == variable.lstrip("_")
        )

    def _onwards(self, place: Place, seen: frozenset[Place]) -> Place | None:
        """Where a line leads that does nothing but lead there."""
        line = self.at(place)
        if line is None:
            return None
        if line.app == "NoOp" and self.at(self.after(line)) is not None:
            return self.after(line)
        if line.app == "Goto":
            return self.target(line, line.args)
        if line.app == "GotoIf":
            holds, fails = self.ways(line, seen)
            return holds if holds is not None and self._alike(holds, fails) else None
        return None

    def _alike(self, one: Place | None, other: Place | None) -> bool:
        """Whether two lines are one, or both end the call, or the subroutine, in the same way."""
        if one is None or other is None or one == other:
            return one == other
        lines = [self.at(place) for place in (one, other)]
        ends = [(line.app, line.args) for line in lines if line is not None and line.app in ("Hangup", "Return")]
        return len(ends) == 2 and ends[0] == ends[1]

    def soon(self, place: Place, ends: Callable[[Line], bool]) -> bool:
        """Whether all ways from here end in such a line, or with the call, before anything that takes time."""
        todo, seen = [place], set[Place]()
        while todo:
            at = todo.pop()
            line = self.at(at)
            if line is None:
                return False
            if at in seen or ends(line) or line.app == "Hangup":
                continue
            seen.add(at)
            if line.app in ("Set", "NoOp"):
                todo.append(self.after(line))
                continue
            if line.app not in ("Goto", "GotoIf"):
                return False
            ways = self.ways(line) if line.app == "GotoIf" else (self.target(line, line.args),)
            known = [way for way in ways if way is not None]
            if len(known) < len(ways):
                return False
            todo += known
        return True

    def makes_ring(self, line: Line, app: str, args: str) -> bool:
        """Whether a call may come back to a line in no time if it says so, and not as it is: Asterisk would be busy."""
        return not self._comes_back(line) and self._comes_back(line._replace(app=app, args=args))

    def _comes_back(self, line: Line) -> bool:
        todo, seen = self._next(line), set[Place]()
        while todo:
            place = todo.pop()
            if place == (line.context, line.exten, line.priority):
                return True
            onwards = self.at(place)
            if onwards is not None and place not in seen:
                seen.add(place)
                todo += self._next(onwards)
        return False

    def _next(self, line: Line) -> list[Place]:
        """Where a line leads in no time."""
        first, _, second = line.args.rpartition("?")[2].partition(":")
        written = {"Goto": (line.args,), "GotoIf": (first, second), "Set": ("",), "ExecIf": ("",), "NoOp": ("",)}
        places = (self.target(line, each) for each in written.get(line.app, ()))
        return [place for place in places if place is not None]

    def comes_to_same(self, line: Line, app: str, args: str) -> bool:
        """Whether a line that jumps, or says nothing, leads where this one does, whatever its condition is."""
        was, became = self._leads(line), self._leads(line._replace(app=app, args=args))
        return (
            was is not None
            and became is not None
            and was[0] == became[0]
            and all(self._alike(one, other) for one, other in zip(was[1:], became[1:], strict=True))
        )

    def _leads(self, line: Line) -> tuple[str, Place | None, Place | None] | None:
        """A condition and the ways from it; of a line without a choice they are one way, and the condition is empty."""
        if line.app == "GotoIf":
            holds, fails = self.ways(line)
            return (
                ("" if self._alike(holds, fails) else line.args.rpartition("?")[0], holds, fails)
                if holds and fails
                else None
            )
        if line.app not in ("NoOp", "Goto"):
            return None
        way = self._come(self.after(line) if line.app == "NoOp" else self.target(line, line.args))
        return ("", way, way) if way else None
