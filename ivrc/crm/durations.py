"""Durations as ivrc.toml writes them: `250ms`, `2s`, `5m`, `1h`, `1d`."""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Duration(float):
    """Seconds."""

    @classmethod
    def parse(cls, text: object) -> Duration:
        """A written duration; ValueError if it is none."""
        match = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f'{text!r} is no duration: write "250ms", "2s", "5m", "1h" or "1d"')
        return cls(float(match[1]) * _SECONDS[match[2]])
