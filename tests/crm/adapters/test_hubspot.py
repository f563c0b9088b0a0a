"""HubSpot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web

from ivrc.crm.contact import Contact, Crm, CrmBusy, CrmDown, CrmRefused, Person
from tests.crm.adapters.support import CALLER, UNKNOWN, Service, asking, find

SEARCHED = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number", "phone", "mobilephone")


class HubSpotServer(Service):
    """Shapes by developers.hubspot.com: "CRM search" (groups, limits, paging, calculated phones without the country
    code), "Owners", "Error handling", "API usage guidelines" (429 with errorType RATE_LIMIT).
    """

    kind = "hubspot"
    secrets: ClassVar[dict[str, str]] = {"token": "pat-eu1-secret"}

    def __init__(self, written: str = "8 (916) 123-45-67", calculated: str = "9161234567", before: int = 0) -> None:
        super().__init__()
        self.written, self.calculated, self.before = written, calculated, before

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body: Any = await request.json() if request.can_read_body else None
        self.seen.append((request.method, request.path, body))
        if request.headers.get("Authorization") != "Bearer pat-eu1-secret":
            return self.error(401, "INVALID_AUTHENTICATION")
        if request.path == "/crm/v3/owners/51":
            return web.json_response({"id": "51", "email": "a@example.com", "firstName": "Anna", "lastName": "Petrova"})
        if (request.method, request.path) != ("POST", "/crm/v3/objects/contacts/search"):
            return self.error(404, "OBJECT_NOT_FOUND")
        groups = body["filterGroups"]
        if not 1 <= len(groups) <= 5 or not 1 <= body["limit"] <= 200:
            return self.error(400, "VALIDATION_ERROR")
        found = [self.contact(place, body["properties"]) for place in range(self.before + 1)]
        if not any(self.fits(each) for group in groups for each in group["filters"]):
            found = []
        start = int(body.get("after", 0))
        page: dict[str, Any] = {"total": len(found), "results": found[start : start + body["limit"]]}
        if len(found) > start + body["limit"]:
            page["paging"] = {"next": {"after": str(start + body["limit"])}}
        return web.json_response(page)

    def fits(self, wanted: dict[str, str]) -> bool:
        values = {"hs_searchable_calculated_phone_number": self.calculated, "phone": self.written}
        value = values.get(wanted["propertyName"], "")
        assert wanted["propertyName"] in SEARCHED
        if wanted["operator"] == "CONTAINS_TOKEN":
            assert wanted["value"].startswith("*")
            return value.endswith(wanted["value"][1:])
        assert wanted["operator"] == "EQ"
        return value == wanted["value"]

    def contact(self, place: int, wanted: list[str]) -> dict[str, Any]:
        fields = {"firstname": "Ivan", "lastname": None, "phone": self.written, "mobilephone": "", "deputy": "52"}
        fields["hubspot_owner_id"] = "51" if place == self.before else None
        if place != self.before:
            fields["phone"] = "+79990000001"
        return {"id": str(place + 1), "properties": {name: fields.get(name) for name in wanted}, "archived": False}

    def error(self, status: int, category: str) -> web.Response:
        body = {"status": "error", "message": "why", "correlationId": "0-0", "category": category}
        return web.json_response(body, status=status)


def test_contact(tmp_path: Path) -> None:
    server = HubSpotServer()
    assert find(server, tmp_path) == [Contact("1", "Ivan", ("8 (916) 123-45-67",), (Person("51"),))]
    assert len(server.seen) == 1


def test_number_written_in_e164_that_is_not_calculated_yet(tmp_path: Path) -> None:
    assert find(HubSpotServer(CALLER, ""), tmp_path)[0].crm_id == "1"


def test_number_calculated_with_the_trunk_prefix(tmp_path: Path) -> None:
    assert find(HubSpotServer(calculated="89161234567"), tmp_path)[0].crm_id == "1"


def test_unknown_number(tmp_path: Path) -> None:
    assert find(HubSpotServer(), tmp_path, UNKNOWN) == []


def test_paging_and_its_end(tmp_path: Path) -> None:
    server = HubSpotServer(before=150)
    found = find(server, tmp_path)
    assert found[-1] == Contact("151", "Ivan", ("8 (916) 123-45-67",), (Person("51"),))
    assert found[0].responsible == ()
    assert [body.get("after") for _, _, body in server.seen] == [None, "100"]
    assert len(find(HubSpotServer(before=900), tmp_path)) == 300


def test_second_and_names(tmp_path: Path) -> None:
    found = find(HubSpotServer(), tmp_path, second="deputy", names=True)
    # Owner 52 is gone: the id is enough.
    assert found[0].responsible == (Person("51", "Anna Petrova"), Person("52"))


def test_owners_are_asked_once_for_all_who_wait(tmp_path: Path) -> None:
    import asyncio

    async def work(crm: Crm) -> None:
        await asyncio.gather(*(crm.find(CALLER) for _ in range(4)))

    server = HubSpotServer()
    asking(server, tmp_path, work, names=True)
    assert [path for _, path, _ in server.seen].count("/crm/v3/owners/51") == 1


def test_wrong_token(tmp_path: Path) -> None:
    class Other(HubSpotServer):
        secrets: ClassVar[dict[str, str]] = {"token": "pat-other"}

    with pytest.raises(CrmRefused, match=r"401.*scope") as refused:
        find(Other(), tmp_path)
    assert "pat-other" not in str(refused.value)


@pytest.mark.parametrize(("status", "fault"), [(429, CrmBusy), (403, CrmRefused), (400, CrmRefused), (503, CrmDown)])
def test_errors(tmp_path: Path, status: int, fault: type[Exception]) -> None:
    class Failing(HubSpotServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            return self.error(status, "RATE_LIMITS")

    with pytest.raises(fault):
        find(Failing(), tmp_path)


def test_check(tmp_path: Path) -> None:
    assert "HubSpot answers" in asking(HubSpotServer(), tmp_path, lambda crm: crm.check())
