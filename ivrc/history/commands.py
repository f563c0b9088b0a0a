"""What the history's commands have in common: their settings, the store, and how they end when something is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

EXIT_FAULTS, EXIT_USAGE, EXIT_OUTPUT = 1, 2, 3
CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="ivrc.toml; else $IVRC_CONFIG, or the one in this folder.",
)


def open_store(config: Path | None, again: Callable[[Exception], bool] = lambda _: False) -> tuple[Any, Any]:
    """The settings and the store; ends the program with a line where they cannot be had.

    `again`: whether to try once more after a fault of the database.
    """
    try:
        from ivrc.crm.settings import SettingsError, locate
        from ivrc.history import settings
        from ivrc.history.store import Store, StoreError
    except ImportError as fault:
        stop(f"the package {fault.name} is missing: pip install 'ivrc[history]'", EXIT_USAGE)
    try:
        loaded = settings.load(locate(config))
    except SettingsError as fault:
        stop(str(fault), EXIT_USAGE)
    while True:
        try:
            return loaded, Store(loaded.url)
        except StoreError as fault:
            if not again(fault):
                stop(str(fault), EXIT_OUTPUT)


def stop(message: str, code: int) -> NoReturn:
    """End with a message on standard error."""
    click.echo(f"ivrc: {message}", err=True)
    sys.exit(code)
