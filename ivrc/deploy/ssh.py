"""Target files over SFTP, and a way through SSH to a manager that listens on the target's loopback only.

Nothing is run on the target: an account that may do SFTP only (`internal-sftp`) is enough. Host keys are checked.
"""

from __future__ import annotations

import asyncio
import secrets
import stat
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from posixpath import dirname, join
from typing import Any

from ivrc.crm.settings import Secret
from ivrc.deploy.errors import Busy, DeployError, FolderError
from ivrc.deploy.failpoints import passing
from ivrc.deploy.folder import LEFT_OVER
from ivrc.deploy.release import Content
from ivrc.named import NamedTuple

# A lock that its holder has not renewed for so long is nobody's any more; it is renewed every RENEW seconds.
LEASE = 20.0
RENEW = 4.0
_PAUSE = 0.5
# A connection of which nothing is heard for so long is lost.
_ALIVE = 5
_ALIVE_TIMES = 3
_AT_ONCE = 16


class SshError(DeployError):
    """The target cannot be reached by SSH, or is not the one that is known."""


class Ssh(NamedTuple):
    """How to reach a target. What is not given comes from ~/.ssh: user, port, keys, the agent, known hosts."""

    host: str
    port: int | None = None
    user: str | None = None
    key: Path | None = None
    passphrase: Secret | None = None
    known_hosts: Path | None = None
    seconds: float = 15.0

    def __str__(self) -> str:
        return (f"{self.user}@" if self.user else "") + self.host + (f":{self.port}" if self.port else "")


class Connection:
    """One SSH connection: folders on its other end, and ways to its ports."""

    def __init__(self, ssh: Ssh, connection: Any, sftp: Any) -> None:
        self.ssh = ssh
        self._connection = connection
        self._sftp = sftp

    def folder(self, path: str, seen_as: str = "") -> SftpFolder:
        """A folder there; `seen_as`: what Asterisk calls it, if it sees it by another path than SFTP does."""
        return SftpFolder(self._sftp, path, str(self.ssh), seen_as)

    async def way_to(self, host: str, port: int) -> int:
        """A port on this machine's loopback that leads to a port there."""
        try:
            listener = await self._connection.forward_local_port("127.0.0.1", 0, host, port)
        except OSError as fault:
            raise SshError(f"{self.ssh}: no way to {host}:{port}: {fault}") from None
        return int(listener.get_port())


@asynccontextmanager
async def connected(ssh: Ssh) -> AsyncIterator[Connection]:
    """An open connection. SshError, with what is wrong in one line."""
    try:
        import asyncssh
    except ImportError:
        raise SshError('nodes over SSH need asyncssh: pip install "ivrc[ssh]"') from None
    given: dict[str, Any] = {"port": ssh.port, "username": ssh.user}
    if ssh.key is not None:
        given |= {"client_keys": [str(ssh.key)], "agent_path": None}
    if ssh.passphrase is not None:
        given["passphrase"] = ssh.passphrase.reveal()
    if ssh.known_hosts is not None:
        given["known_hosts"] = str(ssh.known_hosts)
    options = {name: value for name, value in given.items() if value is not None or name == "agent_path"}
    try:
        # No password is asked for, ever: there may be nobody to ask.
        connection = await asyncssh.connect(
            ssh.host,
            **options,
            password=None,
            preferred_auth="publickey",
            connect_timeout=ssh.seconds,
            login_timeout=ssh.seconds,
            keepalive_interval=_ALIVE,
            keepalive_count_max=_ALIVE_TIMES,
        )
    except asyncssh.HostKeyNotVerifiable:
        known = ssh.known_hosts or "~/.ssh/known_hosts"
        hint = f"get it by a way that you trust, and add it to {known} (ssh-keyscan -p {ssh.port or 22} {ssh.host})"
        raise SshError(f"{ssh}: this host's key is not a known one; {hint}") from None
    except asyncssh.PermissionDenied:
        raise SshError(f"{ssh}: the key is refused") from None
    except (asyncssh.Error, OSError, TimeoutError, ValueError) as fault:
        raise SshError(f"{ssh}: no SSH connection: {_said(fault)}") from None
    try:
        async with connection:
            try:
                sftp = await connection.start_sftp_client()
            except (asyncssh.Error, OSError) as fault:
                raise SshError(f"{ssh}: no SFTP: {_said(fault)}") from None
            yield Connection(ssh, connection, sftp)
    finally:
        connection.abort()


