"""The output folder: written whole or not at all, and nothing of the user's is ever lost."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivrc import output
from ivrc.output import Content, OutputError, write_folder
from tests.support import bound_by_modes, tree_of, write_tree


def files(text: str, *sounds: str) -> dict[str, Content]:
    """An output with some text in it."""
    manifest = json.dumps({"files": ["extensions.conf"], "sounds": list(sounds)})
    return {
        "extensions.conf": [text.encode(), b"\n", b"the end\n"],
        "manifest.json": [manifest.encode()],
        **{f"{sound}.ulaw": [b"\x7f" * 10] for sound in sounds},
    }


def as_written(content: dict[str, Content]) -> dict[str, bytes]:
    return {
        name: pieces.read_bytes() if isinstance(pieces, Path) else b"".join(pieces) for name, pieces in content.items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an output in it."""
    folder = tmp_path / "build"
    write_folder(folder, files("old", "sounds/ru/ivrc/acme/welcome"))
    return folder


@pytest.fixture(autouse=True)
def nothing_is_left_beside(tmp_path: Path) -> Iterator[None]:
    """Whatever happens, no temporary folder stays."""
    yield
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_new_folder_and_its_parents(tmp_path: Path) -> None:
    content = files("new", "sounds/ru/ivrc/acme/a/b")
    write_folder(tmp_path / "a" / "b" / "build", content)
    assert tree_of(tmp_path / "a" / "b" / "build") == as_written(content)


def test_old_output_is_replaced_as_a_whole(folder: Path) -> None:
    write_folder(folder, files("new", "sounds/ru/ivrc/acme/other"))
    assert tree_of(folder) == as_written(files("new", "sounds/ru/ivrc/acme/other"))


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    write_folder(tmp_path / "build", files("new"))
    assert tree_of(tmp_path / "build") == as_written(files("new"))


def test_file_to_copy_is_copied(tmp_path: Path) -> None:
    (tmp_path / "source.bin").write_bytes(b"\x00\x01")
    write_folder(tmp_path / "build", {**files("new"), "sounds/x.ulaw": tmp_path / "source.bin"})
    assert (tmp_path / "build/sounds/x.ulaw").read_bytes() == b"\x00\x01"


@pytest.mark.parametrize(
    "name", ["notes.txt", "sounds/mine.wav", "sounds/ru/ivrc/acme/welcome.txt", "pjsip.conf", "x/y"]
)
def test_folder_with_something_of_the_users_is_refused(folder: Path, name: str) -> None:
    write_tree(folder, {name: "precious"})
    before = tree_of(folder)
    with pytest.raises(OutputError, match="did not write"):
        write_folder(folder, files("new"))
    assert tree_of(folder) == before


@pytest.mark.parametrize(
    "manifest", ["", "{", "[]", "{}", '{"files": 5, "sounds": []}', '{"files": [1], "sounds": [{}]}']
)
def test_folder_with_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: str) -> None:
    folder = write_tree(tmp_path / "build", {"manifest.json": manifest, "extensions.conf": "precious"})
    before = tree_of(folder)
    with pytest.raises(OutputError):
        write_folder(folder, files("new"))
    assert tree_of(folder) == before


def test_foreign_link_in_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="link"):
        write_folder(folder, files("new"))


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("precious")
    with pytest.raises(OutputError, match="is a file"):
        write_folder(tmp_path / "build", files("new"))
    assert (tmp_path / "build").read_text() == "precious"


def test_file_in_place_of_the_parent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "parent").write_text("precious")
    with pytest.raises(OutputError):
        write_folder(tmp_path / "parent" / "build", files("new"))


class Killed(BaseException):
    """What ends the process, as far as its own code can tell."""


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), Killed(), KeyboardInterrupt()])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_failure_in_the_middle_leaves_the_old_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, count: int
) -> None:
    before = tree_of(folder)
    write = output._write
    written: list[Path] = []

    def fail(path: Path, content: Content) -> None:
        if len(written) == count:
            raise failure
        written.append(path)
        write(path, content)

    monkeypatch.setattr(output, "_write", fail)
    with pytest.raises(OutputError if isinstance(failure, OSError) else type(failure)):
        write_folder(folder, files("new", "sounds/ru/ivrc/acme/other"))
    assert tree_of(folder) == before


def test_file_to_copy_that_is_gone_leaves_the_old_output(folder: Path, tmp_path: Path) -> None:
    before = tree_of(folder)
    with pytest.raises(OutputError):
        write_folder(folder, {**files("new"), "sounds/x.ulaw": tmp_path / "gone"})
    assert tree_of(folder) == before


def test_output_is_replaced_where_folders_cannot_be_exchanged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_exchange", lambda *_: False)
    write_folder(folder, files("new"))
    assert tree_of(folder) == as_written(files("new"))


def test_failure_of_the_last_step_puts_the_old_output_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree_of(folder)
    rename = Path.rename

    def fail(self: Path, target: Any) -> Path:
        if Path(target) == folder and self.name != "was":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(output, "_exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError):
        write_folder(folder, files("new"))
    assert tree_of(folder) == before


def test_read_only_parent_is_refused(folder: Path, tmp_path: Path) -> None:
    before = tree_of(folder)
    tmp_path.chmod(0o555)
    try:
        with bound_by_modes(), pytest.raises(OutputError, match="cannot write"):
            write_folder(folder, files("new"))
    finally:
        tmp_path.chmod(0o755)
    assert tree_of(folder) == before


def test_parent_that_lets_nothing_be_made_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    before = tree_of(folder)
    monkeypatch.setattr("ivrc.output.tempfile.mkdtemp", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        write_folder(folder, files("new"))
    assert tree_of(folder) == before


def test_link_to_a_folder_stays_one(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "links" / "current"
    link.parent.mkdir()
    link.symlink_to(folder)
    write_folder(link, files("new"))
    assert link.is_symlink()
    assert tree_of(folder) == as_written(files("new"))


def test_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="leads nowhere"):
        write_folder(tmp_path / "link", files("new"))


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o002])
def test_permissions_are_those_of_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_folder(tmp_path / "build", files("new", "sounds/ru/ivrc/acme/a"))
    finally:
        os.umask(before)
    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "build", *(tmp_path / "build").rglob("*")]
        if path.is_dir()
    }
    assert modes == {0o777 & ~mask}
    assert stat.S_IMODE((tmp_path / "build/extensions.conf").stat().st_mode) == 0o666 & ~mask


def test_working_folder_can_be_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build").mkdir()
    monkeypatch.chdir(tmp_path / "build")
    write_folder(Path("."), files("new"))
    assert tree_of(tmp_path / "build") == as_written(files("new"))


def test_folder_of_others_is_refused_at_the_first_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a whole disk: what comes after is not even looked at."""
    for name in ("a/one", "b/two", "c/three"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    seen = []
    scan = os.scandir

    def watch(path: Any) -> Any:
        seen.append(os.path.relpath(path, tmp_path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", watch)
    with pytest.raises(OutputError, match=r"files that ivrc did not write \(a/one\)"):
        write_folder(tmp_path, files("new"))
    assert seen == [".", "a"]


def test_folder_that_cannot_be_looked_into_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    before = tree_of(folder)
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        with pytest.raises(OutputError, match="Permission denied"):
            write_folder(folder, files("new"))
    assert tree_of(folder) == before
