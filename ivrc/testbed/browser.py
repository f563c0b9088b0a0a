"""A headless browser for tests of pages: the machine's own Chromium or one in the cache, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ivrc.testbed.prefix import TestbedError
from ivrc.testbed.tools import Tool, is_here, tool

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox within a sandbox; nothing is asked of anybody but the page.
_OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
)


def found() -> Tool | None:
    """A Chromium; None if there is none. Nothing is fetched."""
    path = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if path is not None:
        return Tool(Path(path), Path("/"), {})
    return tool("chromium") if is_here("chromium") else None


@contextmanager
def running() -> Iterator[Any]:
    """Playwright's Browser; TestbedError if there is none to run."""
    from playwright.sync_api import sync_playwright

    chromium = found()
    if chromium is None:
        raise TestbedError("no Chromium here: python -m ivrc.testbed.tools")
    environment: dict[str, str | float | bool] = {**os.environ, **chromium.environment}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path, args=_OPTIONS.split(), env=environment)
        try:
            yield browser
        finally:
            browser.close()
