"""Prompts of an office: are they there, and the files made of them for Asterisk."""

from __future__ import annotations

from pathlib import Path

from ivrc.diagnostics import Diagnostic
from ivrc.output import Content
from ivrc.prompts import Fit, PromptError, Recording, Speech, find_prompt, near_names, render
from ivrc.resources import cache_folder
from ivrc.source import Source
from ivrc.unit import SoundFile

_CODES = {
    "missing": "IVR407",
    "unreadable": "IVR408",
    "no-audio-extra": "IVR408",
    "no-espeak": "IVR409",
    "no-voice": "IVR409",
}


def check_sounds(
    sounds: tuple[SoundFile, ...], folder: Path, sources: tuple[Source, ...]
) -> list[Diagnostic]:
    """Report every prompt whose file is not there."""
    diagnostics: dict[str, Diagnostic] = {}
    for sound in sounds:
        if sound.kind != "file" or find_prompt(folder / sound.folder, sound.text, sound.language) is not None:
            continue
        near = near_names(folder / sound.folder, sound.text, sound.language)
        place = f"put it into {sound.folder}/ or {sound.folder}/{sound.language}/ beside the source"
        help_ = "did you mean " + " or ".join(f"`{name}`" for name in near) + "?" if near else place
        start, end = _at(sound, sources)
        diagnostics[sound.text] = Diagnostic(
            "IVR407", start, end, f"there is no prompt `{sound.text}` in {sound.folder}/", help_
        )
    return list(diagnostics.values())


def make_sounds(
    sounds: tuple[SoundFile, ...], folder: Path, sources: tuple[Source, ...]
) -> tuple[dict[str, Content], list[Diagnostic]]:
    """Output name → file to copy, for each format of each sound."""
    if not sounds:
        return {}, []
    cache = cache_folder()
    if cache is None:
        import tempfile

        cache = Path(tempfile.gettempdir())
    made: dict[str, Content] = {}
    diagnostics: list[Diagnostic] = []
    for sound in sounds:
        try:
            files = render(_source_of(sound, folder), cache=cache / "prompts")
        except PromptError as fault:
            diagnostics.append(
                Diagnostic(_CODES[fault.kind], *_at(sound, sources), fault.message, fault.hint)
            )
            continue
        for extension, path in files.items():
            made[f"sounds/{sound.language}/{sound.name}.{extension}"] = path
    return made, diagnostics


def _source_of(sound: SoundFile, folder: Path) -> Recording | Speech:
    fit = None
    if sound.seconds is not None:
        fit = Fit(float(sound.seconds), "repeat" if sound.fill == "repeat" else "silence")
    if sound.kind == "speech":
        return Speech(text=sound.text, language=sound.language, fit=fit)
    path = find_prompt(folder / sound.folder, sound.text, sound.language)
    if path is None:
        raise PromptError("missing", f"there is no prompt `{sound.text}` any more", "")
    return Recording(path=path, fit=fit)


def _at(sound: SoundFile, sources: tuple[Source, ...]) -> tuple[int, int]:
    index, start, end = sound.at
    return sources[index].base + start, sources[index].base + end
