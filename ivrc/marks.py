"""Marks in names: what tells one generation of an office from another when both are in one Asterisk.

Lowering leaves a hole in every name that a call in progress needs: PART after `ivrc` in an office's own names
(`ivrc~k3jx7q2a-acme-main` once filled), CONTENT at the end of a name whose mark is made of its own content alone
(`ivrc.accept~5fq2m7xa`, `ivrc/acme/welcome~p2x6a5rn`). `ivrc compile` closes the holes, `ivrc deploy` fills them.

Both are control characters, which no text of a source can bring into a line (`ivrc.emit.escape`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import overload

PART, CONTENT = "\x01", "\x02"
LETTERS = 8
"""A mark's letters: 40 bits, to be different within one office's history."""
BYTES = LETTERS + 1
"""A mark with the `~` before it."""

_CONTENT_NAME = re.compile(rb"(ivrc[./][^\x02\n,&()?:]*)\x02")


def unmarked(name: str) -> str:
    """A name or text with its holes closed."""
    return name.replace(PART, "").replace(CONTENT, "")


def closed(text: bytes) -> bytes:
    """A text of the output with its holes closed."""
    return text.replace(b"\x01", b"").replace(b"\x02", b"")


class Closed(Sequence[bytes]):
    """Texts with their holes closed, each when it is taken: a large dialplan is not held twice."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        taken = self._texts[index]
        return closed(taken) if isinstance(taken, bytes) else Closed(taken)


def filled(text: bytes, part: str, contents: Mapping[str, str]) -> bytes:
    """A text with its holes filled: the part's own mark, and those of names by their content."""
    return with_contents(text, contents).replace(b"\x01", b"~" + part.encode())


def with_contents(text: bytes, contents: Mapping[str, str]) -> bytes:
    """A text in which only the holes of names with a content are filled."""
    if b"\x02" not in text:
        return text
    return _CONTENT_NAME.sub(lambda found: found[1] + b"~" + contents[found[1].decode()].encode(), text)


def contents_in(text: bytes) -> set[str]:
    """The names in a text that are marked by their content."""
    return {found.decode() for found in _CONTENT_NAME.findall(text)}


def mark_of(pieces: Iterable[bytes]) -> str:
    """The mark of a content: the first 40 bits of its SHA-256, in letters and digits."""
    import base64
    import hashlib

    digest = hashlib.sha256()
    for piece in pieces:
        # Where one piece ends and the next begins counts.
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return base64.b32encode(digest.digest()[:5]).decode().lower()
