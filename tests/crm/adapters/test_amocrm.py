"""amoCRM and Kommo."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web

from ivrc.crm.contact import Contact, CrmBusy, CrmDown, CrmRefused, Person
from tests.crm.adapters.support import OTHER, UNKNOWN, Service, asking, find


class AmoServer(Service):
    """Shapes by amocrm.ru/developers: "Контакты", "Компании", "Пользователи" (collections, `_embedded`, `_links`,
    204 for none, application/problem+json for errors) and "Ограничения" (7 requests a second, else 429).
    """

    kind = "amocrm"
    secrets: ClassVar[dict[str, str]] = {"token": "longlived.token"}

    def __init__(self, loose: int = 0) -> None:
        super().__init__()
        self.loose = loose
        """How many contacts the search finds before the right one, because they have the digits elsewhere."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path, dict(request.query)))
        if request.headers.get("Authorization") != "Bearer longlived.token":
            return self.problem(401, "Unauthorized")
        if request.path == "/api/v4/users/504141":
            return web.json_response({"id": 504141, "name": "Anna Petrova", "email": "a@example.com", "rights": {}})
        kind = request.path.removeprefix("/api/v4/")
        if kind not in ("contacts", "companies"):
            return self.problem(404, "Not Found")
        limit, page = int(request.query.get("limit", 50)), int(request.query.get("page", 1))
        if not 1 <= limit <= 250:
            return self.problem(400, "Bad Request")
        found = self.matches(kind, request.query["query"])
        part = found[(page - 1) * limit : page * limit]
        if not part:
            return web.Response(status=204)
        links = {"self": {"href": str(request.url)}}
        if len(found) > page * limit:
            links["next"] = {"href": str(request.url.update_query(page=page + 1))}
        body = {"_page": page, "_links": links, "_embedded": {kind: part}}
        return web.json_response(body, content_type="application/hal+json")

    def matches(self, kind: str, query: str) -> list[dict[str, Any]]:
        if kind == "companies":
            return [self.company()] if query in "9031112233" else []
        if query not in "9161234567":
            return []
        return [self.stray(place) for place in range(self.loose)] + [self.contact()]

    def contact(self) -> dict[str, Any]:
        fields = [
            {
                "field_id": 3,
                "field_name": "Телефон",
                "field_code": "PHONE",
                "field_type": "multitext",
                "values": [
                    {"value": "8 (916) 123-45-67", "enum_id": 1, "enum_code": "MOB"},
                    {"value": "+7 495 765-43-21", "enum_id": 2, "enum_code": "WORK"},
                ],
            },
            {"field_id": 5, "field_name": "Замена", "field_code": None, "values": [{"value": "Boris"}]},
        ]
        return {"id": 3, "name": "Иван", "responsible_user_id": 504141, "custom_fields_values": fields}

    def stray(self, place: int) -> dict[str, Any]:
        return {"id": 100 + place, "name": "9161234567", "responsible_user_id": 1, "custom_fields_values": None}

    def company(self) -> dict[str, Any]:
        fields = [{"field_id": 3, "field_code": "PHONE", "values": [{"value": OTHER}]}]
        return {"id": 9, "name": "Ромашка", "responsible_user_id": 504141, "custom_fields_values": fields}

    def problem(self, status: int, title: str) -> web.Response:
        body = {"title": title, "type": "https://httpstatus.es/", "status": status, "detail": "why"}
        return web.json_response(body, status=status, content_type="application/problem+json")


IVAN = Contact("3", "Иван", ("8 (916) 123-45-67", "+7 495 765-43-21"), (Person("504141"),))


def test_contact(tmp_path: Path) -> None:
    server = AmoServer()
    assert find(server, tmp_path) == [IVAN]
    assert server.seen == [("GET", "/api/v4/contacts", {"query": "9161234567", "limit": "50", "page": "1"})]


def test_unknown_number_is_an_empty_answer(tmp_path: Path) -> None:
    assert find(AmoServer(), tmp_path, UNKNOWN) == []


def test_paging(tmp_path: Path) -> None:
    server = AmoServer(loose=120)
    assert find(server, tmp_path)[-1] == IVAN
    assert [query["page"] for _, _, query in server.seen] == ["1", "2", "3"]


def test_paging_has_an_end(tmp_path: Path) -> None:
    server = AmoServer(loose=5000)
    assert len(find(server, tmp_path)) == 200
    assert len(server.seen) == 4


def test_contact_without_fields(tmp_path: Path) -> None:
    assert find(AmoServer(loose=1), tmp_path)[0] == Contact("100", "9161234567", (), (Person("1"),))


def test_names_of_users(tmp_path: Path) -> None:
    server = AmoServer(loose=1)
    found = find(server, tmp_path, names=True)
    assert found[1].responsible == (Person("504141", "Anna Petrova"),)
    # User 1 may not be read: the id is enough.
    assert found[0].responsible == (Person("1"),)


@pytest.mark.parametrize("field", ["5", "Замена"])
def test_second_by_a_field(tmp_path: Path, field: str) -> None:
    assert find(AmoServer(), tmp_path, second=field)[0].responsible == (Person("504141"), Person("Boris", "Boris"))


def test_companies(tmp_path: Path) -> None:
    assert find(AmoServer(), tmp_path, OTHER) == []
    assert find(AmoServer(), tmp_path, OTHER, companies=True) == [
        Contact("9", "Ромашка", (OTHER,), (Person("504141"),))
    ]


def test_wrong_token(tmp_path: Path) -> None:
    class Other(AmoServer):
        secrets: ClassVar[dict[str, str]] = {"token": "another.token"}

    with pytest.raises(CrmRefused, match="401") as refused:
        find(Other(), tmp_path)
    assert "another.token" not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "fault"), [(429, CrmBusy), (402, CrmRefused), (403, CrmRefused), (400, CrmRefused), (502, CrmDown)]
)
def test_errors(tmp_path: Path, status: int, fault: type[Exception]) -> None:
    class Failing(AmoServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            return self.problem(status, "why")

    with pytest.raises(fault):
        find(Failing(), tmp_path)


def test_check(tmp_path: Path) -> None:
    assert "amoCRM answers" in asking(AmoServer(), tmp_path, lambda crm: crm.check())
