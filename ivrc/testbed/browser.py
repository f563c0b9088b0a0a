"""A headless browser for tests of pages: the machine's own Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ivrc.testbed.prefix import TestbedError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox within a sandbox; nothing is asked of anybody but the page.
_OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
)


def found() -> str | None:
    """The path of a Chromium; None if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def running() -> Iterator[Any]:
    """Playwright's Browser; TestbedError if there is none to run."""
    from playwright.sync_api import sync_playwright

    path = found()
    if path is None:
        raise TestbedError("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS.split())
        try:
            yield browser
        finally:
            browser.close()
