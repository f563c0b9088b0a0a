"""The command line: exit codes, and what is printed where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jinja2 import FileSystemBytecodeCache

from ivrc import output, pipeline
from ivrc.cli import main
from ivrc.diagnostics import CODES
from ivrc.emit import templates
from tests.support import bound_by_modes, run_python, tree_of, write_tree

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
    write_tree(folder, {"more/a.ivr": "settings { }", "more/b.ivr": "settings { }"})
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


def test_folder_that_cannot_be_read(folder: Path) -> None:
    closed = folder / "closed"
    write_tree(closed, {"a.ivr": GOOD})
    closed.chmod(0)
    try:
        with bound_by_modes():
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


def test_help_of_a_group_that_deploys_tells_the_options_of_a_deploy() -> None:
    text = run("deploy", "--help").stdout
    assert [
        word for word in ("FILE_OR_FOLDER", "--dry-run", "--rolling", "--note", "rollback") if word not in text
    ] == []


@pytest.mark.parametrize("group", [(), ("crm",), ("deploy",), ("history",), ("history", "user")], ids=" ".join)
def test_lists_of_commands_say_of_each_what_it_does(group: tuple[str, ...]) -> None:
    lines = run(*group, "--help").stdout.partition("\nCommands:\n")[2].splitlines()
    assert len(lines) >= 3
    assert [line for line in lines if line.endswith("...")] == []


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


def test_json_of_formatting(folder: Path) -> None:
    loose = "scenario   a { hangup }\n"
    write_tree(folder, {"loose.ivr": loose, "torn.ivr": "scenario a {\n"})
    (folder / "latin.ivr").write_bytes(b"# \xe9")
    code, shown = as_json("fmt", "--check", "good.ivr", "loose.ivr", "torn.ivr", "latin.ivr")
    assert (code, shown["ok"]) == (1, False)
    assert shown["files"] == [
        {"path": "good.ivr", "state": "canonical"},
        {"path": "loose.ivr", "state": "not canonical"},
        {"path": "torn.ivr", "state": "faulty"},
        {"path": "latin.ivr", "state": "unreadable", "failure": "latin.ivr cannot be read: it is not UTF-8 text"},
    ]
    assert [(each["path"], each["code"], each["line"]) for each in shown["diagnostics"]] == [("torn.ivr", "IVR103", 1)]
    assert (folder / "loose.ivr").read_text() == loose
    formatted = {"ok": True, "files": [{"path": "loose.ivr", "state": "formatted"}], "diagnostics": []}
    assert as_json("fmt", "loose.ivr") == (0, formatted)
    assert (folder / "loose.ivr").read_text() == "scenario a { hangup }\n"


def test_json_of_formatting_what_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "replace_file", fail)
    (folder / "loose.ivr").write_text("scenario   a { hangup }\n")
    failure = "cannot write loose.ivr: No space left on device"
    files = [
        {"path": "loose.ivr", "state": "unwritable", "failure": failure},
        {"path": "good.ivr", "state": "canonical"},
    ]
    assert as_json("fmt", "loose.ivr", "good.ivr") == (3, {"ok": False, "files": files, "diagnostics": []})


def test_json_of_all_codes() -> None:
    code, shown = as_json("explain")
    assert (code, [each["code"] for each in shown["codes"]]) == (0, list(CODES))
    assert {each["severity"] for each in shown["codes"]} == {"error", "warning"}
    assert shown["codes"][0] == {"code": "IVR101", "severity": "error", "summary": CODES["IVR101"]}


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


COMMANDS = [
    ["check", "good.ivr"],
    ["check", "bad.ivr", "--format", "json"],
    ["compile", "good.ivr", "-o", "build"],
    ["fmt", "loose.ivr", "--check"],
    ["explain"],
    ["--help"],
    ["--version"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("streams", [(1,), (1, 2)], ids=["output", "output-and-errors"])
def test_terminal_that_takes_nothing_ends_in_a_line(folder: Path, command: list[str], streams: tuple[int, ...]) -> None:
    (folder / "loose.ivr").write_text("scenario   a { hangup }\n")
    full = "; ".join(f"os.dup2(full, {stream})" for stream in streams)
    code = f"import os; full = os.open('/dev/full', os.O_WRONLY); {full}; from ivrc.cli import main; main()"
    process = run_python(["-c", code, *command], folder)
    told = "" if 2 in streams else "ivrc: the output cannot be written: No space left on device\n"
    assert (process.returncode, process.stderr) == (3, told)


LONG = "x" * 300


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("check", LONG), 2),
        (("check", f"{LONG}/a.ivr"), 2),
        (("fmt", LONG), 2),
        (("compile", LONG, "-o", "build"), 2),
        (("compile", "good.ivr", "-o", LONG), 3),
        (("compile", "good.ivr", "-o", f"{LONG}/build"), 3),
        (("compile", "good.ivr", "-o", f"build/{LONG}"), 3),
    ],
    ids=lambda value: " ".join(value).replace(LONG, "LONG") if isinstance(value, tuple) else str(value),
)
def test_path_that_is_too_long(arguments: tuple[str, ...], code: int) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("ivrc: ")
    assert result.stderr.endswith(": File name too long\n")
    assert result.stderr.count("\n") == 1


def test_output_may_have_the_longest_name_there_is(folder: Path) -> None:
    assert run("compile", "good.ivr", "-o", "x" * 255).exit_code == 0
    assert sorted(tree_of(folder / ("x" * 255))) == ["extensions.conf", "manifest.json"]
    (folder / ("x" * 251 + ".ivr")).write_text("scenario   a { hangup }\n")
    assert run("fmt", "x" * 251 + ".ivr").exit_code == 0


@pytest.mark.parametrize("command", [("check", "good.ivr"), ("compile", "good.ivr", "-o", "build")])
@pytest.mark.parametrize("form", ["text", "json"])
def test_disk_that_is_full_ends_in_a_line(command: tuple[str, ...], form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "/cache/prompts/x.ulaw")

    monkeypatch.setattr(pipeline, "make_sounds", fail)
    result = run(*command, "--format", form)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "ivrc: cannot write /cache/prompts/x.ulaw: No space left on device\n"


def test_bug_is_not_taken_for_a_users_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "check", fail)
    assert isinstance(run("check", "good.ivr").exception, ZeroDivisionError)


def test_file_that_is_not_utf_8_is_not_formatted(folder: Path) -> None:
    (folder / "x.ivr").write_bytes(b"# \xe9")
    result = run("fmt", "x.ivr")
    assert (result.exit_code, result.stderr) == (1, "ivrc: x.ivr cannot be read: it is not UTF-8 text\n")


def test_templates_that_cannot_be_kept_are_used_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "fresh"))
    monkeypatch.setattr(FileSystemBytecodeCache, "dump_bytecode", fail)
    templates._environment.cache_clear()
    try:
        assert run("compile", "good.ivr", "-o", "build").exit_code == 0
    finally:
        templates._environment.cache_clear()
