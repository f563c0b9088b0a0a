"""Bitrix24, by an incoming webhook or as a local application (OAuth).

`telephony.externalCall.searchCrmEntities` has all that a call needs in one answer. Bitrix24 compares numbers itself,
whole and however they are written, and does not tell the contact's own phones; so each contact that it names counts as
one with the number asked for. Its order is that of its own priorities.

Documentation: apidocs.bitrix24.com, "telephony.externalCall.searchCrmEntities", "Limits", "Error codes", "OAuth 2.0".
"""

from __future__ import annotations

import re
from typing import Any

from ivrc.crm.adapters.common import (
    NOBODY,
    Bucket,
    Common,
    People,
    base_url,
    error_code,
    field_name,
    http,
    identity,
    inner,
    items,
    mapping,
    people,
    phones,
    refused,
    text,
    told,
)
from ivrc.crm.adapters.oauth import Access, OAuth, access_by, authorized
from ivrc.crm.contact import Contact, CrmBusy, CrmNonsense, CrmRefused, Person
from ivrc.crm.http import Answer
from ivrc.crm.settings import Secret, SettingsError

_AT_WORK = {"OPENED": True, "CLOSED": False, "PAUSED": False, "EXPIRED": False}
"""TIMEMAN_STATUS; UNAVAILABLE and NOT_INSTALLED say nothing."""
_READ_BY = {"CONTACT": "crm.contact.get", "COMPANY": "crm.company.get", "LEAD": "crm.lead.get"}
_BUSY = {"QUERY_LIMIT_EXCEEDED": 1.0, "OPERATION_TIME_LIMIT": 30.0, "OVERLOAD_LIMIT": 60.0}
"""Codes that mean "too much", with the seconds to leave it alone."""


class Settings(Common, kw_only=True, frozen=True):
    """`webhook`: the whole address as Bitrix24 shows it, https://NAME.bitrix24.com/rest/1/SECRET/. Or `url`,
    https://NAME.bitrix24.com, and `oauth`; `oauth_server` is where tokens are renewed.

    `second`: a field of contacts, companies and leads (UF_CRM_…) that names an employee. `rate` and `burst`: 2 and 50
    for all plans but Enterprise, which has 5 and 250; on an own server 0 is no limit.
    """

    webhook: Secret | None = None
    url: str = ""
    oauth: OAuth | None = None
    oauth_server: str = "https://oauth.bitrix.info/oauth/token/"
    second: str = ""
    rate: float = 2.0
    burst: float = 50.0


