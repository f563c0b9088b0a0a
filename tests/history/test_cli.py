"""`ivrc history …`: lists, journeys, exports, and accounts for the page."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivrc.cli import main
from ivrc.history import cel
from ivrc.history.accounts import Accounts
from ivrc.history.store import Store
from tests.history.test_history import HERE, recorded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ivrc.csv").write_bytes(recorded("22")[0])
    (tmp_path / "ivrc.toml").write_text(
        f'[history]\ncel = "ivrc.csv"\nspool = "spool"\nmachine = "m"\nbuild = "{HERE / "recorded-22/build"}"\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["history", *arguments])


def test_collect_list_show_export(folder: Path) -> None:
    assert run("collect").exit_code == 0
    listed = run()
    assert listed.exit_code == 0
    assert len(listed.stdout.splitlines()) == 4
    assert "talked with boris, 2 s" in listed.stdout
    assert 'play "greeting"' in run("show", "1").stdout
    assert json.loads(run("show", "1", "--format", "json").stdout)["outcome"] == "talked"
    assert len(run("export", "--limit", "0").stdout.splitlines()) == 5
    assert [json.loads(line)["outcome"] for line in run("export", "--format", "jsonl").stdout.splitlines()][
        -1
    ] == "talked"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("show", "99"), 1, "no call 99"),
        (("list", "--from", "yesterday"), 2, "is no time"),
        (("open", "1"), 1, "left nothing"),
        (("list", "--caller", "0099"), 0, "no such call"),
        (("setup", "--odbc", 'x" => y'), 2, "no name of a machine"),
        (("setup", "-o", "nowhere"), 3, "No such file"),
    ],
)
def test_wrong_use_is_told_in_a_line(folder: Path, arguments: tuple[str, ...], code: int, told: str) -> None:
    run("collect")
    result = run(*arguments)
    assert result.exit_code == code
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_before_anything_was_written(folder: Path) -> None:
    (folder / "ivrc.csv").unlink()
    assert "no calls yet" in run().stderr
    result = run("collect")
    assert result.exit_code == 1
    assert "ivrc.csv" in result.stderr
    assert run("list", "--limit", "-1").exit_code == 2


def test_wrong_settings_are_told_in_a_line(folder: Path) -> None:
    (folder / "ivrc.toml").write_text("[history]\ndatabse = 'x'\n")
    result = run("list")
    assert result.exit_code == 2
    assert result.stderr.endswith('ivrc.toml:2: history.databse: this key is not known; did you mean "database"?\n')


def test_setup_writes_what_asterisk_needs_and_overwrites_nothing(folder: Path) -> None:
    (folder / "etc").mkdir()
    assert run("setup", "-o", "etc").exit_code == 0
    assert "eventextra" in (folder / "etc/cel_custom.conf").read_text()
    assert run("setup", "-o", "etc").exit_code == 1


def test_formulas_of_a_callers_name_are_text(folder: Path) -> None:
    data = recorded("22")[0].replace(b'"CHAN_START","","', b'"CHAN_START","","', 1)
    lines = list(cel.whole_lines(data))
    lines[0] = lines[0].replace(b'"","+79160000001"', b'"=cmd|x","+79160000001"', 1)
    (folder / "ivrc.csv").write_bytes(b"".join(lines))
    run("collect")
    assert "'=cmd|x" in run("export").stdout


def test_database_is_for_its_owner(folder: Path) -> None:
    run("collect")
    assert stat.S_IMODE((folder / "history.sqlite").stat().st_mode) & 0o007 == 0, "callers' numbers are nobody else's"


# ── accounts ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def users(folder: Path) -> Accounts:
    return Accounts(Store(f"sqlite:///{folder / 'history.sqlite'}"))


def user(*arguments: str, password: str = "") -> Any:
    return CliRunner().invoke(main, ["history", "user", *arguments], input=password and password + "\n")


def test_accounts_are_made_and_listed(users: Accounts) -> None:
    assert user("add", "boss", password="correct horse").output == "boss can log in\n"
    assert user("add", "maria", "--role", "supervisor", "--office", "acme", password="battery staple").exit_code == 0
    assert user("add", "anna", "--employee", "acme/anna", password="a third secret").exit_code == 0
    assert user("list").output == "anna  employee  acme/anna\nboss  admin\nmaria  supervisor  acme\n"
    found = users.find("anna", "a third secret")
    assert found is not None
    assert found.scope == ("acme", "anna")


def test_another_password(users: Accounts) -> None:
    user("add", "boss", password="correct horse")
    account = users.find("boss", "correct horse")
    assert account is not None
    token = users.begin(account, 60)
    assert user("passwd", "boss", password="battery staple").output == "boss has a new password\n"
    assert users.find("boss", "correct horse") is None
    assert users.find("boss", "battery staple") is not None
    assert users.of(token) is None, "logged out"


def test_account_that_is_removed(users: Accounts) -> None:
    user("add", "boss", password="correct horse")
    account = users.find("boss", "correct horse")
    assert account is not None
    token = users.begin(account, 60)
    assert user("remove", "boss").output == "boss is removed\n"
    assert users.of(token) is None, "logged out"
    assert users.find("boss", "correct horse") is None
    assert user("list").output == ""


@pytest.mark.parametrize(
    ("arguments", "password", "code", "told"),
    [
        (("add", "boss"), "another secret", 1, "there is an account boss already"),
        (("add", "new"), "short", 1, "a password has"),
        (("add", " new"), "correct horse", 1, "no blanks around"),
        (("add", "new", "--employee", "anna"), "correct horse", 2, "--employee is OFFICE/NAME"),
        (("add", "new", "--role", "admin", "--office", "acme"), "correct horse", 1, "an admin sees all offices"),
        (("add", "new", "--role", "employee"), "correct horse", 1, "needs --employee"),
        (("passwd", "nobody"), "correct horse", 1, "there is no account nobody"),
        (("passwd", "boss"), "short", 1, "a password has"),
        (("remove", "nobody"), "", 1, "there is no account nobody"),
    ],
)
def test_wrong_use_changes_nothing(
    users: Accounts, arguments: tuple[str, ...], password: str, code: int, told: str
) -> None:
    user("add", "boss", password="correct horse")
    result = user(*arguments, password=password)
    assert result.exit_code == code
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [each.name for each in users.all()] == ["boss"]
    assert users.find("boss", "correct horse") is not None
