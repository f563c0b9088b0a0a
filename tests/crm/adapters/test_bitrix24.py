"""Bitrix24."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web

from ivrc.crm.contact import Contact, Crm, CrmBusy, CrmDown, CrmRefused, Person
from ivrc.crm.lookup import Lookup
from ivrc.crm.settings import SettingsError
from tests.crm.adapters.support import CALLER, UNKNOWN, Service, asking, find


class Bitrix24Server(Service):
    """Shapes, codes and statuses by apidocs.bitrix24.com: "telephony.externalCall.searchCrmEntities" (its example),
    "crm.contact.get", "user.get", "Error codes" and "Limits" (leaky bucket, 503 QUERY_LIMIT_EXCEEDED).
    """

    kind = "bitrix24"
    secrets: ClassVar[dict[str, str]] = {"webhook": "BASE/rest/1/abc123secret/"}

    def __init__(self, status: str = "OPENED", burst: int = 50) -> None:
        super().__init__()
        self.status = status
        self.left = burst

    def table(self) -> dict[str, Any]:
        return {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        body = await request.json()
        self.seen.append((request.method, path, body))
        if not path.startswith("/rest/1/abc123secret/"):
            return self.error(401, "INVALID_CREDENTIALS", "Invalid request credentials")
        if not self.left:
            return self.error(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
        self.left -= 1
        method = path.removeprefix("/rest/1/abc123secret/")
        if request.method != "POST" or request.content_type != "application/json":
            return self.error(400, "ERROR_CORE", "not as documented")
        if method == "telephony.externalCall.searchCrmEntities":
            return self.search(body)
        if method == "crm.contact.get" and body == {"id": "651"}:
            return self.result({"ID": "651", "NAME": "Иван", "PHONE": [], "UF_CRM_SECOND": "77", "UF_CRM_NONE": ""})
        if method == "user.get":
            return self.user(body)
        return self.error(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")

    def search(self, body: Any) -> web.Response:
        if not body.get("PHONE_NUMBER"):
            return self.error(400, "ERROR_CORE", "PHONE_NUMBER is empty")
        if body["PHONE_NUMBER"].lstrip("+") != "79161234567":
            return self.result([])
        user = {
            "ID": "99",
            "TIMEMAN_STATUS": self.status,
            "USER_PHONE_INNER": "101",
            "WORK_PHONE": "+7 495 765-43-21",
            "PERSONAL_PHONE": None,
            "PERSONAL_MOBILE": "79062195047",
        }
        found = {"CRM_ENTITY_ID": 651, "ASSIGNED_BY_ID": 99, "NAME": "Иван Иванов", "ASSIGNED_BY": user}
        company = {**found, "CRM_ENTITY_ID": 643, "NAME": "ООО Ромашка"}
        return self.result([{"CRM_ENTITY_TYPE": "CONTACT", **found}, {"CRM_ENTITY_TYPE": "COMPANY", **company}])

    def user(self, body: Any) -> web.Response:
        if body != {"ID": "77"}:
            return self.result([])
        user = {
            "ID": "77",
            "ACTIVE": True,
            "NAME": "Борис",
            "LAST_NAME": "Петров",
            "PERSONAL_MOBILE": "8 903 765-43-21",
        }
        return self.result([{**user, "WORK_PHONE": "", "PERSONAL_PHONE": "", "UF_PHONE_INNER": "102"}])

    def result(self, result: Any) -> web.Response:
        time = {"start": 1772808159, "finish": 1772808159.397228, "duration": 0.39, "operating": 0.25}
        return web.json_response({"result": result, "time": time})

    def error(self, status: int, code: str, text: str) -> web.Response:
        return web.json_response({"error": code, "error_description": text}, status=status)


ANNA = Person("99", "", ("79062195047", "+7 495 765-43-21"), "101", True)


def test_contact_with_its_manager_in_one_request(tmp_path: Path) -> None:
    server = Bitrix24Server()
    assert find(server, tmp_path) == [
        Contact("CONTACT-651", "Иван Иванов", (CALLER,), (ANNA,)),
        Contact("COMPANY-643", "ООО Ромашка", (CALLER,), (ANNA,)),
    ]
    assert server.seen == [
        ("POST", "/rest/1/abc123secret/telephony.externalCall.searchCrmEntities", {"PHONE_NUMBER": CALLER})
    ]


def test_unknown_number(tmp_path: Path) -> None:
    assert find(Bitrix24Server(), tmp_path, UNKNOWN) == []


@pytest.mark.parametrize(
    ("status", "at_work"),
    [
        *(("OPENED", True), ("CLOSED", False), ("PAUSED", False), ("EXPIRED", False)),
        *(("UNAVAILABLE", None), ("NOT_INSTALLED", None), ("", None)),
    ],
)
def test_working_time(tmp_path: Path, status: str, at_work: bool | None) -> None:
    assert find(Bitrix24Server(status), tmp_path)[0].responsible[0].at_work is at_work


def test_second_by_a_field_of_the_first_contact(tmp_path: Path) -> None:
    server = Bitrix24Server()
    contacts = find(server, tmp_path, second="UF_CRM_SECOND")
    assert contacts[0].responsible == (ANNA, Person("77", "Борис Петров", ("8 903 765-43-21",), "102"))
    assert contacts[1].responsible == (ANNA,)
    assert len(server.seen) == 3


@pytest.mark.parametrize("field", ["UF_CRM_NONE", "UF_CRM_NOT_THERE"])
def test_nobody_in_the_second_field(tmp_path: Path, field: str) -> None:
    assert find(Bitrix24Server(), tmp_path, second=field)[0].responsible == (ANNA,)


def test_users_are_remembered(tmp_path: Path) -> None:
    async def twice(crm: Crm) -> None:
        await crm.find(CALLER)
        await crm.find(CALLER)

    server = Bitrix24Server()
    asking(server, tmp_path, twice, second="UF_CRM_SECOND")
    assert [path.rpartition("/")[2] for _, path, _ in server.seen].count("user.get") == 1


def test_wrong_webhook_is_refused_and_its_secret_not_told(tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("placeholder")

    async def work(crm: Crm) -> str:
        with pytest.raises(CrmRefused, match="INVALID_CREDENTIALS") as refused:
            await crm.find(CALLER)
        return str(refused.value)

    class Other(Bitrix24Server):
        secrets: ClassVar[dict[str, str]] = {"webhook": "BASE/rest/1/wrongsecret"}

    assert "wrongsecret" not in asking(Other(), tmp_path, work)


def test_rate_limit_of_the_server_is_busy_and_left_alone(tmp_path: Path) -> None:
    server = Bitrix24Server(burst=1)

    async def work(crm: Crm) -> tuple[str, str, str]:
        lookup = Lookup(crm, country="RU")
        first = await lookup.find(CALLER, seconds=5)
        second = await lookup.find(UNKNOWN, seconds=5)
        third = await lookup.find("+79031112255", seconds=5)
        return first.why, second.why, third.why

    assert asking(server, tmp_path, work) == ("found", "busy", "busy")
    assert len(server.seen) == 2


def test_own_rate_limit_keeps_within_the_documented_one(tmp_path: Path) -> None:
    server = Bitrix24Server(burst=10**6)

    async def work(crm: Crm) -> int:
        answers = await asyncio.gather(*(crm.find(CALLER) for _ in range(100)), return_exceptions=True)
        return sum(isinstance(answer, CrmBusy) for answer in answers)

    assert asking(server, tmp_path, work) >= 40
    assert 50 <= len(server.seen) <= 60


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (503, "QUERY_LIMIT_EXCEEDED", CrmBusy),
        (429, "OPERATION_TIME_LIMIT", CrmBusy),
        (503, "OVERLOAD_LIMIT", CrmBusy),
        (403, "insufficient_scope", CrmRefused),
        (401, "expired_token", CrmRefused),
        (404, "ERROR_METHOD_NOT_FOUND", CrmRefused),
        (400, "ERROR_CORE", CrmRefused),
        (200, "ERROR_CORE", CrmRefused),
        (500, "INTERNAL_SERVER_ERROR", CrmDown),
        (503, "", CrmDown),
    ],
)
def test_errors(tmp_path: Path, status: int, code: str, fault: type[Exception]) -> None:
    class Failing(Bitrix24Server):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            return self.error(status, code, "why")

    with pytest.raises(fault):
        find(Failing(), tmp_path)


@pytest.mark.parametrize("webhook", ["abc", "https://x.bitrix24.com/", "https://x.bitrix24.com/rest/1/a b/"])
def test_what_is_no_webhook(tmp_path: Path, webhook: str) -> None:
    class Wrong(Bitrix24Server):
        secrets: ClassVar[dict[str, str]] = {"webhook": webhook}

    with pytest.raises(SettingsError, match=r"crm\.webhook"):
        find(Wrong(), tmp_path)


def test_check(tmp_path: Path) -> None:
    assert "Bitrix24 answers" in asking(Bitrix24Server(), tmp_path, lambda crm: crm.check())
