"""Golden files: each program of tests/corpus and what it compiles to (tests/corpus/expected).

After a wanted change: pytest tests/test_corpus.py --snapshot-update, and read the difference.
"""

from __future__ import annotations

import io
import json
import struct
import wave
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.dialplan import complaints_about
from tests.support import CORPUS, ROOT, Outcome, compile_paths, run_python, tree_of, write_tree

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion
    from syrupy.location import PyTestLocation

CASES = sorted(path.stem for path in CORPUS.glob("*.ivr"))
# The golden files stand beside the programs, not under the names of tests.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot:UserWarning")


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


@cache
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
    sources = {str(path.relative_to(CORPUS)): path.read_bytes() for path in CORPUS.rglob("*.ivr")}
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


def test_folder_written_by_the_program_depends_on_nothing_but_the_source(tmp_path: Path) -> None:
    """The same with prompts, by the command line: relative and absolute paths, other folders, other seeds."""
    source = """\
settings { office acme  language ru }
employee anna { extension 101  sip "PJSIP/anna" }
scenario main { play "hello"  wait extension for 2s playing "hello"  play "hello" for 1s  branch { 1, 2 -> main } }
"""
    tree: dict[str, str | bytes] = {"office.ivr": source, "prompts/ru/hello.wav": tone()}
    here, there = write_tree(tmp_path / "here", tree), write_tree(tmp_path / "there is", tree)
    outputs = []
    for number, (cwd, path) in enumerate(
        [(here, Path("office.ivr")), (tmp_path, there / "office.ivr"), (here, Path("../there is/office.ivr"))]
    ):
        output = tmp_path / f"output{number}"
        seed, cache = str(number + 1), str(tmp_path / f"cache{number}")
        arguments = ["-m", "ivrc", "compile", str(path), "-o", str(output)]
        run = run_python(arguments, cwd, PYTHONHASHSEED=seed, XDG_CACHE_HOME=cache)
        assert run.returncode == 0, run.stderr
        outputs.append(tree_of(output))
    assert {"extensions.conf", "manifest.json"} < set(outputs[0])
    assert any(name.startswith("sounds/ru/ivrc/") for name in outputs[0])
    assert outputs[0] == outputs[1] == outputs[2]


def tone() -> bytes:
    """A WAV of 0.2 s."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", (at % 20) * 500 - 5000) for at in range(1600)))
    return buffer.getvalue()
