"""The target's folder, here and over a real SSH server: one contract; and the server's key, ours, and its lock."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivrc.deploy import ssh as module
from ivrc.deploy.errors import Busy, FolderError
from ivrc.deploy.folder import LEFT_OVER, Folder
from ivrc.deploy.local import LocalFolder
from ivrc.deploy.ssh import SftpFolder, Ssh, SshError, connected
from ivrc.testbed.sshd import SshServer
from ivrc.testbed.tools import is_here, tool

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    if os.environ.get("IVRC_LIVE") != "1" and not is_here("sshd"):
        pytest.skip("there is no sshd: python -m ivrc.testbed.tools")
    assert tool("sshd").path.exists()
    with SshServer(tmp_path_factory.mktemp("ssh")) as running:
        yield running


def to(server: SshServer, **more: Any) -> Ssh:
    return Ssh("127.0.0.1", server.port, server.user, server.key, None, server.known_hosts)._replace(**more)


@pytest.fixture(params=["here", "by ssh"])
def use(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Callable[[Folder, Path], Awaitable[None]]], None]:
    """`use(work)` runs some work on a folder, and gives it the path, too."""
    for path in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(path, path.stat().st_mode | 0o055)
    place = tmp_path / "target"
    place.mkdir()
    place.chmod(0o777)

    def run(work: Callable[[Folder, Path], Awaitable[None]]) -> None:
        async def inside() -> None:
            if request.param == "here":
                await work(LocalFolder(place), place)
                return
            async with connected(to(request.getfixturevalue("server"))) as connection:
                await work(connection.folder(str(place)), place)

        asyncio.run(inside())

    return run


def test_files(use: Callable[..., None]) -> None:
    async def work(folder: Folder, place: Path) -> None:
        assert folder.where == str(place)
        assert await folder.read("a/none") is None
        assert await folder.names("a") == set()
        await folder.write("a/b", [b"one ", b"two"])
        assert await folder.read("a/b") == b"one two"
        assert await folder.read("a/b/c") is None
        local = place / "local"
        local.write_bytes(bytes(range(256)) * 5000)
        await folder.write("a/b", local)
        assert (place / "a/b").read_bytes() == local.read_bytes()
        assert await folder.names("a") == {"b"}
        await folder.append("log", b"1\n")
        await folder.append("log", b"2\n")
        assert await folder.read("log") == b"1\n2\n"
        await folder.remove("a/b")
        await folder.remove("a/b")
        assert await folder.names("a") == set()
        await folder.settle()

    use(work)


def test_folders(use: Callable[..., None]) -> None:
    async def work(folder: Folder, place: Path) -> None:
        await folder.put("parts/x", {"one": [b"1"], "two": [b"2"]})
        await folder.put("parts/x", {"one": [b"3"]})
        assert await folder.names("parts/x") == {"one"}
        assert await folder.names("parts") == {"x"}
        assert await folder.read("parts/x/one") == b"3"
        await folder.remove("parts")
        assert not (place / "parts").exists()

    use(work)


def test_links(use: Callable[..., None]) -> None:
    async def work(folder: Folder, place: Path) -> None:
        assert await folder.pointed("active") is None
        for target in ("sets/1", "sets/2"):
            await folder.point("active", target)
            assert await folder.pointed("active") == target
        await folder.put("sets/2", {"x": [b""]})
        await folder.remove("active")
        assert await folder.pointed("active") is None
        assert (place / "sets/2/x").exists(), "the link was removed, not what it led to"
        await folder.point("deep/link", "../sets/2")
        assert await folder.pointed("deep/link") == "../sets/2"

    use(work)


def test_what_cannot_be_written(use: Callable[..., None]) -> None:
    """A fault is a FolderError with the path, and leaves nothing behind."""

    async def work(folder: Folder, place: Path) -> None:
        await folder.write("file", [b"x"])
        with pytest.raises(FolderError, match="file"):
            await folder.write("file/inside", [b"x"])
        with pytest.raises(FolderError):
            await folder.put("file/inside", {"x": [b""]})
        assert not [name for name in await folder.names(".") if name.startswith(LEFT_OVER)]

    use(work)


def test_the_lock(use: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEW", 0.2)

    async def work(folder: Folder, place: Path) -> None:
        other = SftpFolder(folder._sftp, str(place), "there") if isinstance(folder, SftpFolder) else LocalFolder(place)
        async with folder.lock(0, "anna"):
            with pytest.raises(Busy, match="anna is deploying"):
                async with other.lock(0, "boris"):
                    raise AssertionError
            waiting = asyncio.create_task(_have(other))
            await asyncio.sleep(1)
            assert not waiting.done()
        assert await asyncio.wait_for(waiting, 10)
        async with folder.lock(0, "anna"):
            await folder.point("active", "x")

    use(work)


async def _have(folder: Folder) -> bool:
    async with folder.lock(20, "boris"):
        return True


def test_a_dead_holders_lock_is_free_after_a_while(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE", 1.5)
    monkeypatch.setattr(module, "RENEW", 0.3)
    for path in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(path, path.stat().st_mode | 0o055)
    tmp_path.chmod(0o777)
    (tmp_path / "lock").write_text("anna@laptop\n1234\n.\n")

    async def work() -> None:
        async with connected(to(server)) as connection:
            folder = connection.folder(str(tmp_path))
            async with folder.lock(0, "boris"):
                assert (tmp_path / "lock").read_text().startswith("boris\n")
                await folder.point("active", "sets/1")
                # Somebody takes it for dead: what counts is not done any more.
                (tmp_path / "lock").write_text("vera\n1\n")
                with pytest.raises(FolderError, match="the lock was lost"):
                    await folder.point("active", "sets/2")
                assert await folder.pointed("active") == "sets/1"
            assert (tmp_path / "lock").read_text() == "vera\n1\n", "another's lock is left alone"

    asyncio.run(work())


async def _reach(ssh: Ssh) -> None:
    async with connected(ssh):
        pass


def test_a_host_that_is_not_known_is_not_spoken_to(server: SshServer, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(SshError, match="this host's key is not a known one"):
        asyncio.run(_reach(to(server, known_hosts=tmp_path / "empty")))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    other = f"[127.0.0.1]:{server.port} {(tmp_path / 'other.pub').read_text()}"
    (tmp_path / "wrong").write_text(other)
    with pytest.raises(SshError, match="not a known one"):
        asyncio.run(_reach(to(server, known_hosts=tmp_path / "wrong")))


def test_a_key_that_is_refused_or_none(server: SshServer, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "mine")], check=True)
    with pytest.raises(SshError, match="the key is refused"):
        asyncio.run(_reach(to(server, key=tmp_path / "mine")))
    with pytest.raises(SshError, match="no SSH connection"):
        asyncio.run(_reach(to(server, key=tmp_path / "none")))


def test_a_port_where_nobody_is(server: SshServer) -> None:
    with pytest.raises(SshError, match=r"127\.0\.0\.1:1: no SSH connection"):
        asyncio.run(_reach(to(server, port=1)))
