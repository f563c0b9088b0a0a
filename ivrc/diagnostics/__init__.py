"""Faults and warnings as values: what is wrong, where, and what to do about it."""

from __future__ import annotations

from ivrc.diagnostics.codes import CODES
from ivrc.named import NamedTuple


def severity_of(code: str) -> str:
    """`error`, or `warning` for the 9xx codes."""
    return "warning" if code.startswith("IVR9") else "error"


class Label(NamedTuple):
    """A second place that a diagnostic speaks of (`first declared here`)."""

    start: int
    end: int
    text: str


class Diagnostic(NamedTuple):
    """One fault or warning; `start` and `end` are positions in the compilation's Sources (-1: no place)."""

    code: str
    start: int
    end: int
    message: str
    help: str = ""
    labels: tuple[Label, ...] = ()

    @property
    def severity(self) -> str:
        """`error` or `warning`."""
        return severity_of(self.code)


def has_errors(diagnostics: list[Diagnostic]) -> bool:
    """Whether any of the diagnostics is an error."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


# Characters of a word that is compared: difflib takes the square of it in time, and no name is so long.
_LONGEST_COMPARED = 200


def did_you_mean(word: str, known: list[str]) -> str:
    """`did you mean …?` with the nearest known word, or an empty string."""
    near = []
    if len(word) <= _LONGEST_COMPARED:
        from difflib import get_close_matches

        # What differs so much in length that it cannot be near is not compared at all.
        cutoff = 0.6
        able = [name for name in known if 2 * min(len(word), len(name)) >= cutoff * (len(word) + len(name))]
        near = get_close_matches(word, able, n=1, cutoff=cutoff)
    if not near:
        folded = {name.casefold(): name for name in known}
        match = folded.get(word.casefold())
        near = [match] if match else []
    return f"did you mean `{near[0]}`?" if near else ""


__all__ = ["CODES", "Diagnostic", "Label", "did_you_mean", "has_errors", "severity_of"]
