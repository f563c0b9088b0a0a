"""Places where a deploy may be interrupted, each with a name: tests kill it there.

One hook, None in real life.
"""

from __future__ import annotations

from collections.abc import Callable

hook: Callable[[str], None] | None = None
"""What tests set: called with each place's name as a deploy passes it."""


def passing(place: str) -> None:
    """A deploy passes this place."""
    if hook is not None:
        hook(place)
