"""Recording or text -> cached files for Asterisk. A cached prompt costs a few reads and no audio library."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from ivrc.prompts import cache as kept
from ivrc.prompts.errors import PromptError
from ivrc.prompts.formats import LONGEST, RAW, split_extension

if TYPE_CHECKING:
    from ivrc.prompts.convert import Converted

_FORMAT = "ivrc-prompt-1"  # to be raised when the same source should give other bytes
_EXTENSIONS = ("ulaw", "alaw", "sln16")
_LARGEST = 4 << 30  # bytes: an hour in the most lavish usual format


@dataclass(frozen=True, slots=True)
class Fit:
    """An exact length in seconds: longer audio is cut, shorter repeated from its start or padded."""

    seconds: float
    fill: Literal["repeat", "silence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """An audio file of the administrator's, as `find_prompt` found it."""

    path: Path
    fit: Fit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """A text to be spoken in a language ("ru", "en", "pt-BR")."""

    text: str
    language: str
    fit: Fit | None


def render(source: Recording | Speech, *, cache: Path) -> dict[str, Path]:
    """Extension ("ulaw", "alaw", "sln16") -> file in `cache`. PromptError; OSError where it is unwritable."""
    if source.fit is not None and not 0 < source.fit.seconds <= LONGEST:
        raise PromptError(
            "unreadable",
            f"a prompt cannot last {source.fit.seconds:g} s",
            "give a length between 0 s and an hour",
        )
    if isinstance(source, Speech):
        return _render_speech(source, cache)
    with _opened(source.path) as file:
        key = _key("file", _identity(file, source.path), _fit_id(source.fit))
        found = kept.look_up(cache, key, _EXTENSIONS)
        return found or _convert_and_store(file, source.path.name, source.fit, cache, key)


def duration(source_path: Path, *, cache: Path) -> float:
    """How long the file plays, in seconds. PromptError; OSError where `cache` cannot be written."""
    with _opened(source_path) as file:
        key = _key("seconds", _identity(file, source_path))
        found = kept.look_up(cache, key, ("seconds",))
        if found is None:
            seconds = _decode(file, source_path.name).seconds
            found = kept.store(cache, key, {"seconds": repr(seconds).encode()})
    return float(found["seconds"].read_text("ascii"))


def _render_speech(source: Speech, cache: Path) -> dict[str, Path]:
    """The text's files, spoken only when they are not cached."""
    from ivrc.prompts import speech

    voice = speech.voice_for(source.language)
    key = _key("say", speech.engine_version(), voice, source.text, _fit_id(source.fit))
    found = kept.look_up(cache, key, _EXTENSIONS)
    if found is not None:
        return found
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        spoken = Path(folder) / "speech.wav"
        speech.synthesize(source.text, source.language, spoken)
        with _opened(spoken) as file:
            return _convert_and_store(file, "the spoken text", source.fit, cache, key)


def _convert_and_store(file: BinaryIO, name: str, fit: Fit | None, cache: Path, key: str) -> dict[str, Path]:
    """Do the work that the cache saves the next time."""
    from ivrc.prompts import convert
    from ivrc.prompts.libraries import load

    narrow, wide, _ = _decode(file, name)
    if fit is not None:
        length = max(1, round(fit.seconds * convert.NARROW))
        narrow, wide = convert.fit(narrow, length, fit.fill), convert.fit(wide, 2 * length, fit.fill)
    return kept.store(cache, key, convert.encode(narrow, wide, load()))


def _decode(file: BinaryIO, name: str) -> Converted:
    """The whole recording at both sampling rates."""
    from ivrc.prompts import convert
    from ivrc.prompts.decode import Decoder
    from ivrc.prompts.libraries import load

    libraries = load()
    decoder = Decoder(file, name, libraries)
    return convert.resample(decoder.pieces(), decoder.rate, libraries)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """The file, open and standing at its start: what is hashed and what is decoded are the same bytes."""
    try:
        _check_kind(path.name, path.stat())
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PromptError("missing", f"{path.name} does not exist", "") from error
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise PromptError("unreadable", f"{path.name} cannot be read: {reason}", "check its permissions") from error
    with file:
        yield file


def _check_kind(name: str, status: os.stat_result) -> None:
    """Refuse, before opening, what is no file with bytes in it: opening a named pipe waits for ever."""
    if stat.S_ISDIR(status.st_mode):
        raise PromptError("unreadable", f"{name} is a folder, not an audio file", "")
    if not stat.S_ISREG(status.st_mode):
        raise PromptError("unreadable", f"{name} is not a regular file", "")
    if status.st_size == 0:
        raise PromptError("unreadable", f"{name} is empty", "copy or export the file again")
    if status.st_size > _LARGEST:
        raise PromptError("unreadable", f"{name} is larger than 4 GB, too long for a prompt", "shorten it")


def _identity(file: BufferedReader, path: Path) -> str:
    """A hash of the bytes and, where only the extension says how to read them, that extension."""
    try:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PromptError("unreadable", f"{path.name} cannot be read: {error.strerror}", "") from error
    file.seek(0)
    extension = split_extension(path.name)[1]
    return f"{digest} {extension if extension in RAW else ''}"


def _fit_id(fit: Fit | None) -> str:
    """The part of a key that tells two lengths of one source apart."""
    return "whole" if fit is None else f"{round(fit.seconds * 8000)} {fit.fill}"


def _key(*parts: str) -> str:
    """A file name in the cache."""
    joined = "\0".join((_FORMAT, *parts)).encode(errors="surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:40]
