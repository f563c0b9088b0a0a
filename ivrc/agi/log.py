"""The helper's log: one line of JSON an event on standard error; for a terminal, in colours."""

from __future__ import annotations

import sys
from typing import Any


def make_log() -> Any:
    """A structlog logger. Where structlog is missing, plain lines."""
    try:
        import structlog
    except ImportError:
        return _Plain()
    shown = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *shown,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()


class _Plain:
    """What `ivrc agi run` needs where only the contact book is installed."""

    def __getattr__(self, level: str) -> Any:
        def write(event: str, **fields: object) -> None:
            told = " ".join(f"{name}={value!r}" for name, value in fields.items())
            print(f"{level}: {event} {told}".rstrip(), file=sys.stderr)

        return write


def masked(number: str) -> str:
    """A number of which only the beginning and the last two digits are told."""
    return f"{number[:5]}***{number[-2:]}" if len(number) > 8 else "***" if number else ""
