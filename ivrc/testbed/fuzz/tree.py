"""A program as a tree of its parts, so that any part can be left out and the rest read again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# How a program is written down: the office `fuzz000`, its numbers and phones; on a rig each has a place of its own.
_PLACES = re.compile(r"(fuzz|p|495|916|812|sip:s)000")
TOWN, HELPER = "127.0.0.1:5060", "127.0.0.1:4573"


@dataclass
class Part:
    """A piece of the source: its head and, in braces, its parts. Without a head the parts stand in a row."""

    head: str
    parts: list[Part] = field(default_factory=list)
    braces: bool = False

    def text(self, indent: str = "") -> str:
        """The source."""
        if not self.head:
            return "".join(part.text(indent) for part in self.parts)
        if not self.braces:
            return f"{indent}{self.head}\n"
        inner = "".join(part.text(indent + "    ") for part in self.parts)
        return f"{indent}{self.head} {{\n{inner}{indent}}}\n"

    def places(self) -> Iterator[tuple[list[Part], int]]:
        """Every part beneath, as its list and its place there; the large ones first."""
        for index, part in enumerate(self.parts):
            yield self.parts, index
            yield from part.places()

    def size(self) -> int:
        """How many parts there are."""
        return 1 + sum(part.size() for part in self.parts)


def block(head: str, *parts: Part) -> Part:
    """A part with braces."""
    return Part(head, list(parts), True)


def row(*parts: Part) -> Part:
    """Parts in a row."""
    return Part("", list(parts))


def read(text: str) -> Part:
    """The tree of a source that has a part to a line, as `Part.text` writes it; of another one, its lines."""
    stack = [row()]
    for line in text.splitlines():
        head = line.strip()
        if head == "}" and len(stack) > 1:
            stack.pop()
        elif head.endswith(" {"):
            stack[-1].parts.append(block(head.removesuffix(" {")))
            stack.append(stack[-1].parts[-1])
        elif head:
            stack[-1].parts.append(Part(head))
    return stack[0]


def placed(text: str, slot: int, town_port: int, helper_port: int) -> str:
    """A program's (or a call's) text for one of the rig's places."""
    text = _PLACES.sub(lambda match: f"{match[1]}{slot:03}", text)
    return text.replace(TOWN, f"127.0.0.1:{town_port}").replace(HELPER, f"127.0.0.1:{helper_port}")
