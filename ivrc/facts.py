"""Facts about the world that take a large library to know, kept in the user's cache once known.

A small office needs a handful of them; importing the libraries for those would be most of a compilation.
Facts are plain data by name; the stamp of the library that told them is part of the file's name.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ivrc import resources

# Raise it when a fact changes its meaning or its shape.
_FORMAT = 1


class Facts:
    """The facts told by one library."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._file: Path | None = None
        self._known: dict[Any, Any] | None = None
        self._added = False

    def get(self, key: Any, find_out: Callable[[], Any]) -> Any:
        """The fact of a key (a tuple of plain data); found out by asking the library if it is not known."""
        if self._known is None:
            self._known = self._load()
        if key not in self._known:
            self._known[key] = find_out()
            self._added = True
        return self._known[key]

    def _load(self) -> dict[Any, Any]:
        folder = resources.cache_folder()
        if folder is None:
            return {}
        self._file = folder / f"facts-{self._library}-{_FORMAT}-{library_stamp(self._library)}"
        try:
            loaded = marshal.loads(self._file.read_bytes())
        except (OSError, ValueError, EOFError, TypeError):
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def save(self) -> None:
        """Keep what is new; a failure only costs time the next time."""
        if not self._added or self._file is None or self._known is None:
            return
        fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            fresh.write_bytes(marshal.dumps(self._known))
            os.replace(fresh, self._file)
            self._added = False
        except OSError:
            fresh.unlink(missing_ok=True)


def library_stamp(library: str) -> str:
    """What changes when another version of a package is installed, found without importing it."""
    import sys

    for folder in sys.path:
        init = os.path.join(folder, library, "__init__.py")
        try:
            status = os.stat(init)
        except OSError:
            continue
        return f"{status.st_mtime_ns:x}{status.st_size:x}"
    return "none"


PHONES = Facts("phonenumbers")
HOLIDAYS = Facts("holidays")


def save_all() -> None:
    """Keep all new facts."""
    PHONES.save()
    HOLIDAYS.save()
