"""Recordings to try prompts with, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest

from ivrc.prompts import (
    Fit,
    PromptError,
    Recording,
    Speech,
    render,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[Any]

np = pytest.importorskip("numpy")
sf = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

TONE = 440.0


def tone(rate: int, seconds: float = 1.0, hertz: float = TONE, level: float = 0.5) -> Samples:
    samples: Samples = level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)
    return samples


def write(path: Path, rate: int = 8000, samples: Samples | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(str(path), tone(rate) if samples is None else samples, rate, **options)
    return path


def samples_of(path: Path) -> Samples:
    """Full scale = 1.0, from one of the three rendered files."""
    rate, subtype = {"ulaw": (8000, "ULAW"), "alaw": (8000, "ALAW"), "sln16": (16000, "PCM_16")}[path.suffix[1:]]
    options = {"endian": "LITTLE"} if subtype == "PCM_16" else {}
    samples: Samples
    samples, _ = sf.read(str(path), samplerate=rate, channels=1, format="RAW", subtype=subtype, **options)
    return samples


def pitch(path: Path) -> float:
    """Hertz of the strongest tone in a rendered file."""
    samples = samples_of(path)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum)) * (16000 if path.suffix == ".sln16" else 8000) / samples.size


def recording(path: Path, seconds: float | None = None, fill: Literal["repeat", "silence"] = "repeat") -> Recording:
    return Recording(path=path, fit=None if seconds is None else Fit(seconds, fill))


def error_of(source: Recording | Speech, cache: Path) -> PromptError:
    with pytest.raises(PromptError) as caught:
        render(source, cache=cache)
    assert caught.value.message and "\n" not in caught.value.message
    assert str(cache.parent) not in caught.value.message, "a machine's path in a message"
    left = sorted(cache.glob("*")) if cache.exists() else []
    assert not left, "a refused prompt left something in the cache"
    return caught.value


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
