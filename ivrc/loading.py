"""From paths on the command line to offices: which files there are, and which belong together."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ivrc.ast import File, Include
from ivrc.diagnostics import Diagnostic
from ivrc.named import NamedTuple
from ivrc.parser import parse
from ivrc.source import Source, Sources

SUFFIX = ".ivr"
# `office.test.ivr`, `office.night.test.ivr`: the tests of `office.ivr`.
TEST_SUFFIX = ".test.ivr"


class LoadedFile(NamedTuple):
    """A file read and parsed."""

    path: Path
    source: Source
    tree: File
    diagnostics: list[Diagnostic]


class InputError(Exception):
    """A path on the command line that is of no use; the message says why."""


def find_roots(paths: list[Path]) -> list[Path]:
    """The .ivr files that some files and folders stand for, each once, in order of path within a folder."""
    roots: list[Path] = []
    for path in paths:
        if _is_folder(path):
            inside = sorted(
                (
                    Path(base) / name
                    for base, _, names in os.walk(path, onerror=_refuse)
                    for name in names
                    if name.endswith(SUFFIX)
                ),
                key=lambda found: found.parts,
            )
            if not inside:
                raise InputError(f"{path}: there is no {SUFFIX} file in this folder")
            roots += inside
        else:
            roots.append(path)
    # One file by two spellings is one file.
    return list({os.path.abspath(root): root for root in reversed(roots)}.values())[::-1]


def _refuse(fault: OSError) -> None:
    """A folder that cannot be read may hold offices: without them, their callers would reach nobody."""
    raise InputError(f"{fault.filename}: {fault.strerror}") from fault


def find_offices(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """The files that may be offices, with the office of each file of tests; and the files of tests without one."""
    offices: dict[str, Path] = {}
    orphans: list[Path] = []
    for root in find_roots(paths):
        office = office_of_tests(root) if is_tests(root) else root
        if office is None:
            orphans.append(root)
        else:
            offices.setdefault(os.path.abspath(office), office)
    return list(offices.values()), orphans


def is_tests(path: Path) -> bool:
    """Whether a file holds the tests of an office beside it."""
    return path.name.endswith(TEST_SUFFIX)


def office_of_tests(path: Path) -> Path | None:
    """The office whose tests a file holds: the file beside it with whose name its own begins."""
    stem = path.name.removesuffix(TEST_SUFFIX)
    while stem:
        office = path.with_name(stem + SUFFIX)
        if office.exists() and not is_tests(office):
            return office
        stem = stem.rpartition(".")[0]
    return None


def tests_of(office: Path) -> list[Path]:
    """The files beside an office that hold tests of it."""
    stem = office.name.removesuffix(SUFFIX)
    try:
        names = sorted(os.listdir(office.parent))
    except OSError:
        return []
    found = [name for name in names if name.endswith(TEST_SUFFIX) and name.startswith(f"{stem}.")]
    paths = [office.with_name(name) for name in found]
    return [path for path in paths if (own := office_of_tests(path)) is not None and own.name == office.name]


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder; InputError if nothing is there, or nothing can be."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise InputError(f"{path}: there is no such file or folder") from fault
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror}") from fault


def common_folder(paths: list[Path]) -> Path:
    """The folder that file names in the output are relative to, so that none is absolute."""
    folders = [str(path.absolute() if path.is_dir() else path.absolute().parent) for path in paths]
    return Path(os.path.commonpath(folders))


class Loader:
    """Reads each file once; knows who includes whom."""

    def __init__(self, base: Path, sources: Sources) -> None:
        self.base = base
        self.sources = sources
        self.texts: dict[Path, str] = {}
        # (root, file that is part of its office)
        self.includes: list[tuple[Path, Path]] = []

    def read(self, path: Path) -> str:
        """A file's text. OSError or UnicodeDecodeError if it has none."""
        key = Path(os.path.abspath(path))
        if key not in self.texts:
            self.texts[key] = path.read_bytes().decode("utf-8-sig")
        return self.texts[key]

    def office(self, root: Path) -> tuple[list[LoadedFile], list[Diagnostic]]:
        """A root and all that it includes, the root first; each file once, whatever includes it."""
        files: list[LoadedFile] = []
        diagnostics: list[Diagnostic] = []
        seen: set[Path] = set()
        pending: list[tuple[Path, Include | None]] = [(root, None)]
        while pending:
            path, include = pending.pop(0)
            key = Path(os.path.abspath(path))
            if key in seen:
                continue
            seen.add(key)
            loaded = self.load(path, include, diagnostics)
            if loaded is None:
                continue
            files.append(loaded)
            diagnostics += loaded.diagnostics
            for node in loaded.tree.declarations:
                if isinstance(node, Include):
                    target = path.parent / node.path.value
                    self.includes.append((Path(os.path.abspath(root)), Path(os.path.abspath(target))))
                    pending.append((target, node))
        if files and not diagnostics and not any(file.tree.declarations for file in files):
            end = files[0].source.base + len(files[0].source.text)
            message = "nothing is declared here: an office of this file has neither numbers nor scenarios"
            diagnostics.append(Diagnostic("IVR906", end, end, message, "was it saved whole?"))
        return files, diagnostics

    def load(self, path: Path, include: Include | None, diagnostics: list[Diagnostic]) -> LoadedFile | None:
        """A file read and parsed; None, and a fault, if it cannot be read."""
        start, end = (include.path.start, include.path.end) if include else (-1, -1)
        try:
            text = self.read(path)
        except UnicodeDecodeError as fault:
            line = fault.object[: fault.start].count(b"\n") + 1
            message = f"{path} is not UTF-8 text (line {line})"
            diagnostics.append(Diagnostic("IVR106", start, end, message, "save it as UTF-8"))
            return None
        except (OSError, ValueError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else "no such path"
            code = "IVR107" if include else "IVR106"
            found = isinstance(fault, PermissionError)
            hint = "paths are relative to the file with the `include`" if include and not found else ""
            diagnostics.append(Diagnostic(code, start, end, f"{path} cannot be read: {reason}", hint))
            return None
        source = self.sources.add(self.relative(path), text, _as_text(str(path)))
        tree, faults = parse(source)
        return LoadedFile(path, source, tree, faults)

    def offices(self, roots: list[Path]) -> list[Path]:
        """The roots that are offices of their own: those that no other office includes.

        Of files that include each other in a round the first one is the office.
        """
        includers: dict[str, set[str]] = {}
        for root, part in self.includes:
            includers.setdefault(str(part), set()).add(str(root))
        kept: dict[str, Path] = {}
        for root in roots:
            key = os.path.abspath(root)
            others = includers.get(key, set()) - {key}
            mutual = {other for other in others if key in (includers.get(other) or ())}
            if not (others - mutual) and not (mutual & kept.keys()):
                kept[key] = root
        return list(kept.values())

    def relative(self, path: Path) -> str:
        """A path as the output names it: relative to the common folder, with forward slashes."""
        return _as_text(Path(os.path.relpath(path, self.base)).as_posix())


def _as_text(path: str) -> str:
    """A path that can be written: bytes that are no UTF-8 become a sign for "unknown"."""
    return os.fsencode(path).decode("utf-8", "replace")
