"""HubSpot, by the token of a private app, or by OAuth.

HubSpot keeps each phone a second time in `hs_searchable_calculated_…`, as digits without the country code, however it
is written; these are asked, and the fields themselves for what was written in E.164 a moment ago. Owners have no
phones here: the source's own employees, found by the owner's id, have.

Documentation: developers.hubspot.com, "CRM search", "Owners", "API usage guidelines", "Error handling".
"""

from __future__ import annotations

from typing import Any

from ivrc.crm.adapters.common import (
    NOBODY,
    Bucket,
    Common,
    People,
    base_url,
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
from ivrc.crm.adapters.oauth import OAuth, access_by, authorized
from ivrc.crm.contact import Contact, CrmRefused, Person
from ivrc.crm.http import Answer
from ivrc.crm.numbers import variants
from ivrc.crm.settings import Secret

PAGE = 100
PAGES = 3


class Settings(Common, kw_only=True, frozen=True):
    """`token`: of a private app with the scope crm.objects.contacts.read; or `oauth`. `second`: a property that names
    an owner.

    `names`: ask for owners' names too, which needs crm.objects.owners.read. `rate`: searches a second of the account.
    """

    token: Secret | None = None
    oauth: OAuth | None = None
    url: str = "https://api.hubapi.com"
    second: str = ""
    names: bool = False
    rate: float = 5.0
    burst: float = 5.0


class HubSpot:
    """The adapter of the kind `hubspot`."""

    def __init__(self, settings: Settings) -> None:
        self._http = http(settings, base_url(settings.url))
        self._access = access_by(settings.token, settings.oauth, self._exchange)
        self._owner_fields = ["hubspot_owner_id"]
        if second := field_name(settings.second, "crm.second"):
            self._owner_fields.append(second)
        self._names = settings.names
        self._bucket = Bucket(settings.rate, settings.burst)
        self._people = People(self._owner, settings.keep_people)

    async def find(self, number: str) -> list[Contact]:
        """Contacts."""
        body: dict[str, Any] = {
            "filterGroups": _groups(number),
            "properties": ["firstname", "lastname", "phone", "mobilephone", *self._owner_fields],
            "limit": PAGE,
        }
        found: list[Any] = []
        for _ in range(PAGES):
            await self._bucket.take()
            answer = await self._send("POST", "crm/v3/objects/contacts/search", body)
            data = mapping(_judged(answer).json(), "the answer")
            found += items(data.get("results"), "results")
            after = inner(data, "paging", "next", "after")
            if not (after := text(after) or identity(after)):
                break
            body = {**body, "after": after}
        return [await self._contact(mapping(each, "a contact")) for each in found]

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        return told("HubSpot", await self.find(NOBODY))

    async def close(self) -> None:
        """Close the connections."""
        await self._people.close()
        await self._access.close()
        await self._http.close()

    async def _contact(self, found: dict[str, Any]) -> Contact:
        fields = found.get("properties")
        fields = fields if isinstance(fields, dict) else {}
        owners = [identity(fields.get(name)) for name in self._owner_fields]
        responsible = await self._people.all_of(*owners) if self._names else people(*map(Person, owners))
        name = " ".join(filter(None, (text(fields.get("firstname")), text(fields.get("lastname")))))
        return Contact(
            identity(found.get("id")), name, phones(fields.get("mobilephone"), fields.get("phone")), responsible
        )

    async def _owner(self, crm_id: str) -> Person:
        if not crm_id.isdecimal():
            raise CrmRefused("an owner's id is a number")
        answer = await self._send("GET", f"crm/v3/owners/{crm_id}")
        owner = _judged(answer).json()
        name = " ".join(filter(None, (text(inner(owner, "firstName")), text(inner(owner, "lastName")))))
        return Person(crm_id, name)

    async def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        return await authorized(
            self._access,
            lambda token: self._http.fetch(method, path, json=body, headers={"Authorization": f"Bearer {token}"}),
        )

    async def _exchange(self, fields: dict[str, str]) -> Answer:
        return await self._http.fetch("POST", "oauth/v1/token", form=fields)


def make(settings: Settings) -> HubSpot:
    """The adapter; SettingsError for a token that is none."""
    return HubSpot(settings)


def _groups(number: str) -> list[dict[str, Any]]:
    """One group is enough for a contact to be found: at most five are allowed."""
    asked = variants(number)
    filters = [
        ("hs_searchable_calculated_phone_number", "CONTAINS_TOKEN", f"*{asked.significant}"),
        ("hs_searchable_calculated_mobile_number", "CONTAINS_TOKEN", f"*{asked.significant}"),
        ("phone", "EQ", asked.e164),
        ("mobilephone", "EQ", asked.e164),
    ]
    return [
        {"filters": [{"propertyName": name, "operator": operator, "value": value}]} for name, operator, value in filters
    ]


def _judged(answer: Answer) -> Answer:
    if answer.status in (401, 403):
        raise refused(answer, "is the token right, and has the private app the scope crm.objects.contacts.read?")
    return answer.judge()
