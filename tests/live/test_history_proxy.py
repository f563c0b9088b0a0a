"""The history's page behind nginx, with the settings of the documentation."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import sqlalchemy as sa
from aiohttp.test_utils import TestServer

from ivrc.history.accounts import Accounts
from ivrc.history.schema import calls, media
from ivrc.history.web.app import SITE, make_app
from ivrc.history.web.limits import BY_NAME
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.tools import is_here, tool
from tests.history.test_history import Place_, with_files

pytestmark = [pytest.mark.live, pytest.mark.asyncio]
PASSWORD = "correct horse"
DOCUMENTATION = Path(__file__).parents[2] / "docs/history.md"


def location(to: str) -> str:
    """The documentation's settings, for a page elsewhere."""
    found = re.search(r"```nginx\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert found
    assert found[1].count("http://127.0.0.1:8088") == 1
    return found[1].replace("http://127.0.0.1:8088", to)


@contextmanager
def nginx(folder: Path, port: int, settings: str) -> Iterator[None]:
    """A server with TLS, until the end of the block."""
    if not is_here("nginx") and os.environ.get("IVRC_LIVE") != "1":
        pytest.skip("no nginx here: python -m ivrc.testbed.tools")
    found = tool("nginx")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(make.split(), cwd=folder, check=True, capture_output=True)
    paths = "".join(f"{name}_temp_path tmp-{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}"
        f"server {{\nlisten 127.0.0.1:{port} ssl;\nssl_certificate cert.pem;\nssl_certificate_key key.pem;\n"
        f"{settings}}}\n}}\n"
    )
    command = [str(found.path), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    process = subprocess.Popen(command, env={**os.environ, **found.environment})
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


class Browser:
    """A session by way of nginx."""

    def __init__(self, session: aiohttp.ClientSession, place: Place_, site: Any) -> None:
        self.session = session
        self.place = place
        self.site = site

    async def log_in(self, password: str = PASSWORD) -> aiohttp.ClientResponse:
        page = await (await self.session.get("/login")).text()
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token
        fields = {"name": "boss", "password": password, "csrf": token[1]}
        return await self.session.post("/login", data=fields, allow_redirects=False)


@pytest_asyncio.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(folder, folder.stat().st_mode | 0o055)
    with_files(tmp_path, 3.0).store.close()
    place = Place_(tmp_path, behind_proxy=True)
    Accounts(place.store).add("boss", "admin", "", "", PASSWORD)
    port = take_ports()
    app = make_app(place.settings, place.store)
    unsafe = ssl.create_default_context()
    unsafe.check_hostname, unsafe.verify_mode = False, ssl.CERT_NONE
    jar = aiohttp.CookieJar(unsafe=True)
    async with TestServer(app) as server:
        with nginx(tmp_path, port, location(str(server.make_url("")).rstrip("/"))):
            base, connector = f"https://127.0.0.1:{port}", aiohttp.TCPConnector(ssl=unsafe)
            async with aiohttp.ClientSession(base, connector=connector, cookie_jar=jar) as session:
                await _listens(session)
                yield Browser(session, place, app[SITE])
    give_back(port)
    place.store.close()


async def _listens(session: aiohttp.ClientSession) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            await session.get("/login")
            return
        except aiohttp.ClientConnectorError:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


async def test_login_by_tls(browser: Browser) -> None:
    response = await browser.log_in()
    assert response.status == 303
    assert response.headers["Location"] == "/", "no address of the server behind"
    (cookie,) = [each for each in response.headers.getall("Set-Cookie") if each.startswith("__Host-ivrc=")]
    assert "Secure" in cookie
    assert 'id="call-' in await (await browser.session.get("/")).text()


async def test_who_asks_is_whom_nginx_names(browser: Browser) -> None:
    for _ in range(BY_NAME):
        claimed = {"X-Forwarded-For": "198.51.100.7"}
        browser.session.headers.update(claimed)
        assert (await browser.log_in("wrong")).status == 401
    assert (await browser.log_in()).status == 429
    addresses = {key for kind, key in browser.site.attempts._failed if kind == "address"}
    assert addresses == {"127.0.0.1"}, "and not what the visitor says"


async def test_news_come_at_once(browser: Browser) -> None:
    await browser.log_in()
    async with browser.session.get("/live") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert await asyncio.wait_for(stream.content.readline(), 3) == b"retry: 3000\n"
        while browser.site.watch.looks < 1:
            await asyncio.sleep(0.05)
        with browser.place.store.engine.begin() as connection:
            connection.execute(sa.update(calls).where(calls.c.id == 1).values(settled=False))
        received = b""
        end = time.monotonic() + 3
        while b"event: changed" not in received:
            received += await asyncio.wait_for(stream.content.readline(), end - time.monotonic())


async def test_parts_of_a_file(browser: Browser) -> None:
    await browser.log_in()
    with browser.place.store.engine.connect() as connection:
        found = connection.execute(sa.select(media.c.id, media.c.path).where(media.c.path != "")).first()
    assert found is not None
    number, path = found
    whole = Path(path).read_bytes()
    response = await browser.session.get(f"/media/{number}", headers={"Range": "bytes=100-299"})
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes 100-299/{len(whole)}"
    assert await response.read() == whole[100:300]
    assert await (await browser.session.get(f"/media/{number}")).read() == whole
