"""Prompts of an office: are they there, and the files made of them for Asterisk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ivrc.diagnostics import Diagnostic
from ivrc.marks import unmarked
from ivrc.output import Content
from ivrc.resources import cache_folder
from ivrc.unit import Office, SoundFile

if TYPE_CHECKING:
    from ivrc.prompts import Recording, Speech

# `ivrc.prompts` is imported when used: an office may play Asterisk's own sounds only.
_CODES = {
    "missing": "IVR407",
    "unreadable": "IVR408",
    "no-audio-extra": "IVR408",
    "no-espeak": "IVR409",
    "no-voice": "IVR409",
}


def check_sounds(office: Office) -> list[Diagnostic]:
    """Report every prompt whose file is not there."""
    if not office.unit.sounds:
        return []
    from ivrc.prompts import find_prompt, near_names

    diagnostics: dict[str, Diagnostic] = {}
    folder = office.root.parent
    for sound in office.unit.sounds:
        if sound.kind != "file" or find_prompt(folder / sound.folder, sound.text, sound.language) is not None:
            continue
        near = near_names(folder / sound.folder, sound.text, sound.language)
        place = f"put it into {sound.folder}/ or {sound.folder}/{sound.language}/ beside the source"
        help_ = "did you mean " + " or ".join(f"`{name}`" for name in near) + "?" if near else place
        message = f"there is no prompt `{sound.text}` in {sound.folder}/"
        diagnostics[sound.text] = Diagnostic("IVR407", *office.positions(sound.at), message, help_)
    return list(diagnostics.values())


def make_sounds(office: Office) -> tuple[dict[str, Content], list[Diagnostic]]:
    """Output name → file to copy, for each format of each sound. OSError if there is no room for them."""
    if not office.unit.sounds:
        return {}, []
    from ivrc.prompts import PromptError, render

    cache = cache_folder()
    if cache is None:
        import tempfile

        cache = Path(tempfile.gettempdir())
    made: dict[str, Content] = {}
    diagnostics: list[Diagnostic] = []
    for sound in office.unit.sounds:
        try:
            files = render(_source_of(sound, office.root.parent), cache=cache / "prompts")
        except PromptError as fault:
            code = "IVR409" if sound.kind == "speech" else _CODES[fault.kind]
            found = Diagnostic(code, *office.positions(sound.at), fault.message, fault.hint)
            diagnostics.append(found)
            continue
        for extension, path in files.items():
            made[f"sounds/{sound.language}/{unmarked(sound.name)}.{extension}"] = path
    return made, diagnostics


def _source_of(sound: SoundFile, folder: Path) -> Recording | Speech:
    from ivrc.prompts import Fit, PromptError, Recording, Speech, find_prompt

    fit = None
    if sound.seconds is not None:
        fit = Fit(float(sound.seconds), "repeat" if sound.fill == "repeat" else "silence")
    if sound.kind == "speech":
        return Speech(text=sound.text, language=sound.language, fit=fit)
    path = find_prompt(folder / sound.folder, sound.text, sound.language)
    if path is None:
        raise PromptError("missing", f"there is no prompt `{sound.text}` any more", "")
    return Recording(path=path, fit=fit)
