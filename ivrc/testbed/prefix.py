"""A folder of unpacked Debian packages, and how to run its programs with that folder's own loader.

`--library-path` rather than LD_LIBRARY_PATH: what the programs start in turn keeps the host's libraries.
"""

import os
import shlex
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


class TestbedError(RuntimeError):
    """The testbed cannot be had or did not start; the text is one for the user."""

    __test__ = False  # pytest would collect the class by its name


def die_with_us() -> list[str]:
    """What to put before a command so that it does not outlive this process, even when that is killed."""
    # The death signal is tied to the thread that starts the process: only the main one lives long enough.
    bound = threading.current_thread() is threading.main_thread() and shutil.which("setpriv")
    return ["setpriv", "--pdeathsig=KILL"] if bound else []


def end(process: subprocess.Popen[bytes], seconds: float = 5.0) -> None:
    """End a process that leads a group of its own; after so long the whole group is killed."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Prefix:
    """The root folder that the packages were unpacked into; `beside`: others, for libraries that are not in it."""

    root: Path
    beside: tuple[Path, ...] = ()

    @cached_property
    def loader(self) -> Path:
        """The prefix's own ld-linux."""
        patterns = ("usr/lib/*/ld-linux*.so.*", "lib/*/ld-linux*.so.*", "lib64/ld-linux*.so.*")
        return self._first(*patterns)

    @cached_property
    def modules(self) -> Path:
        """Asterisk's module folder."""
        return self._first("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules")

    @cached_property
    def library_path(self) -> str:
        """The library folders, joined by colons."""
        patterns = ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib", "usr/lib/*/pulseaudio")
        roots = (self.root, *self.beside)
        return ":".join(str(found) for root in roots for pattern in patterns for found in sorted(root.glob(pattern)))

    @property
    def faketime_library(self) -> Path:
        """libfaketime in the variant for programs with threads."""
        return self._first("usr/lib/*/faketime/libfaketimeMT.so.1")

    @cached_property
    def has_stream_events(self) -> bool:
        """Whether this Asterisk tells in its call history which sound begins (STREAM_BEGIN, late 2024 on)."""
        return b"STREAM_BEGIN" in (self.root / "usr/sbin/asterisk").read_bytes()

    @property
    def data(self) -> Path:
        """Asterisk's shared data: sounds, music on hold, documentation."""
        return self.root / "usr/share/asterisk"

    @property
    def sounds(self) -> dict[str, Path]:
        """Language -> folder of recordings; Debian links them to these languages only on installation."""
        voices = {"en": "en_US_*", "ru": "ru_RU_*"}
        found = {language: sorted(self.data.glob(f"sounds/{name}")) for language, name in voices.items()}
        return {language: folders[0] for language, folders in found.items() if folders}

    def command(self, program: str, *args: str, preload: Path | None = None) -> list[str]:
        """The argument list that runs `program` (a path below the root) under the prefix's loader."""
        start = [str(self.loader)]
        if preload:
            start += ["--preload", str(preload)]
        return [*start, "--library-path", self.library_path, str(self.root / program), *args]

    @property
    def voice(self) -> str:
        """A command line for $IVRC_ESPEAK: the espeak-ng that came with Asterisk."""
        data = f"ESPEAK_DATA_PATH={self.environment()['ESPEAK_DATA_PATH']}"
        return shlex.join(["env", data, *self.command("usr/bin/espeak-ng")])

    def lend_a_voice(self) -> None:
        """Let `say` speak with the espeak-ng that came with Asterisk where the machine has none."""
        if "IVRC_ESPEAK" not in os.environ and shutil.which("espeak-ng") is None:
            os.environ["IVRC_ESPEAK"] = self.voice

    def environment(self, **extra: str) -> dict[str, str]:
        """The variables that the prefix's libraries need to find their own data."""
        libraries = self.loader.parent if "usr" in self.loader.parts else self.root / "usr/lib"
        found = {
            "OPENSSL_MODULES": self._maybe("usr/lib/*/ossl-modules") or libraries,
            "GCONV_PATH": self._maybe("usr/lib/*/gconv") or libraries,
            "ESPEAK_DATA_PATH": self._maybe("usr/lib/*/espeak-ng-data") or libraries,
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return {**kept, "LC_ALL": "C", **{name: str(path) for name, path in found.items()}, **extra}

    def _maybe(self, *patterns: str) -> Path | None:
        return next((found for pattern in patterns for found in sorted(self.root.glob(pattern))), None)

    def _first(self, *patterns: str) -> Path:
        found = self._maybe(*patterns)
        if found is None:
            raise TestbedError(f"{self.root} has no {patterns[0]}: fetch the testbed again")
        return found
