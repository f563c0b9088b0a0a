"""The history's page over HTTP: who may see what, files, forms, and what a hostile caller or visitor gets."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer

from ivrc.history import search
from ivrc.history.accounts import Accounts
from ivrc.history.schema import calls, logins, media
from ivrc.history.search import Filter
from ivrc.history.web import limits, query, views
from ivrc.history.web.app import SITE, make_app
from ivrc.history.web.limits import Attempts
from tests.history.browsing import PASSWORD, Client, file_of, ids, log_in, text, token
from tests.history.test_history import Place_

pytestmark = pytest.mark.asyncio


# ── logging in ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/calls/1", "/media/1", "/media/1/1.png", "/live"])
async def test_nobody_sees_anything_without_a_login(client: Client, path: str) -> None:
    response = await client.get(path, allow_redirects=False)
    assert response.status in (303, 401)
    body = await response.text()
    assert "+7" not in body
    if response.status == 303:
        assert response.headers["Location"].startswith("/login")


async def test_login_leads_to_where_one_wanted_to_go(client: Client) -> None:
    response = await client.get("/calls/1?search=x", allow_redirects=False)
    form = await client.get(response.headers["Location"])
    assert 'name="next" value="/calls/1?search=x"' in await form.text()
    response = await log_in(client, "boss", next="/calls/1?search=x")
    assert response.headers["Location"] == "/calls/1?search=x"


@pytest.mark.parametrize("goal", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
async def test_login_leads_to_no_other_site(client: Client, goal: str) -> None:
    assert (await log_in(client, "boss", next=goal)).headers["Location"] == "/"


async def test_wrong_password_and_unknown_name_are_told_alike(client: Client) -> None:
    bodies = set()
    for name, password in [("boss", "wrong"), ("nobody", PASSWORD), ("boss", ""), ("boss\x00", PASSWORD)]:
        response = await log_in(client, name, password)
        assert response.status == 401, name
        bodies.add(re.sub(r'value="[^"]*"|required.*>', "", await response.text()))
    assert len(bodies) == 1


async def test_cookie_is_the_browsers_own(client: Client, place: Place_) -> None:
    response = await log_in(client, "boss")
    cookie = response.cookies["ivrc"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Lax", "", "/")
    with place.store.engine.connect() as connection:
        kept = connection.execute(sa.select(logins.c.token)).scalar_one()
    assert cookie.value not in kept, "what is in the database lets nobody in"


async def test_cookie_by_tls_is_for_tls_only(place: Place_) -> None:
    settings = type(place.settings)(**{**fields_of(place.settings), "behind_proxy": True})
    async with TestClient(TestServer(make_app(settings, place.store))) as client:
        proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.1"}
        form = await client.get("/login", headers=proxied)
        cookie = form.cookies["__Host-ivrc-form"].value
        fields = {"name": "boss", "password": PASSWORD, "csrf": token(await form.text())}
        headers = {**proxied, "Cookie": f"__Host-ivrc-form={cookie}"}
        response = await client.post("/login", data=fields, headers=headers, allow_redirects=False)
        assert response.status == 303
        assert response.cookies["__Host-ivrc"]["secure"] is True


def fields_of(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


async def test_logout_ends_the_login_for_good(client: Client) -> None:
    kept = (await log_in(client, "boss")).cookies["ivrc"].value
    page = await text(client, "/")
    response = await client.post("/logout", data={"csrf": token(page)}, allow_redirects=False)
    assert response.headers["Location"] == "/login"
    response = await client.get("/", headers={"Cookie": f"ivrc={kept}"}, allow_redirects=False)
    assert response.status == 303


async def test_login_expires(client: Client, place: Place_) -> None:
    await log_in(client, "boss")
    await text(client, "/")
    with place.store.engine.begin() as connection:
        connection.execute(sa.update(logins).values(expires=1.0))
    assert (await client.get("/", allow_redirects=False)).status == 303


@pytest.mark.parametrize("what", ["remove", "set_password"])
async def test_account_that_goes_is_logged_out(client: Client, place: Place_, what: str) -> None:
    await log_in(client, "boss")
    accounts = Accounts(place.store)
    accounts.remove("boss") if what == "remove" else accounts.set_password("boss", "another one")
    assert (await client.get("/", allow_redirects=False)).status == 303


async def test_passwords_are_not_guessed(client: Client) -> None:
    for _ in range(limits.BY_NAME):
        assert (await log_in(client, "boss", "wrong")).status == 401
    response = await log_in(client, "boss")
    assert response.status == 429, "the right one does not help any more"
    assert int(response.headers["Retry-After"]) > 60
    assert (await log_in(client, "anna")).status == 303, "others are not held up"


async def test_failures_are_forgotten_in_time() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(limits.BY_NAME):
        assert attempts.begin("boss", "a") == 0
    assert attempts.begin("BOSS", "b") == limits.SPAN
    now[0] = limits.SPAN
    assert attempts.begin("boss", "a") == 0
    for each in range(limits.BY_ADDRESS):
        attempts.begin(f"name {each}", "c")
    assert attempts.begin("somebody", "c") > 0, "one address tries many names"
    attempts.succeed("boss", "a")
    assert attempts.begin("boss", "a") == 0


# ── forms ───────────────────────────────────────────────────────────────────────────────────────


async def test_forms_of_others_are_refused(client: Client) -> None:
    await log_in(client, "boss")
    good = token(await text(client, "/"))
    for fields, headers in [
        ({}, {}),
        ({"csrf": "x" * 32}, {}),
        ({"csrf": good}, {"Origin": "https://evil.example"}),
        ({"csrf": good}, {"Origin": "null"}),
        ({"csrf": good}, {"Sec-Fetch-Site": "cross-site"}),
    ]:
        response = await client.post("/logout", data=fields, headers=headers, allow_redirects=False)
        assert response.status == 403, (fields, headers)
    assert ids(await text(client, "/")), "still logged in"


async def test_login_form_without_its_cookie_is_refused(client: Client) -> None:
    form = await client.get("/login")
    fields = {"name": "boss", "password": PASSWORD, "csrf": token(await form.text())}
    client.session.cookie_jar.clear()
    response = await client.post("/login", data=fields, allow_redirects=False)
    assert response.status == 403
    assert "ivrc" not in response.cookies


async def test_too_large_a_form_is_refused(client: Client) -> None:
    response = await client.post("/login", data={"name": "x" * 100_000})
    assert response.status == 413


# ── roles ───────────────────────────────────────────────────────────────────────────────────────


async def test_each_sees_their_own(client: Client, place: Place_) -> None:
    everything = {call["id"] for call in place.store.find(Filter())}
    declared = {call["id"] for call in place.store.find(Filter()) if call["office"] == "lab"}
    expected = {"boss": everything, "lab": declared, "other": set(), "anna": None, "boris": None}
    for name, seen in expected.items():
        client.session.cookie_jar.clear()
        await log_in(client, name)
        page = await text(client, "/")
        if seen is None:
            seen = {
                call["id"]
                for call in map(place.store.show, everything)
                if call and any(leg["employee"] == name for leg in call["legs"])
            }
            assert seen
            assert seen < everything
        assert ids(page) == seen, name
        for number in everything:
            response = await client.get(f"/calls/{number}")
            assert response.status == (200 if number in seen else 404), (name, number)
            if number not in seen:
                assert "+7" not in await response.text()


async def test_employee_of_the_same_name_elsewhere_sees_nothing(client: Client, place: Place_) -> None:
    Accounts(place.store).add("anna2", "employee", "elsewhere", "anna", PASSWORD)
    await log_in(client, "anna2")
    assert ids(await text(client, "/")) == set()
    assert ids(await text(client, "/?employee=lab/anna")) == set()
    number, call = file_of(place, "voicemail")
    assert (await client.get(f"/media/{number}")).status == 404
    assert (await client.get(f"/calls/{call}")).status == 404


async def test_employees_filter_and_search_within_their_own(client: Client, place: Place_) -> None:
    await log_in(client, "anna")
    own = ids(await text(client, "/"))
    for asked in ["/?employee=boris", "/?search=boris", "/?search=7916", "/?number=495", "/?outcome=talked"]:
        assert ids(await text(client, asked)) <= own, asked


async def test_recordings_are_for_those_who_talked(client: Client, place: Place_) -> None:
    """Anna was rung, and somebody else's conversation is not hers; a message to everybody is."""
    recording, call = file_of(place, "recording")
    message, its_call = file_of(place, "voicemail")
    assert call == its_call
    await log_in(client, "anna")
    page = await text(client, f"/calls/{call}")
    assert f"/media/{message}" in page
    assert f"/media/{recording}" not in page
    assert (await client.get(f"/media/{message}")).status == 200
    assert (await client.get(f"/media/{recording}")).status == 404
    client.session.cookie_jar.clear()
    await log_in(client, "lab")
    assert (await client.get(f"/media/{recording}")).status == 200


