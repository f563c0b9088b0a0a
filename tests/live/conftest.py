"""Fixtures of the live tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ivrc.testbed.fetch import is_available, is_fetched
from tests.live.lab import Lab, MakeLab, open_lab


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeLab]:
    """`make_lab(source, phones=[…], version="22")`, everything stops with the module; `folder`: not pytest's."""
    with ExitStack() as stack:

        def make(source: str, version: str = "22", folder: Path | None = None, **options: Any) -> Lab:
            if not is_fetched(version) and (os.environ.get("IVRC_LIVE") != "1" or not is_available(version)):
                pytest.skip(f"Asterisk {version} is not fetched: python -m ivrc.testbed.fetch {version}")
            folder = folder or tmp_path_factory.mktemp("lab")
            return open_lab(stack, version, folder, source, **options)

        yield make
