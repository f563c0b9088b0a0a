"""`ivrc test` in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ivrc.cli import main
from tests.simulate.support import source_of
from tests.support import write_tree

STEPS = (
    'play "asterisk:hello"',
    'branch playing "asterisk:menu" for 5s {',
    "    1 { call employee anna for 10s }",
    "    2 { call employee boris for 10s }",
    "}",
    "when night { hangup }",
    'voicemail "asterisk:tone"',
)
OFFICE = source_of(*STEPS, declarations="hours night { 20:00-08:00 }\n")
PASSES = """\
test "key 1 rings anna" {
    anna answers after 5s
    press 1
    expect reaches anna
}
"""
FAILS = """\
test "key <key> reaches <who>" for each key, who {
    1 anna
    2 anna
} {
    anna, boris answers
    press <key>
    expect {
        plays "asterisk:hello"
        reaches <who> within 20s
    }
}
"""


def office_in(folder: Path, tests: str = PASSES, more: str = FAILS) -> Path:
    """An office with tests in its file and beside it."""
    return write_tree(folder, {"office.ivr": OFFICE + tests, "office.test.ivr": more})


def run(*words: str | Path) -> Result:
    """`ivrc test` with these words."""
    return CliRunner().invoke(main, ["test", *map(str, words)])


def run_json(*words: str | Path) -> dict[str, Any]:
    """The same as data."""
    found: dict[str, Any] = json.loads(run(*words, "--format", "json").stdout)
    return found
