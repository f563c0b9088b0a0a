"""Source files and positions: one integer names a place in any file of a compilation."""

from __future__ import annotations

from bisect import bisect_right

from ivrc.named import NamedTuple


class Place(NamedTuple):
    """A place as people count it: line and column start at 1, the column in characters."""

    path: str
    line: int
    column: int


class Source:
    """One file's text. Its positions are `base` (unique in its `Sources`) plus the offset in `text`."""

    __slots__ = ("_starts", "base", "path", "shown", "text")

    def __init__(self, path: str, text: str, base: int = 0, shown: str = "") -> None:
        self.path = path
        self.shown = shown or path
        self.text = text
        self.base = base
        self._starts: list[int] | None = None

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            starts, at = [0], self.text.find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = self.text.find("\n", at + 1)
            self._starts = starts
        return self._starts

    def place(self, position: int) -> Place:
        """Where `position` is; a position past the end counts as the end."""
        offset = min(max(position - self.base, 0), len(self.text))
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return Place(self.path, line, offset - starts[line - 1] + 1)

    def line_text(self, line: int) -> str:
        """The text of a line (from 1), without its end."""
        starts = self._line_starts()
        end = starts[line] if line < len(starts) else len(self.text) + 1
        return self.text[starts[line - 1] : end - 1].rstrip("\r")

    def slice(self, start: int, end: int) -> str:
        """The text between two positions."""
        return self.text[start - self.base : end - self.base]


class Sources:
    """All files of a compilation, in the order in which they were read."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._bases: list[int] = []
        self._next = 0

    def add(self, path: str, text: str, shown: str = "") -> Source:
        """Register a file: `path` names it in what is written, `shown` (or `path`) in messages."""
        source = Source(path, text, self._next, shown)
        self._sources.append(source)
        self._bases.append(self._next)
        self._next += len(text) + 1
        return source

    def of(self, position: int) -> Source:
        """The file that holds a position."""
        return self._sources[bisect_right(self._bases, position) - 1]

    def place(self, position: int) -> Place:
        """Path, line and column of a position."""
        return self.of(position).place(position)

    def text(self, start: int, end: int) -> str:
        """The source text between two positions of one file."""
        return self.of(start).slice(start, end)

    @property
    def all(self) -> tuple[Source, ...]:
        """The files themselves, in reading order."""
        return tuple(self._sources)

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all files, in reading order."""
        return tuple(source.path for source in self._sources)
