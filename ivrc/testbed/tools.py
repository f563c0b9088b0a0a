"""Programs that tests want: an SSH server, Kamailio in front of several Asterisks, a browser, systemd's eye.

    python -m ivrc.testbed.tools

Those that the machine has are used; else the packages of its own distribution are unpacked into the cache, without
root: nothing is installed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ivrc.named import NamedTuple
from ivrc.testbed.cache import is_kept, kept, need_packages, run, unpack
from ivrc.testbed.prefix import TestbedError

PACKAGES = {
    "sshd": "openssh-server",
    "kamailio": "kamailio",
    "chromium": "chromium",
    "nginx": "nginx",
    "systemd-analyze": "systemd",
}
# Not everywhere: Ubuntu's package of Chromium is none, but a snap.
_OPTIONAL = ("chromium",)
# Where the units are that others need.
_UNITS = ("usr/lib/systemd/system", "lib/systemd/system")


class Tool(NamedTuple):
    """A program: its path, the root its files lie under, and what its environment needs besides."""

    path: Path
    root: Path
    environment: dict[str, str]


def tool(name: str) -> Tool:
    """One of `PACKAGES`, fetched if need be."""
    own = _in(Path("/"), name)
    if own is not None:
        return Tool(own, Path("/"), {})
    root = _fetched(name)
    path = _in(root, name)
    if path is None:
        raise TestbedError(f"the package {PACKAGES[name]} has no {name} in it")
    # Some have libraries of their own, which are looked for where they would be installed.
    places = (
        "usr/lib/*-linux-gnu*",
        "lib/*-linux-gnu*",
        *(f"usr/lib/*-linux-gnu*/{part}" for part in (name, "pulseaudio", "systemd")),
    )
    libraries = [str(folder) for place in places for folder in root.glob(place) if folder.is_dir()]
    environment = {"LD_LIBRARY_PATH": ":".join(libraries)}
    if (root / "etc/fonts/fonts.conf").exists():
        environment["FONTCONFIG_SYSROOT"] = str(root)
    if units := [str(root / place) for place in _UNITS if (root / place).is_dir()]:
        environment["SYSTEMD_UNIT_PATH"] = ":".join(units)
    return Tool(path, root, environment)


def is_here(name: str) -> bool:
    """Whether the machine or the cache has it."""
    return _in(Path("/"), name) is not None or is_kept(name)


def _in(root: Path, name: str) -> Path | None:
    # What stands in a folder of its own is started by a script that knows only where it is installed.
    folders = (f"usr/lib/{name}", "usr/sbin", "usr/bin")
    return next((path for folder in folders if (path := root / folder / name).is_file()), None)


def _fetched(name: str) -> Path:
    """The root of the unpacked package, with whatever it needs and the machine has not."""
    return kept(name, lambda part: _fetch_into(part, PACKAGES[name])) / "root"


def _fetch_into(part: Path, package: str) -> None:
    need_packages()
    for folder in ("lists/partial", "cache/archives/partial"):
        (part / "apt" / folder).mkdir(parents=True)
    options = _options(part / "apt")
    run(["apt-get", *options, "-qq", "update"], "no package lists")
    run(["apt-get", *options, "install", "--download-only", package], f"{package} cannot be downloaded")
    unpack(part / "apt/cache/archives", part / "root")
    shutil.rmtree(part / "apt")


def _options(apt: Path) -> list[str]:
    """The machine's own sources and list of what is installed; all that is written goes into our folder."""
    settings = {
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "Dir::Log": apt,
        "Debug::NoLocking": "1",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "APT::Sandbox::User": "root",
        "APT::Get::Assume-Yes": "1",
        "APT::Install-Recommends": "0",
        "DPkg::Post-Invoke": "",
        "APT::Update::Post-Invoke-Success": "",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def main() -> None:
    """Fetch them all, printing where each is; one line and exit code 1 when that fails."""
    for name in PACKAGES:
        try:
            print(tool(name).path)
        except (TestbedError, OSError) as error:
            if name not in _OPTIONAL:
                sys.exit(f"error: {error}")
            print(f"no {name}: {error}")


if __name__ == "__main__":
    main()
