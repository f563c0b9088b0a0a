"""`ivrc test --watch`: what is watched, and that a change runs the tests again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue

import pytest

from ivrc.testing.watch import stamps, watch, watched
from tests.support import ROOT, write_tree
from tests.testing.support import OFFICE, PASSES, office_in


def test_a_change_of_any_file_is_one(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": "", "prompts/a.wav": "", ".git/x": "", "sub/part.ivr": ""})
    before = stamps([tmp_path])
    assert {Path(name).name for name in before} == {"office.ivr", "a.wav", "part.ivr"}
    for name in ("office.ivr", "prompts/a.wav", "sub/part.ivr", "office.test.ivr"):
        write_tree(tmp_path, {name: f"# {name}"})
        after = stamps([tmp_path])
        assert after != before
        before = after
    (tmp_path / "prompts" / "a.wav").unlink()
    assert stamps([tmp_path]) != before


def test_what_is_watched(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office/office.ivr": "", "common/staff.ivr": "", "home.txt": ""})
    office, staff = tmp_path / "office" / "office.ivr", tmp_path / "common" / "staff.ivr"
    assert set(watched([office], (office, staff))) == {office, staff, office.parent, staff.parent}


def test_runs_again_at_each_change_until_interrupted(tmp_path: Path) -> None:
    file = tmp_path / "office.ivr"
    file.write_text("0")
    os.utime(file, (1, 1))
    runs, waits = [], []

    def run() -> list[Path]:
        runs.append(file.read_text())
        return [file]

    def wait(_: float) -> None:
        waits.append(len(runs))
        if len(waits) % 3 == 0:
            file.write_text(str(len(runs)))
            os.utime(file, (len(waits), len(waits)))
        if len(runs) == 3 or len(waits) > 20:
            raise KeyboardInterrupt

    watch(run, wait)
    assert runs == ["0", "1", "2"]


def test_the_command_runs_on_and_sees_a_change(tmp_path: Path) -> None:
    office_in(tmp_path, more="")
    arguments = [sys.executable, "-m", "ivrc", "test", str(tmp_path), "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    lines = _lines(process.stdout.readline)
    try:
        assert _next(lines, "passed") == "1 passed"
        write_tree(tmp_path, {"office.ivr": OFFICE + PASSES.replace("reaches anna", "reaches boris")})
        assert _next(lines, "failed") == "1 failed, 0 passed"
        write_tree(tmp_path, {"office.ivr": OFFICE + PASSES + "scenario {"})
        time.sleep(1)
        write_tree(tmp_path, {"office.ivr": OFFICE + PASSES})
        assert _next(lines, "passed") == "1 passed"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _lines(read: Callable[[], str]) -> Queue[str]:
    queue: Queue[str] = Queue()

    def feed() -> None:
        while line := read():
            queue.put(line.rstrip())

    threading.Thread(target=feed, daemon=True).start()
    return queue


def _next(lines: Queue[str], word: str) -> str:
    """The next line with a word; fails after half a minute."""
    try:
        while word not in (line := lines.get(timeout=30)):
            pass
    except Empty:
        pytest.fail(f"no line with {word!r}")
    return line
