"""OAuth with refresh tokens that change with every use, at the CRMs that have them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from ivrc.crm.contact import Crm, CrmDown, CrmRefused
from ivrc.crm.settings import SettingsError
from tests.crm.adapters.support import CALLER, Service, adapter, asking, find
from tests.crm.adapters.test_amocrm import IVAN, AmoServer
from tests.crm.adapters.test_bitrix24 import Bitrix24Server
from tests.crm.adapters.test_hubspot import HubSpotServer

CLIENT = {"client_id": "client", "client_secret": "geheim", "redirect_uri": "https://helper.example/"}


class Tokens:
    """Gives tokens as RFC 6749 says, each refresh token once: it then is of no use, as at amoCRM."""

    def __init__(self) -> None:
        self.refresh, self.access, self.given = "refresh-0", "", 0
        self.asked: list[dict[str, str]] = []
        self.seconds = 0.0
        self.fails = 0

    async def answer(self, fields: dict[str, str]) -> web.Response:
        self.asked.append(fields)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.fails:
            self.fails -= 1
            return web.json_response({"error": "internal"}, status=500)
        known = {name: fields.pop(name, None) for name in CLIENT}
        grants = (
            {"grant_type": "refresh_token", "refresh_token": self.refresh},
            {"grant_type": "authorization_code", "code": "code-of-20-minutes"},
        )
        if known != CLIENT or fields not in grants:
            return web.json_response({"error": "invalid_grant", "hint": "Token has been revoked"}, status=400)
        self.given += 1
        self.refresh, self.access = f"refresh-{self.given}", f"access-{self.given}"
        body = {"token_type": "Bearer", "expires_in": 86400, "access_token": self.access, "refresh_token": self.refresh}
        return web.json_response(body)


class OAuthAmo(AmoServer):
    secrets: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.tokens = Tokens()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if (request.method, request.path) == ("POST", "/oauth2/access_token"):
            return await self.tokens.answer(await request.json())
        taken = request.headers.get("Authorization") == f"Bearer {self.tokens.access}"
        return await super().handle(request.clone(headers={"Authorization": "Bearer longlived.token"} if taken else {}))


class OAuthHubSpot(HubSpotServer):
    secrets: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.tokens = Tokens()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if (request.method, request.path) == ("POST", "/oauth/v1/token"):
            assert request.content_type == "application/x-www-form-urlencoded"
            return await self.tokens.answer(dict(parse_qsl(await request.text())))
        if request.headers.get("Authorization") != f"Bearer {self.tokens.access}":
            return self.error(401, "EXPIRED_AUTHENTICATION")
        headers = {**request.headers, "Authorization": "Bearer pat-eu1-secret"}
        return await super().handle(request.clone(headers=headers))


class OAuthBitrix24(Bitrix24Server):
    secrets: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.tokens = Tokens()

    def table(self) -> dict[str, Any]:
        return {"url": self.base, "oauth_server": f"{self.base}/oauth/token/"}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if (request.method, request.path) == ("GET", "/oauth/token/"):
            return await self.tokens.answer(dict(request.query))
        body = await request.json()
        if body.pop("auth") != self.tokens.access:
            return self.error(401, "expired_token", "The access token provided has expired.")
        assert request.path == "/rest/telephony.externalCall.searchCrmEntities"
        return self.search(body)


CRMS = [OAuthAmo, OAuthHubSpot, OAuthBitrix24]
Server = OAuthAmo | OAuthHubSpot | OAuthBitrix24


def oauth(folder: Path, begun: dict[str, Any] | None = None) -> dict[str, Any]:
    """The settings, and the file of tokens as an administrator begins it."""
    (folder / "secret").write_text("geheim")
    if begun is not None:
        (folder / "tokens.json").write_text(json.dumps(begun))
    return {**CLIENT, "client_secret": {"file": "secret"}, "tokens": "tokens.json"}


def kept(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "tokens.json").read_text())
    return found


@pytest.mark.parametrize("make", CRMS)
@pytest.mark.parametrize("begun", [{"refresh_token": "refresh-0"}, {"code": "code-of-20-minutes"}])
def test_begun_with_what_the_crm_shows(make: type[Server], begun: dict[str, str], tmp_path: Path) -> None:
    server = make()
    assert find(server, tmp_path, oauth=oauth(tmp_path, begun))
    assert kept(tmp_path)["refresh_token"] == "refresh-1"
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", CRMS)
def test_each_start_goes_on_with_the_newest(make: type[Server], tmp_path: Path) -> None:
    """A day later the access token has ended; the refresh token of the file is the last one given."""
    server, settings = make(), oauth(tmp_path, {"refresh_token": "refresh-0"})
    for day in range(1, 4):
        assert find(server, tmp_path, oauth=settings)
        assert find(server, tmp_path, oauth=settings)
        assert (server.tokens.given, kept(tmp_path)["refresh_token"]) == (day, f"refresh-{day}")
        (tmp_path / "tokens.json").write_text(json.dumps({**kept(tmp_path), "until": 0}))


@pytest.mark.parametrize("make", CRMS)
def test_token_that_ends_before_its_time_is_renewed(make: type[Server], tmp_path: Path) -> None:
    server = make()

    async def work(crm: Crm) -> None:
        assert await crm.find(CALLER)
        server.tokens.access = "withdrawn"
        assert await crm.find(CALLER)

    asking(server, tmp_path, work, oauth=oauth(tmp_path, {"refresh_token": "refresh-0"}))
    assert kept(tmp_path)["refresh_token"] == "refresh-2"


def test_many_calls_at_once_renew_once(tmp_path: Path) -> None:
    server = OAuthAmo()
    server.tokens.seconds = 0.1

    async def work(crm: Crm) -> list[Any]:
        return await asyncio.gather(*(crm.find(CALLER) for _ in range(6)))

    assert asking(server, tmp_path, work, oauth=oauth(tmp_path, {"refresh_token": "refresh-0"})) == [[IVAN]] * 6
    assert server.tokens.given == 1


def test_several_processes_renew_once(tmp_path: Path) -> None:
    server, settings = OAuthAmo(), oauth(tmp_path, {"refresh_token": "refresh-0"})
    server.tokens.seconds = 0.2

    async def work(crm: Crm) -> None:
        other = adapter(server, tmp_path, oauth=settings)
        try:
            both = await asyncio.gather(crm.find(CALLER), other.find(CALLER))
            assert list(both) == [[IVAN], [IVAN]]
        finally:
            await other.close()

    asking(server, tmp_path, work, oauth=settings)
    assert (server.tokens.given, kept(tmp_path)["refresh_token"]) == (1, "refresh-1")


def test_call_that_does_not_wait_loses_no_token(tmp_path: Path) -> None:
    """The CRM has given the new token when the call's time is over: it is kept, and the next call has it."""
    server = OAuthAmo()
    server.tokens.seconds = 0.3

    async def work(crm: Crm) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(crm.find(CALLER), 0.1)

    asking(server, tmp_path, work, oauth=oauth(tmp_path, {"refresh_token": "refresh-0"}))
    assert kept(tmp_path)["refresh_token"] == "refresh-1"


