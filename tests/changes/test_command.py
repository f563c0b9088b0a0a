"""`ivrc diff`: what is compared with what, exit codes, JSON, the dialplan, git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivrc.cli import main
from tests.changes.support import NUMBER, OPEN, source
from tests.support import ROOT, write_tree

OLD = source("call group sales", 'play "a"', declarations=OPEN)
NEW = source("call group sales for 30s", 'play "a"', declarations=OPEN)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tree(tmp_path, {"old.ivr": OLD, "new.ivr": NEW, "same.ivr": "# A comment.\n" + OLD})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diff(*words: str) -> Result:
    return CliRunner().invoke(main, ["diff", "--since", "2026-03-01", *words])


def test_two_files() -> None:
    result = diff("old.ivr", "new.ivr")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "acme: callers meet changes",
        f"  callers of {NUMBER}:  (new.ivr:14)",
        "      now       call group sales for 30s",
        "      before    call group sales for 20s",
    ]


def test_no_change_of_meaning() -> None:
    for other in ("old.ivr", "same.ivr"):
        result = diff("old.ivr", other, "--exit-code")
        assert (result.exit_code, result.stdout) == (0, "acme: nothing that a caller could notice\n")


def test_exit_codes(folder: Path) -> None:
    write_tree(folder, {"bad.ivr": "scenario main { -> nowhere }"})
    assert diff("old.ivr", "new.ivr", "--exit-code").exit_code == 1
    assert diff("old.ivr", "bad.ivr").exit_code == 1
    faulty = diff("bad.ivr", "old.ivr", "--exit-code")
    assert (faulty.exit_code, faulty.stdout) == (2, "")
    assert "error[IVR201]" in faulty.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("old.ivr",), "give two files or folders"),
        (("old.ivr", "none.ivr"), "there is no such file"),
        (("--since", "soon", "old.ivr", "new.ivr"), "is no date"),
        (("--git", "HEAD", "old.ivr"), "is in no git repository"),
    ],
)
def test_wrong_words(words: tuple[str, ...], says: str) -> None:
    result = diff(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_json() -> None:
    body = json.loads(diff("old.ivr", "new.ivr", "--format", "json").stdout)
    assert body["noticed"] is True
    (office,) = body["offices"]
    (only,) = office["callers"]
    assert only["numbers"] == [NUMBER]
    assert (only["now"], only["before"]) == (["call group sales for 30s"], ["call group sales for 20s"])
    assert (only["place"], only["scenario"], only["time"]) == ("new.ivr:14", "main", None)


def test_dialplan(folder: Path) -> None:
    """Lines moved by a comment above are no change; one that has changed stands with its neighbours."""
    assert diff("old.ivr", "same.ivr", "--dialplan").stdout.endswith("The dialplan does not change.\n")
    text = diff("old.ivr", "new.ivr", "--dialplan").stdout
    changed = [line for line in text.splitlines() if line.startswith(("+", "-")) and line[:3] not in ("+++", "---")]
    assert changed == [
        "-; call group sales",
        "-exten => s,1,Gosub(ivrc-acme.group-sales,s,1(20))",
        "+; call group sales for 30s",
        "+exten => s,1,Gosub(ivrc-acme.group-sales,s,1(30))",
    ]
    assert "The dialplan" not in text
    parts = json.loads(diff("old.ivr", "new.ivr", "--dialplan", "--format", "json").stdout)
    assert parts["dialplan"] in text


def test_recordings(folder: Path) -> None:
    write_tree(folder, {"a/o.ivr": OLD, "a/prompts/a.wav": b"one", "b/o.ivr": OLD, "b/prompts/a.wav": b"two"})
    result = diff("a", "b")
    assert result.stdout.splitlines()[1:] == ['  prompt "a": is another recording']
    write_tree(folder, {"c/o.ivr": OLD.replace('"a"', '"c"'), "c/prompts/c.wav": b"one"})
    result = diff("a", "c", "--exit-code")
    assert (result.exit_code, 'prompt "a": is now called "c"' in result.stdout) == (0, True)


# ── many offices ──


def office(name: str, number: str, *steps: str) -> str:
    return source(*steps).replace("office acme", f"office {name}").replace(NUMBER, number)


def test_offices_are_matched_by_name(folder: Path) -> None:
    numbers = ["+7 495 000-00-01", "+7 495 000-00-02", "+7 495 000-00-03"]
    before = {f"old/{name}.ivr": office(name, number, "hangup") for name, number in zip("abc", numbers, strict=True)}
    after = {
        "new/x.ivr": office("a", numbers[0], "fax"),
        "new/b.ivr": office("b", numbers[1], "hangup"),
        "new/d.ivr": office("d", numbers[2], "hangup"),
        "new/e.ivr": office("e", "+7 495 000-00-05", "hangup"),
    }
    write_tree(folder, before | after)
    lines = diff("old", "new").stdout.splitlines()
    assert lines[0] == "a: callers meet changes"
    assert "c: this office is gone, with +7 495 000-00-03" in lines
    assert "e: this office is new, with +7 495 000-00-05" in lines
    assert lines[-1] == "1 other office: nothing that a caller could notice"


def test_a_number_that_moves_to_another_office(folder: Path) -> None:
    two = 'number "+7 495 000-00-02" -> main\n'
    old = {"old/a.ivr": office("a", NUMBER, "hangup") + two, "old/b.ivr": office("b", "+7 495 000-00-01", "fax")}
    new = {"new/a.ivr": office("a", NUMBER, "hangup"), "new/b.ivr": office("b", "+7 495 000-00-01", "fax") + two}
    write_tree(folder, old | new)
    text = diff("old", "new").stdout
    assert "now       office b -> main" in text
    assert "before    office a -> main" in text


def test_the_examples_are_as_they_are() -> None:
    result = diff(str(ROOT / "examples"), str(ROOT / "examples"), "--exit-code")
    assert (result.exit_code, result.stdout) == (0, "5 offices: nothing that a caller could notice\n")


# ── git ──


@pytest.fixture
def repository(folder: Path) -> Path:
    write_tree(
        folder,
        {
            "repo/shop/office.ivr": 'include "../common/staff.ivr"\n' + OLD.replace("employee gleb", "# gleb", 1),
            "repo/common/staff.ivr": 'employee gleb { extension 104 sip "PJSIP/gleb" }\n',
            "repo/shop/prompts/a.wav": b"one",
        },
    )
    top = folder / "repo"
    git(top, "init", "--quiet")
    commit(top)
    return top


def git(top: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", "-C", str(top), *who, *words], check=True, capture_output=True)


def commit(top: Path) -> None:
    git(top, "add", "-A")
    git(top, "commit", "--quiet", "-m", "x")


def edit(path: Path, was: str, now: str) -> None:
    text = path.read_text("utf-8")
    assert was in text
    path.write_text(text.replace(was, now), "utf-8")


def test_a_revision_beside_the_working_files(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = repository / "shop"
    assert "nothing that a caller" in diff("--git", "HEAD", str(shop)).stdout
    edit(repository / "common/staff.ivr", "PJSIP/gleb", "PJSIP/gleb2")
    (shop / "prompts/a.wav").write_bytes(b"two")
    monkeypatch.chdir(shop)
    status = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    for words in ((), ("office.ivr",), (".",), (str(shop),)):
        lines = diff("--git", "HEAD", *words).stdout.splitlines()
        assert any("gleb" in line for line in lines), lines
        assert '  prompt "a": is another recording' in lines
    again = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    assert again == status, "the work tree and the index are left alone"


def test_two_revisions(repository: Path) -> None:
    office = repository / "shop/office.ivr"
    edit(office, "call group sales", "call group support")
    commit(repository)
    edit(office, "call group support", "hangup")
    text = diff("--git", "HEAD~1..HEAD", str(office)).stdout
    assert "now       call group support for 20s" in text
    assert "hangup" not in text
    assert diff("--git", "HEAD~1..", str(office)).stdout == text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--git", "nonsense", "office.ivr"), "git knows no revision `nonsense`"),
        (("--git=--output=x", "office.ivr"), "git knows no revision"),
        (("--git", "HEAD", "fresh.ivr"), "there is no shop/fresh.ivr in HEAD"),
    ],
)
def test_revisions_that_are_none(
    repository: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(repository / "shop")
    write_tree(repository / "shop", {"fresh.ivr": OLD})
    result = diff(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_revision_with_errors_is_named(repository: Path) -> None:
    office = repository / "shop/office.ivr"
    edit(office, "call group sales", "call group nobody")
    commit(repository)
    edit(office, "call group nobody", "call group sales")
    result = diff("--git", "HEAD", str(office))
    assert result.exit_code == 1
    assert "--> HEAD:shop/office.ivr:" in result.stderr


def test_names_of_any_bytes(repository: Path) -> None:
    odd: Any = repository / "shop" / "приём 'x'.ivr"
    odd.write_text(OLD.replace("office acme", "office odd"), "utf-8")
    commit(repository)
    edit(odd, "call group sales", "fax")
    assert "now       fax" in diff("--git", "HEAD", str(odd)).stdout
