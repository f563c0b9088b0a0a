"""Somebody at the history's page."""

from __future__ import annotations

import re
from typing import Any

import img2pdf
import sqlalchemy as sa
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from PIL import Image

from ivrc.history.schema import media
from tests.history.test_history import Place_

PASSWORD = "correct horse"
Client = TestClient[Any, Any]


async def log_in(client: Client, name: str, password: str = PASSWORD, **more: str) -> ClientResponse:
    form = await (await client.get("/login")).text()
    fields = {"name": name, "password": password, "csrf": token(form), **more}
    return await client.post("/login", data=fields, allow_redirects=False)


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def ids(page: str) -> set[int]:
    return {int(number) for number in re.findall(r'id="call-(\d+)"', page)}


async def text(client: Client, path: str, **headers: str) -> str:
    response = await client.get(path, headers=headers)
    assert response.status == 200, path
    return await response.text()


def file_of(place: Place_, kind: str) -> tuple[int, int]:
    """A file's id, and its call's."""
    with place.store.engine.connect() as connection:
        row = connection.execute(sa.select(media.c.id, media.c.call).where(media.c.kind == kind)).first()
    assert row
    return row.id, row.call


def add_fax(place: Place_, call: int) -> int:
    """A fax of two pages, of half as many lines as dots, attached to a call; its id."""
    folder = place.settings.media / "fax"
    folder.mkdir(parents=True)
    pages = [Image.new("1", (1728, 1100), 1) for _ in range(2)]
    tiff = folder / "f.tiff"
    pages[0].save(tiff, save_all=True, append_images=pages[1:], compression="group4", dpi=(204, 98))
    tiff.with_suffix(".pdf").write_bytes(img2pdf.convert(str(tiff)))
    row = {"kind": "fax", "path": str(tiff.with_suffix(".pdf")), "source": str(tiff), "seconds": 0.0, "pages": 2}
    place.store.add_media(call, [{**row, "status": "SUCCESS", "sender": "+49 40 1", "size": 1}])
    return file_of(place, "fax")[0]