async def test_mailboxs_message_is_its_owners(client: Client, place: Place_) -> None:
    message, call = file_of(place, "voicemail")
    with place.store.engine.begin() as connection:
        source = str(place.settings.spool / "voicemail/ivrc-lab/boris/INBOX/msg0000")
        connection.execute(sa.update(media).where(media.c.id == message).values(source=source))
        connection.execute(sa.text("UPDATE involved SET mailbox = (employee = 'boris') WHERE call = :c"), {"c": call})
    for name, status in [("anna", 404), ("boris", 200), ("boss", 200)]:
        client.session.cookie_jar.clear()
        await log_in(client, name)
        assert (await client.get(f"/media/{message}")).status == status, name


# ── what is shown ───────────────────────────────────────────────────────────────────────────────


async def test_journey_in_the_words_of_the_source(client: Client, place: Place_) -> None:
    await log_in(client, "boss")
    number = place.store.find(Filter(outcome="talked"))[-1]["id"]
    page = await text(client, f"/calls/{number}")
    assert "<code><bdi>play &#34;greeting&#34;</bdi></code>" in page
    assert "lab.ivr:13" in page
    assert "talked with boris" in page


async def test_hostile_texts_are_text(client: Client, place: Place_) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{7*7}}'
    with place.store.engine.begin() as connection:
        names = {"caller_name": hostile, "contact_name": hostile, "words": hostile, "outcome": "<b>", "contact": "<b>"}
        connection.execute(sa.update(calls).values(**names))
        connection.execute(sa.text("UPDATE entry SET text = :h, file = :h"), {"h": hostile})
        connection.execute(sa.text("UPDATE leg SET who = :h, result = :h"), {"h": hostile})
        connection.execute(sa.text("UPDATE media SET status = :h, sender = :h"), {"h": hostile})
    await log_in(client, "boss")
    call = file_of(place, "voicemail")[1]
    for path in ("/", f"/calls/{call}", "/?search=" + "%3Cscript%3Ealert(1)%3C/script%3E"):
        page = await text(client, path)
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "<b>" not in page, path
        assert "{{7*7}}" in page or "49" not in page, path
    assert ids(await text(client, "/?search=%3Cscript%3E")) == ids(await text(client, "/"))


