"""Writing the output folder: whole or not at all, whatever fails on the way."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

Content: TypeAlias = Sequence[bytes] | Path
"""What a file of the output consists of: pieces, or a file to copy."""

MARK = "manifest.json"
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def bytes_of(content: Content) -> bytes:
    """A file of the output, whole. OSError if it is to be copied from one that cannot be read."""
    return content.read_bytes() if isinstance(content, Path) else b"".join(content)


def text_of(content: Content) -> str:
    """A file of the output that is text."""
    return bytes_of(content).decode()


class OutputError(Exception):
    """The output cannot be written; what stood there before stands there still."""


def write_folder(folder: Path, files: dict[str, Content]) -> None:
    """Put `files` in place of what ivrc wrote into `folder` before. OutputError if that cannot be."""
    try:
        _check_ours(folder)
    except OSError as fault:
        raise OutputError(f"cannot write {folder}: {fault.strerror}") from fault
    folder = Path(os.path.abspath(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=_beside(folder), dir=folder.parent))
    except OSError as fault:
        raise OutputError(f"cannot write beside {folder}: {fault.strerror}") from fault
    try:
        for name, content in sorted(files.items()):
            _write(fresh / name, content)
        fresh.chmod(0o777 & ~_umask())
        _put_in_place(fresh, folder)
    except OSError as fault:
        raise OutputError(f"cannot write {folder}: {fault.strerror or fault}") from fault
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def replace_file(path: Path, content: bytes) -> None:
    """Replace one file's content, whole or not at all, keeping its permissions. OSError if that cannot be."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(prefix=_beside(target), dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, name)
        os.replace(name, target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _beside(path: Path) -> str:
    """How the name of what stands in for `path` for a moment begins; short enough where the path's own name is not."""
    return f".{path.name[:40]}-"


def _check_ours(folder: Path) -> None:
    """Refuse a folder with anything in it that ivrc did not write: it would be lost. OSError if it cannot be read."""
    if folder.is_symlink() and not folder.exists():
        raise OutputError(f"{folder} is a link that leads nowhere")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file; give a folder")
    ours = _written_before(folder)
    # Whatever else the folder holds need not be walked: it may be a whole disk.
    foreign = next((name for name in _names_in(folder) if name not in ours), None)
    if foreign is not None:
        raise OutputError(f"{folder} holds files that ivrc did not write ({foreign}); give a folder of its own")


def _names_in(folder: Path) -> Iterator[str]:
    """The files below a folder and the links to folders, relative to it, in order. OSError for what cannot be read."""
    for base, folders, names in os.walk(folder, onerror=_refuse):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(base, name))]
        for name in sorted([*names, *links]):
            yield os.path.relpath(os.path.join(base, name), folder)


def _refuse(fault: OSError) -> None:
    raise fault


def _written_before(folder: Path) -> set[str]:
    """The files that the manifest names, from its first lines: the rest of it may be large."""
    try:
        listed = _head_of_manifest(folder / MARK)
        sounds = {f"{name}.{ext}" for name in listed["sounds"] for ext in ("ulaw", "alaw", "sln16")}
        return {MARK, *listed["files"], *sounds}
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return set()


def _head_of_manifest(path: Path) -> dict[str, list[str]]:
    with path.open("rb") as file:
        head = [file.readline().rstrip(b",\n") for _ in range(4)]
        try:
            found: dict[str, list[str]] = json.loads(b"{" + b",".join(head[1:]) + b"}")
        except ValueError:
            # Somebody has laid it out anew.
            file.seek(0)
            found = json.loads(file.read())
        return found


def _write(path: Path, content: Content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        shutil.copyfile(content, path)
        return
    with path.open("wb") as file:
        file.writelines(content)
        file.flush()
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Swap the new folder for the old one in one step, where the system can; the old one is removed after."""
    target = folder.resolve() if folder.is_symlink() else folder
    if not target.exists():
        fresh.rename(target)
        return
    if _exchange(fresh, target):
        return
    old = Path(tempfile.mkdtemp(prefix=_beside(target) + "old-", dir=target.parent))
    target.rename(old / "was")
    try:
        fresh.rename(target)
    except OSError:
        (old / "was").rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Linux's renameat2 with RENAME_EXCHANGE; False where the system or file system has none."""
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    done = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return bool(done == 0)
