"""The one error of this package: what is wrong with a prompt, in the administrator's words."""

from __future__ import annotations

from typing import Literal

Kind = Literal["missing", "unreadable", "no-espeak", "no-audio-extra", "no-voice"]


class PromptError(Exception):
    """A prompt cannot be made; `message`: one line for the user; `hint`: what to do, or empty."""

    def __init__(self, kind: Kind, message: str, hint: str = "") -> None:
        message = "".join(c if c.isprintable() else "?" for c in message)  # a file's name may hold anything
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.hint = hint
