"""A real PostgreSQL for tests, in a folder of its own on a socket of its own: nothing is installed, no root needed.

The binaries are the machine's own (Debian's packages, or on the PATH), or those of the package pgserver. PostgreSQL
refuses to run as root; then it runs as `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError

_START = 30.0
"""Seconds that a server may take to start."""
_TOOLS = ("initdb", "postgres", "pg_isready")


class Postgres:
    """A server on 127.0.0.1:`port`, user `ivrc`, database `postgres`; killed, frozen and started again by tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = _binaries(folder)
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = take_ports()

    @property
    def url(self) -> str:
        """SQLAlchemy's address."""
        return f"postgresql+psycopg://ivrc@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Make the database unless it is there, start the server and wait until it answers."""
        data = self._folder / "data"
        if not (data / "PG_VERSION").exists():
            self._prepare(data)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "20",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(data), *options], stdout=log, stderr=log, **self._as_user()
            )
        self._wait()

    def freeze(self) -> None:
        """SIGSTOP to all of its processes: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the server at once; what was committed is kept."""
        if self._process is None:
            return
        self.thaw()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    def _prepare(self, data: Path) -> None:
        data.mkdir(mode=0o700)
        if self._user:
            shutil.chown(data, self._user)
        options = ["-U", "ivrc", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        command = [str(self._bin / "initdb"), "-D", str(data), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
        if done.returncode:
            raise TestbedError(f"initdb failed: {(done.stderr.splitlines() or ['no reason given'])[-1]}")

    def _wait(self) -> None:
        limit = time.monotonic() + _START
        command = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(command, check=False, cwd="/").returncode:
            if self._process is None or self._process.poll() is not None or time.monotonic() > limit:
                last = (self._folder / "log").read_text(errors="replace").splitlines()[-3:]
                raise TestbedError(f"PostgreSQL did not start: {' / '.join(last)}")
            time.sleep(0.05)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        for pid in [self._process.pid, *_children(self._process.pid)]:
            # One that serves a connection may be over by now.
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _as_user(self) -> dict[str, Any]:
        return {"cwd": "/", "user": self._user, "group": _group(self._user), "extra_groups": []} if self._user else {}


@contextmanager
def running() -> Iterator[Postgres]:
    """A server in a temporary folder; both are gone afterwards."""
    # Not pytest's folder: as root its parents are closed to `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="ivrc-postgres-"))
    folder.chmod(0o755)
    server = None
    try:
        server = Postgres(folder)
        server.start()
        yield server
    finally:
        if server:
            server.stop()
            give_back(server.port)
        shutil.rmtree(folder, ignore_errors=True)


def is_available() -> bool:
    """Whether there are binaries to run."""
    return _found() is not None


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


def _binaries(folder: Path) -> Path:
    """The folder of the binaries; as root a copy where `nobody` may read them, if they are in somebody's home."""
    found = _found()
    if found is None:
        raise TestbedError("no PostgreSQL here: apt-get install postgresql, or pip install pgserver")
    if os.geteuid() != 0 or found.is_relative_to("/usr"):
        return found
    packages = found.parents[2]  # the package, and beside it the libraries that its binaries look for
    for name in ("pgserver", "pgserver.libs"):
        if (packages / name).is_dir() and not (folder / name).exists():
            shutil.copytree(packages / name, folder / name, symlinks=True)
    return folder / found.relative_to(packages)


def _found() -> Path | None:
    on_path = shutil.which("postgres")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = importlib.util.find_spec("pgserver")
    if package and package.origin:
        places.append(Path(package.origin).parent / "pginstall/bin")
    return next((place for place in places if all((place / tool).exists() for tool in _TOOLS)), None)
