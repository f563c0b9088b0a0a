"""Golden files: each program of tests/corpus and what it compiles to (tests/corpus/expected).

After a wanted change: pytest tests/test_corpus.py --snapshot-update, and read the difference.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.dialplan import complaints_about
from tests.support import CORPUS, ROOT, Outcome, compile_paths, run_python, write_tree

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion
    from syrupy.location import PyTestLocation

CASES = sorted(path.stem for path in CORPUS.glob("*.ivr"))
# What asterisklint says of every file that is no main file, of hints, which it does not read, and of the
# order of signs within the brackets of a pattern, which means nothing to Asterisk.
NOT_FINDINGS = "I_NOTIMPL_HINT,H_DP_GENERAL_MISPLACED,H_DP_GLOBALS_MISPLACED,H_PAT_NON_CANONICAL"
# The golden files stand beside the programs, not under the names of tests.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot:UserWarning")
ASTERISKLINT = Path(sys.executable).with_name("asterisklint")


class Beside(SingleFileSnapshotExtension):
    """One file a case: tests/corpus/expected/CASE.conf."""

    _write_mode = WriteMode.TEXT
    file_extension = "conf"

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(CORPUS / "expected")

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: int | str = 0) -> str:
        return test_location.snapshot_name.partition("[")[2].rstrip("]")


class BesideJson(Beside):
    """The same, CASE.json."""

    file_extension = "json"


@lru_cache(maxsize=None)
def compiled(case: str) -> Outcome:
    return compile_paths(CORPUS / f"{case}.ivr")


@pytest.mark.parametrize("case", CASES)
def test_dialplan_is_as_before(case: str, snapshot: SnapshotAssertion) -> None:
    assert compiled(case).dialplan == snapshot.use_extension(Beside)


@pytest.mark.parametrize("case", CASES)
def test_manifest_is_as_before(case: str, snapshot: SnapshotAssertion) -> None:
    assert compiled(case).written("manifest.json") == snapshot.use_extension(BesideJson)


@pytest.mark.parametrize("case", CASES)
def test_no_word_is_said_about_it(case: str) -> None:
    assert compiled(case).shown == []


@pytest.mark.parametrize("case", CASES)
def test_dialplan_holds_together(case: str) -> None:
    assert complaints_about(compiled(case).dialplan) == []


@pytest.mark.parametrize("case", CASES)
def test_manifest_maps_every_step_to_its_line(case: str) -> None:
    """The comment above a step's lines names the place that the source map gives for its first priority."""
    outcome = compiled(case)
    mapped = sorted(
        f"{path}:{line}"
        for extensions in outcome.manifest["source_map"].values()
        for steps in extensions.values()
        for _, path, line, *_ in steps
    )
    comments = [line for line in outcome.dialplan.splitlines() if line.startswith("; ")]
    places = sorted(line.rpartition("    (")[2].rstrip(")") for line in comments if "    (" in line)
    assert mapped == places


def test_output_of_the_corpus_depends_on_nothing_but_the_source(tmp_path: Path) -> None:
    """Not on hash seeds, not on the working directory, not on where the source lies."""
    sources = {path.name: path.read_bytes() for path in CORPUS.glob("*.ivr")}
    elsewhere = write_tree(tmp_path / "else where", sources)
    arguments = ["-m", "tests.digest"]
    runs = [
        run_python([*arguments, "tests/corpus"], ROOT, PYTHONHASHSEED="1"),
        run_python([*arguments, str(CORPUS)], tmp_path, PYTHONHASHSEED="2"),
        run_python([*arguments, "../else where"], beside(elsewhere), PYTHONHASHSEED="3"),
    ]
    outputs = [json.loads(run.stdout or f'"{run.stderr[-500:]}"') for run in runs]
    assert set(outputs[0]) == set(CASES)
    assert outputs[0] == outputs[1] == outputs[2]


def beside(folder: Path) -> Path:
    """A sibling of a folder to stand in."""
    place = folder.with_name("beside")
    place.mkdir()
    return place


@pytest.mark.skipif(not ASTERISKLINT.exists(), reason="asterisklint-jjs is not installed")
@pytest.mark.parametrize("part", range(4))
def test_asterisklint_finds_nothing(part: int, tmp_path: Path) -> None:
    """An outside judge, run as a program."""
    findings = []
    for case in CASES[part::4]:
        file = tmp_path / f"{case}.conf"
        file.write_text(compiled(case).dialplan, "utf-8")
        run = subprocess.run(
            [ASTERISKLINT, "dialplan-check", "--asterisk-version", "22", file.name],
            cwd=tmp_path,
            env={"ALINT_IGNORE": NOT_FINDINGS, "PYTHONUTF8": "1", "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        # It reports on standard error, and a crash of its own there too.
        findings += (run.stdout + run.stderr).splitlines()
    assert findings == []
