"""Files kept by content: written whole or not at all, and checked before they are believed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

_MANIFEST = "ok"  # extension of the list of sizes and checksums that is written last


def look_up(cache: Path, key: str, extensions: tuple[str, ...]) -> dict[str, Path] | None:
    """The files of `key`, all of them and undamaged; otherwise None."""
    manifest = _read_manifest(cache / f"{key}.{_MANIFEST}")
    if set(manifest) != set(extensions):
        return None
    files = {extension: cache / f"{key}.{extension}" for extension in extensions}
    if all(_fingerprint(path) == manifest[extension] for extension, path in files.items()):
        return files
    return None


def store(cache: Path, key: str, contents: Mapping[str, bytes]) -> dict[str, Path]:
    """Keep `contents` (extension -> bytes) under `key`; OSError (disk full) leaves no half file."""
    cache.mkdir(parents=True, exist_ok=True)
    files = {extension: cache / f"{key}.{extension}" for extension in contents}
    for extension, path in files.items():
        _write(path, contents[extension])
    lines = [f"{extension} {len(data)} {zlib.crc32(data)}\n" for extension, data in contents.items()]
    _write(cache / f"{key}.{_MANIFEST}", "".join(lines).encode())
    return files


def _write(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, so that another process sees the old file or the new one."""
    partial = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        with partial.open("xb") as file:
            file.write(data)
        partial.replace(path)
    except OSError as fault:
        # A full disk tells of no file.
        fault.filename = fault.filename or os.fspath(path)
        partial.unlink(missing_ok=True)
        raise
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _read_manifest(path: Path) -> dict[str, tuple[int, int]]:
    """Extension -> (size, checksum); empty when there is no sound list."""
    try:
        rows = [line.split() for line in path.read_text("ascii").splitlines()]
        return {extension: (int(size), int(checksum)) for extension, size, checksum in rows}
    except (OSError, ValueError):
        return {}


def _fingerprint(path: Path) -> tuple[int, int] | None:
    """(size in bytes, CRC-32) of a file; None when it cannot be read."""
    size = checksum = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                size += len(block)
                checksum = zlib.crc32(block, checksum)
    except OSError:
        return None
    return size, checksum
