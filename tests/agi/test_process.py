"""The helper as a process: one call on stdin, signals, settings that are wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivrc.testbed.tools import tool
from tests.agi.support import config


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    config(tmp_path)
    (tmp_path / "contacts.csv").write_text("id,name,phone,responsible\nc1,Ivan,+79167000001,17\n")
    command = [sys.executable, "-m", "ivrc", "crm", "import", "contacts.csv", "--book", "b.sqlite", "--country", "RU"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    yield tmp_path


def test_one_call_on_stdin_loads_nothing_of_the_compiler(place: Path) -> None:
    code = """
import os, sys
from ivrc.agi import cli
left = os._exit
HEAVY = {"click", "lark", "jinja2", "aiohttp", "sqlalchemy", "ivrc.pipeline", "ivrc.parser", "ivrc.lower"}
def out(code):
    print(sorted(HEAVY & set(sys.modules)), file=sys.stderr, flush=True)
    sys.stdout.flush()
    left(code)
os._exit = out
cli.main(["run", "responsible", "acme", "+79167000001", "2000"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        input=b"agi_uniqueid: 1\n\n200 result=1\n",
        capture_output=True,
        timeout=30,
    )
    assert done.stdout == b'SET VARIABLE IVRC_FOUND "1/found/anna/free/79161112233////c1/Ivan"\n'
    assert done.stderr.splitlines()[-1] == b"[]"


class Running:
    """A server process, answering."""

    def __init__(self, place: Path, **more: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "ivrc", "agi", "serve", "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, **more)

    def said(self, wanted: str) -> dict[str, Any]:
        """The next line of the log with this in it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if wanted.encode() in line:
                told: dict[str, Any] = json.loads(line)
                return told
        raise AssertionError(f"it ended without saying {wanted!r}")

    def ask(self, number: str = "+79167000001") -> bytes:
        """What it answers to a call from this number."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as caller:
            head = f"agi_network_script: responsible\nagi_arg_1: acme\nagi_arg_2: {number}\n\n"
            caller.sendall(head.encode())
            answer = caller.recv(1000)
            caller.sendall(b"200 result=1\n")
        return answer

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def __enter__(self) -> Running:
        self.said("answering")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def test_signals_of_a_running_server(place: Path) -> None:
    with Running(place) as running:
        running.signal(signal.SIGHUP)
        running.said("the settings are read")
        (place / "ivrc.toml").write_text("[")
        running.signal(signal.SIGHUP)
        running.said("the old ones stay")
        assert b"/found/anna/" in running.ask()
        running.signal(signal.SIGTERM)
        assert running.process.wait(10) == 0


def test_a_kind_of_no_use_leaves_the_settings(place: Path) -> None:
    with Running(place) as running:
        good = (place / "ivrc.toml").read_text()
        wrong = 'kind = "http"\nurl = "ftp://x"\npaths = { phones = "p" }\n'
        (place / "ivrc.toml").write_text(good.replace('file = "b.sqlite"\n', wrong))
        running.signal(signal.SIGHUP)
        assert "crm.url" in running.said("the old ones stay")["fault"]
        assert b"/found/anna/" in running.ask()


def test_a_new_manifest_is_noticed(place: Path) -> None:
    with Running(place) as running:
        manifest = place / "manifest.json"
        new = place / "new.json"
        new.write_text(manifest.read_text().replace('"anna"', '"vera"'))
        new.rename(manifest)
        running.said("the manifest is read")
        assert b"/found/vera/" in running.ask()


def test_calls_under_way_are_answered_before_the_end(place: Path) -> None:
    with Running(place) as running, socket.create_connection(("127.0.0.1", running.port)) as caller:
        caller.sendall(b"agi_network_script: responsible\nagi_arg_1: acme\n")
        # The server has taken a connection made before this one is answered.
        running.ask()
        running.signal(signal.SIGTERM)
        caller.sendall(b"agi_arg_2: +79167000001\n\n")
        assert b"/found/anna/" in caller.recv(1000)
        caller.sendall(b"200 result=1\n")
        assert running.process.wait(10) == 0


@pytest.mark.parametrize("reader", ["closed", "full"])
def test_a_log_that_nobody_takes_does_no_harm(place: Path, reader: str) -> None:
    running = Running(place)
    running.said("answering")
    assert running.process.stderr is not None
    try:
        if reader == "closed":
            running.process.stderr.close()
        # Nobody reads: a pipe is full after some hundred lines.
        for _ in range(400 if reader == "full" else 3):
            assert b"/found/anna/" in running.ask()
    finally:
        running.process.kill()
        running.process.wait()


def test_systemd_is_told(place: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(place / "notify"))
        systemd.settimeout(20)
        with Running(place, env={**os.environ, "NOTIFY_SOCKET": str(place / "notify")}) as running:
            assert systemd.recv(100) == b"READY=1"
            running.signal(signal.SIGHUP)
            assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", systemd.recv(100))
            assert systemd.recv(100) == b"READY=1"
            running.signal(signal.SIGTERM)
            assert systemd.recv(100) == b"STOPPING=1"


def test_the_unit_names_program_and_settings(place: Path) -> None:
    folder = place / "with space 100%"
    folder.mkdir()
    (folder / "ivrc.toml").write_bytes((place / "ivrc.toml").read_bytes())
    command = [sys.executable, "-m", "ivrc", "agi", "unit", "--config", str(folder / "ivrc.toml")]
    unit = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 'with space 100%%/ivrc.toml"' in unit
    assert ("DynamicUser=yes" in unit) == (os.getuid() == 0)


@pytest.mark.parametrize("name", ["plain", "with space 100% $x"])
def test_systemd_finds_nothing_wrong_with_the_unit(place: Path, name: str) -> None:
    """It tells keys and values that it does not know in its output only: the exit code is 0 all the same."""
    systemd = tool("systemd-analyze")
    (place / name).mkdir()
    shutil.copy(place / "ivrc.toml", place / name)
    command = [sys.executable, "-m", "ivrc", "agi", "unit", "--config", str(place / name / "ivrc.toml")]
    unit = place / "ivrc-agi.service"
    unit.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    done = subprocess.run(
        [systemd.path, "verify", str(unit)], capture_output=True, text=True, env={**os.environ, **systemd.environment}
    )
    about_it = [line for line in (done.stdout + done.stderr).splitlines() if "ivrc-agi" in line]
    assert (done.returncode, about_it) == (0, [])


# ── one call: whatever Asterisk does, the process ends ──────────────────────────────────────────

QUESTION = b"agi_uniqueid: 1\n\n200 result=1\n"


def one_call(place: Path, question: bytes = QUESTION, *, limit: str = "2000", code: str = "") -> tuple[int, bytes]:
    """The exit code and the output of `ivrc agi run`; `code` goes before."""
    start = "from ivrc.agi import cli; import sys; cli.main(sys.argv[1:])"
    command = [sys.executable, "-c", f"{code}\n{start}", "run", "responsible", "acme", "+79167000001", limit]
    done = subprocess.run(command, cwd=place, input=question, capture_output=True, timeout=30)
    return done.returncode, done.stdout


def test_one_call_with_no_question(place: Path) -> None:
    assert one_call(place, b"") == (1, b"")
    assert one_call(place, b"\x00" * 100_000) == (1, b"")


def test_one_call_without_settings_is_told_so(place: Path) -> None:
    (place / "ivrc.toml").write_text("[agi]\nx = 1\n")
    assert one_call(place) == (2, b'SET VARIABLE IVRC_FOUND "1/unset////////"\n')


HANGING = """
import time
from ivrc.crm.book import Book
Book._find = lambda *_: time.sleep(60)
"""
BLOCKING = """
import time
from ivrc.crm.book import Book
async def find(*_): time.sleep(60)
Book.find = find
"""


def test_one_call_ends_in_time_whatever_hangs(place: Path) -> None:
    assert one_call(place, code=HANGING, limit="1500") == (0, b'SET VARIABLE IVRC_FOUND "1/slow////////"\n')
    # The whole process is held: the clock ends it.
    assert one_call(place, code=BLOCKING, limit="1500") == (-signal.SIGALRM, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "</dev/null"])
def test_one_call_with_closed_streams_ends(place: Path, closed: str) -> None:
    command = f"echo | {sys.executable} -m ivrc agi run responsible acme +79167000001 2000 {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=place, capture_output=True, timeout=30)
    assert b"Traceback" not in done.stderr + done.stdout


def test_wrong_settings_are_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "ivrc.toml").write_text("[agi]\nlisten = 5\n")
    done = subprocess.run([sys.executable, "-m", "ivrc", "agi", "serve"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "agi.listen" in done.stderr
