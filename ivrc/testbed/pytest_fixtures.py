"""Fixtures for tests that place calls: use with `pytest_plugins = ["ivrc.testbed.pytest_fixtures"]`.

A version that is not in the cache skips its tests; with `IVRC_LIVE=1` in the environment it fails them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ivrc.testbed.fetch import VERSIONS, is_available, is_fetched, root_of
from ivrc.testbed.instance import Asterisk

MakeAsterisk = Callable[..., Asterisk]


@pytest.fixture(scope="session", params=VERSIONS)
def asterisk_version(request: pytest.FixtureRequest) -> str:
    """Each version in turn, as `fetch` calls it."""
    return str(request.param)


@pytest.fixture(scope="session")
def asterisk_root(asterisk_version: str) -> Path:
    """The version's unpacked prefix."""
    if not is_available(asterisk_version):
        pytest.skip(f"this distribution's mirrors have no Asterisk {asterisk_version}")
    if not is_fetched(asterisk_version) and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip(f"Asterisk {asterisk_version} is not fetched: python -m ivrc.testbed.fetch {asterisk_version}")
    return root_of(asterisk_version)


@pytest.fixture
def make_asterisk(asterisk_root: Path, tmp_path: Path) -> Iterator[MakeAsterisk]:
    """`make_asterisk(extensions=…, phones=[…], …)` boots an instance that stops when the test ends."""
    with ExitStack() as running:

        def make(**options: Any) -> Asterisk:
            rundir = tmp_path / f"asterisk{len(list(tmp_path.glob('asterisk*')))}"
            rundir.mkdir()
            return running.enter_context(Asterisk(asterisk_root, rundir, **options))

        yield make
