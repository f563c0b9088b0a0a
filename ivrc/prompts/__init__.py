"""Administrator's audio, and text to be spoken -> files that Asterisk plays without transcoding.

`find_prompt` finds the file, `render` makes ulaw, alaw and sln16 of it (or of a text), `deployed_name` and
`speech_name` say what it is called on Asterisk. Independent of the rest of ivrc; the audio libraries are
imported at the first conversion only.
"""

from __future__ import annotations

from ivrc.prompts.errors import PromptError
from ivrc.prompts.find import find_prompt, near_names
from ivrc.prompts.names import deployed_name, speech_name
from ivrc.prompts.rendering import Fit, Recording, Speech, duration, render

__all__ = [
    "Fit",
    "PromptError",
    "Recording",
    "Speech",
    "deployed_name",
    "duration",
    "find_prompt",
    "near_names",
    "render",
    "speech_name",
]
