"""Fetch an Asterisk and SIP test tools into a cache, without root: `python -m ivrc.testbed.fetch 22`.

The packages come from the mirror that the machine's own apt names, into private apt folders, and are only
unpacked, never installed. On Debian version 22 is sid's and 16 is bullseye's; on Ubuntu `22` is whatever
version the machine's own suite has.
"""

import argparse
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ivrc.testbed.cache import cache_folder, is_kept, kept, need_packages, run, unpack
from ivrc.testbed.prefix import Prefix, TestbedError

VERSIONS = ("22", "16")
RECIPE = "3"  # raise it when the packages change: older caches are then fetched again
_DEBIAN_SUITES = {"22": "sid", "16": "bullseye"}
_PACKAGES = (
    "asterisk asterisk-config asterisk-modules asterisk-core-sounds-en-gsm asterisk-core-sounds-ru-gsm "
    "asterisk-moh-opsound-gsm libfaketime sip-tester espeak-ng espeak-ng-data"
)
_WHERE_PACKAGED = ("asterisk-voicemail",)  # a package of its own up to 20
# Needed by maintainer scripts only, and none is ever run.
_STUBS = (
    "adduser debconf perl perl-base perl-modules passwd lsb-base sysvinit-utils init-system-helpers systemd "
    "dbus openssl ca-certificates mount dpkg tar sed coreutils"
)
_UNUSED = (
    "doc",
    "man",
    "locale",
    "perl",
    "info",
    "gnupg",
    "misc",
    "snmp",
    "alsa",
    "lintian",
    "bash-completion",
)


@dataclass(frozen=True)
class Source:
    """One line of a sources.list."""

    mirror: str
    suites: tuple[str, ...]
    components: str
    keyring: Path

    def text(self) -> str:
        """The lines themselves; without its keyring apt falls back on the machine's trusted keys."""
        signed = f"[signed-by={self.keyring}] " if self.keyring.exists() else ""
        return "".join(f"deb {signed}{self.mirror} {suite} {self.components}\n" for suite in self.suites)


def is_fetched(version: str) -> bool:
    """Whether the cache holds this version, whole and by the present recipe."""
    return is_kept(f"asterisk-{version}", RECIPE)


def root_of(version: str) -> Path:
    """The fetched Asterisk's root folder; raises TestbedError when it is not there yet."""
    if not is_fetched(version):
        raise TestbedError(f"Asterisk {version} is not here yet: run python -m ivrc.testbed.fetch {version}")
    return cache_folder() / f"asterisk-{version}" / "root"


def fetch(version: str) -> Path:
    """Fetch this version unless the cache has it, and return its root folder."""
    if version not in VERSIONS:
        raise TestbedError(f"no Asterisk {version} here: choose from {', '.join(VERSIONS)}")
    if not is_fetched(version):
        need_packages()
    return kept(f"asterisk-{version}", lambda part: _fetch_into(part, _source(version)), RECIPE) / "root"


def odbc_root() -> Path:
    """PostgreSQL's ODBC driver with its libraries, to run beside version 22; fetched unless the cache has it."""
    return kept("odbc", lambda part: _fetch_into(part, _source("22"), ("odbc-postgresql",)), RECIPE) / "root"


def _fetch_into(part: Path, source: Source, packages: tuple[str, ...] = ()) -> None:
    _download(part / "apt", source, packages)
    _unpack(part / "apt/cache/archives", part / "root", not packages)
    shutil.rmtree(part / "apt")


