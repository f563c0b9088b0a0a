"""Any usual audio file -> mono samples, in pieces; what is broken is refused in plain words."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from ivrc.prompts.errors import PromptError
from ivrc.prompts.formats import FOREIGN, LONGEST, RAW, RawFormat, split_extension
from ivrc.prompts.libraries import Libraries, Sound

if TYPE_CHECKING:
    from ivrc.prompts.libraries import Samples

_LOUDEST = 1e9  # times full scale; resampling what is louder would overflow
_PIECE = 1 << 18  # samples over all channels
_RATES = range(4000, 384_001)
_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd", b"caff", b"riff")
_TEXT = bytes({9, 10, 13, *range(32, 127)})
_EXPORT = "export it again as WAV (16 bit, mono, 8 or 16 kHz is enough)"

# libsndfile's log tells what the header promised and what was there. Programs that write to a pipe promise
# (almost) 2 or 4 GB because they do not know: that is no damage.
_PROMISED = re.compile(r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_SIZE = 0x7F000000

_stderr_lock = threading.Lock()


def too_long(name: str) -> PromptError:
    """The error for anything above `LONGEST`."""
    return PromptError(
        "unreadable",
        f"{name} is longer than an hour, too long for a prompt",
        "shorten it to what callers should hear",
    )


def unreadable(name: str, why: str, hint: str = _EXPORT) -> PromptError:
    """The error for a file that is there and is no use."""
    return PromptError("unreadable", f"{name} {why}", hint)


class Decoder:
    """An open recording: `rate` in samples a second, and its mono samples by `pieces()`."""

    def __init__(self, file: BinaryIO, name: str, libraries: Libraries) -> None:
        self._file, self._name, self._errors = file, name, (libraries.soundfile.SoundFileError, RuntimeError)
        extension = split_extension(name)[1]
        head = file.read(4096)
        headed = head.startswith(_MAGIC)
        raw = None if headed or extension not in RAW else RAW[extension]
        self._noisy = not headed and raw is None
        if raw is not None:
            _check_raw(file, head, raw, name)
        self._ends = not head.startswith(b"OggS") or _ogg_ends(file)
        with _silent(self._noisy):
            self._sound = self._open(libraries, raw, extension)
        self.rate = self._sound.samplerate

    def _open(self, libraries: Libraries, raw: RawFormat | None, extension: str) -> Sound:
        """Open by content, or as the headerless format that the extension names."""
        options: dict[str, object] = {}
        if raw is not None:
            options = {"format": "RAW", "subtype": raw.subtype, "samplerate": raw.rate, "channels": 1}
            if raw.subtype == "PCM_16":
                options["endian"] = "LITTLE"
        try:
            # By descriptor: of the impossible seeks in a damaged file Python would print tracebacks.
            descriptor = self._file.fileno()
            os.lseek(descriptor, 0, os.SEEK_SET)
            sound = libraries.soundfile.SoundFile(descriptor, closefd=False, **options)
        except self._errors as error:
            if extension in FOREIGN:
                raise unreadable(self._name, f"is {extension} audio, which cannot be converted here") from error
            raise unreadable(self._name, "is not an audio file that can be read, or is damaged") from error
        if sound.samplerate not in _RATES:
            raise unreadable(self._name, f"has an impossible sampling rate of {sound.samplerate} Hz")
        return sound

    def pieces(self) -> Iterator[Samples]:
        """Mono samples, full scale = 1.0; PromptError if the file is damaged, too long or empty."""
        sound, total = self._sound, 0
        try:
            if LONGEST * self.rate < sound.frames < 1 << 60:
                raise too_long(self._name)
            while (mono := self._next_piece()).size:
                total += mono.size
                if total > LONGEST * self.rate:
                    raise too_long(self._name)
                yield mono
            self._check_whole(total)
        finally:
            sound.close()

    def _next_piece(self) -> Samples:
        """The next samples, all channels averaged, which cannot make them louder."""
        import numpy as np

        try:
            with _silent(self._noisy):
                frames = self._sound.read(max(1, _PIECE // self._sound.channels), dtype="float32", always_2d=True)
        except self._errors as error:
            raise unreadable(self._name, "is damaged or cut short") from error
        mono = frames[:, 0] if self._sound.channels == 1 else frames.mean(axis=1, dtype=np.float32)
        if not (np.abs(mono) < _LOUDEST).all():  # neither infinite nor "not a number"
            raise unreadable(self._name, "holds samples that are no sound")
        return mono

    def _check_whole(self, total: int) -> None:
        """Refuse what ends before its own header says: half a prompt is worse than none."""
        if total == 0:
            raise unreadable(self._name, "holds no sound at all: its length is zero")
        log = self._sound.extra_info
        short = total < 0.99 * self._sound.frames < 1 << 60
        for promised, there in _PROMISED.findall(log):
            short = short or int(there) < 0.99 * int(promised) < 0.99 * _UNKNOWN_SIZE
        if short or "reports a hole" in log or not self._ends:
            raise unreadable(self._name, f"is cut short: only {total / self.rate:.1f} s of it can be read", _COPY)


_COPY = "copy the file again, or " + _EXPORT


def _ogg_ends(file: BinaryIO) -> bool:
    """Whether the last page is whole and marked as the last one (RFC 3533, section 6)."""
    most = 27 + 255 + 255 * 255  # bytes of the largest page
    file.seek(max(0, file.seek(0, os.SEEK_END) - 2 * most))
    page = file.read().rpartition(b"OggS")[2]  # from its version on: flags at 1, segment count at 22
    if len(page) < 23 or len(page) < 23 + page[22]:
        return False
    return bool(page[1] & 4) and len(page) >= 23 + page[22] + sum(page[23 : 23 + page[22]])


def _check_raw(file: BinaryIO, head: bytes, raw: RawFormat, name: str) -> None:
    """Any bytes are headerless audio; refuse what certainly is something else."""
    if not head.translate(None, _TEXT) and (b" " in head or b"\n" in head):
        raise unreadable(name, "is a text file, not audio")
    if raw.subtype == "GSM610":
        file.seek(0)
        if any(byte >> 4 != 0xD for byte in file.read(33 * 1000)[::33]):
            raise unreadable(name, "is not a GSM recording, or is damaged")


@contextmanager
def _silent(wanted: bool) -> Iterator[None]:
    """Keep the MP3 library's own remarks off the terminal: it writes them to descriptor 2, past Python."""
    if not wanted:
        yield
        return
    with _stderr_lock:
        try:
            kept = os.dup(2)
        except OSError:  # there is no descriptor 2 to protect
            yield
            return
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 2)
            os.close(sink)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
