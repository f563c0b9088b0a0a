"""Mono samples -> the three files that Asterisk plays without transcoding at 8 and 16 kHz."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Literal, NamedTuple

from ivrc.prompts.libraries import Libraries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ivrc.prompts.libraries import Samples

NARROW, WIDE = 8000, 16000  # samples a second


class Converted(NamedTuple):
    """Both widths of one recording, `wide` with exactly twice the samples of `narrow`; its length."""

    narrow: Samples
    wide: Samples
    seconds: float


def resample(pieces: Iterable[Samples], rate: int, libraries: Libraries) -> Converted:
    """Bring pieces at `rate` samples a second to 8 and 16 kHz: high quality, the same samples each time."""
    import numpy as np

    streams = {
        target: libraries.soxr.ResampleStream(rate, target, 1, dtype="float32", quality="HQ")
        for target in (NARROW, WIDE)
        if target != rate
    }
    parts: dict[int, list[Samples]] = {NARROW: [], WIDE: []}
    total = 0
    for piece in pieces:
        total += piece.size
        for target, done in parts.items():
            done.append(streams[target].resample_chunk(piece) if target in streams else piece)
    for target, stream in streams.items():
        parts[target].append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    length = max(1, round(total * NARROW / rate))
    return Converted(
        _exactly(np.concatenate(parts[NARROW]), length),
        _exactly(np.concatenate(parts[WIDE]), 2 * length),
        total / rate,
    )


def fit(samples: Samples, length: int, fill: Literal["repeat", "silence"]) -> Samples:
    """Exactly `length` samples: cut, or repeated from the start, or followed by silence."""
    import numpy as np

    if fill == "repeat" and samples.size < length:
        return np.resize(samples, length)
    return _exactly(samples, length)


def encode(narrow: Samples, wide: Samples, libraries: Libraries) -> dict[str, bytes]:
    """Extension -> file content; what exceeds full scale is turned down as a whole."""
    narrow16 = _pcm16(narrow)
    return {
        "ulaw": _companded(narrow16, "ULAW", libraries),
        "alaw": _companded(narrow16, "ALAW", libraries),
        "sln16": _pcm16(wide).astype("<i2").tobytes(),
    }


def _exactly(samples: Samples, length: int) -> Samples:
    """The first `length` samples, followed by silence where there are fewer."""
    import numpy as np

    return samples[:length] if samples.size >= length else np.pad(samples, (0, length - samples.size))


def _pcm16(samples: Samples) -> NDArray[np.int16]:
    """Sixteen bits; a 16-bit source at its own rate comes out as it went in."""
    import numpy as np

    peak = max(1.0, float(samples.max()), -float(samples.min()))
    scaled = np.rint(samples * np.float32(32768.0 / peak))
    whole: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return whole


def _companded(samples: NDArray[np.int16], law: str, libraries: Libraries) -> bytes:
    """G.711, a byte a sample."""
    out = BytesIO()
    libraries.soundfile.write(out, samples, NARROW, format="RAW", subtype=law)
    return out.getvalue()
