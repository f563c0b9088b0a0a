"""Tryton as recorded from a real one; tests/live/test_tryton.py asks a real one."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web

from ivrc.crm.contact import Contact, CrmDown, CrmRefused, Person
from tests.crm.adapters.support import CALLER, OTHER, UNKNOWN, Service, asking, find

PARTY = ["name", "contact_mechanisms.type", "contact_mechanisms.value_compact", "contact_mechanisms.value"]


class TrytonServer(Service):
    """Shapes as trytond 8.2.1 answers (GET /DATABASE/rest/model/MODEL with d, o, s, f; docs.tryton.org, "REST API")."""

    kind = "tryton"
    secrets: ClassVar[dict[str, str]] = {"key": "f" * 128}
    options: ClassVar[dict[str, Any]] = {"database": "crm"}

    def __init__(self, written: str = CALLER) -> None:
        super().__init__()
        self.written = written

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "bearer " + "f" * 128:
            return web.Response(status=401)
        domain = json.loads(base64.urlsafe_b64decode(request.query["d"]))
        model = request.path.removeprefix("/crm/rest/model/")
        self.seen.append((request.method, model, domain))
        assert isinstance(json.loads(base64.urlsafe_b64decode(request.query["o"])), list)
        assert int(request.query["s"]) > 0
        fields = request.query.getall("f")
        if model == "sale.opportunity":
            assert set(fields) >= {f"party.{name}" for name in PARTY} | {f"employee.party.{name}" for name in PARTY}
            assert domain[0] == ["employee", "!=", None]
            found = [self.opportunity("second" in str(fields))] if self.fits(domain[1]) else []
        elif model == "party.party":
            found = [self.party(8, "Stranger", OTHER)] if self.fits(domain[0], OTHER) else []
        else:
            return web.Response(status=404)
        return web.json_response(found)

    def fits(self, domain: list[Any], written: str = "") -> bool:
        for name, operator, value in domain[1:] if domain[0] == "OR" else [domain]:
            assert name.endswith("contact_mechanisms.value_compact")
            pattern = re.escape(value).replace("%", ".*") if operator == "like" else re.escape(value)
            if re.fullmatch(pattern, written or self.written):
                return True
        return False

    def party(self, crm_id: int, name: str, *numbers: str) -> dict[str, Any]:
        kinds = ["phone", "mobile"]
        mechanisms = [
            {"id": 10 + place, "__name__": "party.contact_mechanism", "type": kinds[place % 2]}
            | {"value": number, "value_compact": number}
            for place, number in enumerate(numbers)
        ]
        return {"id": crm_id, "__name__": "party.party", "name": name, "contact_mechanisms": mechanisms}

    def opportunity(self, second: bool) -> dict[str, Any]:
        anna = {"id": 1, "__name__": "company.employee", "party": self.party(2, "Anna", "+74957650001", "+79161234501")}
        boris = {"id": 2, "__name__": "company.employee", "party": self.party(3, "Boris")}
        found = {
            "id": 5,
            "__name__": "sale.opportunity",
            "party": self.party(4, "Shop", self.written),
            "employee": anna,
        }
        return {**found, "second": boris} if second else found


ANNA = Person("1", "Anna", ("+79161234501", "+74957650001"))


@pytest.mark.parametrize("written", [CALLER, "8 (916) 123-45-67"])
def test_all_in_one_request(tmp_path: Path, written: str) -> None:
    server = TrytonServer(written)
    assert find(server, tmp_path) == [Contact("4", "Shop", (written,), (ANNA,))]
    assert len(server.seen) == 1


def test_party_whom_nobody_is_responsible_for(tmp_path: Path) -> None:
    server = TrytonServer()
    assert find(server, tmp_path, OTHER) == [Contact("8", "Stranger", (OTHER,))]
    assert [model for _, model, _ in server.seen] == ["sale.opportunity", "party.party"]


def test_loose_find_does_not_hide_the_party(tmp_path: Path) -> None:
    # Its digits are the number's, with others between them.
    server = TrytonServer("+7 903 11(0)1 22-33")
    assert [each.name for each in find(server, tmp_path, OTHER)] == ["Shop", "Stranger"]


def test_e164_only(tmp_path: Path) -> None:
    assert find(TrytonServer("8 (916) 123-45-67"), tmp_path, search="e164") == []
    assert len(find(TrytonServer(), tmp_path, search="e164")) == 1


def test_unknown_number_and_second(tmp_path: Path) -> None:
    assert find(TrytonServer(), tmp_path, UNKNOWN) == []
    assert find(TrytonServer(), tmp_path, second="second")[0].responsible == (ANNA, Person("2", "Boris"))


def test_wrong_key_and_errors(tmp_path: Path) -> None:
    class Other(TrytonServer):
        secrets: ClassVar[dict[str, str]] = {"key": "wrong"}

    with pytest.raises(CrmRefused, match="401"):
        find(Other(), tmp_path)
    with pytest.raises(CrmRefused, match="no database"):
        find(TrytonServer(), tmp_path, database="other")

    class Failing(TrytonServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            return web.Response(status=500)

    with pytest.raises(CrmDown):
        find(Failing(), tmp_path)


def test_check(tmp_path: Path) -> None:
    assert "Tryton answers" in asking(TrytonServer(), tmp_path, lambda crm: crm.check())
