"""The plugin of pytest, in a pytest of its own."""

from __future__ import annotations

import tomllib

import pytest

from tests.support import ROOT
from tests.testing.support import FAILS, OFFICE, PASSES

pytest_plugins = ["pytester"]


@pytest.fixture
def start(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An office with tests; the plugin of this source tree, whichever is installed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (pytester.path / "office.ivr").write_text(OFFICE + PASSES, "utf-8")
    (pytester.path / "office.test.ivr").write_text(FAILS, "utf-8")
    return pytester


def run(start: pytest.Pytester, *words: str) -> pytest.RunResult:
    return start.runpytest_subprocess("-p", "no:ivrc", "-p", "ivrc.pytest_plugin", "-p", "no:cacheprovider", *words)


def test_tests_are_items(start: pytest.Pytester) -> None:
    result = run(start, "-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAILED key 2 reaches anna    office.test.ivr:1",
            "  expected  reaches anna within 20s    office.test.ivr:9",
            "  got       talks with boris for 60s; the caller hangs up",
            "> 00:11.0      talks with boris for 60s; the caller hangs up",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    told = [line.partition(" [")[0].rstrip() for line in result.stdout.lines if "::" in line]
    assert {*told} >= {
        "office.ivr::key 1 rings anna PASSED",
        "office.test.ivr::key 1 reaches anna PASSED",
        "office.test.ivr::key 2 reaches anna FAILED",
    }


def test_words_choose_items(start: pytest.Pytester) -> None:
    run(start, "-k", "rings").assert_outcomes(passed=1, deselected=2)
    run(start, "office.test.ivr").assert_outcomes(passed=1, failed=1)
    run(start, "office.test.ivr::key 1 reaches anna").assert_outcomes(passed=1)


def test_tests_of_an_included_file(start: pytest.Pytester) -> None:
    (start.path / "office.ivr").write_text('include "part.ivr"\n' + OFFICE, "utf-8")
    (start.path / "part.ivr").write_text(PASSES, "utf-8")
    run(start, "part.ivr").assert_outcomes(passed=1)


def test_faults_of_a_source_are_errors(start: pytest.Pytester) -> None:
    (start.path / "office.test.ivr").write_text(FAILS.replace("reaches <who>", "reaches <whom>"), "utf-8")
    result = run(start)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["error?IVR506?: there is no column `whom`"])
    (start.path / "office.ivr").unlink()
    result = run(start)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no office of these tests*"])


def test_files_without_tests_are_left_alone(start: pytest.Pytester) -> None:
    (start.path / "office.test.ivr").unlink()
    (start.path / "office.ivr").write_text("employee test { this is no source }", "utf-8")
    run(start).assert_outcomes()
    (start.path / "office.ivr").write_bytes(b"\xff")
    run(start).assert_outcomes()


def test_collecting_can_be_switched_off(start: pytest.Pytester) -> None:
    run(start, "-o", "ivrc_tests=false").assert_outcomes()


SNAPSHOT = """\
def test_dialplan(ivrc_dialplan, snapshot):
    assert ivrc_dialplan("office.ivr") == snapshot

def test_manifest(ivrc_dialplan):
    assert '"acme"' in ivrc_dialplan("office.ivr", "manifest.json")

def test_no_such_file(ivrc_dialplan):
    ivrc_dialplan("office.ivr", "queues.conf")
"""


def test_the_dialplan_is_offered_to_snapshots(start: pytest.Pytester) -> None:
    start.makepyfile(test_office=SNAPSHOT)
    result = run(start, "test_office.py", "--snapshot-update")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*there is no queues.conf*extensions.conf, manifest.json*"])
    kept = (start.path / "__snapshots__" / "test_office.ambr").read_text("utf-8")
    assert "[ivrc-acme-main]" in kept
    run(start, "test_office.py", "-k", "dialplan").assert_outcomes(passed=1)
    office = (start.path / "office.ivr").read_text("utf-8")
    (start.path / "office.ivr").write_text(office.replace("employee boris for 10s", "employee boris for 11s"), "utf-8")
    run(start, "test_office.py", "-k", "dialplan").assert_outcomes(failed=1)
    (start.path / "office.ivr").write_text(office.replace("employee boris for", "employee bors for"), "utf-8")
    result = run(start, "test_office.py", "-k", "dialplan")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error?IVR201?: there is no employee `bors`"])


def test_it_is_found_by_pytest_and_costs_nothing_to_load(start: pytest.Pytester) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"ivrc": "ivrc.pytest_plugin"}
    assert {"pytest", "syrupy"} <= {each.partition(">")[0] for each in project["optional-dependencies"]["pytest"]}
    code = "import sys, ivrc.pytest_plugin; print(*(name for name in sys.modules if 'ivrc' in name))"
    assert start.runpython_c(code).stdout.str() == "ivrc ivrc.pytest_plugin"
