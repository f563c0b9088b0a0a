"""amoCRM and Kommo, by a long-lived token of a private integration, or by OAuth.

The search looks into every field of a contact, so it is asked for the last ten digits, which it finds however the
number is written; the numbers are compared afterwards. Users have no phones here: the source's own employees, found by
the user's id, have.

Documentation: amocrm.ru/developers, "Контакты", "Компании", "Пользователи", "Ограничения"; developers.kommo.com.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from ivrc.crm.adapters.common import (
    NOBODY,
    Bucket,
    Common,
    People,
    base_url,
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
from ivrc.crm.contact import Contact, Person
from ivrc.crm.http import Answer
from ivrc.crm.numbers import variants
from ivrc.crm.settings import Secret

PAGE = 50
PAGES = 4
"""A search for ten digits that fills four pages is none for a number."""


class Settings(Common, kw_only=True, frozen=True):
    """`url`: https://NAME.amocrm.ru or https://NAME.kommo.com. `token`, which lasts, or `oauth`. `companies`: these are
    searched too.

    `second`: the code, id or name of a field of contacts that holds the id or name of another user. `names`: ask for
    users' names too, which only an administrator's token may do.
    """

    url: str
    token: Secret | None = None
    oauth: OAuth | None = None
    companies: bool = False
    second: str = ""
    names: bool = False
    rate: float = 7.0
    burst: float = 7.0


class AmoCrm:
    """The adapter of the kind `amocrm`."""

    def __init__(self, settings: Settings) -> None:
        self._base = base_url(settings.url)
        self._http = http(settings, self._base + "/api/v4")
        self._access = access_by(settings.token, settings.oauth, self._exchange)
        self._kinds = ("contacts", "companies") if settings.companies else ("contacts",)
        self._second = settings.second.strip()
        self._names = settings.names
        self._bucket = Bucket(settings.rate, settings.burst)
        self._people = People(self._user, settings.keep_people)

    async def find(self, number: str) -> list[Contact]:
        """Contacts, then companies if the settings want them."""
        last10 = variants(number).last10
        answers = await asyncio.gather(*(self._search(kind, last10) for kind in self._kinds))
        return [await self._contact(each) for answer in answers for each in answer]

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        return told("amoCRM", await self.find(NOBODY))

    async def close(self) -> None:
        """Close the connections."""
        await self._people.close()
        await self._access.close()
        await self._http.close()

    async def _search(self, kind: str, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, PAGES + 1):
            data = await self._get(kind, {"query": query, "limit": str(PAGE), "page": str(page)})
            if data is None:
                break
            found += [mapping(each, "a contact") for each in items(inner(data, "_embedded", kind), f"_embedded.{kind}")]
            if not text(inner(data, "_links", "next", "href")):
                break
        return found

    async def _contact(self, found: dict[str, Any]) -> Contact:
        fields = [each for each in _list(found.get("custom_fields_values")) if isinstance(each, dict)]
        written = phones(*(value for field in fields if field.get("field_code") == "PHONE" for value in _values(field)))
        responsible = await self._person(identity(found.get("responsible_user_id")))
        return Contact(
            identity(found.get("id")), text(found.get("name")), written, people(responsible, self._second_of(fields))
        )

    def _second_of(self, fields: list[dict[str, Any]]) -> Person | None:
        for field in fields if self._second else []:
            if self._second in (field.get("field_code"), field.get("field_name"), identity(field.get("field_id"))):
                who = next((text(value) or identity(value) for value in _values(field)), "")
                return Person(who, who)
        return None

    async def _person(self, crm_id: str) -> Person | None:
        return await self._people.get(crm_id) if self._names else Person(crm_id)

    async def _user(self, crm_id: str) -> Person:
        return Person(crm_id, text(inner(await self._get(f"users/{crm_id}", {}), "name")))

    async def _get(self, path: str, params: dict[str, str]) -> dict[str, Any] | None:
        """An answer's object; None where there is nothing (204)."""
        await self._bucket.take()
        answer = await authorized(
            self._access,
            lambda token: self._http.fetch("GET", path, params=params, headers={"Authorization": f"Bearer {token}"}),
        )
        if answer.status == 204:
            return None
        if answer.status in (401, 402, 403):
            raise refused(answer, "is the token of this account, not expired, and the account paid?")
        return mapping(answer.judge().json(), "the answer")

    async def _exchange(self, fields: dict[str, str]) -> Answer:
        return await self._http.fetch("POST", f"{self._base}/oauth2/access_token", json=fields)


def make(settings: Settings) -> AmoCrm:
    """The adapter; SettingsError for an address or a token that is none."""
    return AmoCrm(settings)


def _list(value: Any) -> list[Any]:
    """A list, or none: amoCRM writes null where a contact has no fields."""
    return value[:200] if isinstance(value, list) else []


def _values(field: dict[str, Any]) -> Iterator[Any]:
    return (inner(each, "value") for each in _list(field.get("values")))
