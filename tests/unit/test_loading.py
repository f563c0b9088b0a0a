"""Which files there are, and which belong to one office."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ivrc.loading import InputError, common_folder, find_roots
from tests.support import compile_paths, compile_text, write_tree

STAFF = 'employee anna { sip "PJSIP/anna" }\n'
MAIN = 'include "staff.ivr"\nscenario main { call employee anna }\n'


def test_included_files_are_one_office(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": MAIN, "staff.ivr": STAFF})
    outcome = compile_paths(tmp_path / "office.ivr")
    assert outcome.compiled.offices == ("office",)
    assert "PJSIP/anna" in outcome.dialplan


def test_included_file_in_a_folder_is_no_office_of_its_own(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a_staff.ivr": STAFF, "office.ivr": MAIN.replace("staff", "a_staff"), "z.ivr": STAFF})
    assert compile_paths(tmp_path).compiled.offices == ("office", "z")


def test_faults_of_an_included_file_are_told_once(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a_staff.ivr": STAFF + "plya\n", "office.ivr": MAIN.replace("staff", "a_staff")})
    outcome = compile_paths(tmp_path)
    assert outcome.codes == ["IVR101"]
    assert "a_staff.ivr:2:1" in outcome.shown[0]


def test_included_file_that_needs_the_office_is_no_fault_of_its_own(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.ivr": "scenario a { -> main }\n", "office.ivr": 'include "a.ivr"\nscenario main { }\n'})
    outcome = compile_paths(tmp_path)
    assert outcome.codes == []
    assert outcome.compiled.offices == ("office",)


@pytest.mark.parametrize("path", ["staff.ivr", "./staff.ivr", "sub/../staff.ivr"])
def test_file_included_many_times_counts_once(tmp_path: Path, path: str) -> None:
    (tmp_path / "sub").mkdir()
    write_tree(tmp_path, {"office.ivr": f'include "{path}"\n' + MAIN, "staff.ivr": STAFF})
    assert compile_paths(tmp_path / "office.ivr").codes == []


def test_includes_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": 'include "sub/a.ivr"\n', "sub/a.ivr": 'include "b.ivr"\n', "sub/b.ivr": STAFF})
    outcome = compile_paths(tmp_path / "office.ivr")
    assert [employee["name"] for employee in outcome.manifest["offices"][0]["employees"]] == ["anna"]


def test_file_that_includes_itself_is_still_an_office() -> None:
    outcome = compile_text('include "office.ivr"\n' + STAFF)
    assert outcome.compiled.offices == ("office",)
    assert compile_text('include "office.ivr"\nplya\n').codes == ["IVR101"]


def test_files_that_include_each_other_are_one_office(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {"a.ivr": 'include "b.ivr"\n' + STAFF, "b.ivr": 'include "a.ivr"\nscenario main { call employee anna }\n'},
    )
    assert compile_paths(tmp_path / "a.ivr").compiled.offices == ("a",)


@pytest.mark.parametrize("path", ["no.ivr", "", ".", "..", "\x00", "x" * 5000, "/no/such/file", "a/b/c.ivr"])
def test_include_of_what_is_no_file(path: str) -> None:
    outcome = compile_text(f'include "{path}"\nscenario main {{ }}\n')
    assert outcome.codes == ["IVR107"]
    assert "office.ivr:1:9" in outcome.shown[0]


def test_include_of_what_is_no_text() -> None:
    outcome = compile_text('include "office.bin"\n')
    assert outcome.codes == ["IVR107"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"scenario \xe9t\xe9 { }", b"\x80"])
def test_file_that_is_not_utf_8(tmp_path: Path, content: bytes) -> None:
    write_tree(tmp_path, {"office.ivr": 'include "staff.ivr"\n', "staff.ivr": content})
    assert compile_paths(tmp_path / "staff.ivr").codes == ["IVR106"]
    assert compile_paths(tmp_path / "office.ivr").codes == ["IVR106"]


def test_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_tree(tmp_path, {"office.ivr": STAFF}) / "office.ivr"

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    outcome = compile_paths(file)
    assert outcome.codes == ["IVR106"]
    assert "Permission denied" in outcome.messages[0]


def test_folders_are_searched_in_order_of_path(tmp_path: Path) -> None:
    write_tree(tmp_path, {"b.ivr": "", "a/z.ivr": "", "a.ivr": "", "a/b/c.ivr": "", "x.txt": "", "d.ivr/e.txt": ""})
    names = [path.relative_to(tmp_path).as_posix() for path in find_roots([tmp_path])]
    assert names == ["a/b/c.ivr", "a/z.ivr", "a.ivr", "b.ivr"]


def test_file_given_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, {"a.ivr": STAFF})
    monkeypatch.chdir(tmp_path)
    assert len(find_roots([Path("a.ivr"), Path("."), Path("./a.ivr")])) == 1
    assert compile_paths(Path("a.ivr"), tmp_path / "a.ivr", Path("../") / tmp_path.name / "a.ivr").codes == []


def test_paths_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_roots([tmp_path / "none.ivr"])
    with pytest.raises(InputError, match=r"no \.ivr file"):
        find_roots([tmp_path])


def test_common_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert common_folder([tmp_path / "a" / "x.ivr", tmp_path / "b" / "y.ivr"]) == tmp_path
    assert common_folder([tmp_path / "a"]) == tmp_path / "a"
    assert common_folder([tmp_path / "a" / "x.ivr"]) == tmp_path / "a"


def test_no_path_in_the_output_is_absolute(tmp_path: Path) -> None:
    write_tree(tmp_path, {"offices/a.ivr": 'include "../shared/staff.ivr"\n', "shared/staff.ivr": STAFF})
    outcome = compile_paths(tmp_path / "offices")
    assert str(tmp_path) not in outcome.dialplan + outcome.written("manifest.json")


@pytest.mark.parametrize("name", ["о фис; x.ivr", "a\nb.ivr", "a\x1b[31m.ivr", "${x}.ivr", "-o.ivr", "a,b.ivr"])
def test_file_names_are_data(tmp_path: Path, name: str) -> None:
    write_tree(tmp_path, {name: STAFF + "scenario main { call employee anna }\n"})
    lines = compile_paths(tmp_path).dialplan.splitlines()
    assert all(line.isprintable() for line in lines)
    stem = name.removesuffix(".ivr")
    assert [line for line in lines if stem in line and not line.startswith(";")] == []


def test_file_name_that_is_not_utf_8(tmp_path: Path) -> None:
    name = b"\xff.ivr".decode("utf-8", "surrogateescape")
    (tmp_path / name).write_text(STAFF + "scenario main { call employee anna }\n")
    outcome = compile_paths(tmp_path / name)
    assert outcome.compiled.files is None or "PJSIP/anna" in outcome.dialplan


def test_folder_that_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offices in it would be missing from the output without a word. (Root may read all: the refusal is made.)"""
    write_tree(tmp_path, {"office.ivr": STAFF, "closed/office.ivr": STAFF})
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match="closed: Permission denied"):
        find_roots([tmp_path])


def test_line_of_what_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "office.ivr").write_bytes(STAFF.encode() * 2 + b"# \xe9\n")
    assert "not UTF-8 text (line 3)" in compile_paths(tmp_path / "office.ivr").shown[0]
