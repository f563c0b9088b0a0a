"""Odoo: by JSON-2 with an API key (19 and later), or by the older JSON-RPC with a login and a key or password.

Which fields there are depends on the version and on the modules (19 has no `mobile`, `phone_mobile_search` comes with
phone validation), so Odoo is asked once in a while; false stands for every empty field. `phone_mobile_search` finds
digits however they are written; without it each digit of the number is looked for in order, with anything between.

Documentation: odoo.com/documentation, "External JSON-2 API", "External RPC API", "ORM API: search domains".
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from ivrc.crm.adapters.common import (
    NOBODY,
    Bucket,
    Common,
    Kept,
    People,
    base_url,
    error_code,
    field_name,
    header_value,
    http,
    identity,
    inner,
    items,
    mapping,
    may_be,
    phones,
    refused,
    text,
    told,
)
from ivrc.crm.contact import Contact, CrmDown, CrmNonsense, CrmRefused, Person
from ivrc.crm.http import Answer
from ivrc.crm.numbers import variants
from ivrc.crm.settings import Secret, SettingsError

MOST = 50
"""Partners of one search."""
FIELDS_KEPT = 3600.0
_PARTNER_PHONES = ("mobile", "phone", "phone_sanitized")
_USER_PHONES = ("mobile_phone", "mobile", "work_phone", "phone")
_ATTENDANCE = {"checked_in": True, "checked_out": False}
_DENIED = ("AccessDenied", "AccessError", "Unauthorized", "Forbidden", "SessionExpiredException")
_DOWN = ("OperationalError", "InterfaceError", "PoolError", "SerializationFailure")


class Settings(Common, kw_only=True, frozen=True):
    """`protocol`: json2, or jsonrpc with `database` and `login`. `key`: an API key (or, for jsonrpc, a password).

    `second`: a field of contacts that names another user. `extension`: a field of users with the internal number.
    `attendance`: who has not checked in is not at work (needs the module Attendances).
    """

    url: str
    key: Secret
    protocol: Literal["json2", "jsonrpc"] = "json2"
    database: str = ""
    login: str = ""
    second: str = ""
    extension: str = ""
    attendance: bool = False
    rate: float = 0.0
    burst: float = 20.0


class Odoo:
    """The adapter of the kind `odoo`."""

    def __init__(self, settings: Settings) -> None:
        self._server = JsonRpc(settings) if settings.protocol == "jsonrpc" else Json2(settings)
        self._user_fields = ["user_id"]
        if second := field_name(settings.second, "crm.second"):
            self._user_fields.append(second)
        self._extension = field_name(settings.extension, "crm.extension")
        self._attendance = settings.attendance
        self._fields: Kept[frozenset[str]] = Kept(self._fields_of, FIELDS_KEPT)
        self._people = People(self._user, settings.keep_people)

    async def find(self, number: str) -> list[Contact]:
        """Partners."""
        known = await self._fields.get("res.partner")
        wanted = [name for name in ("display_name", *_PARTNER_PHONES, *self._user_fields) if name in known]
        answer = await self._server.call(
            "res.partner", "search_read", {"domain": _domain(number, known), "fields": wanted, "limit": MOST}
        )
        found = [mapping(each, "a partner") for each in items(answer, "the answer")]
        return await asyncio.gather(*(self._contact(each, number) for each in found))

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        missing = [name for name in self._user_fields if name not in await self._fields.get("res.partner")]
        if missing:
            raise CrmRefused(f"contacts have no field {missing[0]} that this user may read")
        return told("Odoo", await self.find(NOBODY))

    async def close(self) -> None:
        """Close the connections."""
        await self._people.close()
        await self._fields.close()
        await self._server.close()

    async def _contact(self, found: dict[str, Any], number: str) -> Contact:
        ids = [_reference(found.get(name)) for name in self._user_fields]
        written = phones(*(found.get(name) for name in _PARTNER_PHONES))
        responsible = await self._people.all_of(*ids) if may_be(number, written) else ()
        return Contact(identity(found.get("id")), text(found.get("display_name")), written, responsible)

    async def _user(self, crm_id: str) -> Person:
        known = await self._fields.get("res.users")
        wanted = ["name", *_USER_PHONES, "attendance_state", self._extension]
        answer = await self._server.call(
            "res.users", "read", {"ids": [int(crm_id)], "fields": [name for name in wanted if name in known]}
        )
        found = items(answer, "the answer")
        user = mapping(found[0], "the user") if found else {}
        extension = user.get(self._extension) if self._extension else None
        at_work = _ATTENDANCE.get(text(user.get("attendance_state"))) if self._attendance else None
        written = phones(*(user.get(name) for name in _USER_PHONES))
        return Person(crm_id, text(user.get("name")), written, text(extension) or identity(extension), at_work)

    async def _fields_of(self, model: str) -> frozenset[str]:
        answer = await self._server.call(model, "fields_get", {"attributes": ["type"]})
        return frozenset(mapping(answer, "the fields"))


class Json2:
    """The API of Odoo 19 and later."""

    def __init__(self, settings: Settings) -> None:
        headers = {"Authorization": f"bearer {header_value(settings.key, 'crm.key')}"}
        if settings.database:
            headers["X-Odoo-Database"] = _database(settings.database)
        self._http = http(settings, base_url(settings.url) + "/json/2", headers)
        self._bucket = Bucket(settings.rate, settings.burst)

    async def call(self, model: str, method: str, arguments: dict[str, Any]) -> Any:
        """What a method of a model returns."""
        await self._bucket.take()
        answer = await self._http.fetch("POST", f"{model}/{method}", json=arguments)
        if answer.status >= 400:
            _raise(answer, error_code(answer, "name"), error_code(answer, "message"))
        return answer.judge().json()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


class JsonRpc:
    """The older API, by /jsonrpc; the user's number is asked once by login and key."""

    def __init__(self, settings: Settings) -> None:
        if not (settings.database and settings.login):
            raise SettingsError('the protocol jsonrpc needs "database" and "login" too', key="crm.protocol")
        self._database, self._login, self._key = settings.database, settings.login, settings.key.reveal()
        self._http = http(settings, base_url(settings.url))
        self._bucket = Bucket(settings.rate, settings.burst)
        self._uid: Kept[int] = Kept(self._authenticate, FIELDS_KEPT)

    async def call(self, model: str, method: str, arguments: dict[str, Any]) -> Any:
        """What a method of a model returns."""
        uid = await self._uid.get("")
        named = {name: value for name, value in arguments.items() if name != "ids"}
        places = [arguments["ids"]] if "ids" in arguments else []
        try:
            return await self._rpc(
                "object", "execute_kw", [self._database, uid, self._key, model, method, places, named]
            )
        except CrmRefused:
            self._uid.forget("", uid)
            raise

    async def _authenticate(self, _: str) -> int:
        uid = await self._rpc("common", "authenticate", [self._database, self._login, self._key, {}])
        if isinstance(uid, bool) or not isinstance(uid, int):
            raise CrmRefused("Odoo knows no such login, or the key is wrong")
        return uid

    async def _rpc(self, service: str, method: str, arguments: list[Any]) -> Any:
        await self._bucket.take()
        params = {"service": service, "method": method, "args": arguments}
        answer = await self._http.fetch(
            "POST", "jsonrpc", json={"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        )
        data = mapping(answer.judge().json(), "the answer")
        if "error" in data:
            error = inner(data, "error", "data")
            _raise(answer, text(inner(error, "name")), text(inner(error, "message")))
        if "result" not in data:
            raise CrmNonsense("the answer has no result")
        return data["result"]

    async def close(self) -> None:
        """Close the connections."""
        await self._uid.close()
        await self._http.close()


def make(settings: Settings) -> Odoo:
    """The adapter; SettingsError for an address or a key that is none, or missing login."""
    return Odoo(settings)


def _database(name: str) -> str:
    if not name.isprintable() or not name.isascii() or len(name) > 100:
        raise SettingsError("this cannot be the name of a database", key="crm.database")
    return name


def _domain(number: str, known: frozenset[str]) -> list[Any]:
    """A search domain: operators stand before what they join."""
    asked = variants(number)
    if "phone_mobile_search" in known:
        return [["phone_mobile_search", "ilike", asked.significant]]
    pattern = "%" + "%".join(asked.significant) + "%"
    terms = [[name, "=ilike", pattern] for name in _PARTNER_PHONES if name in known]
    if not terms:
        raise CrmRefused("contacts have no field with a phone that this user may read")
    return [*["|"] * (len(terms) - 1), *terms]


def _reference(value: Any) -> str:
    """The id in a reference to a user: [7, "Anna"], {"id": 7}, 7, or false; "" if it is none."""
    if isinstance(value, list):
        value = value[0] if value else None
    elif isinstance(value, dict):
        value = value.get("id")
    found = identity(value)
    return found if found.isascii() and found.isdecimal() and len(found) < 12 else ""


def _raise(answer: Answer, name: str, message: str) -> None:
    """The CrmError for the name of an exception in Odoo; what has none is left to the status."""
    kind = name.rpartition(".")[2]
    beginning = " ".join(message.split())[:100]
    if kind in _DENIED or answer.status in (401, 403):
        raise refused(answer, "is the key right, not expired, and may its user read contacts and users?")
    if kind in _DOWN:
        raise CrmDown(f"Odoo's database: {kind}")
    if kind and answer.status != 429 and answer.status not in (502, 503, 504):
        raise CrmRefused(f"Odoo refuses the question: {kind}: {beginning}")
    answer.judge()
    raise CrmNonsense(f"an error without a name: {answer.beginning()}")
