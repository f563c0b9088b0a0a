"""Tryton 8.0 and later, by the key of a user application: the REST API of the server itself.

Who is responsible is the employee of the party's newest opportunity; one request brings opportunity, party, employee
and all of their phones. A party without any is asked for in a second one.

Numbers that Tryton could read are E.164 in `value_compact`. Those that it could not, and all where the package
phonenumbers is missing, stand there as written: these are found by their digits with anything between them.

Documentation: docs.tryton.org, "REST API", "Domain"; the modules party, company and sale_opportunity.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from ivrc.crm.adapters.common import (
    NOBODY,
    Bucket,
    Common,
    base_url,
    field_name,
    header_value,
    http,
    identity,
    inner,
    items,
    mapping,
    may_be,
    people,
    phones,
    refused,
    text,
    told,
)
from ivrc.crm.contact import Contact, CrmRefused, Person
from ivrc.crm.numbers import variants
from ivrc.crm.settings import Secret, SettingsError

MOST = 20
_CALLED = ("mobile", "phone")
"""Where a person can be called, the first of these first."""
_CALLING = (*_CALLED, "fax", "sip", "other")
"""Where a number may stand from which somebody calls."""
_PARTY = ("name", "contact_mechanisms.type", "contact_mechanisms.value_compact", "contact_mechanisms.value")


class Settings(Common, kw_only=True, frozen=True):
    """`key`: of a user application (Preferences, Applications) for the REST API.

    `second`: a field of opportunities that names another employee. `search` "e164" leaves out numbers that Tryton
    could not read, and is quicker with hundreds of thousands of parties.
    """

    url: str
    database: str
    key: Secret
    second: str = ""
    search: Literal["any", "e164"] = "any"
    rate: float = 0.0
    burst: float = 20.0


class Tryton:
    """The adapter of the kind `tryton`."""

    def __init__(self, settings: Settings) -> None:
        if not settings.database.strip():
            raise SettingsError("name the database", key="crm.database")
        base = f"{base_url(settings.url)}/{quote(settings.database, safe='')}/rest/model"
        self._http = http(settings, base, {"Authorization": f"bearer {header_value(settings.key, 'crm.key')}"})
        self._any = settings.search == "any"
        self._employees = ["employee"]
        if second := field_name(settings.second, "crm.second"):
            self._employees.append(second)
        self._bucket = Bucket(settings.rate, settings.burst)

    async def find(self, number: str) -> list[Contact]:
        """Parties: those with an employee, by their newest opportunities; if there are none, the others."""
        domain = self._domain(number, "party.contact_mechanisms.")
        fields = [f"party.{name}" for name in _PARTY]
        fields += [f"{who}.party.{name}" for who in self._employees for name in _PARTY]
        found = await self._search("sale.opportunity", [["employee", "!=", None], domain], fields, [["id", "DESC"]])
        assigned = _newest(self._contact(each) for each in found)
        if any(may_be(number, contact.phones) for contact in assigned):
            return assigned
        parties = await self._search(
            "party.party", [self._domain(number, "contact_mechanisms.")], list(_PARTY), [["id", "ASC"]]
        )
        return [*assigned, *(_party(each, ()) for each in parties)]

    async def check(self) -> str:
        """Ask for a number that nobody has."""
        return told("Tryton", await self.find(NOBODY))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _domain(self, number: str, at: str) -> list[Any]:
        exact = [f"{at}value_compact", "=", variants(number).e164]
        if not self._any:
            return exact
        pattern = "%" + "%".join(variants(number).significant) + "%"
        return ["OR", exact, [f"{at}value_compact", "like", pattern]]

    def _contact(self, opportunity: dict[str, Any]) -> Contact:
        party = opportunity.get("party")
        return _party(
            party if isinstance(party, dict) else {},
            people(*(_employee(opportunity.get(name)) for name in self._employees)),
        )

    async def _search(self, model: str, domain: list[Any], fields: list[str], order: list[Any]) -> list[dict[str, Any]]:
        await self._bucket.take()
        params = [("d", _encoded(domain)), ("o", _encoded(order)), ("s", str(MOST)), *(("f", name) for name in fields)]
        answer = await self._http.fetch("GET", model, params=params)
        if answer.status in (401, 403):
            raise refused(answer, "is the key of an application for the REST API that is validated?")
        if answer.status == 404:
            raise CrmRefused(f"Tryton has no database of that name, no REST API, or no {model}: {answer.beginning()}")
        return [mapping(each, "a record") for each in items(answer.judge().json(), "the answer")]


def make(settings: Settings) -> Tryton:
    """The adapter; SettingsError for an address or a key that is none."""
    return Tryton(settings)


def _encoded(data: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(data)).decode()


def _newest(contacts: Iterable[Contact]) -> list[Contact]:
    """Each party once, by the first of its opportunities."""
    found: dict[str, Contact] = {}
    for contact in contacts:
        found.setdefault(contact.crm_id, contact)
    return list(found.values())


def _party(party: dict[str, Any], responsible: tuple[Person, ...]) -> Contact:
    return Contact(identity(party.get("id")), text(party.get("name")), _phones(party, _CALLING), responsible)


def _employee(employee: Any) -> Person | None:
    if not isinstance(employee, dict):
        return None
    party = employee.get("party")
    return Person(identity(employee.get("id")), text(inner(party, "name")), _phones(party, _CALLED))


def _phones(party: Any, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The numbers of these types in their order, those of one type in Tryton's own."""
    listed = inner(party, "contact_mechanisms")
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    ordered = [each for kind in wanted for each in found if each.get("type") == kind]
    return phones(*(each.get("value_compact") or each.get("value") for each in ordered))
