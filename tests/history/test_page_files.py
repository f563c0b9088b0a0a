"""Files by way of the history's page: parts, faxes as pictures, and no way out of the folders."""

from __future__ import annotations

import io
import os

import pytest
import sqlalchemy as sa
from PIL import Image
from yarl import URL

from ivrc.history.schema import media
from tests.history.browsing import Client, add_fax, file_of, log_in, text
from tests.history.test_history import Place_

pytestmark = pytest.mark.asyncio


async def test_parts_of_a_file(client: Client, place: Place_) -> None:
    await log_in(client, "boss")
    number, _ = file_of(place, "voicemail")
    whole = await client.get(f"/media/{number}")
    data = await whole.read()
    assert whole.headers["Content-Type"] == "audio/wav"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert "private" in whole.headers["Cache-Control"]
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    tag = whole.headers["ETag"]
    for asked, first, last in [("0-9", 0, 10), ("10-", 10, len(data)), ("-5", len(data) - 5, len(data))]:
        response = await client.get(f"/media/{number}", headers={"Range": f"bytes={asked}", "If-Range": tag})
        assert response.status == 206, asked
        assert response.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(data)}"
        assert await response.read() == data[first:last]
    for asked, tagged, status in [
        (f"bytes={len(data)}-", tag, 416),
        ("bytes=0-9", '"old"', 200),
        ("bytes=9-1", tag, 200),
        ("bytes=0-1,4-5", tag, 200),
        ("nonsense", tag, 200),
    ]:
        response = await client.get(f"/media/{number}", headers={"Range": asked, "If-Range": tagged})
        assert response.status == status, asked
    assert (await client.get(f"/media/{number}", headers={"If-None-Match": tag})).status == 304
    head = await client.head(f"/media/{number}")
    assert (head.status, int(head.headers["Content-Length"])) == (200, len(data))


async def test_known_tag_is_no_way_round_the_login(client: Client, place: Place_) -> None:
    await log_in(client, "boss")
    number, _ = file_of(place, "voicemail")
    tag = (await client.get(f"/media/{number}")).headers["ETag"]
    client.session.cookie_jar.clear()
    assert (await client.get(f"/media/{number}", headers={"If-None-Match": tag})).status == 401


@pytest.mark.parametrize(
    "trick",
    [
        "/etc/passwd",
        "{}/../../../../../../etc/passwd",
        "{}/link.wav",
        "{}/folder/passwd",
        "{}",
        "",
        "\x00",
        "a.wav",
        "{}/gone.wav",
        "{}/pipe.wav",
    ],
)
async def test_no_row_leads_out_of_the_folders(client: Client, place: Place_, trick: str) -> None:
    """Even if a path got into the database: what is sent lies where calls leave their files."""
    folder = place.settings.media
    (folder / "link.wav").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to("/etc")
    os.mkfifo(folder / "pipe.wav")
    number, _ = file_of(place, "voicemail")
    with place.store.engine.begin() as connection:
        connection.execute(sa.update(media).where(media.c.id == number).values(path=trick.format(folder)))
    await log_in(client, "boss")
    response = await client.get(f"/media/{number}")
    assert response.status == 404
    assert "root:" not in await response.text()


@pytest.mark.parametrize(
    "path",
    [
        "/media/..%2flogin",
        "/media/%2e%2e%2f1",
        "/media/1/..%2f1.png",
        "/static/../app.py",
        "/static/%2e%2e%2fapp.py",
        "/static/app.py",
        "/media/9999",
        "/media/-1",
        "/media/99999999999999999999",
        "/calls/99999999999999999999",
    ],
)
async def test_addresses_of_no_file(client: Client, path: str) -> None:
    await log_in(client, "boss")
    response = await client.get(URL(path, encoded=True), allow_redirects=False)
    assert response.status in (303, 404)
    assert "import" not in await response.text()


async def test_fax_in_right_proportions(client: Client, place: Place_) -> None:
    _, call = file_of(place, "voicemail")
    number = add_fax(place, call)
    await log_in(client, "boss")
    page = await text(client, f"/calls/{call}")
    assert f'src="/media/{number}/2.png"' in page
    assert f'href="/media/{number}"' in page
    response = await client.get(f"/media/{number}/2.png")
    assert response.headers["Content-Type"] == "image/png"
    picture = Image.open(io.BytesIO(await response.read()))
    assert picture.height / picture.width == pytest.approx(1100 / 98 / (1728 / 204), rel=0.01)
    pdf = await client.get(f"/media/{number}")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert (await pdf.read()).startswith(b"%PDF")
    for wrong in ("0", "3"):
        assert (await client.get(f"/media/{number}/{wrong}.png")).status == 404
    assert (await client.get(f"/media/{file_of(place, 'voicemail')[0]}/1.png")).status == 404
    (place.settings.media / "fax/f.pdf").write_bytes(b"%PDF-1.4 torn")
    assert (await client.get(f"/media/{number}/1.png")).status == 404
