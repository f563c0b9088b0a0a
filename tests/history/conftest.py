"""The history's page over recorded calls."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer

from ivrc.history import accounts as accounts_module
from ivrc.history.accounts import Accounts
from ivrc.history.web.app import make_app
from tests.history.browsing import PASSWORD, Client
from tests.history.test_history import Place_, with_files


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "_COST", 2**4)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recorded calls, their files, and accounts."""
    folder = tmp_path_factory.mktemp("collected")
    place = with_files(folder, 3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts_module, "_COST", 2**4)
        accounts = Accounts(place.store)
        accounts.add("boss", "admin", "", "", PASSWORD)
        accounts.add("lab", "supervisor", "lab", "", PASSWORD)
        accounts.add("other", "supervisor", "elsewhere", "", PASSWORD)
        accounts.add("anna", "employee", "lab", "anna", PASSWORD)
        accounts.add("boris", "employee", "lab", "boris", PASSWORD)
    place.store.close()
    return folder


@pytest.fixture
def place(collected: Path, tmp_path: Path) -> Iterator[Place_]:
    """A copy of it."""
    shutil.copytree(collected, tmp_path, dirs_exist_ok=True)
    place = Place_(tmp_path)
    moved = {"old": str(collected), "new": str(tmp_path)}
    with place.store.engine.begin() as connection:
        for column in ("path", "source"):
            connection.execute(sa.text(f"UPDATE media SET {column} = replace({column}, :old, :new)"), moved)
    yield place
    place.store.close()


@pytest_asyncio.fixture
async def client(place: Place_) -> AsyncIterator[Client]:
    app = make_app(place.settings, place.store)
    async with TestClient(TestServer(app)) as client:
        yield client
