"""Odoo, by both of its protocols."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web

from ivrc.crm.contact import Contact, Crm, CrmBusy, CrmDown, CrmRefused, Person
from ivrc.crm.settings import SettingsError
from tests.crm.adapters.support import CALLER, UNKNOWN, Service, asking, find

PARTNER_FIELDS = ("id", "display_name", "phone", "mobile", "phone_sanitized", "user_id", "x_second_id")
USER_FIELDS = ("id", "name", "phone", "mobile", "work_phone", "mobile_phone", "attendance_state", "x_extension")


class OdooServer(Service):
    """Shapes by odoo.com/documentation: "External JSON-2 API" (path, headers, named arguments, error object), "External
    RPC API" (`/jsonrpc`, authenticate, execute_kw), "ORM API" (search domains); false stands for empty fields.
    """

    kind = "odoo"
    secrets: ClassVar[dict[str, str]] = {"key": "6578616d706c65"}
    options: ClassVar[dict[str, Any]] = {"database": "acme"}
    rpc: ClassVar[dict[str, Any]] = {"protocol": "jsonrpc", "login": "bot"}

    def __init__(self, missing: tuple[str, ...] = ("mobile",), phone: Any = "8 (916) 123-45-67", search: bool = True):
        super().__init__()
        self.missing, self.phone, self.search = missing, phone, search

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if request.path == "/jsonrpc":
            return self.jsonrpc(body)
        match = re.fullmatch(r"/json/2/([a-z.]+)/([a-z_]+)", request.path)
        if request.headers.get("Authorization") != "bearer 6578616d706c65":
            return self.error("werkzeug.exceptions.Unauthorized", "Invalid apikey", 401)
        if match is None or request.headers.get("X-Odoo-Database") != "acme":
            return self.error("werkzeug.exceptions.NotFound", "no such page", 404)
        self.seen.append((match[1], match[2], body))
        try:
            return web.json_response(self.call(match[1], match[2], body))
        except ValueError as fault:
            return self.error("builtins.ValueError", str(fault), 500)

    def jsonrpc(self, body: Any) -> web.Response:
        params = body["params"]
        arguments = params["args"]
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": body["id"]}
        if (params["service"], params["method"]) == ("common", "authenticate"):
            self.seen.append(("common", "authenticate", None))
            return web.json_response({**answer, "result": 7 if arguments[1] == "bot" else False})
        database, uid, key, model, method, places, named = arguments
        if (database, uid, key) != ("acme", 7, "6578616d706c65"):
            data = {"name": "odoo.exceptions.AccessDenied", "message": "Access Denied", "debug": "Traceback"}
            error = {"code": 200, "message": "Odoo Server Error", "data": data}
            return web.json_response({**answer, "error": error})
        self.seen.append((model, method, named))
        return web.json_response({**answer, "result": self.call(model, method, {**named, "ids": (places or [[]])[0]})})

    def call(self, model: str, method: str, arguments: dict[str, Any]) -> Any:
        fields = {"res.partner": PARTNER_FIELDS, "res.users": USER_FIELDS}[model]
        known = [name for name in fields if name not in self.missing]
        if model == "res.partner" and self.search:
            known.append("phone_mobile_search")
        if method == "fields_get":
            return {name: {"type": "char"} for name in known if arguments["attributes"] == ["type"]}
        for name in arguments["fields"]:
            if name not in known:
                raise ValueError(f"Invalid field '{name}' on model '{model}'")
        if method == "search_read":
            found = [self.partner()] if self.matches(arguments["domain"], known) else []
        else:
            assert method == "read"
            found = [self.user(each) for each in arguments["ids"]]
        return [{name: each[name] for name in ("id", *arguments["fields"])} for each in found]

    def matches(self, domain: list[Any], known: list[str]) -> bool:
        terms = [term for term in domain if isinstance(term, list)]
        assert domain[: len(domain) - len(terms)] == ["|"] * (len(terms) - 1)
        for name, operator, value in terms:
            if name not in known:
                raise ValueError(f"Invalid field '{name}'")
            written = str(self.phone) if name in ("phone", "phone_mobile_search") else ""
            if operator == "ilike" and name == "phone_mobile_search":
                # As documented for this field: signs between the digits do not count.
                if value in re.sub(r"[\s\\./()\-]", "", written):
                    return True
            elif operator == "=ilike":
                if re.fullmatch(re.escape(value).replace("%", ".*"), written, re.I):
                    return True
            else:
                raise ValueError(f"operator {operator}")
        return False

    def partner(self) -> dict[str, Any]:
        return {
            **{"id": 25, "display_name": "Deco, Ivan", "phone": self.phone, "mobile": False},
            **{"phone_sanitized": "+79161234567", "user_id": [7, "Anna"], "x_second_id": False},
        }

    def user(self, uid: int) -> dict[str, Any]:
        return {
            **{"id": uid, "name": "Anna", "phone": False, "mobile": False, "work_phone": "+7 495 765-43-21"},
            **{"mobile_phone": "+79161112233", "attendance_state": "checked_out", "x_extension": 101},
        }

    def error(self, name: str, message: str, status: int) -> web.Response:
        body = {"name": name, "message": message, "arguments": [message], "context": {}, "debug": "Traceback …"}
        return web.json_response(body, status=status)


ANNA = Person("7", "Anna", ("+79161112233", "+7 495 765-43-21"))
FOUND = [Contact("25", "Deco, Ivan", ("8 (916) 123-45-67", CALLER), (ANNA,))]


@pytest.mark.parametrize("protocol", [{}, OdooServer.rpc])
@pytest.mark.parametrize("missing", [("mobile",), (), ("phone_sanitized", "mobile_phone", "x_extension")])
def test_partner_with_the_fields_that_this_odoo_has(
    tmp_path: Path, protocol: dict[str, Any], missing: tuple[str, ...]
) -> None:
    (found,) = find(OdooServer(missing), tmp_path, **protocol)
    assert (found.crm_id, found.name, found.phones[0]) == ("25", "Deco, Ivan", "8 (916) 123-45-67")
    assert [who.crm_id for who in found.responsible] == ["7"]


def test_contact_and_its_salesperson(tmp_path: Path) -> None:
    assert find(OdooServer(), tmp_path) == FOUND
    assert find(OdooServer(), tmp_path, **OdooServer.rpc) == FOUND


@pytest.mark.parametrize("phone", ["8 (916) 123-45-67", "+7 916 123 45 67", "9161234567", "+7.916.123.45.67 доб. 3"])
@pytest.mark.parametrize("search", [True, False])
def test_number_however_it_is_written(tmp_path: Path, phone: str, search: bool) -> None:
    assert [each.crm_id for each in find(OdooServer(phone=phone, search=search), tmp_path)] == ["25"]


@pytest.mark.parametrize("search", [True, False])
def test_unknown_number(tmp_path: Path, search: bool) -> None:
    assert find(OdooServer(search=search), tmp_path, UNKNOWN) == []


def test_fields_and_people_are_asked_once(tmp_path: Path) -> None:
    async def twice(crm: Crm) -> None:
        await crm.find(CALLER)
        await crm.find(CALLER)

    server = OdooServer()
    asking(server, tmp_path, twice, **OdooServer.rpc)
    assert [f"{model} {method}" for model, method, _ in server.seen] == [
        "common authenticate",
        "res.partner fields_get",
        "res.partner search_read",
        "res.users fields_get",
        "res.users read",
        "res.partner search_read",
    ]


def test_second_extension_and_attendance(tmp_path: Path) -> None:
    class Second(OdooServer):
        def partner(self) -> dict[str, Any]:
            return {**super().partner(), "user_id": False, "x_second_id": [8, "Boris"]}

    options: dict[str, Any] = {"second": "x_second_id", "extension": "x_extension", "attendance": True}
    (boris,) = find(Second(), tmp_path, **options)[0].responsible
    assert (boris.crm_id, boris.extension, boris.at_work) == ("8", "101", False)


def test_check_tells_a_field_that_is_not_there(tmp_path: Path) -> None:
    assert "Odoo answers" in asking(OdooServer(), tmp_path, lambda crm: crm.check())
    with pytest.raises(CrmRefused, match="x_none"):
        asking(OdooServer(), tmp_path, lambda crm: crm.check(), second="x_none")


@pytest.mark.parametrize("protocol", [{}, OdooServer.rpc])
def test_wrong_key(tmp_path: Path, protocol: dict[str, Any]) -> None:
    class Other(OdooServer):
        secrets: ClassVar[dict[str, str]] = {"key": "wrongkey"}

    with pytest.raises(CrmRefused) as refused:
        find(Other(), tmp_path, **protocol)
    assert "wrongkey" not in str(refused.value)


def test_wrong_login_and_missing_login(tmp_path: Path) -> None:
    with pytest.raises(CrmRefused, match="login"):
        find(OdooServer(), tmp_path, protocol="jsonrpc", login="nobody")
    with pytest.raises(SettingsError, match="login"):
        find(OdooServer(), tmp_path, protocol="jsonrpc")


@pytest.mark.parametrize(
    ("name", "status", "fault"),
    [
        ("odoo.exceptions.AccessError", 403, CrmRefused),
        ("builtins.ValueError", 500, CrmRefused),
        ("psycopg2.OperationalError", 500, CrmDown),
        ("", 500, CrmDown),
        ("", 429, CrmBusy),
        ("werkzeug.exceptions.BadGateway", 502, CrmDown),
    ],
)
def test_errors(tmp_path: Path, name: str, status: int, fault: type[Exception]) -> None:
    class Failing(OdooServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            return self.error(name, "why", status)

    with pytest.raises(fault):
        find(Failing(), tmp_path)
