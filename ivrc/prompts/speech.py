"""Text -> a WAV file by espeak-ng, a program of its own that is given text which stays text."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ivrc.prompts.errors import PromptError

if TYPE_CHECKING:
    from subprocess import CompletedProcess

_VOICES = {"en": "en-us"}
_VOICE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*\Z")
_INSTALL = "apt-get install espeak-ng"
_TIMEOUT = 120  # seconds; espeak-ng makes an hour of speech in less


def voice_for(language: str) -> str:
    """espeak-ng's name of the voice for a language code; PromptError "no-voice" for what is no such code."""
    voice = language.replace("_", "-").lower()
    if not _VOICE.match(voice):
        raise _no_voice(language)
    return _VOICES.get(voice, voice)


def engine_version() -> str:
    """What the engine says of itself, part of the cache's key: another version speaks differently."""
    return _version(_engine())


def synthesize(text: str, language: str, target: Path) -> None:
    """Speak `text` into the WAV file `target`; PromptError, "unreadable" where there are no words."""
    if not any(unicodedata.category(c)[0] in "LN" for c in text):
        raise PromptError("unreadable", "there is nothing to say in the text", "write words or digits to be spoken")
    options = ("-v", voice_for(language), "-b", "1", "-w", os.fspath(target), "--stdin")
    done = _run(_engine(), options, plain(text).encode(errors="replace"))
    if done.returncode == 0 and target.is_file():
        return
    said = done.stderr.decode(errors="replace").strip()
    if "voice" in said:
        raise _no_voice(language)
    raise PromptError("no-espeak", f"espeak-ng failed: {said.splitlines()[-1] if said else 'it wrote no sound'}", "")


def plain(text: str) -> str:
    """`text` without what espeak-ng would obey: [[phonemes]], commands begun by a control character."""
    harmless = "".join(c if unicodedata.category(c) != "Cc" or c == "\n" else " " for c in text)
    return re.sub(r"\[(?=\[)", "[ ", harmless)


def _engine() -> tuple[str, ...]:
    """The command line of the engine: $IVRC_ESPEAK, or espeak-ng on the PATH."""
    import shlex
    import shutil

    wish = os.environ.get("IVRC_ESPEAK", "")
    try:
        command = tuple(shlex.split(wish)) or ("espeak-ng",)
    except ValueError as error:
        raise PromptError("no-espeak", f"IVRC_ESPEAK is not a command line: {error}", "") from error
    found = shutil.which(command[0])
    if found is None:
        where = "the program that IVRC_ESPEAK names is not there" if wish else "espeak-ng is not installed"
        raise PromptError("no-espeak", f"text cannot be spoken: {where}", _INSTALL)
    return (found, *command[1:])


@cache
def _version(engine: tuple[str, ...]) -> str:
    """The first line of --version, without the path of the data."""
    done = _run(engine, ("--version",), b"")
    return done.stdout.decode(errors="replace").partition("Data at:")[0].strip()


def _run(engine: tuple[str, ...], options: tuple[str, ...], text: bytes) -> CompletedProcess[bytes]:
    """Run the engine to its end."""
    import subprocess

    try:
        return subprocess.run([*engine, *options], input=text, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = "it did not finish in time" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
        raise PromptError("no-espeak", f"espeak-ng cannot be run: {reason}", _INSTALL) from error


def _no_voice(language: str) -> PromptError:
    """The error for a language that the engine does not speak."""
    return PromptError(
        "no-voice",
        f'espeak-ng has no voice for the language "{language}"',
        "`espeak-ng --voices` lists those it has",
    )
