"""Prompts in every usual format become what Asterisk plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivrc.prompts import render
from ivrc.prompts.formats import RAW
from tests.prompts.audio import TONE, pitch, recording, samples_of, tone, write

np = pytest.importorskip("numpy")


CONTAINERS = [
    ("a.wav", 8000, {"subtype": "PCM_16"}),
    ("a.wav", 44100, {"subtype": "PCM_24"}),
    ("a.wav", 48000, {"subtype": "FLOAT"}),
    ("a.wav", 8000, {"subtype": "ULAW"}),
    ("a.wav49", 8000, {"format": "WAV", "subtype": "GSM610"}),
    ("a.wav", 11025, {"subtype": "PCM_U8"}),
    ("a.mp3", 44100, {}),
    ("a.ogg", 44100, {"subtype": "VORBIS"}),
    ("a.opus", 48000, {"format": "OGG", "subtype": "OPUS"}),
    ("a.flac", 22050, {}),
    ("a.aiff", 44100, {}),
    ("a.au", 16000, {}),
    ("a.caf", 32000, {}),
    ("a.mp3", 16000, {"format": "WAV"}),  # a wrong extension does not matter where the content says it
    ("a.ulaw", 8000, {"format": "WAV"}),
]
HEADERLESS = [(f"a.{extension}", raw.rate, {"format": "RAW", "subtype": raw.subtype}) for extension, raw in RAW.items()]


@pytest.mark.parametrize(("name", "rate", "options"), CONTAINERS + HEADERLESS)
def test_a_tone_survives_from_every_format(
    name: str, rate: int, options: dict[str, Any], tmp_path: Path, cache: Path
) -> None:
    out = render(recording(write(tmp_path / name, rate, **options)), cache=cache)
    assert list(out) == ["ulaw", "alaw", "sln16"]
    for path in out.values():
        assert pitch(path) == pytest.approx(TONE, abs=3)
        middle = samples_of(path)[2000:-2000]
        assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)
    assert out["ulaw"].stat().st_size == out["alaw"].stat().st_size
    assert out["sln16"].stat().st_size == 4 * out["ulaw"].stat().st_size
    assert out["ulaw"].stat().st_size == pytest.approx(8000, abs=400)  # codecs pad to whole frames


def test_sixteen_bits_at_their_own_rate_are_not_touched(tmp_path: Path, cache: Path) -> None:
    data = np.random.default_rng(7).integers(-32768, 32767, 16000, dtype=np.int16, endpoint=True)
    out = render(recording(write(tmp_path / "a.wav", 16000, data)), cache=cache)
    assert out["sln16"].read_bytes() == data.astype("<i2").tobytes()


@pytest.mark.parametrize(("extension", "silence"), [("ulaw", 0xFF), ("alaw", 0xD5)])
def test_telephone_files_come_out_as_they_went_in(extension: str, silence: int, tmp_path: Path, cache: Path) -> None:
    data = bytes([silence] * 10) + bytes(b for b in range(256) if b != 0x7F) * 4  # 0x7F is u-law's second zero
    source = tmp_path / f"a.{extension}"
    source.write_bytes(data)
    assert render(recording(source), cache=cache)[extension].read_bytes() == data


def test_both_g711_laws_are_within_their_quantisation_of_the_wide_file(tmp_path: Path, cache: Path) -> None:
    data = tone(8000, 1.0, 300) * np.linspace(0, 1.9, 8000)
    out = render(recording(write(tmp_path / "a.wav", 8000, data, subtype="PCM_16")), cache=cache)
    for law in ("ulaw", "alaw"):
        assert np.all(np.abs(samples_of(out[law]) - data) <= np.abs(data) / 16 + 0.001)


# --- mixing, level ----------------------------------------------------------------------------------


def test_stereo_is_mixed_not_halved_to_one_side(tmp_path: Path, cache: Path) -> None:
    both = np.stack([tone(44100, hertz=500), tone(44100, hertz=1500)], axis=1)
    out = render(recording(write(tmp_path / "a.wav", 44100, both)), cache=cache)
    spectrum = np.abs(np.fft.rfft(samples_of(out["sln16"])))
    assert spectrum[500] == pytest.approx(spectrum[1500], rel=0.02)
    assert spectrum[500] > 50 * spectrum[1000]


def test_what_exceeds_full_scale_is_turned_down_and_never_wraps(tmp_path: Path, cache: Path) -> None:
    loud = write(tmp_path / "a.wav", 44100, tone(44100, level=3.0), subtype="FLOAT")
    out = render(recording(loud), cache=cache)
    for path in out.values():
        samples = samples_of(path)
        spectrum = np.abs(np.fft.rfft(samples))
        assert np.abs(samples).max() > 0.95
        assert spectrum[int(TONE) * 3] < spectrum[int(TONE)] / 50, "clipped: a third harmonic"


def test_nothing_above_the_telephone_band_folds_back(tmp_path: Path, cache: Path) -> None:
    out = render(recording(write(tmp_path / "a.wav", 44100, tone(44100, hertz=6000))), cache=cache)
    assert pitch(out["sln16"]) == pytest.approx(6000, abs=2)
    assert np.abs(samples_of(out["ulaw"])[500:-500]).max() < 0.01
