"""Each code has a page whose wrong source has that fault alone, and whose right one has none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivrc import pipeline
from ivrc.cli import main
from ivrc.diagnostics import CODES
from tests.support import ROOT

PAGES = ROOT / "docs" / "errors"
DOCUMENTED = sorted(path.name for path in PAGES.iterdir())


def codes_of(code: str, name: str, folder: Path) -> set[str]:
    """The codes of a page's source, compiled among the files that lie beside it."""
    shutil.copytree(PAGES / code, folder, dirs_exist_ok=True)
    other = folder / "other.ivr"
    paths = [*([other] if other.exists() else []), folder / name]
    if not paths[-1].exists():
        paths[-1] = paths[-1].with_suffix(".test.ivr")
    # No compilation looks at tests.
    run = pipeline.check if code.startswith("IVR5") else pipeline.compile_offices
    return {diagnostic.code for diagnostic in run(paths).diagnostics}


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    assert set(CODES) - set(DOCUMENTED) == set(), "write docs/errors/CODE/{details.md,bad.ivr,good.ivr}"
    assert set(DOCUMENTED) - set(CODES) == set(), "a page of a code that is no more"


@pytest.mark.parametrize("code", DOCUMENTED)
def test_wrong_source_has_that_fault_alone(code: str, tmp_path: Path) -> None:
    assert codes_of(code, "bad.ivr", tmp_path) == {code}


@pytest.mark.parametrize("code", DOCUMENTED)
def test_right_source_is_right(code: str, tmp_path: Path) -> None:
    assert codes_of(code, "good.ivr", tmp_path) == set()


@pytest.mark.parametrize("code", DOCUMENTED)
def test_page_says_what_it_means_why_it_matters_and_what_to_do(code: str) -> None:
    paragraphs = (PAGES / code / "details.md").read_text("utf-8").strip().split("\n\n")
    assert len(paragraphs) == 3
    assert all(paragraph.endswith((".", "`", ".)")) for paragraph in paragraphs)


@pytest.mark.parametrize("code", sorted(CODES))
def test_explain_prints_the_page(code: str) -> None:
    result = CliRunner().invoke(main, ["explain", code])
    assert result.exit_code == 0
    assert result.output.startswith(f"{code}: {CODES[code]}\n")
    shown = [path for name in ("details.md", "bad*.ivr", "good*.ivr") for path in (PAGES / code).glob(name)]
    assert len(shown) >= 3
    for file in shown:
        lines = file.read_text("utf-8", "replace").splitlines()
        assert [line for line in lines if line not in result.output] == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_explain_gives_the_page_as_json(code: str) -> None:
    result = CliRunner().invoke(main, ["explain", code, "--format", "json"])
    page = json.loads(result.stdout)
    assert (result.exit_code, page["code"], page["summary"]) == (0, code, CODES[code])
    assert page["severity"] == ("warning" if code[3] == "9" else "error")
    texts = {"details.md": page["details"], **{each["file"]: each["text"] for each in page["wrong"] + page["right"]}}
    names = {path.name for name in ("details.md", "bad*.ivr", "good*.ivr") for path in (PAGES / code).glob(name)}
    assert texts == {name: (PAGES / code / name).read_text("utf-8", "replace").rstrip() for name in names}
    assert [each["file"][:3] for each in page["wrong"]] == ["bad"] * len(page["wrong"])