async def test_every_answer_forbids_what_it_can(client: Client) -> None:
    for path in ("/login", "/static/page.css", "/nowhere", "/"):
        response = await client.get(path, allow_redirects=False)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
    await log_in(client, "boss")
    page = await client.get("/")
    assert page.headers["Cache-Control"] == "no-store"
    body = await page.text()
    assert "onclick" not in body
    assert "style=" not in body
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", body))


async def test_parts_of_the_page(client: Client) -> None:
    await log_in(client, "boss")
    rows = await text(client, "/", **{"HX-Request": "true", "HX-Target": "list"})
    assert rows.lstrip().startswith("<section")
    call = min(ids(rows))
    journey = await text(client, f"/calls/{call}", **{"HX-Request": "true", "HX-Target": "detail"})
    assert journey.lstrip().startswith("<article")
    headers = {"HX-Request": "true", "HX-Target": "detail", "HX-History-Restore-Request": "true"}
    assert "<!doctype html>" in await text(client, f"/calls/{call}", **headers)
    response = await client.get("/calls/999", headers={"HX-Request": "true", "HX-Target": "detail"})
    assert response.status == 404
    assert (await response.text()).lstrip().startswith("<article")
    client.session.cookie_jar.clear()
    response = await client.get("/", headers={"HX-Request": "true"})
    assert (response.status, response.headers["HX-Redirect"]) == (401, "/login")


