"""What the history's commands have in common: their settings, the store, and how they end when something is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

EXIT_FAULTS, EXIT_USAGE, EXIT_OUTPUT = 1, 2, 3
CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="ivrc.toml; else $IVRC_CONFIG, or the one in this folder.",
)


def open_store(config: Path | None) -> tuple[Any, Any]:
    """The settings and the store; ends the program with a line where they cannot be had."""
    try:
        from ivrc.crm.settings import SettingsError, locate
        from ivrc.history import settings
        from ivrc.history.store import Store, StoreError
    except ImportError as fault:
        stop(f"the package {fault.name} is missing: pip install 'ivrc[history]'", EXIT_USAGE)
    try:
        loaded = settings.load(locate(config))
        return loaded, Store(loaded.url)
    except SettingsError as fault:
        stop(str(fault), EXIT_USAGE)
    except StoreError as fault:
        stop(str(fault), EXIT_OUTPUT)


def stop(message: str, code: int) -> NoReturn:
    """End with a message on standard error."""
    click.echo(f"ivrc: {message}", err=True)
    sys.exit(code)
