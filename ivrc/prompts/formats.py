"""Which file name extensions are prompts, the order they are looked for in, what a headerless one holds."""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 3600  # seconds that a prompt may last


class RawFormat(NamedTuple):
    """A headerless mono format: libsndfile's subtype, and samples a second."""

    subtype: str
    rate: int


# The names that Asterisk itself gives to headerless files, and the ones that recorders and softphones use.
RAW: dict[str, RawFormat] = {
    **{
        f"sln{khz}": RawFormat("PCM_16", rate)
        for khz, rate in (
            ("192", 192000),
            ("96", 96000),
            ("48", 48000),
            ("44", 44100),
            ("32", 32000),
            ("24", 24000),
            ("16", 16000),
            ("12", 12000),
            ("", 8000),
        )
    },
    **dict.fromkeys(("alaw", "al", "pcma"), RawFormat("ALAW", 8000)),
    **dict.fromkeys(("ulaw", "ul", "pcmu", "mu"), RawFormat("ULAW", 8000)),
    "gsm": RawFormat("GSM610", 8000),
}

# Read by content: the extension only finds them.
CONTAINERS = (
    "wav",
    "flac",
    "aiff",
    "aif",
    "aifc",
    "au",
    "snd",
    "caf",
    "w64",
    "rf64",
    "ogg",
    "oga",
    "opus",
    "mp3",
    "wav49",
)

# Found, so that the user hears "cannot be read, export it as WAV" and not "there is no such file".
FOREIGN = ("g722", "g729", "m4a", "mp4", "aac", "wma", "webm", "amr")

# Of two files that differ in the extension alone, the one that stands first here is taken: lossless before
# lossy, wide band before narrow band.
SEARCH_ORDER: tuple[str, ...] = (*CONTAINERS, *RAW, *FOREIGN)
RANK: dict[str, int] = {extension: rank for rank, extension in enumerate(SEARCH_ORDER)}


def split_extension(name: str) -> tuple[str, str]:
    """`name` without its audio extension, and that extension in lower case ("" when it has none)."""
    stem, dot, extension = name.rpartition(".")
    known = extension.lower()
    if dot and known in RANK and stem and not stem.endswith("/"):
        return stem, known
    return name, ""
