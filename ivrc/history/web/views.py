"""What each address answers."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from datetime import date
from typing import Any

from aiohttp import ClientConnectionResetError, web

from ivrc.history.accounts import Account
from ivrc.history.plan import Plan
from ivrc.history.search import moment_of
from ivrc.history.web import files, query, words
from ivrc.history.web.app import Site, form, is_part, is_same, login_of, own_form, site_of

LOG = logging.getLogger("ivrc.history.web")
_SEARCH = 0.04  # seconds of a search, after which the page shows what was found and offers to go on
_PEOPLE = 500  # names that the page offers; more are typed

# ── logging in and out ──


async def login_form(request: web.Request) -> web.Response:
    """The page to log in."""
    return _login_page(request, 200, "")


def _login_page(request: web.Request, status: int, told: str, name: str = "") -> web.Response:
    """A form whose token its cookie has too: another site can make the browser send the cookie, not read it."""
    site = site_of(request)
    kept = request.cookies.get(_form_cookie(request), "")
    token = kept if 20 <= len(kept) <= 64 else secrets.token_urlsafe(24)
    goal = _goal(request.query.get("next", ""))
    text = site.render("login.html", told=told, name=name, csrf=token, goal=goal)
    response = web.Response(status=status, text=text, content_type="text/html")
    secure = site.is_secure(request)
    response.set_cookie(_form_cookie(request), token, httponly=True, samesite="Strict", secure=secure, path="/")
    return response


def _form_cookie(request: web.Request) -> str:
    return site_of(request).cookie(request) + "-form"


def _goal(text: str) -> str:
    """Where to go after: only to pages of ours."""
    return text if text.startswith("/calls/") or text.startswith("/?") else "/"


async def login(request: web.Request) -> web.StreamResponse:
    """Log in, if name and password are right and were not tried too often."""
    site = site_of(request)
    fields = await form(request)
    name, password = fields.get("name", "").strip()[:80], fields.get("password", "")
    if not is_same(fields.get("csrf", ""), request.cookies.get(_form_cookie(request), secrets.token_hex())):
        return _login_page(request, 403, "The form was too old. Please try again.", name)
    address = site.address(request)
    if wait := site.attempts.begin(name, address):
        LOG.warning("too many logins for %r from %s", name, address)
        told = f"Too many tries. Please wait {round(wait / 60) or 1} min."
        response = _login_page(request, 429, told, name)
        response.headers["Retry-After"] = str(round(wait) + 1)
        return response
    async with site.hashing:
        account = await asyncio.to_thread(site.accounts.find, name, password)
    if account is None:
        LOG.warning("login failed for %r from %s", name, address)
        return _login_page(request, 401, "Name or password is wrong.", name)
    site.attempts.succeed(name, address)
    seconds = site.settings.session
    token = await asyncio.to_thread(site.accounts.begin, account, seconds)
    response = web.Response(status=303, headers={"Location": _goal(fields.get("next", ""))})
    secure = site.is_secure(request)
    response.set_cookie(
        site.cookie(request), token, max_age=int(seconds), httponly=True, samesite="Lax", secure=secure, path="/"
    )
    response.del_cookie(_form_cookie(request), path="/")
    return response


async def logout(request: web.Request) -> web.StreamResponse:
    """Log out, here and in the database."""
    await own_form(request)
    site = site_of(request)
    await asyncio.to_thread(site.accounts.end, request.cookies.get(site.cookie(request), ""))
    response = web.Response(status=303, headers={"Location": "/login"})
    response.del_cookie(site.cookie(request), path="/")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


# ── calls ──


async def calls(request: web.Request) -> web.StreamResponse:
    """The list; only its rows where htmx asks for them."""
    asked = query.read(request.query)
    found = await asyncio.to_thread(_list, site_of(request), login_of(request).account, asked)
    if is_part(request) and request.headers.get("HX-Target") == "list":
        return _html(request, "list.html", **found)
    return _html(request, "history.html", **found, call=None)


async def call(request: web.Request) -> web.StreamResponse:
    """A call's journey; with the list beside it where the whole page is asked for."""
    site, account = site_of(request), login_of(request).account
    shown = await asyncio.to_thread(_call, site, account, int(request.match_info["call"]))
    if shown is None:
        raise web.HTTPNotFound(text="There is no such call, or it is not one of yours.")
    asked = query.read(request.query)
    if is_part(request) and request.headers.get("HX-Target") == "detail":
        return _html(request, "call.html", call=shown, query=asked)
    found = await asyncio.to_thread(_list, site, account, asked)
    return _html(request, "history.html", **found, call=shown)


