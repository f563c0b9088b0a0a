"""`-k`: which tests are run. Words with `and`, `or`, `not`, as pytest has them, but without brackets."""

from __future__ import annotations

import re

from ivrc.testing.suites import Wanted


def wanted_by(words: str) -> Wanted:
    """A test is wanted if one of the parts between `or`s fits; a part fits if all its words do.

    A word fits if the test's name, or its file's, contains it, in whatever letter case; `not` turns a word round.
    """
    ways = [_words(part) for part in re.split(r"\s+or\s+", words.strip()) if part.strip()]
    if not ways:
        return lambda _file, _name: True

    def wanted(file: str, name: str) -> bool:
        text = f"{file} {name}".casefold()
        return any(all((word in text) != negated for word, negated in way) for way in ways)

    return wanted


def _words(part: str) -> list[tuple[str, bool]]:
    found = []
    for word in re.split(r"\s+and\s+", part.strip()):
        negated = word.startswith("not ")
        found.append((word.removeprefix("not ").strip().casefold(), negated))
    return found
