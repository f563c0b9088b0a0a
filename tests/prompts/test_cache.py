"""What was converted once is kept, and never taken for what it is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ivrc.prompts import cache as prompt_cache
from ivrc.prompts import duration, render
from tests.prompts.audio import error_of, put, recording, tone, write

np = pytest.importorskip("numpy")


@pytest.fixture
def no_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("ivrc.prompts.rendering._convert_and_store", fail)


def test_the_second_time_nothing_is_converted_wherever_the_file_lies(
    tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    source = write(tmp_path / "a.wav")
    first = render(recording(source, 2), cache=cache)
    request.getfixturevalue("no_conversion")
    assert render(recording(source, 2), cache=cache) == first
    (tmp_path / "b.wav").write_bytes(source.read_bytes())
    assert render(recording(tmp_path / "b.wav", 2.00001), cache=cache) == first


def test_other_content_fit_or_raw_extension_is_another_entry(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav")
    data = np.random.default_rng(1).bytes(8000)
    entries = [
        render(recording(source), cache=cache),
        render(recording(source, 2), cache=cache),
        render(recording(source, 2, "silence"), cache=cache),
        render(recording(write(tmp_path / "a.wav", samples=tone(8000, 1, 500))), cache=cache),
        render(recording(put(tmp_path / "r.ulaw", data)), cache=cache),
        render(recording(put(tmp_path / "r.alaw", data)), cache=cache),
    ]
    assert len({str(entry["ulaw"]) for entry in entries}) == len({e["sln16"].read_bytes() for e in entries}) == 6


def test_a_cached_compile_imports_no_audio_library(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav")
    render(recording(source), cache=cache)
    duration(source, cache=cache)
    code = """
import sys
from pathlib import Path
from ivrc.prompts import *
source, cache = Path(sys.argv[1]), Path(sys.argv[2])
find_prompt(source.parent, "a", "en"); deployed_name("a"); speech_name("a", "en")
near_names(source.parent, "b", "en")
render(Recording(path=source, fit=None), cache=cache)
assert duration(source, cache=cache) == 1.0
loaded = {"numpy", "soundfile", "soxr", "subprocess", "tempfile"} & set(sys.modules)
others = {m for m in sys.modules if m.startswith("ivrc.") and not m.startswith("ivrc.prompts")}
print(sorted(loaded), sorted(others))
"""
    done = subprocess.run([sys.executable, "-c", code, source, cache], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[] []\n", "")


def test_without_the_audio_extra_the_error_says_what_to_install(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soxr", None)
    error = error_of(recording(source), cache)
    assert error.kind == "no-audio-extra"
    assert "ivrc[audio]" in error.hint


@pytest.mark.parametrize("damage", ["truncate", "empty", "remove", "flip", "manifest", "no-manifest", "folder"])
@pytest.mark.parametrize("extension", ["ulaw", "alaw", "sln16"])
def test_a_damaged_cache_is_rebuilt(damage: str, extension: str, tmp_path: Path, cache: Path) -> None:
    source = recording(write(tmp_path / "a.wav"), 2)
    files = render(source, cache=cache)
    good = {extension: path.read_bytes() for extension, path in files.items()}
    victim = files[extension]
    if damage == "truncate":
        os.truncate(victim, 1000)
    elif damage == "empty":
        os.truncate(victim, 0)
    elif damage == "flip":
        victim.write_bytes(b"\0" * 5 + good[extension][5:])
    elif damage in ("remove", "folder"):
        victim.unlink()
    elif damage == "manifest":
        victim.with_suffix(".ok").write_bytes(b"\xff nonsense")
    else:
        victim.with_suffix(".ok").unlink()
    if damage == "folder":
        victim.mkdir()
        with pytest.raises(OSError):
            render(source, cache=cache)
        victim.rmdir()
    again = render(source, cache=cache)
    assert {extension: path.read_bytes() for extension, path in again.items()} == good


def test_a_damaged_cached_duration_is_measured_again(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav")
    assert duration(source, cache=cache) == 1.0
    for kept in cache.glob("*.seconds"):
        kept.write_text("9.0")
    assert duration(source, cache=cache) == 1.0


def test_a_full_disk_is_an_error_and_leaves_no_half_file(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recording(write(tmp_path / "a.wav"))

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            render(source, cache=cache)
    assert list(cache.iterdir()) == []
    assert render(source, cache=cache)["ulaw"].stat().st_size == 8000


def test_a_crash_between_files_is_not_taken_for_a_result(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recording(write(tmp_path / "a.wav"))
    written: list[str] = []
    whole_write = prompt_cache._write

    def die_at_the_third(path: Path, data: bytes) -> None:
        written.append(path.suffix)
        if len(written) == 3:
            raise KeyboardInterrupt
        whole_write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(prompt_cache, "_write", die_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            render(source, cache=cache)
    assert render(source, cache=cache)["sln16"].stat().st_size == 32000


def test_many_at_once_give_one_whole_result(tmp_path: Path, cache: Path) -> None:
    sources = [recording(write(tmp_path / f"a{i % 2}.{e}", 44100), 2) for i, e in enumerate(["mp3", "wav", "flac"])]
    results: list[dict[str, bytes]] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for source in sources:
                results.append({e: p.read_bytes() for e, p in render(source, cache=cache).items()})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    code = (
        "import sys; from pathlib import Path; from ivrc.prompts import *\n"
        "for path in map(Path, sys.argv[2:]):\n"
        "    render(Recording(path=path, fit=Fit(2, 'repeat')), cache=Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(cache), *(str(source.path) for source in sources)]
    others = [subprocess.Popen(command) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0]
    assert not failures
    assert len(results) == 24
    assert all({e: len(d) for e, d in r.items()} == {"ulaw": 16000, "alaw": 16000, "sln16": 64000} for r in results)
    assert len({r["sln16"] for r in results}) == 3
    assert not [path for path in cache.iterdir() if path.name.startswith(".")]


def test_the_bytes_are_the_same_in_another_cache(tmp_path: Path) -> None:
    source = recording(write(tmp_path / "a.mp3", 44100), 3)
    one, two = (render(source, cache=tmp_path / name) for name in ("one", "two"))
    assert {p.name: p.read_bytes() for p in one.values()} == {p.name: p.read_bytes() for p in two.values()}


def test_full_disk_says_which_file_it_had_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        prompt_cache.store(tmp_path, "key", {"ulaw": b"x"})
    assert caught.value.filename == str(tmp_path / "key.ulaw")
