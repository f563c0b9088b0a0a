"""Prompts to the names under which Asterisk plays them."""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.lower.cursor import Pen
from ivrc.marks import CONTENT


def sound(pen: Pen, prompt: m.Prompt, seconds: int | None = None, fill: str = "repeat") -> str:
    """The name to play; what is not Asterisk's own is noted as a file to make, of exactly `seconds` if given."""
    if prompt.kind == "own":
        pen.needs.own_sounds.add(prompt.text)
        return prompt.text
    # Imported when used: an office may play Asterisk's own sounds only.
    from ivrc.prompts import deployed_name, speech_name

    base = speech_name(prompt.text, pen.language) if prompt.kind == "speech" else deployed_name(prompt.text)
    suffix = "" if seconds is None else f"-{seconds}s" if fill == "repeat" else f"-wait{seconds}s"
    name = f"ivrc/{pen.office}/{base}{suffix}{CONTENT}"
    if name not in pen.needs.sounds:
        pen.needs.sounds[name] = ir.Sound(
            name, prompt.kind, prompt.text, pen.language, pen.folder, seconds, fill, prompt.start, prompt.end
        )
    return name