def _download(apt: Path, source: Source, packages: tuple[str, ...]) -> None:
    """An Asterisk, or these packages, with all that they need."""
    for folder in ("lists/partial", "cache/archives/partial", "etc/preferences.d", "state"):
        (apt / folder).mkdir(parents=True)
    stub = "Status: install ok installed\nVersion: 999:999\nMulti-Arch: foreign\nProvides: debconf-2.0\n"
    stub += "Architecture: all\nMaintainer: x <x@x>\nDescription: stub\n"
    (apt / "status").write_text("".join(f"Package: {name}\n{stub}\n" for name in _STUBS.split()))
    (apt / "etc/sources.list").write_text(source.text())
    run(["apt-get", *_options(apt), "-qq", "update"], "no package lists")
    known = run(["apt-cache", *_options(apt), "pkgnames", "asterisk"], "no package lists").split()
    if "asterisk" not in known:
        raise TestbedError(f"the mirror {source.mirror} has no asterisk in {' '.join(source.suites)}")
    wanted = packages or [*_PACKAGES.split(), *(name for name in _WHERE_PACKAGED if name in known)]
    run(["apt-get", *_options(apt), "install", "--download-only", *wanted], "the download failed")


def _options(apt: Path) -> list[str]:
    settings = {
        "Dir::Etc::sourcelist": apt / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": apt / "etc/preferences.d",
        "Dir::State": apt / "state",
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::State::extended_states": apt / "state/extended_states",
        "Dir::Cache": apt / "cache",
        "Dir::Log": apt,
        "Debug::NoLocking": "1",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::Check-Valid-Until": "false",  # mirrors hold snapshots of sid
        "APT::Sandbox::User": "root",  # apt's own user cannot enter a private folder
        "APT::Get::Assume-Yes": "1",
        "APT::Install-Recommends": "0",
        "APT::Update::Error-Mode": "any",
        "DPkg::Post-Invoke": "",
        "APT::Update::Post-Invoke-Success": "",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _unpack(archives: Path, root: Path, whole: bool) -> None:
    unpack(archives, root)
    for name in _UNUSED:
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    if not whole:
        return
    if not (root / "usr/sbin/asterisk").exists() or len(Prefix(root).sounds) < 2:
        raise TestbedError("the mirror's packages have no asterisk or no sounds in them")


def is_available(version: str) -> bool:
    """Whether this distribution's mirrors have the version: Ubuntu's have their own one only."""
    return version == "22" or not _is_ubuntu(_release())


def _release() -> dict[str, str]:
    return dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.M))


def _is_ubuntu(release: dict[str, str]) -> bool:
    return "ubuntu" in (release.get("ID", ""), *release.get("ID_LIKE", "").split())


def _source(version: str) -> Source:
    """What to fetch from: the mirror of the machine's own apt, with the suite that has this version."""
    release = _release()
    codename = release.get("VERSION_CODENAME", "")
    if _is_ubuntu(release):
        if version != "22":
            raise TestbedError(f"Asterisk {version} needs a Debian machine: Ubuntu's mirrors have one version only")
        codename = release.get("UBUNTU_CODENAME") or codename
        keyring = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
        return Source(_mirror(codename), (codename, f"{codename}-updates"), "main universe", keyring)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    return Source(_mirror(codename), (_DEBIAN_SUITES[version],), "main", keyring)


def _mirror(codename: str) -> str:
    """The mirror of the distribution itself: the one that has the suite's updates; or TestbedError."""
    listed = run(["apt-get", "--print-uris", "update"], "apt names no mirror")
    pairs = re.findall(r"^'(\S+?)/dists/([^/\s]+)/(?:In)?Release'", listed, re.M)
    for wanted in (f"{codename}-updates", codename, "sid", "unstable", "testing"):
        found = [mirror for mirror, suite in pairs if suite == wanted]
        if found:
            return str(found[0])
    raise TestbedError(f"the machine's apt sources name no mirror for {codename or 'this system'}")


def main() -> None:
    """Fetch the named versions, printing each one's root folder; one line and exit code 1 when that fails."""
    parser = argparse.ArgumentParser(prog="python -m ivrc.testbed.fetch", description=fetch.__doc__)
    parser.add_argument(
        "--where-there-is", action="store_true", help="pass over a version that this distribution does not have"
    )
    parser.add_argument("versions", nargs="*", default=["22"], choices=VERSIONS, metavar="VERSION")
    try:
        given = parser.parse_args()
        for version in given.versions:
            if given.where_there_is and not is_available(version):
                print(f"Asterisk {version} is passed over: this distribution's mirrors do not have it")
            else:
                print(fetch(version))
    except (TestbedError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
