"""A part's files on a target, read back: whether they are as they were written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256

from ivrc.deploy.folder import Folder
from ivrc.deploy.release import ABOUT
from ivrc.deploy.state import PARTS


async def read(folder: Folder, name: str) -> dict[str, bytes]:
    """The files of a part; none if it is not there."""
    found = {}
    for file in sorted(await folder.names(f"{PARTS}/{name}")):
        content = await folder.read(f"{PARTS}/{name}/{file}")
        if content is not None:
            found[file] = content
    return found


def joined(files: Mapping[str, Iterable[bytes]]) -> dict[str, bytes]:
    """A part's files as they will be read."""
    return {name: b"".join(content) for name, content in files.items()}


def changed(files: Mapping[str, bytes], names: Iterable[str]) -> list[str]:
    """Which files of a part, `names` among them, are not as they were written, by their digests."""
    gone = [f"{name} is not there" for name in sorted(set(names) - files.keys())]
    digests = json.loads(files.get(ABOUT, b"{}")).get("files", {})
    other = [name for name, digest in digests.items() if sha256(files.get(name, b"")).hexdigest() != digest]
    return gone + [f"{name} has been changed since it was deployed" for name in other if name in files]


async def not_as_written(folder: Folder, wanted: Mapping[str, Mapping[str, bytes]]) -> list[str]:
    """Parts whose files, read back, are not those that were compiled."""
    return [
        f"{PARTS}/{name} was not written as compiled" for name in wanted if await read(folder, name) != wanted[name]
    ]


async def sounds_gone(sounds: Folder, files: Mapping[str, bytes]) -> list[str]:
    """The prompts of a part that are not there any more."""
    gone = []
    there: dict[str, set[str]] = {}
    for path in json.loads(files.get(ABOUT, b"{}")).get("sounds", []):
        folder, _, name = path.rpartition("/")
        if folder not in there:
            there[folder] = await sounds.names(folder)
        if name not in there[folder]:
            gone.append(f"the prompt {path} is not there")
    return gone