async def test_filters(client: Client, place: Place_) -> None:
    await log_in(client, "boss")
    everything = ids(await text(client, "/"))
    newest = place.store.find(Filter())[0]
    by_number = {each["id"] for each in place.store.find(Filter(number="4950000009"))}
    assert ids(await text(client, "/?number=495 000-00-09")) == by_number
    assert ids(await text(client, f"/?caller={newest['caller'][-6:]}")) >= {newest["id"]}
    assert ids(await text(client, "/?outcome=nonsense")) == set()
    assert ids(await text(client, "/?employee=nobody")) == set()
    assert ids(await text(client, "/?since=2000-01-01&until=2000-01-02")) == set()
    assert ids(await text(client, "/?since=2000-01-01")) == everything
    assert "That is no date" in await text(client, "/?since=tomorrow")
    assert "no date" in await text(client, "/?until=9999-12-31")
    assert ids(await text(client, f"/?before={2**63}&unknown=1&when=ever")) == everything


async def test_pages_hold_every_call_once(client: Client, place: Place_, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "PAGE", 1)
    await log_in(client, "boss")
    seen: list[int] = []
    path: str | None = "/?search=7916"
    while path:
        page = await text(client, path)
        seen += ids(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else None
    assert seen == [call["id"] for call in place.store.find(Filter(search="7916"))]
    assert len(seen) == 4


async def test_search_that_takes_too_long_shows_how_far_it_came(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log_in(client, "boss")
    whole = ids(await text(client, "/?search=79&outcome=talked"))
    assert len(whole) == 2
    monkeypatch.setattr(views, "_SEARCH", 0.0)
    monkeypatch.setattr(search, "_PIECE", 1)
    found: list[set[int]] = []
    assert re.search(r"No calls like that back to \w", await text(client, "/?employee=boris&outcome=refused"))
    address = "/?search=791&outcome=talked"
    while address:
        page = await text(client, address)
        found.append(ids(page))
        older = re.search(r'<a rel="next" href="([^"]+)"', page)
        address = html.unescape(older[1]) if older else ""
    assert len(found) > 2, "piece by piece"
    assert set().union(*found) == whole
    assert sum(map(len, found)) == len(whole)


async def test_news_are_sent_as_they_come(client: Client, place: Place_) -> None:
    await log_in(client, "boss")
    response = await client.get("/live")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert await response.content.readline() == b"retry: 3000\n"
    site = client.app[SITE]
    while site.watch.looks < 1:
        await asyncio.sleep(0.01)
    with place.store.engine.begin() as connection:
        connection.execute(sa.update(calls).where(calls.c.id == 1).values(settled=False))
    lines = [await response.content.readline() for _ in range(2)]
    assert lines[1] == b"event: changed\n"
    response.close()


async def test_database_that_fails_is_told(client: Client, place: Place_) -> None:
    await log_in(client, "boss")
    with place.store.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE leg RENAME TO leg2"))
    response = await client.get("/calls/1")
    assert response.status == 503
    assert "SELECT" not in await response.text()