def _list(site: Site, account: Account, asked: query.Query) -> dict[str, Any]:
    """What the list is made of."""
    today = date.today()
    told = until = ""
    try:
        wanted = query.wanted(asked, today)
        found, further = site.store.page(wanted, account.scope, _SEARCH)
    except (ValueError, OverflowError):
        told, found, further = "That is no date.", [], 0
    older = str(found[query.PAGE - 1]["sortkey"] if len(found) > query.PAGE else further or "")
    found = found[: query.PAGE]
    if further:
        until = words.day(moment_of(further), today)
    kinds = site.store.kinds([each["id"] for each in found if each["files"]])
    days: list[tuple[str, list[dict[str, Any]]]] = []
    for each in found:
        each["kinds"] = kinds.get(each["id"], [])
        day = words.day(each["began"], today)
        if not days or days[-1][0] != day:
            days.append((day, []))
        days[-1][1].append(each)
    people = _people(site, account) if account.role != "employee" else []
    found_ = {
        "query": asked,
        "days": days,
        "older": older,
        "told": told,
        "until": until,
        "people": people,
        "account": account,
    }
    return {**found_, "spans": query.SPANS}


def _people(site: Site, account: Account) -> list[str]:
    """Names for the filter, as in the source."""
    try:
        manifest = json.loads((site.settings.build / "manifest.json").read_bytes())
        found = {(each.office, each.name) for each in Plan("", manifest).people.values()}
    except (OSError, ValueError, KeyError, TypeError):
        return []
    found = {each for each in found if account.office in ("", each[0])}
    several = len({office for office, _ in found}) > 1
    return sorted(f"{office}/{name}" if several else name for office, name in found)[:_PEOPLE]


def _call(site: Site, account: Account, number: int) -> dict[str, Any] | None:
    """A call as it is shown to somebody."""
    shown = site.store.show(number, account.scope)
    if shown:
        shown["media"] = [each for each in shown["media"] if _may_have(site, account, shown, each)]
    return shown


def _may_have(site: Site, account: Account, shown: dict[str, Any], media: dict[str, Any]) -> bool:
    if not account.scope.employee:
        return True
    mine = (account.office, account.employee)
    part = next((each for each in shown["involved"] if (each["office"], each["employee"]) == mine), None)
    return part is not None and files.is_theirs(site.settings, media, part)


def _html(request: web.Request, name: str, **values: Any) -> web.Response:
    values.setdefault("csrf", login_of(request).csrf)
    return web.Response(text=site_of(request).render(name, **values), content_type="text/html")


# ── what calls left ──


async def media(request: web.Request) -> web.StreamResponse:
    """A file, for whoever may have it."""
    found = await asyncio.to_thread(_media, request)
    name = f"call-{found['call']}-{found['kind']}"
    return await files.send(request, site_of(request).settings, found["path"], name)


async def page(request: web.Request) -> web.StreamResponse:
    """A page of a fax as a picture."""
    found = await asyncio.to_thread(_media, request)
    number = int(request.match_info["page"])
    if found["kind"] != "fax" or not 1 <= number <= max(found["pages"], 1):
        raise web.HTTPNotFound(text="There is no such page.")
    try:
        picture, tag = await asyncio.to_thread(files.picture, site_of(request).settings, found["path"], number)
    except files.FileGone:
        raise web.HTTPNotFound(text="The page cannot be shown.") from None
    headers = {**files.PRIVATE, "ETag": tag}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=picture, content_type="image/png", headers=headers)


def _media(request: web.Request) -> dict[str, Any]:
    """A file of the history, if it is for who asks. HTTPNotFound."""
    site, account = site_of(request), login_of(request).account
    number = int(request.match_info["media"])
    call = site.store.call_of(number)
    shown = _call(site, account, call) if call else None
    theirs: list[dict[str, Any]] = shown["media"] if shown else []
    found = next((each for each in theirs if each["id"] == number), None)
    if found is None:
        raise web.HTTPNotFound(text="There is no such file, or it is not one of yours.")
    return found


# ── live ──


async def live(request: web.Request) -> web.StreamResponse:
    """Server-sent events: something is new, look again. Ends with the login."""
    site, login = site_of(request), login_of(request)
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    token = request.cookies.get(site.cookie(request), "")
    try:
        await response.write(b"retry: 3000\n\n")
        async for news in site.watch.changes():
            if login.expires < time.time() or await asyncio.to_thread(site.accounts.of, token) is None:
                await response.write(b"event: over\ndata: over\n\n")
                break
            await response.write(b"event: changed\ndata: changed\n\n" if news else b": still here\n\n")
    except (ClientConnectionResetError, ConnectionResetError):
        pass
    return response


__all__ = ["call", "calls", "live", "login", "login_form", "logout", "media", "page"]
