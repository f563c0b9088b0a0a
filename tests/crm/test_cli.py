"""`ivrc crm`: exit codes, what is printed, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivrc.crm.cli import crm
from tests.support import bound_by_modes

MANIFEST = {
    "offices": [
        {
            "name": "acme",
            "country": "RU",
            "employees": [
                {"name": "anna", "crm": "17", "extension": "101", "mobiles": ["+79160000001"]},
                {"name": "boris", "crm": None, "extension": "102", "mobiles": []},
            ],
        }
    ]
}
CONTACTS = (
    "id;ФИО;Телефон;Ответственный\n5;Иван;8 (495) 123-45-67;17\n6;Пётр;8 (495) 123-45-68;\n7;Яна;8 495 123-45-69;99\n"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, a manifest and contacts; the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IVRC_CONFIG", raising=False)
    (tmp_path / "ivrc.toml").write_text('[agi]\nmanifest = "manifest.json"\n[crm]\nfile = "book.sqlite"\n')
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "c.csv").write_text(CONTACTS, "utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(crm, list(arguments), prog_name="ivrc crm")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_import_then_look_up(place: Path) -> None:
    done = run("import", "c.csv")
    assert (done.exit_code, done.stdout) == (0, f"{place}/book.sqlite: 3 contacts imported\n")
    told = run("lookup", "84951234567")
    assert told.exit_code == 0
    assert "-> contact 5 'Иван': +74951234567" in told.stdout
    assert 'in the source: employee anna, by crm "17"' in told.stdout
    told = run("lookup", "8 (495) 123-45-67", "--office", "acme", "--format", "json")
    data = json.loads(told.stdout)
    assert (data["why"], data["contact"], data["responsible"][0]["employee"]) == ("found", "5", "anna")
    assert "unassigned" in run("lookup", "+74951234568").stdout
    assert 'nobody (no employee has crm "99")' in run("lookup", "+74951234569").stdout
    assert "unknown: no contact has this number" in run("lookup", "+74950000000").stdout


def test_numbers_are_read_as_in_the_country_that_is_given(place: Path) -> None:
    (place / "gb.csv").write_text("phone\n020 7946 0958\n")
    assert "left out" in run("import", "gb.csv").stdout
    assert run("import", "gb.csv", "--country", "gb").exit_code == 0
    assert run("lookup", "+442079460958").exit_code == 0
    assert run("import", "gb.csv", "--country", "Britain").exit_code == 2


def test_rows_left_out_are_told(place: Path) -> None:
    (place / "c.csv").write_text("id,phone,City\n1,+74951234567,x\n2,12,x\n")
    done = run("import", "c.csv")
    assert done.exit_code == 0 and "1 contact imported, 1 row left out" in done.stdout
    assert 'c.csv:3: no phone number: "12"' in done.stderr and "not used: City" in done.stderr
    (place / "book.sqlite").unlink()
    strict = run("import", "c.csv", "--strict")
    assert strict.exit_code == 1 and "nothing was imported" in strict.stderr
    assert not (place / "book.sqlite").exists()


def test_wrong_use(place: Path) -> None:
    assert run("import").exit_code == 2
    assert run("import", "none.csv").exit_code == 2
    assert run("lookup", "+74951234567", "--office", "x").exit_code == 2
    assert run("lookup", "+74951234567", "--config", "none.toml").exit_code == 2
    (place / "ivrc.toml").write_text("[crm]\nfiel = 1\n")
    wrong = run("check")
    assert wrong.exit_code == 2 and 'ivrc.toml:2: crm.fiel: this key is not known; did you mean "file"?' in wrong.stderr
    (place / "ivrc.toml").write_text('[agi]\nmanifest = "nowhere.json"\n')
    assert "ivrc compile" in run("check").stderr
    (place / "ivrc.toml").write_text('[agi]\nmanifest = "c.csv"\n')
    assert "no manifest" in run("check").stderr


def test_a_file_that_is_no_contacts(place: Path) -> None:
    (place / "c.csv").write_text("a,b\n1,2\n")
    done = run("import", "c.csv")
    assert done.exit_code == 1 and "no column" in done.stderr


def test_a_folder_that_is_closed(place: Path) -> None:
    place.chmod(0o500)
    try:
        with bound_by_modes():
            assert run("import", "c.csv").exit_code == 3
    finally:
        place.chmod(0o700)


def test_a_book_that_cannot_be_written(place: Path) -> None:
    done = run("import", "c.csv", "--book", "no/such/folder/book.sqlite")
    assert done.exit_code == 3 and "cannot write" in done.stderr


def test_no_crm_is_set(place: Path) -> None:
    (place / "ivrc.toml").write_text('[agi]\nmanifest = "manifest.json"\n')
    told = run("lookup", "+74951234567")
    assert told.exit_code == 2 and "no CRM is set" in told.stderr
    assert "--book" in run("import", "c.csv").stderr
    checked = run("check")
    assert checked.exit_code == 0 and "call responsible finds nobody" in checked.stdout


def test_a_crm_that_does_not_answer(place: Path) -> None:
    told = run("lookup", "+74951234567")
    assert told.exit_code == 1 and "refused: the CRM refuses (there is no contact book" in told.stdout
    checked = run("check")
    assert checked.exit_code == 1 and "WRONG crm (book): the CRM refuses: there is no contact book" in checked.stdout


def test_check_says_who_has_no_id(place: Path) -> None:
    run("import", "c.csv")
    checked = run("check")
    assert checked.exit_code == 0
    assert "crm (book): " in checked.stdout and "3 contacts with 3 numbers" in checked.stdout
    assert "1 of 2 employees have no crm id: boris" in checked.stdout
    data = json.loads(run("check", "--format", "json").stdout)
    assert data["ok"] is True and data["without_crm_id"] == {"acme": ["boris"]}


def test_check_of_an_office_that_the_manifest_has_not(place: Path) -> None:
    run("import", "c.csv")
    with (place / "ivrc.toml").open("a") as file:
        file.write('[office.akme.crm]\nfile = "book.sqlite"\n')
    checked = run("check")
    assert checked.exit_code == 1 and "[office.akme.crm]: the manifest has no such office" in checked.stdout


def test_hostile_text_on_a_terminal(place: Path) -> None:
    (place / "c.csv").write_text('id,name,phone\n1,"\x1b[2J\x07evil",+74951234567\n')
    run("import", "c.csv")
    assert "\x1b" not in run("lookup", "+74951234567").stdout


def test_lookup_says_whom_a_call_would_ring(place: Path) -> None:
    run("import", "c.csv")
    assert "a call would ring anna's browser and SIP phone" in run("lookup", "84951234567").stdout
    shown = json.loads(run("lookup", "84951234567", "--format", "json").stdout)
    assert [(turn["employee"], turn["desk"]) for turn in shown["rings"]] == [("anna", "free")]
    assert "a call would ring nobody" in run("lookup", "+74951234569").stdout
