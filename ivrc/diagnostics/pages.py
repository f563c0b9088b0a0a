"""The page of a code: what it means, and wrong and right sources, as `docs/errors` has them."""

from __future__ import annotations

from ivrc.named import NamedTuple
from ivrc.resources import resource_path


class Example(NamedTuple):
    """A source of a page."""

    file: str
    text: str


class Page(NamedTuple):
    """What is written about a code."""

    details: str
    wrong: list[Example]
    right: list[Example]


def page_of(code: str) -> Page:
    """The page of a code."""
    return Page(_text(code, "details.md"), _examples(code, "bad"), _examples(code, "good"))


def _examples(code: str, stem: str) -> list[Example]:
    folder = resource_path(f"errors/{code}", "details.md").parent
    names = [name for name in (f"{stem}.ivr", f"{stem}.test.ivr") if (folder / name).is_file()]
    return [Example(name, _text(code, name)) for name in names]


def _text(code: str, name: str) -> str:
    # One of the wrong sources is wrong in that it is no UTF-8.
    return resource_path(f"errors/{code}", name).read_text(encoding="utf-8", errors="replace").rstrip()
