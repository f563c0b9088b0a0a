"""A real OpenSSH server on loopback, for this user, with keys of its own: files by SFTP only."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError, die_with_us
from ivrc.testbed.tools import tool

_UNPRIVILEGED = "nobody"


class SshServer:
    """A running sshd; `key` is a private key that it takes, `known_hosts` a file with its own key.

    Of root it runs as nobody, as a server that keeps its privileges would need an account made for it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = take_ports()
        self.user = _UNPRIVILEGED if os.getuid() == 0 else getpass.getuser()
        self.key = folder / "client"
        self.known_hosts = folder / "known_hosts"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("host", "client"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "testbed", "-f", str(self.folder / name)]
            subprocess.run(keygen, check=True, capture_output=True)
        host = (self.folder / "host.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host}")
        (self.folder / "authorized").write_text((self.folder / "client.pub").read_text())
        (self.folder / "sshd_config").write_text(self._settings())
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        give_back(self.port)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        found = tool("sshd")
        # It starts itself anew for each connection, by its own path.
        command = [str(found.path), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        own = []
        if os.getuid() == 0:
            account = _account()
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, *account)
            own = ["setpriv", f"--reuid={account[0]}", f"--regid={account[1]}", "--clear-groups"]
            # The cache and the tests' folders may lie where only root may look.
            own += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*die_with_us(), *own, *command], env={**os.environ, **found.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + 10
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                raise TestbedError(f"sshd did not start: {(self.folder / 'sshd.log').read_text()[-600:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it and the connections it has; `start` starts it again."""
        process, self._process = self._process, None
        if process is not None:
            # Each connection has processes of its own, in groups of their own.
            for pid in (*_below(process.pid), process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def _settings(self) -> str:
        return f"""\
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.folder}/host
AuthorizedKeysFile {self.folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
PermitTTY no
AllowTcpForwarding local
LogLevel VERBOSE
"""


def _below(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parts = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(parts[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    pending = [pid]
    while pending:
        children = parents.get(pending.pop(), [])
        found += children
        pending += children
    return found


def _account() -> tuple[int, int]:
    import pwd

    found = pwd.getpwnam(_UNPRIVILEGED)
    return found.pw_uid, found.pw_gid


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
