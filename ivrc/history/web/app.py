"""The application: routes, who may ask, and what every answer carries."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from aiohttp import web

from ivrc.history.accounts import Accounts, Login
from ivrc.history.settings import HistorySettings
from ivrc.history.store import Store, StoreError
from ivrc.history.web import words
from ivrc.history.web.limits import Attempts
from ivrc.history.web.live import Watch

HERE = Path(__file__).parent
LOG = logging.getLogger("ivrc.history.web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_STATIC = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Nothing from elsewhere, no script or style within a page, in no frame.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Vary": "HX-Request, Cookie",
}


class Site:
    """What all handlers share."""

    def __init__(self, settings: HistorySettings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.accounts = Accounts(store)
        self.attempts = Attempts()
        self.watch = Watch(store)
        # Hashing takes memory and a core: two at a time.
        self.hashing = asyncio.Semaphore(2)
        self.static = {path.name: path.read_bytes() for path in (HERE / "static").iterdir() if path.suffix in _STATIC}
        version = hashlib.sha256(b"".join(self.static[name] for name in sorted(self.static))).hexdigest()[:12]
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.globals.update(words=words, version=version)

    def render(self, page: str, /, **values: Any) -> str:
        """A page, or a part of one."""
        return self._pages.get_template(page).render(**values)

    def is_secure(self, request: web.Request) -> bool:
        """Whether the browser came by TLS."""
        proto = request.headers.get("X-Forwarded-Proto", "") if self.settings.behind_proxy else request.scheme
        return proto.strip().lower() == "https"

    def address(self, request: web.Request) -> str:
        """Where the browser is: what the proxy says, if there is one, and nobody else."""
        told = request.headers.get("X-Forwarded-For", "") if self.settings.behind_proxy else ""
        return told.rpartition(",")[2].strip()[:60] or request.remote or ""

    def cookie(self, request: web.Request) -> str:
        """The cookie's name: by TLS one that no other site of the domain can set."""
        return "__Host-ivrc" if self.is_secure(request) else "ivrc"


SITE = web.AppKey("site", Site)
LOGIN = web.RequestKey("login", Login)


def site_of(request: web.Request) -> Site:
    """The site that a request is for."""
    return request.app[SITE]


def login_of(request: web.Request) -> Login:
    """Who asks."""
    return request[LOGIN]


def make_app(settings: HistorySettings, store: Store) -> web.Application:
    """The application over a store."""
    from ivrc.history.web import views

    app = web.Application(middlewares=[_guard, _authenticate], client_max_size=16 * 1024)
    site = app[SITE] = Site(settings, store)
    app.add_routes(
        [
            web.get("/login", views.login_form),
            web.post("/login", views.login),
            web.post("/logout", views.logout),
            web.get("/", views.calls),
            web.get(r"/calls/{call:\d{1,15}}", views.call),
            web.get(r"/media/{media:\d{1,15}}", views.media),
            web.get(r"/media/{media:\d{1,15}}/{page:\d{1,4}}.png", views.page),
            web.get("/live", views.live),
            web.get("/static/{name}", _static),
        ]
    )

    async def close(_: web.Application) -> None:
        await site.watch.close()

    app.on_shutdown.append(close)
    app.on_response_prepare.append(_add_headers)
    return app


async def _static(request: web.Request) -> web.Response:
    """A file of the package's own; there are no others to be named."""
    name = request.match_info["name"]
    data = site_of(request).static.get(name)
    if data is None:
        raise web.HTTPNotFound
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=data, content_type=_STATIC[Path(name).suffix], charset="utf-8", headers=kept)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Faults as pages, and no form of another site's."""
    try:
        if request.method == "POST" and not _is_own(request):
            raise web.HTTPForbidden(text="This form was not sent by this page.")
        response = await handler(request)
    except web.HTTPException as fault:
        response = fault if fault.status < 400 else _fault(request, fault.status, fault.text or fault.reason)
        if fault.status < 400:
            response = web.Response(status=fault.status, headers={"Location": fault.headers["Location"]})
    except StoreError as fault:
        LOG.error("the database: %s", fault)
        response = _fault(request, 503, "The database cannot be read at the moment.")
    return response


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _is_own(request: web.Request) -> bool:
    """Whether a form came from a page of ours, as far as the browser says."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _fault(request: web.Request, status: int, told: str) -> web.Response:
    text = site_of(request).render("fault_part.html" if is_part(request) else "fault.html", status=status, told=told)
    return web.Response(status=status, text=text, content_type="text/html")


def is_part(request: web.Request) -> bool:
    """Whether htmx asks for a part of a page; it asks for the whole when the browser goes back."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


@web.middleware
async def _authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only the login page and the files of the package are for everybody."""
    if request.path == "/login" or request.path.startswith("/static/"):
        return await handler(request)
    site = site_of(request)
    token = request.cookies.get(site.cookie(request), "")
    login = await asyncio.to_thread(site.accounts.of, token) if token else None
    if login is None:
        return _to_login(request)
    request[LOGIN] = login
    return await handler(request)


def _to_login(request: web.Request) -> web.Response:
    if request.path in ("/", "/logout") or request.path.startswith("/calls/"):
        where = (
            "/login" if request.method != "GET" or request.path_qs == "/" else "/login?next=" + quote(request.path_qs)
        )
        if "HX-Request" in request.headers:
            return web.Response(status=401, headers={"HX-Redirect": "/login"})
        return web.Response(status=303, headers={"Location": where})
    return web.Response(status=401, text="Log in first.")


async def own_form(request: web.Request) -> dict[str, str]:
    """The fields of a form that bears the token of who is logged in. HTTPForbidden."""
    fields = await form(request)
    if not is_same(fields.get("csrf", ""), login_of(request).csrf):
        raise web.HTTPForbidden(text="This form is too old, or was not sent by this page. Go back and try again.")
    return fields


async def form(request: web.Request) -> dict[str, str]:
    """A form's texts."""
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def is_same(one: str, other: str) -> bool:
    """Whether two secrets are one, in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
