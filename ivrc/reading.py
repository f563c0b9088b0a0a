"""From a path to what an office means, and to the tests that it has in its own files and beside them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ivrc import model as m
from ivrc.ast_cases import Test
from ivrc.diagnostics import Diagnostic, has_errors
from ivrc.loading import LoadedFile, Loader, tests_of
from ivrc.named import NamedTuple
from ivrc.semantics import analyse

if TYPE_CHECKING:
    from ivrc.cases import Case

# A cheap look before a file is parsed for its tests.
_HAS_TEST = re.compile(r'\btest\s+"')


class Read(NamedTuple):
    """An office's files and its meaning; None if it has errors."""

    files: list[LoadedFile]
    office: m.Office | None
    diagnostics: list[Diagnostic]


class Suite(NamedTuple):
    """An office with its tests; `office` None if it has errors.

    `files`: all that it was read from, those of the tests too. `faults`: in the tests; `diagnostics`: in the office.
    """

    root: Path
    office: m.Office | None
    cases: list[Case]
    files: tuple[Path, ...]
    diagnostics: list[Diagnostic]
    faults: list[Diagnostic]


def read_office(root: Path, loader: Loader) -> Read:
    """Parse and understand one office."""
    files, diagnostics = loader.office(root)
    if not files:
        return Read(files, None, diagnostics)
    first = files[0].source
    broken = [diagnostic.start for diagnostic in diagnostics]
    office, found = analyse([file.tree for file in files], default_name(root), first.path, first.base, broken)
    diagnostics = diagnostics + found
    return Read(files, None if has_errors(diagnostics) else office, diagnostics)


def default_name(root: Path) -> str:
    """The name of an office whose settings give none: that of its file."""
    name = re.sub(r"\W", "_", root.stem)[:30]
    return name if name and not name[0].isdigit() else "office"


def read_suite(root: Path, loader: Loader, only: set[Path] | None = None) -> Suite:
    """An office and its tests. `only`: of these files (absolute) alone."""
    read = read_office(root, loader)
    faults: list[Diagnostic] = []
    files = list(read.files)
    for path in tests_of(root):
        loaded = loader.load(path, None, faults)
        if loaded is not None:
            faults += loaded.diagnostics + _strangers(loaded)
            files.append(loaded)
    paths = tuple(file.path for file in files)
    if read.office is None or has_errors(faults):
        return Suite(root, read.office, [], paths, read.diagnostics, faults)
    chosen = [file for file in files if only is None or Path(os.path.abspath(file.path)) in only]
    # Only who reads tests needs what they mean.
    from ivrc.cases import cases_of

    tests = [node for file in chosen for node in file.tree.declarations if isinstance(node, Test)]
    cases, found = cases_of(tests, read.office)
    return Suite(root, read.office, cases, paths, read.diagnostics, faults + found)


def has_tests(root: Path, texts: list[str]) -> bool:
    """Whether an office, of whose files these are the texts, may have tests."""
    return any(_HAS_TEST.search(text) for text in texts) or bool(tests_of(root))


def _strangers(file: LoadedFile) -> list[Diagnostic]:
    """What a file of tests must not hold: it would be in the tests, and not in the dialplan."""
    message, hint = "a file of tests holds tests alone", "declare it in the office's own files"
    strangers = [node for node in file.tree.declarations if not isinstance(node, Test)]
    return [Diagnostic("IVR502", node.start, node.end, message, hint) for node in strangers]