def test_failure_of_the_crm_changes_nothing(tmp_path: Path) -> None:
    server, begun = OAuthAmo(), {"refresh_token": "refresh-0"}
    server.tokens.fails = 1
    with pytest.raises(CrmDown):
        find(server, tmp_path, oauth=oauth(tmp_path, begun))
    assert kept(tmp_path) == begun
    assert find(server, tmp_path, oauth=oauth(tmp_path)) == [IVAN]


@pytest.mark.parametrize("make", CRMS)
def test_withdrawn_refresh_token(make: type[Server], tmp_path: Path) -> None:
    with pytest.raises(CrmRefused, match="newest, and not withdrawn") as refused:
        find(make(), tmp_path, oauth=oauth(tmp_path, {"refresh_token": "of-last-year"}))
    assert "of-last-year" not in str(refused.value) and "geheim" not in str(refused.value)


@pytest.mark.parametrize("begun", [None, {}, {"refresh_token": ""}, [], {"refresh_token": 7}])
def test_file_of_no_use_is_told_at_the_start(begun: Any, tmp_path: Path) -> None:
    service: Service = OAuthAmo()
    service.base = "http://127.0.0.1:1"
    with pytest.raises(SettingsError) as fault:
        adapter(service, tmp_path, oauth=oauth(tmp_path, begun))
    assert fault.value.key == "crm.oauth.tokens"


@pytest.mark.parametrize("make", CRMS)
def test_one_way_of_access(make: type[Server], tmp_path: Path) -> None:
    server = make()
    server.base = "http://127.0.0.1:1"
    (tmp_path / "x").write_text("https://name.bitrix24.com/rest/1/abc/")
    static = "webhook" if server.kind == "bitrix24" else "token"
    begun = oauth(tmp_path, {"refresh_token": "refresh-0"})
    for options in ({static: {"file": "x"}, "oauth": begun}, {}):
        with pytest.raises(SettingsError):
            adapter(server, tmp_path, **options)
