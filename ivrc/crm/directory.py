"""Who works in an office, as manifest.json tells it: what a CRM's people are compared with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ivrc.crm.contact import Person
from ivrc.crm.settings import SettingsError
from ivrc.named import NamedTuple


class Employee(NamedTuple):
    """An employee as the source declares them; `mobiles` in E.164."""

    name: str
    crm: str
    extension: str
    mobiles: tuple[str, ...]


class Office(NamedTuple):
    """An office of the manifest. `ours` are all incoming numbers of the manifest, of other offices too (E.164)."""

    name: str
    country: str | None
    employees: tuple[Employee, ...]
    ours: frozenset[str] = frozenset()

    def employee_of(self, person: Person) -> tuple[Employee | None, str]:
        """Who a CRM's person is in the source, and by what: `crm`, then the internal extension, then the name there.

        The last is for contact books that name the responsible as the source does.
        """
        for each in self.employees:
            if each.crm and each.crm == person.crm_id:
                return each, f'crm "{each.crm}"'
        for each in self.employees:
            if each.extension and each.extension == person.extension:
                return each, f"extension {each.extension}"
        for each in self.employees:
            if each.name == person.crm_id:
                return each, "name"
        return None, ""


def read_offices(manifest: Path) -> dict[str, Office]:
    """The offices of a manifest by name. SettingsError when it is not there, or is none."""
    try:
        data = json.loads(manifest.read_bytes())
        ours = frozenset(str(each["number"]) for each in data.get("numbers", ()))
        return {office["name"]: _office(office, ours) for office in data["offices"]}
    except FileNotFoundError:
        raise SettingsError(
            "is not there: make it by ivrc compile, and name it in [agi] manifest", file=manifest
        ) from None
    except OSError as fault:
        raise SettingsError(f"cannot be read: {fault.strerror}", file=manifest) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SettingsError("is no manifest of ivrc compile", file=manifest) from None


def _office(data: dict[str, Any], ours: frozenset[str]) -> Office:
    employees = tuple(
        Employee(
            str(each["name"]),
            str(each.get("crm") or ""),
            str(each.get("extension") or ""),
            tuple(each.get("mobiles", ())),
        )
        for each in data["employees"]
    )
    return Office(str(data["name"]), data.get("country") or None, employees, ours)
