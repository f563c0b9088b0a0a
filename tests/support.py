"""Helpers of the fast tests: a source text in, what the compiler makes of it out."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from hypothesis import settings

from ivrc import model as m
from ivrc import pipeline
from ivrc.diagnostics import Diagnostic, has_errors, render
from ivrc.loading import Loader
from ivrc.output import Content
from ivrc.semantics import analyse
from ivrc.source import Sources

TESTS = Path(__file__).parent
ROOT = TESTS.parent
CORPUS = TESTS / "corpus"
ERRORS = TESTS / "errors"

# Of a property, where the profile is the common one.
COMMON_EXAMPLES = 60

SETTINGS = """\
settings {
    office acme  country RU  timezone "Europe/Moscow"  language ru
    trunk "PJSIP/{number}@provider"
}
"""
# Four people with a phone each, anna with two mobiles.
PEOPLE = """\
employee anna  { extension 101  sip "PJSIP/anna"  mobile "+7 916 000-00-01", "+7 916 000-00-02" }
employee boris { extension 102  sip "PJSIP/boris" }
employee vera  { extension 103  sip "PJSIP/vera" }
employee gleb  { extension 104  sip "PJSIP/gleb" }
"""
OFFICE = SETTINGS + PEOPLE


class Outcome(NamedTuple):
    """What a compilation came to."""

    compiled: pipeline.Compiled

    @property
    def diagnostics(self) -> list[Diagnostic]:
        return render.in_order(self.compiled.diagnostics)

    @property
    def codes(self) -> list[str]:
        return [diagnostic.code for diagnostic in self.diagnostics]

    @property
    def messages(self) -> list[str]:
        return [diagnostic.message for diagnostic in self.diagnostics]

    @property
    def shown(self) -> list[str]:
        """Each diagnostic as a terminal shows it."""
        return [render.render_text(each, self.compiled.sources) for each in self.diagnostics]

    def written(self, name: str) -> str:
        """The text of an output file; fails with the diagnostics if there is no output."""
        assert self.compiled.files is not None, "\n".join(self.shown)
        return content_bytes(self.compiled.files[name]).decode()

    @property
    def dialplan(self) -> str:
        return self.written("extensions.conf")

    @property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(self.written("manifest.json"))
        return manifest

    @property
    def everything(self) -> dict[str, bytes]:
        """All output files."""
        assert self.compiled.files is not None, "\n".join(self.shown)
        return {name: content_bytes(content) for name, content in self.compiled.files.items()}


def examples(count: int) -> settings:
    """So many examples of a property, more or fewer as the profile in force has more or fewer than the common one."""
    share = settings().max_examples / COMMON_EXAMPLES
    return settings(max_examples=max(3, round(count * share)))


def content_bytes(content: Content) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else b"".join(content)


@contextmanager
def without_audio() -> Iterator[None]:
    """Prompts are neither looked for nor converted: the dialplan does not depend on what they hold."""
    with (
        patch.object(pipeline, "check_sounds", lambda *_: []),
        patch.object(pipeline, "make_sounds", lambda *_: ({}, [])),
    ):
        yield


def compile_paths(*paths: Path) -> Outcome:
    """Compile files and folders, without audio."""
    with without_audio():
        return Outcome(pipeline.compile_offices(list(paths)))


def compile_text(source: str | bytes, **included: str) -> Outcome:
    """Compile a text as `office.ivr`, beside included files (`staff="…"` is staff.ivr), without audio."""
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder), {"office.ivr": source, **{f"{n}.ivr": t for n, t in included.items()}})
        return compile_paths(Path(folder, "office.ivr"))


def codes_of(source: str | bytes, **included: str) -> list[str]:
    """The codes of a text's diagnostics."""
    return compile_text(source, **included).codes


def scenario(*steps: str) -> str:
    """A scenario `main` of some steps."""
    return "scenario main {\n" + "\n".join(steps) + "\n}\n"


def dialplan_of(*steps: str, declarations: str = "") -> str:
    """The dialplan of OFFICE with some declarations and a scenario `main`."""
    return compile_text(OFFICE + declarations + scenario(*steps)).dialplan


def office_of(source: str) -> m.Office:
    """The Model of a text; fails if it has errors."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "office.ivr")
        file.write_text(source, "utf-8")
        files, diagnostics = Loader(Path(folder), Sources()).office(file)
        office, found = analyse([each.tree for each in files], "office", "office.ivr", 0)
        assert not has_errors(diagnostics + found), [each.message for each in diagnostics + found]
        return office


def lines_of(dialplan: str, context: str, exten: str = "s") -> list[str]:
    """The lines `app(args)` of an extension, labels in front: `label: app(args)`."""
    inside, current, found = False, "", []
    for line in dialplan.splitlines():
        if line.startswith("["):
            inside = line == f"[{context}]"
        if not inside or line.startswith((";", "[")) or not line:
            continue
        head, _, rest = line.partition("=>")
        if head.strip() == "exten":
            current, _, rest = rest.strip().partition(",")
        priority, _, app = rest.strip().partition(",")
        if current == exten and priority != "hint":
            label = priority.partition("(")[2].rstrip(")")
            found.append(f"{label}: {app}" if label else app)
    assert found, f"there is no {exten}@{context}"
    return found


def write_tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files under a folder; the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def tree_of(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run_python(
    arguments: Sequence[str], cwd: Path = ROOT, seconds: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run this Python; TimeoutExpired after some seconds."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=seconds,
        check=False,
    )


def compile_apart(source: str, seconds: float = 10) -> subprocess.CompletedProcess[str]:
    """`ivrc check` of a text in a process of its own: for inputs that could hang or end it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "office.ivr")
        file.write_text(source, "utf-8")
        code = "from ivrc.cli import main; main()"
        return run_python(["-c", code, "check", str(file)], Path(folder), seconds)


_CAPABILITIES = 0x20080522
_OVERRIDES = 1 << 1 | 1 << 2


@contextmanager
def bound_by_modes() -> Iterator[None]:
    """For a while root, too, is bound by the modes of files: without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    # Effective, permitted and inheritable, twice 32 of each (capget(2)).
    before = (ctypes.c_uint32 * 6)()
    if libc.capget(header, before) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    during = (ctypes.c_uint32 * 6).from_buffer_copy(before)
    during[0] &= ~_OVERRIDES
    if libc.capset(header, during) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    try:
        yield
    finally:
        if libc.capset(header, before) != 0:
            raise OSError(ctypes.get_errno(), "capset")
