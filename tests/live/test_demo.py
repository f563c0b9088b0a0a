"""`make run` as a newcomer sees it: the default example, told in the words of its source."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.live


def test_the_default_example_is_told_step_by_step() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ivrc.testbed.demo", "examples/shop"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert 'number "+7 495 123-45-67" -> main' in done.stdout
    assert 'play "welcome"' in done.stdout
    assert "the caller presses 1" in done.stdout
    assert "picks up, and they talk" in done.stdout
    assert "no complaint of Asterisk's" in done.stdout


def test_an_example_that_is_not_there_is_named_with_those_that_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ivrc.testbed.demo", "examples/nosuch"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "shop" in done.stderr
