"""The optional audio libraries, loaded at the first conversion: importing them outlasts a small compile.

soundfile and soxr carry no types; the few calls made of them are described here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, cast

from ivrc.prompts.errors import PromptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


class Sound(Protocol):
    """An open soundfile.SoundFile."""

    samplerate: int
    channels: int
    frames: int
    extra_info: str

    def read(self, frames: int, dtype: str, always_2d: bool) -> Samples:
        """Up to `frames` frames, a row each."""

    def close(self) -> None:
        """Let go of the file."""


class SoundfileModule(Protocol):
    """What is used of soundfile."""

    SoundFileError: type[Exception]

    def SoundFile(self, file: int, **options: Any) -> Sound:
        """Open a file descriptor for reading."""

    def write(self, file: BinaryIO, data: NDArray[np.int16], samplerate: int, **options: Any) -> None:
        """Encode samples into a file."""


class Resampler(Protocol):
    """A soxr.ResampleStream."""

    def resample_chunk(self, chunk: Samples, last: bool = False) -> Samples:
        """The part of the result that is ready."""


class SoxrModule(Protocol):
    """What is used of soxr."""

    def ResampleStream(
        self, in_rate: float, out_rate: float, num_channels: int, *, dtype: str, quality: str
    ) -> Resampler:
        """Open a resampler that takes its input in pieces."""


class Libraries(NamedTuple):
    """The two untyped modules."""

    soundfile: SoundfileModule
    soxr: SoxrModule


def load() -> Libraries:
    """Import what conversion needs; PromptError "no-audio-extra" where it is not installed."""
    try:
        import_module("numpy")
        return Libraries(cast(SoundfileModule, import_module("soundfile")), cast(SoxrModule, import_module("soxr")))
    except (ImportError, OSError) as error:  # OSError: soundfile is there, libsndfile is not
        raise PromptError(
            "no-audio-extra",
            "prompts cannot be converted: the audio libraries are not installed",
            "pip install 'ivrc[audio]'",
        ) from error
