"""One Asterisk that is deployed to: what a deploy does there, step by step, each step repeatable."""

from __future__ import annotations

from ivrc.deploy.ami import Address
from ivrc.deploy.folder import Folder
from ivrc.deploy.release import Release
from ivrc.named import NamedTuple


class Target(NamedTuple):
    """A node: its name, where its files are put, where its prompts are (Asterisk's sounds folder), its manager."""

    name: str
    folder: Folder
    sounds: Folder
    manager: Address
    # Generations that stay for a rollback.
    keep: int = 10
    # Seconds after which a part that was left is taken out although calls are on it; 0 for never.
    limit: float = 0.0


class Node:
    """The steps on one node. `lock` is held around them (`target.folder.lock`)."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def prepare(self, release: Release) -> None:
        """Write what is not there yet: parts and prompts. Nothing that Asterisk reads changes."""
        raise NotImplementedError

    async def load(self, release: Release) -> None:
        """Make Asterisk hold the new parts beside the old, and verify them; calls come in by the old entries."""
        raise NotImplementedError

    async def activate(self, release: Release) -> None:
        """New calls take the new parts."""
        raise NotImplementedError

    async def put_back(self) -> None:
        """As it was before `load`."""
        raise NotImplementedError
