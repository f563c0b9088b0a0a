"""Prompts are cut, padded and repeated to exact lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from ivrc.prompts import duration, render
from tests.prompts.audio import error_of, recording, tone, write


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("seconds", [0.3, 8, 2.5])
@pytest.mark.parametrize("fill", ["repeat", "silence"])
def test_the_length_is_exact_to_the_sample(
    rate: int, seconds: float, fill: Literal["repeat", "silence"], tmp_path: Path, cache: Path
) -> None:
    out = render(recording(write(tmp_path / "a.wav", rate), seconds, fill), cache=cache)
    assert {extension: path.stat().st_size for extension, path in out.items()} == {
        "ulaw": round(seconds * 8000),
        "alaw": round(seconds * 8000),
        "sln16": round(seconds * 32000),
    }


@pytest.mark.parametrize(("rate", "length"), [(8000, 8000), (44100, 44100), (44100, 44107), (22050, 10001)])
def test_a_short_recording_starts_anew_exactly_where_it_ends(
    rate: int, length: int, tmp_path: Path, cache: Path
) -> None:
    source = write(tmp_path / "a.wav", rate, tone(rate, 2)[:length])
    once = render(recording(source), cache=cache)
    long = render(recording(source, 3.7), cache=cache)
    for extension, path in long.items():
        unit = once[extension].read_bytes()
        assert path.read_bytes() == (unit * 10)[: path.stat().st_size]


def test_a_long_recording_is_cut_and_a_short_one_padded(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav", 8000, tone(8000, 2))
    whole = render(recording(source), cache=cache)["ulaw"].read_bytes()
    assert render(recording(source, 0.5), cache=cache)["ulaw"].read_bytes() == whole[:4000]
    padded = render(recording(source, 3, "silence"), cache=cache)
    assert padded["ulaw"].read_bytes() == whole + b"\xff" * 8000
    assert padded["sln16"].read_bytes()[64000:] == bytes(32000)


@pytest.mark.parametrize("seconds", [0, -1, 3601, float("nan"), float("inf")])
def test_impossible_lengths_are_refused(seconds: float, tmp_path: Path, cache: Path) -> None:
    assert error_of(recording(write(tmp_path / "a.wav"), seconds), cache).kind == "unreadable"


def test_duration(tmp_path: Path, cache: Path) -> None:
    assert duration(write(tmp_path / "a.wav", 44100, tone(44100, 1.5)), cache=cache) == 1.5
    assert duration(write(tmp_path / "a.flac", 48000, tone(48000, 0.25)), cache=cache) == 0.25
    assert duration(write(tmp_path / "a.mp3", 44100, tone(44100, 2)), cache=cache) == pytest.approx(2, abs=0.06)
