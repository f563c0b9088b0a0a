"""Paths to offices with their tests, and these run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ivrc import model as m
from ivrc.diagnostics import Diagnostic, has_errors
from ivrc.loading import Loader, common_folder, find_offices, is_tests
from ivrc.named import NamedTuple
from ivrc.reading import Suite, read_suite
from ivrc.simulate.telling import Teller
from ivrc.simulating import lengths_of
from ivrc.source import Sources
from ivrc.testing.coverage import Coverage
from ivrc.testing.run import Runner, Verdict


class Tested(NamedTuple):
    """An office whose tests were run. `assumed`: prompts of which no file says how long they are."""

    root: Path
    office: m.Office
    verdicts: list[Verdict]
    coverage: Coverage
    teller: Teller
    assumed: list[str]
    sources: Sources


class Outcome(NamedTuple):
    """All offices' tests run; `faults` if any source has some (with errors nothing was run)."""

    tested: list[Tested]
    faults: list[Diagnostic]
    sources: Sources
    watched: tuple[Path, ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """Of all offices."""
        return [verdict for each in self.tested for verdict in each.verdicts]


Wanted = Callable[[str, str], bool]
"""Whether a test is to be run, by its file and its name."""


def run_paths(paths: list[Path], wanted: Wanted) -> Outcome:
    """Run the tests of files and folders. InputError for a path of no use."""
    sources = Sources()
    suites, faults = read_suites(paths, sources)
    watched = tuple(dict.fromkeys(path for suite in suites for path in (*suite.files, suite.root)))
    if has_errors(faults):
        return Outcome([], faults, sources, watched)
    tested = [each for suite in suites if suite.cases and (each := run_suite(suite, sources, wanted))]
    return Outcome(tested, faults, sources, watched)


def read_suites(paths: list[Path], sources: Sources) -> tuple[list[Suite], list[Diagnostic]]:
    """The offices that some paths stand for, with their tests; a file of tests stands for these alone."""
    roots, orphans = find_offices(paths)
    hint = "`office.test.ivr` holds the tests of `office.ivr` beside it"
    faults = [Diagnostic("IVR501", -1, -1, f"{path}: there is no office of these tests", hint) for path in orphans]
    loader = Loader(common_folder(paths), sources)
    chosen = {Path(os.path.abspath(path)) for path in paths if is_tests(path)}
    named = {Path(os.path.abspath(path)) for path in paths if not is_tests(path)}
    suites = [(root, read_suite(root, loader, _only(root, chosen, named))) for root in roots]
    own = set(loader.offices(roots))
    kept = [suite for root, suite in suites if root in own]
    return kept, faults + [fault for suite in kept for fault in (*suite.diagnostics, *suite.faults)]


def _only(root: Path, chosen: set[Path], named: set[Path]) -> set[Path] | None:
    """The files of tests that were named, if the office itself, or a folder it is in, was not."""
    here = Path(os.path.abspath(root))
    if not chosen or here in named or any(folder in here.parents for folder in named):
        return None
    return chosen


def run_suite(suite: Suite, sources: Sources, wanted: Wanted) -> Tested | None:
    """Run an office's tests; None if none of them is wanted."""
    assert suite.office is not None
    cases = [case for case in suite.cases if wanted(sources.place(case.start).path, case.name)]
    if not cases:
        return None
    lengths, assumed = lengths_of(suite.office, suite.root.parent)
    runner = Runner(suite.office, lengths)
    verdicts = [runner.run(case) for case in cases]
    teller = Teller(suite.office, sources, shown=True)
    return Tested(suite.root, suite.office, verdicts, runner.coverage, teller, assumed, sources)
