"""EspoCRM, by an API user: with its key alone, or signed (HMAC).

EspoCRM keeps the bare digits of each phone as it was written in `phoneNumberNumeric`; each way to write a number is
asked as the beginning of these, so that an extension behind it does not hide it.

Documentation: docs.espocrm.com, "REST API", "Search parameters"; the repository espocrm/espocrm for the field.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import Any, Literal
from urllib.parse import quote

from ivrc.crm.adapters.common import (
    NOBODY,
    Bucket,
    Common,
    People,
    base_url,
    field_name,
    header_value,
    http,
    identity,
    items,
    mapping,
    may_be,
    phones,
    refused,
    text,
    told,
)
from ivrc.crm.contact import Contact, Person
from ivrc.crm.numbers import variants
from ivrc.crm.settings import Secret, SettingsError

PAGE = 50
READ_EACH = 5
"""Contacts that are read one by one, where the list does not tell all of their phones."""


class Settings(Common, kw_only=True, frozen=True):
    """`key`: of an API user; with `secret` requests are signed by HMAC. `entities`: what is searched, in this order.

    `second`: a link to another user, without its Id: "secondUser". `rate` 0: EspoCRM has no limit of its own.
    """

    url: str
    key: Secret
    secret: Secret | None = None
    entities: tuple[Literal["Contact", "Lead", "Account"], ...] = ("Contact",)
    second: str = ""
    rate: float = 0.0
    burst: float = 20.0


class EspoCrm:
    """The adapter of the kind `espocrm`."""

    def __init__(self, settings: Settings) -> None:
        if not settings.entities:
            raise SettingsError("name at least one of Contact, Lead, Account", key="crm.entities")
        self._key = header_value(settings.key, "crm.key")
        self._secret = header_value(settings.secret, "crm.secret") if settings.secret else ""
        self._entities = tuple(dict.fromkeys(settings.entities))
        self._user_fields = ["assignedUser"]
        if second := field_name(settings.second, "crm.second"):
            self._user_fields.append(second)
        self._http = http(settings, base_url(settings.url) + "/api/v1")
        self._bucket = Bucket(settings.rate, settings.burst)
        self._people = People(self._user, settings.keep_people)

    async def find(self, number: str) -> list[Contact]:
        """Contacts of every entity, those of the first entity first."""
        answers = await asyncio.gather(*(self._search(entity, number) for entity in self._entities))
        found = [each for answer in answers for each in answer]
        return await asyncio.gather(*(self._contact(each, number) for each in found))

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        return told("EspoCRM", await self.find(NOBODY))

    async def close(self) -> None:
        """Close the connections."""
        await self._people.close()
        await self._http.close()

    async def _search(self, entity: str, number: str) -> list[dict[str, Any]]:
        data = mapping(await self._get(entity, _search_params(number, self._user_fields)), "the answer")
        found = [mapping(each, "a record") for each in items(data.get("list"), "list")]
        return [await self._whole(entity, each, number) for each in found[:READ_EACH]] + found[READ_EACH:]

    async def _whole(self, entity: str, found: dict[str, Any], number: str) -> dict[str, Any]:
        """A record with all of its phones: lists may tell the primary one only."""
        crm_id = identity(found.get("id"))
        primary = "".join(sign for sign in text(found.get("phoneNumber")) if sign in "0123456789")
        if isinstance(found.get("phoneNumberData"), list) or variants(number).significant in primary or not crm_id:
            return found
        return mapping(await self._get(f"{entity}/{quote(crm_id, safe='')}"), "a record")

    async def _contact(self, found: dict[str, Any], number: str) -> Contact:
        ids = [identity(found.get(f"{name}Id")) for name in self._user_fields]
        written = _phones(found)
        responsible = await self._people.all_of(*ids) if may_be(number, written) else ()
        return Contact(identity(found.get("id")), text(found.get("name")), written, responsible)

    async def _user(self, crm_id: str) -> Person:
        user = mapping(await self._get(f"User/{quote(crm_id, safe='')}"), "a user")
        return Person(crm_id, text(user.get("name")), _phones(user))

    async def _get(self, path: str, params: list[tuple[str, str]] | None = None) -> Any:
        await self._bucket.take()
        answer = await self._http.fetch("GET", path, params=params, headers=self._signed(path))
        if answer.status in (401, 403):
            raise refused(answer, "is the key of an API user whose role may read contacts and users?")
        return answer.judge().json()

    def _signed(self, path: str) -> dict[str, str]:
        if not self._secret:
            return {"X-Api-Key": self._key}
        digest = hmac.new(self._secret.encode(), f"GET /{path}".encode(), hashlib.sha256).digest()
        token = base64.b64encode(self._key.encode() + b":" + digest).decode()
        return {"X-Hmac-Authorization": token}


def make(settings: Settings) -> EspoCrm:
    """The adapter; SettingsError for an address or a key that is none."""
    return EspoCrm(settings)


def _search_params(number: str, user_fields: list[str]) -> list[tuple[str, str]]:
    asked = variants(number)
    ways = dict.fromkeys((asked.digits, asked.national, asked.significant, "00" + asked.digits))
    users = [f"{name}{part}" for name in user_fields for part in ("Id", "Name")]
    params = [
        ("select", ",".join(["id", "name", "phoneNumber", "phoneNumberData", *users])),
        ("maxSize", str(PAGE)),
        ("offset", "0"),
        ("where[0][type]", "or"),
    ]
    for place, digits in enumerate(ways):
        at = f"where[0][value][{place}]"
        params += [
            (f"{at}[type]", "startsWith"),
            (f"{at}[attribute]", "phoneNumberNumeric"),
            (f"{at}[value]", digits),
        ]
    return params


def _phones(record: dict[str, Any]) -> tuple[str, ...]:
    """All phones of a record: mobiles first, then the primary one, then the others; what is marked invalid last."""
    listed = record.get("phoneNumberData")
    data = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    data.sort(key=lambda each: (each.get("invalid") is True, each.get("type") != "Mobile"))
    written = [each.get("phoneNumber") for each in data]
    return phones(*written, record.get("phoneNumber"))