class Bitrix24:
    """The adapter of the kind `bitrix24`."""

    def __init__(self, settings: Settings) -> None:
        self._access: Access | None = None
        if settings.oauth is None:
            self._http = http(settings, _webhook(settings.webhook))
        elif settings.webhook is not None:
            raise SettingsError('give either "webhook" or "oauth"', key="crm.oauth")
        else:
            self._http = http(settings, base_url(settings.url) + "/rest")
            self._oauth_server = base_url(settings.oauth_server, "crm.oauth_server") + "/"
            self._access = access_by(None, settings.oauth, self._exchange)
        self._second = field_name(settings.second, "crm.second")
        self._bucket = Bucket(settings.rate, settings.burst)
        self._people = People(self._user, settings.keep_people)

    async def find(self, number: str) -> list[Contact]:
        """Contacts, companies and leads; the first with somebody responsible gets its second one too."""
        answer = await self._call("telephony.externalCall.searchCrmEntities", {"PHONE_NUMBER": number})
        found = [mapping(each, "a CRM object") for each in items(answer, "result")]
        contacts = [_contact(each, number) for each in found]
        if self._second:
            await self._add_second(found, contacts)
        return contacts

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        return told("Bitrix24", await self.find(NOBODY))

    async def close(self) -> None:
        """Close the connections."""
        await self._people.close()
        if self._access is not None:
            await self._access.close()
        await self._http.close()

    async def _add_second(self, found: list[dict[str, Any]], contacts: list[Contact]) -> None:
        for place, contact in enumerate(contacts):
            method = _READ_BY.get(text(found[place].get("CRM_ENTITY_TYPE")))
            if contact.responsible and method:
                entity = mapping(
                    await self._call(method, {"id": identity(found[place].get("CRM_ENTITY_ID"))}), "the CRM object"
                )
                value = entity.get(self._second)
                second = await self._people.get(identity(value[0] if isinstance(value, list) and value else value))
                contacts[place] = contact._replace(responsible=people(*contact.responsible, second))
                return

    async def _user(self, crm_id: str) -> Person:
        found = items(await self._call("user.get", {"ID": crm_id}), "result")
        user = mapping(found[0], "the user") if found else {}
        name = " ".join(filter(None, (text(user.get("NAME")), text(user.get("LAST_NAME")))))
        return Person(crm_id, name, _phones(user), _extension(user.get("UF_PHONE_INNER")))

    async def _call(self, method: str, params: dict[str, Any]) -> Any:
        """The `result` of a method."""
        await self._bucket.take()
        if self._access is None:
            answer = await self._http.fetch("POST", method, json=params)
        else:
            answer = await authorized(
                self._access, lambda token: self._http.fetch("POST", method, json={**params, "auth": token})
            )
        _judge(answer)
        data = mapping(answer.json(), "the answer")
        if "result" not in data:
            raise CrmNonsense(f"the answer has no result: {answer.beginning()}")
        return data["result"]

    async def _exchange(self, fields: dict[str, str]) -> Answer:
        return await self._http.fetch("GET", self._oauth_server, params=fields)


def make(settings: Settings) -> Bitrix24:
    """The adapter; SettingsError for a webhook that is no address."""
    return Bitrix24(settings)


def _webhook(webhook: Secret | None) -> str:
    if webhook is None:
        raise SettingsError('"webhook" is missing (or "url" and "oauth")', key="crm.webhook")
    address = webhook.reveal().strip()
    match = re.fullmatch(r"(https?://[^\s/?#@]+/rest/\d+/[A-Za-z0-9]+)(?:/|/profile(?:\.json)?/?)?", address)
    if match is None:
        raise SettingsError(
            "the webhook looks like https://NAME.bitrix24.com/rest/1/SECRET/: copy it as Bitrix24 shows it",
            key="crm.webhook",
        )
    return match[1]


def _judge(answer: Answer) -> None:
    """Nothing for an answer with a result; else the CrmError that its code means."""
    code = error_code(answer, "error")
    if answer.status == 200 and not code:
        return
    if code in _BUSY:
        raise CrmBusy(f"Bitrix24 answered {code}", _BUSY[code])
    if answer.status in (401, 403) or (answer.status == 404 and code):
        raise refused(answer, "has the webhook the rights telephony and crm, and is it not deleted?")
    answer.judge()
    raise CrmRefused(f"Bitrix24 answered {code}: {answer.beginning()}")


def _contact(found: dict[str, Any], number: str) -> Contact:
    kind, crm_id = text(found.get("CRM_ENTITY_TYPE")), identity(found.get("CRM_ENTITY_ID"))
    return Contact(
        crm_id=f"{kind}-{crm_id}" if kind and crm_id else crm_id,
        name=text(found.get("NAME")),
        phones=(number,),
        responsible=people(_responsible(found)),
    )


def _responsible(found: dict[str, Any]) -> Person | None:
    user = found.get("ASSIGNED_BY")
    if not isinstance(user, dict):
        user = {}
    crm_id = identity(user.get("ID")) or identity(found.get("ASSIGNED_BY_ID"))
    at_work = _AT_WORK.get(text(user.get("TIMEMAN_STATUS")))
    return Person(crm_id, "", _phones(user), _extension(inner(user, "USER_PHONE_INNER")), at_work)


def _phones(user: dict[str, Any]) -> tuple[str, ...]:
    return phones(user.get("PERSONAL_MOBILE"), user.get("PERSONAL_PHONE"), user.get("WORK_PHONE"))


def _extension(value: Any) -> str:
    return text(value) or identity(value)
