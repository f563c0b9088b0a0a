"""Answers kept for a while: a number's contact, or that it has none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from ivrc.named import NamedTuple

T = TypeVar("T")


class Cache(Generic[T]):
    """At most `size` values by text, the least recently used dropped first; times in seconds of `clock`."""

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._values: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: str, value: T, keep: float, stale: float = 0.0) -> None:
        """Keep a value; after `keep` seconds it is old, `stale` seconds later gone."""
        if self._size <= 0 or keep + stale <= 0:
            self._drop(key)
            return
        now = self._clock()
        self._kept[key] = _Kept(now + keep, now + keep + stale)
        self._kept.move_to_end(key)
        self._values[key] = value
        while len(self._kept) > self._size:
            self._drop(next(iter(self._kept)))

    def get(self, key: str, *, old: bool = False) -> T | None:
        """The value, if it is fresh; with `old` also one that is not but may still be used."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        now = self._clock()
        if now >= kept.gone:
            self._drop(key)
            return None
        if now >= kept.old and not old:
            return None
        self._kept.move_to_end(key)
        return self._values[key]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._values.clear()

    def _drop(self, key: str) -> None:
        self._kept.pop(key, None)
        self._values.pop(key, None)


class _Kept(NamedTuple):
    """When a value becomes old, and when it is gone."""

    old: float
    gone: float
