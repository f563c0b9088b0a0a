"""The grammar, the templates and the errors' pages: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource_path(folder: str, name: str) -> Path:
    """The path of `name` in `folder` (`grammar`, `templates`, `errors/IVR201`); FileNotFoundError if there is none."""
    for base in (_PACKAGE / "_data", _PACKAGE.parent, _PACKAGE.parent / "docs"):
        path = base / folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"ivrc is installed without {folder}/{name}")


def read_resource(folder: str, name: str) -> str:
    """The text of a grammar or template file."""
    return resource_path(folder, name).read_text(encoding="utf-8")


def cache_folder() -> Path | None:
    """Where ivrc may keep what it can make again ($XDG_CACHE_HOME/ivrc or ~/.cache/ivrc); None if nowhere."""
    import os

    configured = os.environ.get("XDG_CACHE_HOME") or ""
    try:
        base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
        folder = base / "ivrc"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None
