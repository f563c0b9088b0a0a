"""For pytest: the tests of one file, and an office's dialplan."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from ivrc.cases import Case
from ivrc.diagnostics import Diagnostic, has_errors, render
from ivrc.loading import SUFFIX, Loader, is_tests, office_of_tests
from ivrc.named import NamedTuple
from ivrc.output import text_of
from ivrc.reading import Suite, read_suite
from ivrc.simulate.telling import Teller
from ivrc.simulating import lengths_of
from ivrc.source import Sources
from ivrc.testing.run import Runner


class SourceError(Exception):
    """A source with errors; the message shows them."""


class Collected(NamedTuple):
    """The tests of one file, and what runs and tells them."""

    cases: list[Case]
    runner: Runner
    teller: Teller


class _Office(NamedTuple):
    suite: Suite
    runner: Runner
    teller: Teller
    sources: Sources


def collect(path: Path) -> Collected:
    """The tests that are written in a file. SourceError."""
    # Failures name files as people do who stand in this folder.
    root = Path(os.path.relpath(_root_of(path)))
    office = _office(root, _stamp(root))
    own = os.path.abspath(path)
    cases = [
        case
        for case in office.suite.cases
        if os.path.abspath(root.parent / office.sources.place(case.start).path) == own
    ]
    return Collected(cases, office.runner, office.teller)


def _root_of(path: Path) -> Path:
    """The office to which a file's tests belong."""
    if is_tests(path):
        office = office_of_tests(path)
        if office is None:
            raise SourceError(f"{path}: there is no office of these tests (IVR501)")
        return office
    for other in sorted(path.parent.glob(f"*{SUFFIX}")):
        if other != path and not is_tests(other) and _includes(other, path):
            return other
    return path


def _includes(office: Path, part: Path) -> bool:
    """Whether an office has a file among its own."""
    try:
        if "include" not in office.read_text("utf-8-sig"):
            return False
    except (OSError, UnicodeDecodeError):
        return False
    files, _ = Loader(office.parent, Sources()).office(office)
    return any(os.path.abspath(file.path) == os.path.abspath(part) for file in files[1:])


def _stamp(root: Path) -> tuple[tuple[str, int], ...]:
    """What changes when a source of an office's folder does."""
    return tuple((path.name, path.stat().st_mtime_ns) for path in sorted(root.parent.glob(f"*{SUFFIX}")))


@lru_cache(maxsize=64)
def _office(root: Path, _: object) -> _Office:
    """An office read once for all its files of tests."""
    sources = Sources()
    suite = read_suite(root, Loader(root.parent, sources))
    _raise_for([*suite.diagnostics, *suite.faults], sources)
    assert suite.office is not None
    lengths, _assumed = lengths_of(suite.office, root.parent)
    return _Office(suite, Runner(suite.office, lengths), Teller(suite.office, sources, shown=True), sources)


def dialplan(path: Path, name: str) -> str:
    """A text file of an office's output. SourceError, for a file that there is not, too."""
    from ivrc import pipeline

    result = pipeline.compile_offices([path])
    if result.files is None:
        _raise_for(result.diagnostics, result.sources)
    assert result.files is not None
    if name not in result.files:
        texts = [each for each in result.files if not each.startswith("sounds/")]
        raise SourceError(f"there is no {name} in the output; there are: {', '.join(sorted(texts))}")
    content = result.files[name]
    return text_of(content)


def _raise_for(faults: list[Diagnostic], sources: Sources) -> None:
    if has_errors(faults):
        raise SourceError("\n\n".join(render.render_text(fault, sources) for fault in render.in_order(faults)))
