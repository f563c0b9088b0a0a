"""What was compiled before is used again, and never instead of what has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ivrc import pipeline
from ivrc.loading import Loader
from tests.support import Outcome, compile_paths, write_tree


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache / "ivrc"


@pytest.fixture
def offices(tmp_path: Path) -> Path:
    """Three offices, one with an included file."""
    main = 'employee e{0} {{ extension 10{0} sip "PJSIP/e{0}" }}\nscenario main {{ call employee e{0} }}\n'
    number = 'settings {{ office o{0} }}\nnumber "+7 495 000-00-0{0}" -> main\n'
    files = {f"o{n}.ivr": (number + main).format(n) for n in (1, 2, 3)}
    files["o1.ivr"] += 'include "shared/x.ivr"\n'
    files["shared/x.ivr"] = "scenario extra { hangup }\n"
    return write_tree(tmp_path / "offices", files)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files of the offices that are really compiled."""
    names: list[str] = []
    build = pipeline.build_office

    def note(root: Path, loader: Loader) -> object:
        names.append(root.name)
        return build(root, loader)

    monkeypatch.setattr(pipeline, "build_office", note)
    return names


def again(offices: Path, built: list[str]) -> tuple[Outcome, list[str]]:
    """Compile and say what was really compiled."""
    built.clear()
    outcome = compile_paths(offices)
    return outcome, sorted(built)


def test_nothing_is_compiled_twice(offices: Path, built: list[str]) -> None:
    first, names = again(offices, built)
    assert names == ["o1.ivr", "o2.ivr", "o3.ivr", "x.ivr"]
    second, names = again(offices, built)
    assert names == []
    assert second.everything == first.everything
    assert second.compiled.offices == first.compiled.offices == ("o1", "o2", "o3")


def test_changed_file_is_compiled_and_no_other(offices: Path, built: list[str]) -> None:
    again(offices, built)
    file = offices / "o2.ivr"
    file.write_text(file.read_text().replace("PJSIP/e2", "PJSIP/new"))
    outcome, names = again(offices, built)
    assert names == ["o2.ivr"]
    assert "PJSIP/new" in outcome.dialplan


def test_change_of_the_same_size_and_time_is_noticed(offices: Path, built: list[str]) -> None:
    again(offices, built)
    file = offices / "o2.ivr"
    status = file.stat()
    file.write_text(file.read_text().replace("PJSIP/e2", "PJSIP/x2"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "PJSIP/x2" in again(offices, built)[0].dialplan


def test_changed_include_is_noticed(offices: Path, built: list[str]) -> None:
    again(offices, built)
    (offices / "shared/x.ivr").write_text("scenario another { hangup }\n")
    outcome, names = again(offices, built)
    assert names == ["o1.ivr", "x.ivr"]
    assert "ivrc-o1-another" in outcome.dialplan
    assert "ivrc-o1-extra" not in outcome.dialplan


def test_include_that_is_gone_is_noticed(offices: Path, built: list[str]) -> None:
    again(offices, built)
    (offices / "shared/x.ivr").unlink()
    assert again(offices, built)[0].codes == ["IVR107"]


def test_office_that_is_gone_is_gone(offices: Path, built: list[str]) -> None:
    again(offices, built)
    (offices / "o3.ivr").unlink()
    outcome, names = again(offices, built)
    assert outcome.compiled.offices == ("o1", "o2")
    assert names == []


def test_output_is_the_same_with_and_without_a_cache(offices: Path, built: list[str], cache: Path) -> None:
    """After a change, byte for byte."""
    again(offices, built)
    file = offices / "o2.ivr"
    file.write_text("# moved down\n\n" + file.read_text())
    kept = again(offices, built)[0].everything
    for path in cache.rglob("offices-*"):
        path.unlink()
    fresh, names = again(offices, built)
    assert len(names) == 4
    assert kept == fresh.everything


def test_cache_does_not_depend_on_the_working_directory(
    offices: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = again(offices, built)[0].everything
    monkeypatch.chdir(offices)
    assert compile_paths(Path(".")).everything == first
    monkeypatch.chdir(offices.parent)
    assert compile_paths(Path("offices")).everything == first


def test_faults_and_warnings_are_told_every_time(offices: Path, built: list[str]) -> None:
    write_tree(offices, {"o2.ivr": "scenario main { hangup hangup }\n", "o3.ivr": "plya\n"})
    for _ in range(2):
        assert again(offices, built)[0].codes == ["IVR902", "IVR101"]
    (offices / "o3.ivr").write_text("scenario main { }\n")
    for _ in range(2):
        assert again(offices, built)[0].codes == ["IVR902"]


def test_number_declared_in_a_kept_office_and_in_a_changed_one(offices: Path, built: list[str]) -> None:
    again(offices, built)
    file = offices / "o3.ivr"
    file.write_text(file.read_text().replace("000-00-03", "000-00-02"))
    outcome, names = again(offices, built)
    assert names == ["o3.ivr"]
    assert outcome.codes == ["IVR205"]
    assert "o3.ivr:2:8" in outcome.shown[0]
    assert "o2.ivr:2:8" in outcome.shown[0]


def test_name_of_a_kept_office_and_of_a_changed_one(offices: Path, built: list[str]) -> None:
    again(offices, built)
    file = offices / "o3.ivr"
    file.write_text(file.read_text().replace("office o3", "office O2"))
    outcome, names = again(offices, built)
    assert names == ["o3.ivr"]
    assert outcome.codes == ["IVR206"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not a cache",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: bytes(1000),
        lambda data: b"\xff" * 1000,
        lambda data: b"[\x01\x00\x00\x00N",
        lambda data: b"{z\x01ai\x05\x00\x00\x000",
    ],
    ids=["empty", "text", "half", "cut", "zeros", "ones", "list", "other-entries"],
)
def test_damaged_cache_is_ignored(
    offices: Path, built: list[str], cache: Path, damage: Callable[[bytes], bytes]
) -> None:
    first = again(offices, built)[0].everything
    (file,) = cache.glob("offices-*")
    file.write_bytes(damage(file.read_bytes()))
    outcome, names = again(offices, built)
    assert outcome.everything == first
    assert len(names) == 4
    assert again(offices, built)[1] == [], "and it is mended"


def test_cache_that_cannot_be_written_does_not_matter(
    offices: Path, built: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = again(offices, built)[0].everything
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert again(offices, built)[0].everything == first


def test_one_office_alone_is_not_kept(offices: Path, built: list[str], cache: Path) -> None:
    compile_paths(offices / "o2.ivr")
    assert list(cache.glob("offices-*")) == []
