"""EspoCRM."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web

from ivrc.crm.contact import Contact, CrmDown, CrmRefused, Person
from ivrc.crm.settings import SettingsError
from tests.crm.adapters.support import CALLER, UNKNOWN, Service, asking, find


class EspoServer(Service):
    """Shapes by docs.espocrm.com: "REST API" (headers, HMAC over method and path, errors) and "Search parameters"
    (`where`, `select`, `maxSize`); `phoneNumberNumeric` by the source of espocrm/espocrm (field converter Phone).
    """

    kind = "espocrm"
    secrets: ClassVar[dict[str, str]] = {"key": "apikey"}
    hmac_secret = "hmacsecret"

    def __init__(self, written: str = "8 (916) 123-45-67", data_in_lists: bool = True, primary: str = "") -> None:
        super().__init__()
        self.written, self.data_in_lists, self.primary = written, data_in_lists, primary

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v1/")
        self.seen.append((request.method, path, dict(request.query)))
        if not self.authorized(request, path):
            return web.Response(status=401, headers={"X-Status-Reason": "Unauthorized"})
        if path in ("Contact", "Lead"):
            return self.listed(path, request)
        if path == "Contact/c1":
            return web.json_response(self.contact(whole=True))
        if path == "User/u1":
            data = [
                {"phoneNumber": "+74957654321", "type": "Office", "primary": True, "optOut": False, "invalid": False},
                {"phoneNumber": "+79161112233", "type": "Mobile", "primary": False, "optOut": False, "invalid": False},
            ]
            return web.json_response(
                {"id": "u1", "name": "Anna", "phoneNumber": "+74957654321", "phoneNumberData": data}
            )
        return web.Response(status=403)

    def authorized(self, request: web.Request, path: str) -> bool:
        if "X-Hmac-Authorization" in request.headers:
            key, _, digest = base64.b64decode(request.headers["X-Hmac-Authorization"]).partition(b":")
            right = hmac.new(self.hmac_secret.encode(), f"{request.method} /{path}".encode(), hashlib.sha256).digest()
            return (key, digest) == (b"apikey", right)
        return request.headers.get("X-Api-Key") == "apikey"

    def listed(self, entity: str, request: web.Request) -> web.Response:
        query = request.query
        assert query["where[0][type]"] == "or"
        assert " " not in query["select"]
        asked = []
        for name, value in query.items():
            if match := re.fullmatch(r"where\[0\]\[value\]\[(\d+)\]\[value\]", name):
                term = f"where[0][value][{match[1]}]"
                assert (query[f"{term}[type]"], query[f"{term}[attribute]"]) == ("startsWith", "phoneNumberNumeric")
                asked.append(value)
        numeric = re.sub(r"\D", "", self.written)
        found = [self.contact()] if entity == "Contact" and any(map(numeric.startswith, asked)) else []
        return web.json_response({"total": len(found), "list": found})

    def contact(self, whole: bool = False) -> dict[str, Any]:
        record: dict[str, Any] = {
            **{"id": "c1", "name": "Ivan", "phoneNumber": self.primary or self.written},
            **{"assignedUserId": "u1", "assignedUserName": "Anna", "deputyId": "u2", "deputyName": "Boris"},
        }
        if whole or self.data_in_lists:
            bad = {"phoneNumber": "+70000000001", "type": "Mobile", "primary": False, "invalid": True}
            good = {"phoneNumber": self.written, "type": "Office", "primary": not self.primary, "invalid": False}
            record["phoneNumberData"] = [bad, good]
        return record

    def status(self, status: int) -> web.Response:
        return web.Response(status=status)


ANNA = Person("u1", "Anna", ("+79161112233", "+74957654321"))


def test_contact_and_its_user(tmp_path: Path) -> None:
    server = EspoServer()
    assert find(server, tmp_path) == [Contact("c1", "Ivan", ("8 (916) 123-45-67", "+70000000001"), (ANNA,))]
    assert [path for _, path, _ in server.seen] == ["Contact", "User/u1"]


@pytest.mark.parametrize("written", ["+7 916 123 45 67", "8-916-123-45-67 доб. 12", "9161234567", "007 916 1234567"])
def test_number_however_it_is_written(tmp_path: Path, written: str) -> None:
    assert [each.crm_id for each in find(EspoServer(written), tmp_path)] == ["c1"]


def test_unknown_number(tmp_path: Path) -> None:
    assert find(EspoServer(), tmp_path, UNKNOWN) == []


def test_lists_that_tell_the_primary_phone_only(tmp_path: Path) -> None:
    server = EspoServer(data_in_lists=False, primary="+78127654321")
    found = find(server, tmp_path)
    assert found[0].phones == ("8 (916) 123-45-67", "+70000000001", "+78127654321")
    assert [path for _, path, _ in server.seen] == ["Contact", "Contact/c1", "User/u1"]
    # The primary one is the caller's: nothing more to ask.
    server = EspoServer(data_in_lists=False)
    assert find(server, tmp_path)[0].phones == ("8 (916) 123-45-67",)
    assert len(server.seen) == 2


def test_hmac(tmp_path: Path) -> None:
    class Signed(EspoServer):
        secrets: ClassVar[dict[str, str]] = {"key": "apikey", "secret": "hmacsecret"}

    assert find(Signed(), tmp_path)[0].responsible == (ANNA,)

    class Wrong(EspoServer):
        secrets: ClassVar[dict[str, str]] = {"key": "apikey", "secret": "other"}

    with pytest.raises(CrmRefused, match="401"):
        find(Wrong(), tmp_path)


def test_second_who_may_not_be_read(tmp_path: Path) -> None:
    assert find(EspoServer(), tmp_path, second="deputy")[0].responsible == (ANNA, Person("u2"))


def test_several_entities(tmp_path: Path) -> None:
    server = EspoServer()
    assert [each.crm_id for each in find(server, tmp_path, entities=["Lead", "Contact"])] == ["c1"]
    assert {path for _, path, _ in server.seen} == {"Lead", "Contact", "User/u1"}
    with pytest.raises(CrmRefused, match="403"):
        find(EspoServer(), tmp_path, entities=["Contact", "Account"])
    with pytest.raises(SettingsError, match="at least one"):
        find(EspoServer(), tmp_path, entities=[])


def test_wrong_key(tmp_path: Path) -> None:
    class Other(EspoServer):
        secrets: ClassVar[dict[str, str]] = {"key": "otherkey"}

    with pytest.raises(CrmRefused, match="401") as refused:
        find(Other(), tmp_path, CALLER)
    assert "otherkey" not in str(refused.value)


@pytest.mark.parametrize(("status", "fault"), [(400, CrmRefused), (404, CrmRefused), (500, CrmDown)])
def test_errors(tmp_path: Path, status: int, fault: type[Exception]) -> None:
    class Failing(EspoServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            return self.status(status)

    with pytest.raises(fault):
        find(Failing(), tmp_path)


def test_check(tmp_path: Path) -> None:
    assert "EspoCRM answers" in asking(EspoServer(), tmp_path, lambda crm: crm.check())