class SftpFolder:
    """See `ivrc.deploy.folder.Folder`."""

    def __init__(self, sftp: Any, path: str, host: str, where: str = "") -> None:
        self.where = where or path
        self._path = path
        self._sftp = sftp
        self._host = host
        # The words in the lock while it is held.
        self._held = ""
        self._lost = False

    def _at(self, name: str) -> str:
        return join(self._path, name) if name != "." else self._path

    @contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        import asyncssh

        try:
            yield
        except (asyncssh.Error, OSError) as fault:
            raise FolderError(f"{self._host}:{self._at(name)}: {_said(fault)}") from None

    async def read(self, name: str) -> bytes | None:
        """A file's content."""
        import asyncssh

        with self._faults(name):
            try:
                async with self._sftp.open(self._at(name), "rb") as file:
                    return bytes(await file.read())
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNotADirectory):
                return None

    async def write(self, name: str, content: Content) -> None:
        """One file, by a name of its own and a rename."""
        target = self._at(name)
        with self._faults(name):
            fresh = await self._fresh(target)
            try:
                await self._fill(fresh, content)
                await self._sftp.posix_rename(fresh, target)
            except BaseException:
                with suppress(Exception):
                    await self._sftp.remove(fresh)
                raise

    async def put(self, name: str, files: Mapping[str, Content]) -> None:
        """A folder, by a name of its own and a rename."""
        target = self._at(name)
        with self._faults(name):
            fresh = await self._fresh(target)
            try:
                await self._sftp.mkdir(fresh)
                for each, content in files.items():
                    passing("while a folder is written")
                    await self._fill(join(fresh, each), content)
                await self.remove(name)
                await self._sftp.posix_rename(fresh, target)
            except BaseException:
                with suppress(Exception):
                    await self._sftp.rmtree(fresh)
                raise

    async def names(self, name: str) -> set[str]:
        """The names in a folder."""
        import asyncssh

        with self._faults(name):
            try:
                return set(await self._sftp.listdir(self._at(name))) - {".", ".."}
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNotADirectory):
                return set()

    async def point(self, link: str, target: str) -> None:
        """Make a link; only with the lock still held: it may have been lost with the connection."""
        place = self._at(link)
        with self._faults(link):
            fresh = await self._fresh(place)
            await self._sftp.symlink(target, fresh)
            passing("before a link is renamed")
            await self._check_lock()
            await self._sftp.posix_rename(fresh, place)

    async def pointed(self, link: str) -> str | None:
        """Where a link leads."""
        import asyncssh

        with self._faults(link):
            try:
                return str(await self._sftp.readlink(self._at(link)))
            except asyncssh.SFTPNoSuchFile:
                return None

    async def remove(self, name: str) -> None:
        """Remove whatever it is."""
        import asyncssh

        target = self._at(name)
        with self._faults(name):
            try:
                found = await self._sftp.lstat(target)
            except asyncssh.SFTPNoSuchFile:
                return
            if stat.S_ISDIR(found.permissions or 0):
                # Out of sight first: a folder half removed must not be taken for a whole one.
                gone = await self._fresh(target)
                await self._sftp.posix_rename(target, gone)
                await self._sftp.rmtree(gone)
            else:
                await self._sftp.remove(target)

    async def append(self, name: str, line: bytes) -> None:
        """Add a line."""
        with self._faults(name):
            await self._sftp.makedirs(self._path, exist_ok=True)
            async with self._sftp.open(self._at(name), "ab") as file:
                await file.write(line)
                await self._to_disk(file)

    async def settle(self) -> None:
        """Every file is on the disk when it has been written."""

    # ── the lock ──

    @asynccontextmanager
    async def lock(self, seconds: float, owner: str) -> AsyncIterator[None]:
        """A file that its holder renews: one that is not renewed any more is a dead holder's."""
        words = f"{owner}\n{secrets.token_hex(8)}\n"
        with self._faults("lock"):
            await self._sftp.makedirs(self._path, exist_ok=True)
        await self._acquire(words, time.monotonic() + seconds)
        self._held, self._lost = words, False
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            with suppress(DeployError):
                if (await self._lock_words()).startswith(words):
                    await self.remove(_LOCK)
            self._held = ""

    async def _acquire(self, words: str, until: float) -> None:
        seen: tuple[str, int] | None = None
        since, alive = time.monotonic(), False
        while not await self._create(words):
            now = await self._lock_state()
            if now != seen:
                # Renewed before our eyes, or had by somebody new.
                alive = seen is not None and now is not None
                seen, since = now, time.monotonic()
            elif now is not None and time.monotonic() - since > LEASE:
                await self._take_away(now[0])
                continue
            # Whether the holder lives is seen after some seconds only, even by one who does not want to wait.
            if alive and now is not None and time.monotonic() >= until:
                who = now[0].partition("\n")[0]
                raise Busy(f"{who} is deploying to {self._host}:{self._path}; try again when that is over")
            await asyncio.sleep(_PAUSE)

    async def _create(self, words: str) -> bool:
        """Make the lock's file; False if there is one."""
        import asyncssh

        with self._faults(_LOCK):
            try:
                async with self._sftp.open(self._at(_LOCK), "xb") as file:
                    await file.write(words.encode())
                return True
            except (asyncssh.SFTPFileAlreadyExists, asyncssh.SFTPFailure):
                return False

    async def _lock_words(self) -> str:
        return (await self.read(_LOCK) or b"").decode("utf-8", "replace")

    async def _lock_state(self) -> tuple[str, int] | None:
        """What the lock's file says and how often it was renewed; None if there is none now."""
        raw = await self._lock_words()
        if not raw:
            return None
        return ("".join(raw.splitlines(keepends=True)[:2]), raw.count("\n"))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            try:
                if not (await self._lock_words()).startswith(self._held):
                    self._lost = True
                    return
                async with self._sftp.open(self._at(_LOCK), "ab") as file:
                    await file.write(b".\n")
            except Exception:
                self._lost = True
                return

    async def _take_away(self, words: str) -> None:
        """Take a dead holder's lock out of the way, if it still is that one's."""
        import asyncssh

        gone = self._at(f"{LEFT_OVER}lock-{secrets.token_hex(4)}")
        with self._faults(_LOCK), suppress(asyncssh.SFTPNoSuchFile):
            if (await self._lock_words()).startswith(words):
                await self._sftp.posix_rename(self._at(_LOCK), gone)
                await self._sftp.remove(gone)

    async def _check_lock(self) -> None:
        if self._held and (self._lost or not (await self._lock_words()).startswith(self._held)):
            raise FolderError(f"{self._host}:{self._path}: the lock was lost; somebody else may be deploying")

    # ── files ──

    async def _fresh(self, target: str) -> str:
        """A name beside the target that nobody has."""
        await self._sftp.makedirs(dirname(target), exist_ok=True)
        return join(dirname(target), f"{LEFT_OVER}{secrets.token_hex(6)}")

    async def _fill(self, path: str, content: Content) -> None:
        data = content.read_bytes() if isinstance(content, Path) else b"".join(content)
        async with self._sftp.open(path, "wb") as file:
            await file.write(data)
            await self._to_disk(file)

    async def _to_disk(self, file: Any) -> None:
        import asyncssh

        with suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()


_LOCK = "lock"


def _said(fault: BaseException) -> str:
    text = str(getattr(fault, "reason", "") or fault)
    return text or ("it took too long" if isinstance(fault, TimeoutError) else type(fault).__name__)
