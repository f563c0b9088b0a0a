"""A real CRM for tests: Tryton from the package index, in an environment of its own, with a few contacts in it.

`fetch` installs it once into the test bed's cache and builds its database (a minute); `Tryton` starts a server on
loopback with a copy of that database. `python -m ivrc.testbed.tryton` runs one by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from ivrc.testbed.cache import is_kept, kept
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError, die_with_us

DATABASE = "crm"
PACKAGES = (
    "trytond>=8,<9",
    "trytond_party>=8,<9",
    "trytond_sale_opportunity>=8,<9",
    "proteus>=8,<9",
    "phonenumberslite",
)
SEED: dict[str, Any] = {
    "employees": {
        "Anna": [["phone", "+7 495 765-00-01"], ["mobile", "+7 916 123-45-01"], ["mobile", "+7 916 123-45-02"]],
        "Boris": [["mobile", "+7 916 123-45-03"], ["email", "boris@example.com"]],
        "Vera": [],
    },
    "parties": {
        "Romashka": [["phone", "+7 (495) 765-43-21"], ["mobile", "+7 903 111-22-33"], ["email", "r@example.com"]],
        "Vasilek": [["phone", "+7 812 765-43-22"]],
        "Stranger": [["mobile", "+7 903 111-22-44"]],
        "Undecided": [["mobile", "+7 903 111-22-55"]],
        # Of this type Tryton keeps what was written, as it does with every number where phonenumbers is missing.
        "Written": [["sip", "8 (499) 765-43-23 доб. 4"]],
    },
    # Party, employee, who is the second: the older first.
    "opportunities": [
        ["Romashka", "Vera", ""],
        ["Romashka", "Anna", "Boris"],
        ["Vasilek", "Vera", ""],
        ["Undecided", "", ""],
        ["Written", "Boris", ""],
    ],
}
_RECIPE = json.dumps([1, PACKAGES, SEED])
_PATIENCE = 60.0


def is_fetched() -> bool:
    """Whether the cache has it, by the present recipe."""
    return is_kept("tryton", _RECIPE)


def fetch() -> Path:
    """Install it and build its database, unless that is done; its folder. Raises TestbedError."""
    return kept("tryton", _fetch_into, _RECIPE)


def _fetch_into(part: Path) -> None:
    _run([sys.executable, "-m", "venv", str(part / "venv")], "no environment can be made")
    python = str(part / "venv/bin/python")
    _run([python, "-m", "pip", "install", "--quiet", *PACKAGES], "Tryton cannot be installed")
    _build_database(part, python)


def _build_database(part: Path, python: str) -> None:
    (part / "db").mkdir()
    (part / f"db/{DATABASE}.sqlite").touch()  # Tryton builds only in a file that is there.
    settings = _settings(part, part / "db", 0)
    (part / "password").write_text("not-used")
    admin = [python, str(part / "venv/bin/trytond-admin"), "-c", str(settings), "-d", DATABASE]
    modules = ["--all", "-u", "party", "sale_opportunity", "--activate-dependencies"]
    environment = {"TRYTONPASSFILE": str(part / "password")}
    _run([*admin, *modules, "--email", "admin@example.com", "--password"], "no database", environment)
    script = str(Path(__file__).with_name("tryton_seed.py"))
    key = _run([python, script, str(settings)], "the database cannot be filled", given=json.dumps(SEED))
    (part / "key").write_text(key.strip())


def _settings(place: Path, database: Path, port: int) -> Path:
    path = place / "trytond.conf"
    path.write_text(f"[database]\nuri = sqlite://\npath = {database}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return path


def _run(command: list[str], failure: str, environment: dict[str, str] | None = None, given: str = "") -> str:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise TestbedError(f"{failure}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return done.stdout


class Tryton:
    """A running server; `run` is an empty folder for its database and log. Used by `with`, it ends with the block."""

    def __init__(self, run: Path) -> None:
        home = fetch()
        self.key = (home / "key").read_text()
        self.database = DATABASE
        self._run = run
        self._home = home
        self._port = take_ports()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copy(home / f"db/{DATABASE}.sqlite", run)

    def __enter__(self) -> Tryton:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        give_back(self._port)

    def start(self) -> None:
        """Start it, and wait until it answers with the database loaded. Raises TestbedError."""
        settings = _settings(self._run, self._run, self._port)
        command = [str(self._home / "venv/bin/python"), str(self._home / "venv/bin/trytond"), "-c", str(settings)]
        with (self._run / "log").open("ab") as log:
            self._process = subprocess.Popen(die_with_us() + command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise TestbedError(f"Tryton did not start: {(self._run / 'log').read_text(errors='replace')[-500:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}/{DATABASE}/rest/model/company.employee", headers={"Authorization": f"bearer {self.key}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return bool(json.load(answer))
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop it where it stands: connections are taken and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)


def main() -> None:
    """Run a server until Ctrl-C, and print the settings that ask it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Tidy up then too.
    try:
        with tempfile.TemporaryDirectory(prefix="ivrc-tryton-") as run, Tryton(Path(run)) as tryton:
            print(f'export TRYTON_KEY={tryton.key}\n\n[crm]\nkind = "tryton"\nurl = "{tryton.url}"')
            print(f'database = "{DATABASE}"\nkey = {{ env = "TRYTON_KEY" }}\n')
            for name, mechanisms in SEED["parties"].items():
                print(f"# {name}: {', '.join(value for _, value in mechanisms)}")
            print("\nCtrl-C ends it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return
    except (TestbedError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
