"""The examples' own tests as calls through a real Asterisk."""

from __future__ import annotations

import pytest

from ivrc.testbed.fetch import is_fetched
from tests.support import ROOT, run_python

pytestmark = pytest.mark.live

# The others take some minutes each: `ivrc test examples --asterisk`.
EXAMPLES = ["shop"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tests_of_an_example_as_calls(name: str) -> None:
    if not is_fetched("22"):
        pytest.skip("Asterisk 22 is not fetched: python -m ivrc.testbed.fetch 22")
    done = run_python(["-m", "ivrc", "test", f"examples/{name}", "--asterisk"], ROOT, seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differs from the simulator" not in done.stdout
