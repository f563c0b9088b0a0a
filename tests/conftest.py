"""What every test stands on: a cache of its own, and hypothesis without deadlines."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from ivrc.testbed.fetch import is_fetched, root_of
from ivrc.testbed.prefix import Prefix
from tests.support import COMMON_EXAMPLES

settings.register_profile(
    "ivrc",
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=COMMON_EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Many more examples, and new ones at each run: HYPOTHESIS_PROFILE=ivrc-deep.
settings.register_profile("ivrc-deep", settings.get_profile("ivrc"), derandomize=False, max_examples=2000)
# A few, for a look while working: what `make check` runs. `make test` runs the first.
settings.register_profile("ivrc-quick", settings.get_profile("ivrc"), max_examples=12)
# A voice for `say` where the machine has none. It is looked for here, before the user's cache is out of sight.
# (`make check` fetches one. Without it the tests that want a voice fail, and say so.)
if is_fetched("22"):
    Prefix(root_of("22")).lend_a_voice()
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ivrc"))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or written to the user's cache; subprocesses inherit it."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before
