"""Where a target's files are put: the one seam between a deploy and a disk, here or elsewhere.

Names are relative to the folder, with `/`. Whatever is written is whole or not there: `write` and `put` by a name of
their own and a rename, `point` by a link renamed over the old one. FolderError whenever that cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ivrc.deploy.release import Content

LEFT_OVER = ".part-"
"""How the names begin of what is being written: whatever has such a name and no lock is a leftover."""


class Folder(Protocol):
    """A folder of the target: `where` is its path as Asterisk sees it."""

    where: str

    async def read(self, name: str) -> bytes | None:
        """A file's content; None if there is no such file."""

    async def write(self, name: str, content: Content) -> None:
        """Write one file, over what is there."""

    async def put(self, name: str, files: Mapping[str, Content]) -> None:
        """Make a folder with these files; one that is there already is replaced."""

    async def names(self, name: str) -> set[str]:
        """The names in a folder; none if there is no such folder."""

    async def point(self, link: str, target: str) -> None:
        """Make `link` lead to `target` (relative to the link), whatever it led to before, in one step."""

    async def pointed(self, link: str) -> str | None:
        """Where a link leads; None if there is none."""

    async def remove(self, name: str) -> None:
        """Remove a file, a link or a folder with all in it, if it is there."""

    async def append(self, name: str, line: bytes) -> None:
        """Add a line to a file."""

    async def settle(self) -> None:
        """All that was written is on the disk when this returns."""

    def lock(self, seconds: float, owner: str) -> AbstractAsyncContextManager[None]:
        """Have the target for oneself; Busy (with the owner) when that takes longer. Free again if the holder dies."""
