"""The test bed's cache: folders that are made once, whole or not at all, and kept."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ivrc.testbed.prefix import TestbedError


def cache_folder() -> Path:
    """`$IVRC_TESTBED_CACHE`, or `~/.cache/ivrc/testbed`."""
    named = os.environ.get("IVRC_TESTBED_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache/ivrc/testbed"


def is_kept(name: str, recipe: str = "") -> bool:
    """Whether the cache has a folder, made by this recipe."""
    marker = cache_folder() / name / ".ok"
    return marker.is_file() and marker.read_text() == recipe


def kept(name: str, make: Callable[[Path], None], recipe: str = "") -> Path:
    """A folder of the cache; `make` fills it unless it is there by this recipe. Two who want it make it once."""
    target = cache_folder() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_kept(name, recipe):
            _make(target, make, recipe)
    return target


def _make(target: Path, make: Callable[[Path], None], recipe: str) -> None:
    for stale in target.parent.glob(f"{target.name}.part-*"):  # of one that was killed: we hold the lock
        shutil.rmtree(stale, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f"{target.name}.part-", dir=target.parent))
    try:
        part.chmod(0o755)
        make(part)
        (part / ".ok").write_text(recipe)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def need_packages() -> None:
    """TestbedError where packages cannot be fetched and unpacked."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise TestbedError(f"{tool} is missing: the testbed needs a Debian or Ubuntu machine")


def unpack(archives: Path, root: Path) -> None:
    """Unpack the packages of a folder into a new one."""
    root.mkdir()
    for package in sorted(archives.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)], f"{package.name} does not unpack")


def run(command: list[str], failure: str) -> str:
    """Run a tool of packages and return its output; raises TestbedError with its first line of complaint."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg-deb: error"))]
        raise TestbedError(f"{failure}: {(complaints or done.stderr.splitlines() or ['no reason given'])[0]}")
    return done.stdout
