"""What was compiled before and has not changed: offices are kept in the user's cache by their content.

Only for compilations of several offices, and only offices without a single diagnostic.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ivrc import resources
from ivrc.facts import library_stamp
from ivrc.loading import Loader
from ivrc.source import Sources
from ivrc.unit import Office, plain, revive

# Raise it with every change of what is kept or of how it is made.
_FORMAT = 3


class Kept:
    """The kept offices of one set of paths."""

    def __init__(self, file: Path, loader: Loader) -> None:
        self.file = file
        self.loader = loader
        self.entries: dict[str, Any] = {}
        self.current: dict[str, Any] = {}
        self.changed = False

    @classmethod
    def open(cls, paths: list[Path], loader: Loader) -> Kept | None:
        """The kept offices of these paths; None if there is nowhere to keep them."""
        folder = resources.cache_folder()
        if folder is None:
            return None
        named = "\0".join(os.path.abspath(path) for path in paths)
        kept = cls(folder / f"offices-{_digest(named.encode() + _made_by())[:24]}", loader)
        try:
            loaded = marshal.loads(kept.file.read_bytes())
            if isinstance(loaded, dict):
                kept.entries = loaded
        except (OSError, ValueError, EOFError, TypeError):
            pass
        return kept

    def office(self, root: Path, sources: Sources) -> Office | None:
        """An office as it was compiled before, if none of its files has changed."""
        entry = self.entries.get(str(root))
        if entry is None:
            return None
        try:
            names, included, digest, fields = entry
            paths = [self.loader.base / name for name in names]
            texts = [self.loader.read(path) for path in paths]
            if digest != _digest_of(names, texts):
                return None
            unit = revive(fields)
        except (OSError, ValueError, TypeError):
            return None
        self.loader.includes += [(Path(os.path.abspath(root)), Path(path)) for path in included]
        self.current[str(root)] = entry
        shown = [_shown(root, path, index) for index, path in enumerate(paths)]
        added = tuple(sources.add(*each) for each in zip(names, texts, shown, strict=True))
        return Office(unit, added, root)

    def keep(self, root: Path, office: Office) -> None:
        """Remember an office."""
        names = office.unit.files
        texts = [source.text for source in office.sources]
        included = [os.path.abspath(self.loader.base / name) for name in names[1:]]
        self.current[str(root)] = (names, included, _digest_of(names, texts), plain(office.unit))
        self.changed = True

    def save(self) -> None:
        """Write what is current, whole or not at all; a failure only costs time the next time."""
        if not self.changed and self.current.keys() == self.entries.keys():
            return
        try:
            handle, name = tempfile.mkstemp(dir=self.file.parent, prefix=".offices-")
            with os.fdopen(handle, "wb") as file:
                file.write(marshal.dumps(self.current))
            os.replace(name, self.file)
        except OSError:
            Path(name).unlink(missing_ok=True) if "name" in locals() else None


def _shown(root: Path, path: Path, index: int) -> str:
    return str(root) if index == 0 else os.path.relpath(path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_of(names: tuple[str, ...], texts: list[str]) -> str:
    return _digest("\0".join((*names, *texts)).encode())


def _made_by() -> bytes:
    """What decides the output beside the source: this program, Python, and the libraries with the world's facts."""
    stamps = [str(_FORMAT), sys.version, str(_newest(Path(__file__).parent))]
    stamps += [library_stamp(library) for library in ("phonenumbers", "holidays", "tzdata")]
    stamps += [resources.read_resource("templates", f"{name}.conf.j2") for name in ("header", "contexts")]
    stamps += [resources.read_resource("grammar", name) for name in ("ivrc.lark", "tests.lark")]
    return "\0".join(stamps).encode()


def _newest(folder: Path) -> int:
    return max((file.stat().st_mtime_ns for file in folder.rglob("*.py")), default=0)
