"""What is no prompt is refused, with the reason."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from ivrc.prompts import PromptError, render
from tests.prompts.audio import error_of, put, recording, tone, write

np = pytest.importorskip("numpy")


TEXT = "This is a letter, not a recording. Это письмо.\n".encode() * 400
ASCII = b"This is a letter, not a recording.\n" * 400


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.wav", TEXT),
        ("a.mp3", TEXT),
        ("a.ogg", TEXT),
        ("a.gsm", TEXT),
        ("a.ulaw", ASCII),
        ("a.sln", ASCII),
        ("a.wav", b""),
        ("a.ulaw", b""),
        ("a.mp3", bytes(5000)),
        ("a.wav", b"RIFF"),
        (
            "a.wav",
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0",
        ),
        ("a.m4a", b"\0\0\0\x20ftypM4A " + bytes(range(256)) * 8),
        ("a.g722", bytes(range(256)) * 30),
    ],
)
def test_what_is_no_audio_is_refused(name: str, data: bytes, tmp_path: Path, cache: Path) -> None:
    error = error_of(recording(put(tmp_path / name, data)), cache)
    assert error.kind == "unreadable"
    assert error.message.startswith(name)


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.ogg", "a.flac", "a.aiff", "a.au"])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_file_cut_short_is_refused(
    name: str, part: float, tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / name, 44100, tone(44100, 10)).read_bytes()
    error = error_of(recording(put(tmp_path / name, data[: int(len(data) * part)])), cache)
    assert error.kind == "unreadable"
    assert error.hint
    assert capfd.readouterr() == ("", ""), "a library wrote to the terminal"


def test_a_wav_written_to_a_pipe_does_not_know_its_size_and_is_whole(tmp_path: Path, cache: Path) -> None:
    data = bytearray(write(tmp_path / "a.wav").read_bytes())
    for unknown in (0xFFFFFFFF, 0x7FFFF000):
        data[40:44] = unknown.to_bytes(4, "little")
        assert render(recording(put(tmp_path / "b.wav", bytes(data))), cache=cache)["ulaw"].stat().st_size == 8000


def test_no_damaged_file_gets_past_as_anything_but_a_prompt_error(tmp_path: Path, cache: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("a.mp3", "a.wav", "a.ogg", "a.flac", "a.aiff"):
        whole = write(tmp_path / name, 44100, tone(44100, 0.3)).read_bytes()
        for _ in range(15):
            data = bytearray(whole)
            for at in rng.integers(0, min(len(data), 600), 6):
                data[at] = rng.integers(0, 256)
            try:
                out = render(recording(put(tmp_path / name, bytes(data))), cache=cache)
            except PromptError:
                continue
            assert out["sln16"].stat().st_size == 4 * out["ulaw"].stat().st_size > 0


def test_float_nonsense_is_refused(tmp_path: Path, cache: Path) -> None:
    for nonsense in (np.nan, np.inf, 1e30):
        data = tone(8000)
        data[100] = nonsense
        source = write(tmp_path / "a.wav", 8000, data, subtype="FLOAT")
        assert error_of(recording(source), cache).kind == "unreadable"


def test_longer_than_an_hour_is_refused_before_it_is_read(tmp_path: Path, cache: Path) -> None:
    source = tmp_path / "a.ulaw"
    with source.open("wb") as file:
        file.truncate(2 * 3600 * 8000)
    started = time.monotonic()
    assert "hour" in error_of(recording(source), cache).message
    assert time.monotonic() - started < 2


def test_folder_pipe_socket_and_missing(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    (tmp_path / "d.wav").mkdir()
    os.mkfifo(tmp_path / "p.wav")
    assert "folder" in error_of(recording(tmp_path / "d.wav"), cache).message
    assert error_of(recording(tmp_path / "p.wav"), cache).kind == "unreadable"
    assert error_of(recording(tmp_path / "no.wav"), cache).kind == "missing"
    assert error_of(recording(tmp_path / "d.wav" / "x" / "no.wav"), cache).kind == "missing"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.wav")
        assert error_of(recording(tmp_path / "s.wav"), cache).kind == "unreadable"


def test_a_file_without_permission_is_unreadable(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.wav")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:  # root may read everything
        patched.setattr(Path, "open", refuse)
        error = error_of(recording(source), cache)
    assert (error.kind, error.message) == ("unreadable", "a.wav cannot be read: permission denied")
