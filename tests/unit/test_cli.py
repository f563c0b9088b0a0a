"""The command line: exit codes, and what is printed where."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivrc.cli import main
from ivrc.diagnostics import CODES
from tests.support import run_python, tree_of, write_tree

GOOD = 'settings { office acme }\nscenario main { play "asterisk:vm-goodbye" }\n'
BAD = "scenario main { -> mian }\n"
ODD = "scenario main { hangup hangup }\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a good, a bad and an odd office."""
    write_tree(tmp_path, {"good.ivr": GOOD, "bad.ivr": BAD, "odd.ivr": ODD})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_compile(folder: Path) -> None:
    result = run("compile", "good.ivr", "-o", "build")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "acme: written to build\n", "")
    assert sorted(tree_of(folder / "build")) == ["extensions.conf", "manifest.json"]


def test_check_writes_nothing(folder: Path) -> None:
    before = tree_of(folder)
    result = run("check", "good.ivr")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "acme: all is well\n", "")
    assert tree_of(folder) == before


@pytest.mark.parametrize("arguments", [("check", "bad.ivr"), ("compile", "bad.ivr", "-o", "build")])
def test_errors_go_to_standard_error(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[IVR201]: there is no scenario `mian`\n  --> bad.ivr:1:20\n" in result.stderr
    assert result.stderr.endswith("ivrc: 1 error; nothing was written\n")


def test_warnings_are_no_failure(folder: Path) -> None:
    result = run("compile", "odd.ivr", "-o", "build")
    assert (result.exit_code, result.stdout) == (0, "odd: written to build (1 warning)\n")
    assert "warning[IVR902]" in result.stderr
    assert (folder / "build/extensions.conf").exists()


def test_error_in_one_office_leaves_the_output_of_all_as_it_was(folder: Path) -> None:
    run("compile", "good.ivr", "-o", "build")
    before = tree_of(folder)
    assert run("compile", "good.ivr", "bad.ivr", "-o", "build").exit_code == 1
    assert tree_of(folder) == before


def test_several_files_and_folders(folder: Path) -> None:
    write_tree(folder, {"more/a.ivr": "", "more/b.ivr": ""})
    result = run("compile", "good.ivr", "more", "-o", "build")
    assert (result.exit_code, result.stdout) == (0, "3 offices: written to build\n")


def test_path_that_is_not_there() -> None:
    result = run("check", "none.ivr")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "ivrc: none.ivr: there is no such file or folder\n"


def test_folder_without_a_source(folder: Path) -> None:
    (folder / "empty").mkdir()
    result = run("check", "empty")
    assert result.exit_code == 2
    assert "there is no .ivr file in this folder" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folder_that_cannot_be_read(folder: Path) -> None:
    closed = folder / "closed"
    write_tree(closed, {"a.ivr": GOOD})
    closed.chmod(0)
    try:
        assert run("check", "closed").exit_code in (1, 2)
    finally:
        closed.chmod(0o755)


@pytest.mark.parametrize(
    "arguments",
    [
        ("compile", "good.ivr"),
        ("check",),
        ("nonsense",),
        ("check", "good.ivr", "--format", "xml"),
        ("check", "--nonsense"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage:" in result.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("compile", "--help"), ("check", "-h"), ("explain", "-h")])
def test_help(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage:")


def test_help_tells_the_exit_codes_and_the_commands() -> None:
    text = run("--help").stdout
    assert [word for word in ("compile", "check", "explain", "Exit codes") if word not in text] == []


def test_version() -> None:
    assert run("--version").stdout.startswith("ivrc ")


def test_output_that_cannot_be_written(folder: Path) -> None:
    (folder / "file").write_text("precious")
    result = run("compile", "good.ivr", "-o", "file")
    assert result.exit_code == 3
    assert result.stderr == "ivrc: file is a file; give a folder\n"
    assert (folder / "file").read_text() == "precious"


def test_output_over_the_source_is_refused(folder: Path) -> None:
    before = tree_of(folder)
    assert run("compile", "good.ivr", "-o", ".").exit_code == 3
    assert tree_of(folder) == before


def as_json(*arguments: str) -> tuple[int, Any]:
    result = run(*arguments, "--format", "json")
    return result.exit_code, json.loads(result.stdout)


def test_json_of_success() -> None:
    assert as_json("check", "good.ivr") == (0, {"ok": True, "offices": ["acme"], "diagnostics": []})
    assert as_json("compile", "good.ivr", "-o", "build") == (
        0,
        {"ok": True, "offices": ["acme"], "output": "build", "diagnostics": []},
    )


def test_json_of_errors() -> None:
    code, shown = as_json("check", "bad.ivr")
    assert (code, shown["ok"], len(shown["diagnostics"])) == (1, False, 1)
    place = {key: shown["diagnostics"][0][key] for key in ("code", "severity", "path", "line", "column", "end_column")}
    assert place == {
        "code": "IVR201",
        "severity": "error",
        "path": "bad.ivr",
        "line": 1,
        "column": 20,
        "end_column": 24,
    }


def test_json_of_warnings() -> None:
    code, shown = as_json("compile", "odd.ivr", "-o", "build")
    assert (code, shown["ok"], shown["diagnostics"][0]["severity"]) == (0, True, "warning")


def test_json_of_output_that_cannot_be_written(folder: Path) -> None:
    (folder / "file").write_text("")
    code, shown = as_json("compile", "good.ivr", "-o", "file")
    assert (code, shown["ok"], shown["output"]) == (3, False, None)
    assert "is a file" in shown["failure"]


def test_explain_knows_every_code() -> None:
    listed = run("explain").stdout
    for code, summary in CODES.items():
        assert code in listed
        result = run("explain", code.lower())
        assert result.exit_code == 0
        assert result.stdout.startswith(f"{code}: {summary}")


def test_explain_of_what_is_no_code() -> None:
    result = run("explain", "IVR2O1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no code IVR2O1. did you mean `IVR201`?" in result.stderr


@pytest.mark.parametrize(
    "command", [["check", "x.ivr"], ["compile", "x.ivr", "-o", "build"], ["check", "x.ivr", "--format", "json"]]
)
def test_file_name_that_is_not_utf_8_ends_in_no_traceback(folder: Path, command: list[str]) -> None:
    name = b"\xff.ivr".decode("utf-8", "surrogateescape")
    (folder / name).write_text(BAD if "check" in command else GOOD)
    code = "from ivrc.cli import main; main()"
    process = run_python(["-c", code, *[name if word == "x.ivr" else word for word in command]], folder)
    assert "Traceback" not in process.stderr
    assert process.returncode in (0, 1, 2)


def test_pipe_that_is_closed_ends_in_no_traceback(folder: Path) -> None:
    code = "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); from ivrc.cli import main; main()"
    assert "Traceback" not in run_python(["-c", code, "explain"], folder).stderr
