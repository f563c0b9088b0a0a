"""Where lines are being written: one extension of one context at a time."""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.lower.names import MAX_NAME_BYTES, context_name, fitted
from ivrc.source import Sources

# The text of a step beyond this many characters is cut: it is a comment.
_COMMENT_CHARACTERS = 100
# What NamedTuple's own constructor does, without its call: lines are made by the hundred thousand.
_new = tuple.__new__


class Pen:
    """What lowering one office produces and what it needs on the way."""

    def __init__(self, office: str, language: str, folder: str, sources: Sources, needs: ir.Needs) -> None:
        self.office = office
        self.language = language
        self.folder = folder
        self.sources = sources
        self.contexts: list[ir.Context | None] = []
        self.needs = needs
        # Whether a caller may turn out to be a fax machine, wherever the call is.
        self.detects_fax = False
        # Whether the people of a queue have turns.
        self.takes_turns = False
        self._parts: dict[str, int] = {}

    def finished(self) -> list[ir.Context]:
        """The contexts written since the last time, in their order."""
        done = [context for context in self.contexts if context is not None]
        self.contexts.clear()
        return done

    def fresh_part(self, part: str) -> str:
        """A part of a context's name that no other context of this office has: `main-branch`, `main-branch-2`."""
        count = self._parts.get(part, 0) + 1
        self._parts[part] = count
        return part if count == 1 else f"{part}-{count}"

    def context(self, part: str) -> str:
        """A context's full name."""
        return context_name(self.office, part)

    def head(self, step: m.Step) -> str:
        """A step up to its block, as written, on one line."""
        return _head(self.sources.text(step.start, min(step.end, step.start + 4 * _COMMENT_CHARACTERS)))


def _head(written: str) -> str:
    quoted, end = False, len(written)
    for index, char in enumerate(written):
        if char == '"' and (index == 0 or written[index - 1] != "\\"):
            quoted = not quoted
        elif char in "{#\n" and not quoted and (char != "#" or "{" not in written):
            end = index
            break
    head = " ".join(written[:end].split())
    return head if len(head) <= _COMMENT_CHARACTERS else head[: _COMMENT_CHARACTERS - 1] + "…"


class Sheet:
    """A context being written."""

    def __init__(self, pen: Pen, part: str, comment: str, start: int = -1) -> None:
        self.pen = pen
        self.part = part
        self.name = pen.context(part)
        self.comment = comment
        self.start = start
        self.extensions: list[ir.Extension | ir.Hint] = []
        self.includes: tuple[str, ...] = ()
        self.timed = False
        # Whether callers' own channels run here (and not only legs to phones).
        self.holds_callers = True
        # A context stands where it was begun: before those of its menus.
        self._place = len(pen.contexts)
        pen.contexts.append(None)

    def close(self) -> None:
        """The context is whole: hand it over."""
        if self.timed:
            # The time limit of a step ran out (see `steps._limit`): go on where that step said.
            self.extensions.append(
                ir.Extension(
                    "T",
                    (
                        ir.Line("Set", "TIMEOUT(absolute)=0", None),
                        ir.Line("Goto", "${IVRC_NEXT}", None),
                    ),
                )
            )
        if self.pen.detects_fax and self.holds_callers:
            # The time limit of a step that a fax machine interrupts must not cut the fax.
            free = ir.Line("Set", "TIMEOUT(absolute)=0", None)
            move = ir.Line("Goto", "${IVRC_FAX_TO},s,1", None)
            self.extensions.append(ir.Extension("fax", (free, move)))
        self.pen.contexts[self._place] = ir.Context(
            self.name, self.comment, tuple(self.extensions), self.includes, self.start
        )


class Cursor:
    """An extension being written. `answered` is True once every call that gets here has been answered."""

    __slots__ = ("_labels", "_pending", "answered", "exten", "items", "sheet")

    def __init__(self, sheet: Sheet, exten: str, answered: bool = False) -> None:
        self.sheet = sheet
        self.exten = exten
        self.items: list[ir.Item] = []
        self.answered = answered
        self._labels: set[str] = set()
        self._pending: str | None = None

    def add(self, app: str, args: str = "") -> None:
        """Write a line; it takes the label that was placed before it."""
        self.items.append(_new(ir.Line, (app, args, self._pending)))
        self._pending = None

    def comment(self, text: str, kind: str, start: int) -> None:
        """Say in the source's words what the next lines do."""
        self.items.append(ir.Comment(text, kind, start))

    def label(self, base: str) -> str:
        """A label not yet used in this extension, to be placed later."""
        base = fitted(base, MAX_NAME_BYTES - 6)
        label, count = base, 1
        while label in self._labels:
            count += 1
            # No name holds a dash: `after-room_1-2` can be nobody's first label.
            label = f"{base}-{count}"
        self._labels.add(label)
        return label

    def place(self, label: str) -> None:
        """The next line has this label."""
        if self._pending is not None:
            # Two labels cannot share a priority.
            self.add("NoOp")
        self._pending = label

    @property
    def base(self) -> str:
        """What contexts made from here are named after: the scenario, and the key within its menus."""
        if self.exten == "s":
            return self.sheet.part
        key = {"*": "star", "#": "hash", "i": "wrong", "t": "nothing"}.get(self.exten, self.exten)
        return f"{self.sheet.part}-{key}"

    def here(self, label: str) -> str:
        """A label of this extension as other contexts name it."""
        return f"{self.sheet.name},{self.exten},{label}"

    def close(self) -> None:
        """The extension is whole."""
        if self._pending is not None:
            self.add("NoOp")
        self.sheet.extensions.append(ir.Extension(self.exten, tuple(self.items)))
