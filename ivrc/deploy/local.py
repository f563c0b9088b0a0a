"""Target files in a folder of this machine, or in one that it shares."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from ivrc.deploy.errors import Busy, FolderError
from ivrc.deploy.failpoints import passing
from ivrc.deploy.folder import LEFT_OVER
from ivrc.deploy.release import Content

_PAUSE = 0.2


class LocalFolder:
    """See `ivrc.deploy.folder.Folder`; `where` is the path by which Asterisk knows `path`."""

    def __init__(self, path: Path, where: str = "") -> None:
        self.path = path
        self.where = where or str(path.absolute())

    async def read(self, name: str) -> bytes | None:
        """A file's content."""
        with _faults(self.path / name):
            try:
                return (self.path / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    async def write(self, name: str, content: Content) -> None:
        """One file, by a name of its own and a rename."""
        target = self.path / name
        with _faults(target):
            fresh = _fresh(target)
            try:
                _fill(fresh, content)
                os.replace(fresh, target)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise

    async def put(self, name: str, files: Mapping[str, Content]) -> None:
        """A folder, by a name of its own and a rename."""
        target = self.path / name
        with _faults(target):
            fresh = _fresh(target)
            try:
                fresh.mkdir()
                for each, content in files.items():
                    passing("while a folder is written")
                    _fill(fresh / each, content)
                if target.exists():
                    shutil.rmtree(target)
                os.replace(fresh, target)
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise

    async def names(self, name: str) -> set[str]:
        """The names in a folder."""
        with _faults(self.path / name):
            try:
                return set(os.listdir(self.path / name))
            except (FileNotFoundError, NotADirectoryError):
                return set()

    async def point(self, link: str, target: str) -> None:
        """Make a link."""
        place = self.path / link
        with _faults(place):
            fresh = _fresh(place)
            os.symlink(target, fresh)
            passing("before a link is renamed")
            os.replace(fresh, place)
            _sync_folder(place.parent)

    async def pointed(self, link: str) -> str | None:
        """Where a link leads."""
        with _faults(self.path / link):
            try:
                return os.readlink(self.path / link)
            except FileNotFoundError:
                return None

    async def remove(self, name: str) -> None:
        """Remove whatever it is."""
        target = self.path / name
        with _faults(target):
            if target.is_dir() and not target.is_symlink():
                # Out of sight first: a folder half removed must not be taken for a whole one.
                gone = _fresh(target)
                os.replace(target, gone)
                shutil.rmtree(gone)
            else:
                target.unlink(missing_ok=True)

    async def append(self, name: str, line: bytes) -> None:
        """Add a line, on the disk when this returns."""
        with _faults(self.path / name):
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / name).open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    async def settle(self) -> None:
        """Wait for the disk."""
        with _faults(self.path):
            _sync(self.path)

    @asynccontextmanager
    async def lock(self, seconds: float, owner: str) -> AsyncIterator[None]:
        """By flock(2)."""
        with _faults(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            # The kernel frees it with the process, however that ends.
            file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            await self._wait(file, time.monotonic() + seconds)
            os.ftruncate(file, 0)
            os.pwrite(file, owner.encode(), 0)
            yield
        finally:
            os.close(file)

    async def _wait(self, file: int, until: float) -> None:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    owner = os.pread(file, 200, 0).decode("utf-8", "replace") or "somebody"
                    raise Busy(f"{owner} is deploying to {self.where}; try again when that is over") from None
            except OSError as fault:
                raise FolderError(f"{self.path} cannot be locked: {fault.strerror}") from None
            await asyncio.sleep(_PAUSE)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise FolderError(f"{fault.filename or path}: {fault.strerror or fault}") from None


def _fresh(target: Path) -> Path:
    """A name beside the target that nobody has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f"{LEFT_OVER}{secrets.token_hex(6)}")


def _fill(path: Path, content: Content) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, path)
        return
    with path.open("wb") as file:
        file.writelines(content)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    """Everything of the path's file system to the disk: cheaper than file by file for thousands of them."""
    path.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
        if syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    except AttributeError:
        os.sync()
    finally:
        os.close(handle)
