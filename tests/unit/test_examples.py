"""The examples compile without a word, alone and together, and show what they say they show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivrc.cli import main
from ivrc.semantics.scenarios import OWN_SOUND

pytest.importorskip("numpy")
sf = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OFFICES = ["clinic", "hotel", "hotline", "sales", "shop"]
MOST_BYTES = 1_500_000

_PROMPT = re.compile(r'(?<!say )(?:play|playing) "([^"]+)"')


def build(source: Path, target: Path) -> dict[str, Any]:
    """Compile through the command line, which must not have a word to say but the last line; the manifest."""
    result = CliRunner().invoke(main, ["compile", str(source), "-o", str(target), "--format", "json"])
    said = json.loads(result.output)
    assert (result.exit_code, said["diagnostics"]) == (0, [])
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text("utf-8"))
    return manifest


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of all examples compiled as one."""
    return build(EXAMPLES, tmp_path_factory.mktemp("together") / "build")


def source_of(office: str) -> str:
    """All files of an office, comments taken off."""
    text = "\n".join(path.read_text("utf-8") for path in sorted((EXAMPLES / office).glob("*.ivr")))
    return re.sub(r"(?m)^((?:[^\"#\n]|\"[^\"\n]*\")*)#(?! *(?:->|\{|,)).*$", r"\1", text)


def kinds(manifest: dict[str, Any]) -> set[str]:
    """The kinds of step in the dialplan."""
    contexts = manifest["source_map"].values()
    return {step[4] for extensions in contexts for steps in extensions.values() for step in steps}


def test_these_are_all() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == OFFICES


@pytest.mark.parametrize("office", OFFICES)
def test_compiles_alone(office: str, tmp_path: Path) -> None:
    manifest = build(EXAMPLES / office, tmp_path / "build")
    assert [each["name"] for each in manifest["offices"]] == [office]
    assert all((tmp_path / "build" / f"{sound}.sln16").stat().st_size for sound in manifest["sounds"])


def test_compile_together(together: dict[str, Any]) -> None:
    assert [each["name"] for each in together["offices"]] == OFFICES


@pytest.fixture(scope="module")
def tried() -> dict[str, Any]:
    """The examples' own tests run; by office."""
    result = CliRunner().invoke(main, ["test", str(EXAMPLES), "--format", "json"])
    assert result.exit_code == 0, result.output
    return {each["office"]: each for each in json.loads(result.stdout)["offices"]}


@pytest.mark.parametrize("office", OFFICES)
def test_own_tests_walk_every_step_key_condition_and_outcome(tried: dict[str, Any], office: str) -> None:
    coverage = tried[office]["coverage"]
    assert coverage["steps"]["walked"] == coverage["steps"]["of"] > 10
    assert coverage["missing"] == []
    assert len(tried[office]["tests"]) >= 20


def test_every_kind_of_step_is_shown(together: dict[str, Any]) -> None:
    steps = {"Play", "WaitExtension", "CallGroup", "CallEmployee", "CallNumber", "CallSip"}
    assert steps | {"Branch", "When", "Move", "Hangup"} <= kinds(together)


@pytest.mark.parametrize(
    "words",
    [
        r"group \w+\s+at once",
        r"group \w+\s+in order",
        r"group \w+\s+random",
        r"mobile confirm",
        r"then mobile for \w+ confirm",
        r"when caller in",
        r"when caller hidden",
        r"when switch",
        r"else when",
        r"when mon-fri",
        r"except\s+holidays",
        r"also",
        r"retries",
        r"nothing",
        r"wrong",
        r"number other",
        r"include",
        r"say \"",
        r"play \"asterisk:",
        r"play \"[^\"]+\" for",
        r"wait extension for \w+ playing",
    ],
)
def test_shown_somewhere(words: str) -> None:
    assert any(re.search(words, source_of(office)) for office in OFFICES)


def test_numbers_and_their_offices(together: dict[str, Any]) -> None:
    found = {entry["number"]: entry["office"] for entry in together["numbers"]}
    assert found == {
        "+74951234567": "shop",
        "+74951234568": "shop",
        "+78121234567": "clinic",
        "+78121234568": "clinic",
        "+78001234567": "hotline",
        "+73431234567": "hotline",
        "+442079460100": "hotel",
        "+442079460101": "hotel",
        "+74991234567": "sales",
        "+74991234569": "sales",
        "other": "sales",
    }


def test_no_phone_belongs_to_two_offices(together: dict[str, Any]) -> None:
    people = [employee for office in together["offices"] for employee in office["employees"]]
    devices = [device for employee in people for device in employee["devices"]]
    assert len(devices) == len(set(devices))


@pytest.mark.parametrize("office", OFFICES)
def test_prompts_are_those_that_are_played(office: str) -> None:
    played = {name for name in _PROMPT.findall(source_of(office)) if not name.startswith(OWN_SOUND)}
    assert {path.stem for path in (EXAMPLES / office / "prompts").iterdir()} == played


def test_prompts_are_small_and_can_be_heard() -> None:
    files = sorted(EXAMPLES.glob("*/prompts/*"))
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert {path.suffix for path in files} >= {".ogg", ".wav", ".flac", ".mp3"}
    for path in files:
        samples, rate = sf.read(path)
        assert (rate, samples.ndim) == (16000, 1), path.name
        assert 0.3 < abs(samples).max() < 0.8, path.name


@pytest.mark.parametrize("office", OFFICES)
def test_explained_in_a_few_lines(office: str) -> None:
    lines = (EXAMPLES / office / "README.md").read_text("utf-8").splitlines()
    assert 3 <= len(lines) <= 12


def test_the_example_that_runs_first_needs_no_speech() -> None:
    assert [office for office in OFFICES if re.search(r'\bsay "', source_of(office))] == ["sales"]
