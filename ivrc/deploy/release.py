"""What is deployed: parts, each of which is an office or a context that offices share, and their prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from ivrc.named import NamedTuple

Content: TypeAlias = Sequence[bytes] | Path
"""What a file consists of: pieces, or a file to copy."""

ENTRIES = "entries.conf"
DIALPLAN = "extensions.conf"
QUEUES = "queues.conf"
VOICEMAIL = "voicemail.conf"
PJSIP = "pjsip.conf"
ABOUT = "part.json"


class Part(NamedTuple):
    """A part: its name (`acme`, `ivrc.accept`), the mark made of its content, its files, the parts it jumps into."""

    name: str
    mark: str
    files: Mapping[str, Sequence[bytes]]
    uses: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name with the mark, as in `acme~k3jx7q2a`: the name of its folder."""
        return f"{self.name}~{self.mark}"


class Release(NamedTuple):
    """All that one compilation gives: parts, prompts (path below the sounds folder → file), the helper's manifest.

    `sources`: what it was compiled from, packed; kept with the generation, so that the next one can be compared.
    """

    parts: tuple[Part, ...]
    sounds: Mapping[str, Content]
    manifest: Sequence[bytes]
    sources: Sequence[bytes] = ()

    @property
    def active(self) -> dict[str, str]:
        """Part's name → mark."""
        return {part.name: part.mark for part in self.parts}
