"""File names for Asterisk: safe in Playback(a&b), the same for the same input, different for two."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from ivrc.prompts.formats import split_extension

_HASHED = re.compile(r"-[0-9a-f]{8}\Z")
_MOST_BYTES = 120  # of UTF-8 in front of the hash; a file system takes 255 in a component
_SLUG_WORDS = 5
_SLUG_LETTERS = 32


def deployed_name(name: str) -> str:
    """The file name, without extension, by which Asterisk knows the prompt that the source calls `name`.

    Letters and digits of any script, `_`, `-`, `.` and `/` between components stay. Where anything was
    replaced, cut or dropped (an extension too: "a.wav" and "a.mp3" are two files), a hash of `name` follows.
    """
    name = unicodedata.normalize("NFC", name)
    stem = split_extension(name)[0]
    safe = "/".join(_safe_component(part) for part in stem.split("/"))
    safe = _cut(safe, _MOST_BYTES)
    if safe == name and not _HASHED.search(name):
        return safe
    return f"{safe}-{_hash8(name)}"


def speech_name(text: str, language: str) -> str:
    """The deployed file name of a spoken text: "say-", its first words, a hash of text and language."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold())
    slug = "-".join(_safe_component(word) for word in words[:_SLUG_WORDS])[:_SLUG_LETTERS].strip("-")
    return "-".join(filter(None, ("say", slug, _hash8(f"{language}\0{text}"))))


def _safe_component(part: str) -> str:
    """`part` with all but harmless characters replaced; never empty, never "." or "..", never hidden."""
    safe = "".join(c if c in "_-." or unicodedata.category(c) in _KEPT else "_" for c in part)
    if not safe or safe.startswith("."):
        safe = "_" + safe[1:]
    return safe


# Letters, the marks that many scripts write on them, decimal digits.
_KEPT = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})


def _cut(text: str, most: int) -> str:
    """At most `most` bytes of UTF-8, whole characters, not ending in a separator."""
    encoded = text.encode()
    return text if len(encoded) <= most else encoded[:most].decode(errors="ignore").rstrip("/.")


def _hash8(text: str) -> str:
    """Eight hexadecimal digits that depend on `text` alone."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
