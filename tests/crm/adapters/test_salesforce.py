"""Salesforce."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ivrc.crm.contact import Contact, Crm, CrmBusy, CrmDown, CrmNonsense, CrmRefused, Person
from ivrc.crm.settings import SettingsError
from tests.crm.adapters.support import CALLER, UNKNOWN, Service, asking, find

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
USER, DEPUTY, QUEUE = "005000000000001AAA", "005000000000002AAA", "00G000000000001AAA"


class SalesforceServer(Service):
    """Shapes by developer.salesforce.com: "REST API Developer Guide" (search, query, errors as a list of errorCode and
    message, 401 INVALID_SESSION_ID, 403 REQUEST_LIMIT_EXCEEDED), "SOSL Reference" (reserved signs, no asterisk at a
    term's beginning); logins by help.salesforce.com, "OAuth 2.0 Client Credentials Flow" and "JWT Bearer Flow".
    """

    kind = "salesforce"
    secrets: ClassVar[dict[str, str]] = {"client_secret": "appsecret"}
    options: ClassVar[dict[str, Any]] = {"client_id": "app"}

    def __init__(self, written: str = "(916) 123-45-67", owner: str = USER) -> None:
        super().__init__()
        self.written, self.owner = written, owner
        self.logins = 0
        self.server = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path, dict(request.query)))
        if request.path == "/services/oauth2/token":
            return self.login(dict(await request.post()))
        if request.headers.get("Authorization") != f"Bearer session{self.logins}" or not self.logins:
            return self.error(401, "INVALID_SESSION_ID")
        query = request.query["q"]
        if request.path == "/services/data/v62.0/search/":
            return web.json_response({"searchRecords": self.search(query)})
        if request.path == "/services/data/v62.0/query/":
            return self.query(query)
        return self.error(404, "NOT_FOUND")

    def login(self, form: dict[str, Any]) -> web.Response:
        wanted = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "appsecret"}
        if form != wanted and not self.is_signed(form):
            error = {"error": "invalid_client", "error_description": "invalid client credentials"}
            return web.json_response(error, status=400)
        self.logins += 1
        server = self.server or self.base
        body = {"access_token": f"session{self.logins}", "instance_url": server, "token_type": "Bearer"}
        return web.json_response({**body, "id": f"{server}/id/00D/005", "issued_at": "1", "signature": "x"})

    def is_signed(self, form: dict[str, Any]) -> bool:
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return False
        signed, _, signature = form["assertion"].rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        KEY.public_key().verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), SHA256())
        assert header["alg"] == "RS256"
        assert 0 < int(claims["exp"]) - time.time() <= 300
        return (claims["iss"], claims["sub"], claims["aud"]) == ("app", "bot@example.com", self.base)

    def search(self, sosl: str) -> list[dict[str, Any]]:
        match = re.fullmatch(r"FIND \{(.*)\} IN PHONE FIELDS RETURNING (.*)", sosl)
        assert match is not None
        words = re.findall(r"\d+", self.written)
        terms = [term.strip('"').split() for term in match[1].split(" OR ")]
        # A term is a phrase of whole words; digits are found whole, too, whatever stands between them.
        found = any(_phrase_in(term, words) or term == ["".join(words)] for term in terms)
        return [self.contact(match[2])] if found else []

    def contact(self, returning: str) -> dict[str, Any]:
        wanted = re.search(r"Contact\((.*?) LIMIT", returning)
        assert wanted is not None
        fields = {"Id": "003000000000001AAA", "Name": "Ivan", "Phone": self.written, "OwnerId": self.owner}
        fields["Backup__c"] = DEPUTY
        attributes = {"type": "Contact", "url": "/services/data/v62.0/sobjects/Contact/003000000000001AAA"}
        return {"attributes": attributes, **{name: fields.get(name) for name in wanted[1].split(", ")}}

    def query(self, soql: str) -> web.Response:
        match = re.fullmatch(r"SELECT (.*) FROM User WHERE Id = '(\w+)'", soql)
        assert match is not None
        values = {"Name": "Anna", "MobilePhone": "+79161112233", "Phone": None, "Extension": "101"}
        user = {"attributes": {"type": "User"}, **{name: values[name] for name in match[1].split(", ")}}
        records = [user] if match[2] == USER else []
        return web.json_response({"totalSize": len(records), "done": True, "records": records})

    def error(self, status: int, code: str) -> web.Response:
        return web.json_response([{"message": "why", "errorCode": code}], status=status)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _phrase_in(term: list[str], words: list[str]) -> bool:
    return any(words[start : start + len(term)] == term for start in range(len(words)))


ANNA = Person(USER, "Anna", ("+79161112233",), "101")


def test_contact_and_its_owner(tmp_path: Path) -> None:
    server = SalesforceServer()
    assert find(server, tmp_path) == [Contact("003000000000001AAA", "Ivan", ("(916) 123-45-67",), (ANNA,))]
    assert [path for _, path, _ in server.seen] == [
        "/services/oauth2/token",
        "/services/data/v62.0/search/",
        "/services/data/v62.0/query/",
    ]


@pytest.mark.parametrize(
    "written", [CALLER, "79161234567", "89161234567", "8 (916) 123-45-67", "+7 916 123-4567", "9161234567"]
)
def test_number_however_it_is_written(tmp_path: Path, written: str) -> None:
    assert len(find(SalesforceServer(written), tmp_path)) == 1


def test_unknown_number(tmp_path: Path) -> None:
    assert find(SalesforceServer(), tmp_path, UNKNOWN) == []


def test_queue_is_nobody(tmp_path: Path) -> None:
    assert find(SalesforceServer(owner=QUEUE), tmp_path)[0].responsible == ()


def test_owner_who_would_break_the_query_is_nobody(tmp_path: Path) -> None:
    assert find(SalesforceServer(owner="005' OR Name != '"), tmp_path)[0].responsible == ()


def test_second(tmp_path: Path) -> None:
    found = find(SalesforceServer(), tmp_path, second={"Contact": "Backup__c"})
    assert found[0].responsible == (ANNA, Person(DEPUTY))


def test_session_that_ended_is_renewed_once_for_all(tmp_path: Path) -> None:
    server = SalesforceServer()

    async def work(crm: Crm) -> list[list[Contact]]:
        await crm.find(CALLER)
        server.logins = 41
        return await asyncio.gather(*(crm.find(CALLER) for _ in range(6)))

    assert all(found[0].responsible == (ANNA,) for found in asking(server, tmp_path, work))
    assert server.logins == 42


def test_session_that_is_never_taken_is_refused(tmp_path: Path) -> None:
    class Never(SalesforceServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            if request.path == "/services/oauth2/token":
                return await super().handle(request)
            return self.error(401, "INVALID_SESSION_ID")

    server = Never()
    with pytest.raises(CrmRefused, match="INVALID_SESSION_ID"):
        find(server, tmp_path)
    assert server.logins == 2


def test_jwt(tmp_path: Path) -> None:
    class Jwt(SalesforceServer):
        secrets: ClassVar[dict[str, str]] = {"private_key": PEM}

        def table(self) -> dict[str, Any]:
            return {**super().table(), "username": "bot@example.com", "login_url": self.base}

    assert find(Jwt(), tmp_path)[0].responsible == (ANNA,)


@pytest.mark.parametrize(("secrets", "hint"), [({}, "client_secret"), ({"private_key": "no key"}, "RSA key")])
def test_settings_that_cannot_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str], hint: str
) -> None:
    monkeypatch.setattr(SalesforceServer, "secrets", secrets)
    with pytest.raises(SettingsError, match=hint):
        find(SalesforceServer(), tmp_path)


def test_wrong_secret(tmp_path: Path) -> None:
    class Other(SalesforceServer):
        secrets: ClassVar[dict[str, str]] = {"client_secret": "wrongone"}

    with pytest.raises(CrmRefused, match="invalid_client") as refused:
        find(Other(), tmp_path)
    assert "wrongone" not in str(refused.value)


@pytest.mark.parametrize(
    "server", ["https://evil.example", "http://x.salesforce.com", "https://salesforce.com.evil.example"]
)
def test_session_is_not_sent_to_strangers(tmp_path: Path, server: str) -> None:
    service = SalesforceServer()
    service.server = server
    with pytest.raises(CrmNonsense, match="not Salesforce's"):
        find(service, tmp_path)


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", CrmBusy),
        (503, "SERVER_UNAVAILABLE", CrmBusy),
        (403, "API_DISABLED_FOR_ORG", CrmRefused),
        (400, "INVALID_FIELD", CrmRefused),
        (500, "UNKNOWN_EXCEPTION", CrmDown),
    ],
)
def test_errors(tmp_path: Path, status: int, code: str, fault: type[Exception]) -> None:
    class Failing(SalesforceServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            if request.path == "/services/oauth2/token":
                return await super().handle(request)
            return self.error(status, code)

    with pytest.raises(fault):
        find(Failing(), tmp_path)


def test_check(tmp_path: Path) -> None:
    assert "Salesforce answers" in asking(SalesforceServer(), tmp_path, lambda crm: crm.check())
