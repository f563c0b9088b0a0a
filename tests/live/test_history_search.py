"""The history's filters in a real PostgreSQL."""

from __future__ import annotations

import os

import pytest

from ivrc.history.store import Store
from ivrc.testbed import postgres
from tests.history.searching import WORDS, check, fill

pytestmark = pytest.mark.live


def test_filters_and_pages() -> None:
    if not postgres.is_available() and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip("no PostgreSQL here: pip install pgserver")
    with postgres.running() as server:
        store = Store(server.url)
        # The test bed's locale knows the capitals of ASCII only.
        check(store, fill(store), 60, [word for word in WORDS if word.isascii()])
        store.close()
