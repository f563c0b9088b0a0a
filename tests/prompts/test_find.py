"""Prompts are found only inside their folder, by language, in the documented order."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ivrc.prompts import deployed_name, find_prompt, near_names
from ivrc.prompts import find as finder
from ivrc.prompts.formats import SEARCH_ORDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "prompts"
    for name in (
        "welcome.wav",
        "ru/welcome.mp3",
        "ru/menus/main.ogg",
        "closed.gsm",
        "Closed-Late.WAV",
        "v1.2.wav",
        "ru/приветствие.wav",
        "both.mp3",
        "both.wav",
        "both.ulaw",
        "notes.txt",
        "en/hello.wav",
    ):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(b"x")
    (base / "folder.wav").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    return base


@pytest.mark.parametrize(
    ("name", "language", "found"),
    [
        ("welcome", "ru", "ru/welcome.mp3"),
        ("welcome", "en", "welcome.wav"),
        ("welcome", "", "welcome.wav"),
        ("welcome.wav", "ru", "welcome.wav"),
        ("welcome.mp3", "ru", "ru/welcome.mp3"),
        ("welcome.mp3", "en", None),
        ("menus/main", "ru", "ru/menus/main.ogg"),
        ("ru/menus/main", "en", "ru/menus/main.ogg"),
        ("menus/main", "en", None),
        ("closed", "ru", "closed.gsm"),
        ("Closed-Late", "ru", "Closed-Late.WAV"),
        ("closed-late", "ru", None),
        ("Welcome", "en", None),
        ("v1.2", "en", "v1.2.wav"),
        ("приветствие", "ru", "ru/приветствие.wav"),
        ("both", "en", "both.wav"),
        ("both.ulaw", "en", "both.ulaw"),
        ("notes", "en", None),
        ("notes.txt", "en", None),
        ("folder", "en", None),
        ("nothing", "en", None),
    ],
)
def test_find(folder: Path, name: str, language: str, found: str | None) -> None:
    assert find_prompt(folder, name, language) == (None if found is None else folder / found)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "../secret.wav",
        "ru/../../secret",
        "",
        ".",
        "..",
        "/",
        "ru//welcome",
        "./welcome",
        "welcome/",
        "welcome\0",
        "welcome.wav\0.txt",
        "..\\secret",
        "ru\\welcome",
        "*",
        "wel*",
        "~/welcome",
        "a" * 5000,
        "a/" * 2000,
        "\ud800",
        "C:welcome",
        "welcome\n",
    ],
)
@pytest.mark.parametrize("language", ["ru", "..", "../..", "/", "", ".", "ru/menus", "\0"])
def test_hostile_names_find_nothing_and_raise_nothing(folder: Path, name: str, language: str) -> None:
    assert find_prompt(folder, name, language) is None
    near_names(folder, name, language)
    deployed_name(name)


def test_an_absolute_name_and_a_hostile_language_stay_inside(folder: Path) -> None:
    assert find_prompt(folder, str(folder / "welcome.wav"), "ru") is None
    assert find_prompt(folder, "secret", "..") is None
    assert find_prompt(folder, "welcome", "ru/menus") == folder / "welcome.wav"


def test_links_are_followed_inside_and_nowhere_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.wav").write_bytes(b"x")
    (folder / "leak.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "leakdir").symlink_to(tmp_path / "outside")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "gone.wav").symlink_to("not-there.wav")
    (folder / "alias.wav").symlink_to("ru/welcome.mp3")
    for name in ("leak", "leak.wav", "leakdir/x", "loop", "gone"):
        assert find_prompt(folder, name, "ru") is None
        assert name not in near_names(folder, name + "x", "ru")
    assert find_prompt(folder, "alias", "ru") == folder / "alias.wav"
    (tmp_path / "link").symlink_to(folder)  # the folder itself may be reached through a link
    assert find_prompt(tmp_path / "link", "alias", "ru") == tmp_path / "link" / "alias.wav"


def test_a_decomposed_file_name_is_the_same_name(folder: Path) -> None:
    (folder / "и\u0306од.wav").write_bytes(b"x")  # as a Mac writes "йод"
    assert find_prompt(folder, "йод", "ru") == folder / "и\u0306од.wav"
    assert deployed_name("йод") == deployed_name("и\u0306од") == "йод"


def test_of_two_candidates_the_documented_order_decides(tmp_path: Path) -> None:
    for extension in reversed(SEARCH_ORDER):
        (tmp_path / f"a.{extension}").write_bytes(b"x")
        assert find_prompt(tmp_path, "a", "en") == tmp_path / f"a.{extension}"


def test_a_folder_listing_is_remembered_until_the_folder_changes(folder: Path) -> None:
    old = time.time() - 100
    os.utime(folder, (old, old))
    assert find_prompt(folder, "later", "en") is None
    assert str(folder) in finder._listings
    (folder / "later.wav").write_bytes(b"x")
    assert find_prompt(folder, "later", "en") == folder / "later.wav"
    (folder / "later.wav").unlink()
    assert find_prompt(folder, "later", "en") is None


def test_a_missing_folder_has_nothing(tmp_path: Path) -> None:
    assert find_prompt(tmp_path / "no", "welcome", "ru") is None
    assert near_names(tmp_path / "no", "welcome", "ru") == []


@pytest.mark.parametrize(
    ("name", "language", "first"),
    [
        ("wellcome", "ru", "welcome"),
        ("Welcome", "ru", "welcome"),
        ("welcom.mp3", "ru", "welcome"),
        ("closed-late", "ru", "Closed-Late"),
        ("main", "ru", "menus/main"),
        ("menu/main", "ru", "menus/main"),
        ("menus\\main", "ru", "menus/main"),
        ("приветсвие", "ru", "приветствие"),
        ("hello", "ru", "en/hello"),
    ],
)
def test_near_names(folder: Path, name: str, language: str, first: str) -> None:
    near = near_names(folder, name, language)
    assert near[0] == first
    assert len(near) <= 3
    assert all(find_prompt(folder, candidate, language) for candidate in near)


def test_nothing_near(folder: Path) -> None:
    assert near_names(folder, "zzzzqqqq", "ru") == []
