"""What `ivrc crm lookup` and `ivrc crm check` find out, as lines for people and as data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ivrc.crm import kinds, settings
from ivrc.crm.contact import Contact, Crm, CrmError, Person
from ivrc.crm.directory import Office, read_offices
from ivrc.crm.lookup import Found, Lookup
from ivrc.crm.numbers import normal
from ivrc.crm.responsible import Turn, decide
from ivrc.crm.settings import CrmSettings, Settings, SettingsError
from ivrc.named import NamedTuple

CHECK_SECONDS = 15.0
"""How long `check` waits for one CRM."""
_REASONS = {
    "unknown": "no contact has this number",
    "down": "the CRM cannot be reached",
    "slow": "the CRM did not answer in time",
    "busy": "the CRM's rate limit is used up",
    "refused": "the CRM refuses",
    "nonsense": "the CRM's answer makes no sense",
    "error": "ivrc has a bug here",
}


class Told(NamedTuple):
    """Lines for people, the same as data, and whether all is well."""

    lines: list[str]
    data: dict[str, Any]
    well: bool


class _Listening:
    """An adapter that keeps what the CRM said."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self.contacts: list[Contact] = []

    async def find(self, number: str) -> list[Contact]:
        self.contacts = await self._crm.find(number)
        return self.contacts

    async def check(self) -> str:
        return await self._crm.check()

    async def close(self) -> None:
        await self._crm.close()


async def look_up(config: Path | None, office: str | None, number: str, seconds: float | None) -> Told:
    """Look a number up for an office. SettingsError for settings, a manifest or an office of no use."""
    loaded = settings.load(settings.locate(config))
    place = _office(read_offices(loaded.agi.manifest), office)
    asked = loaded.crm_of(place.name)
    if asked is None:
        raise SettingsError(f"no CRM is set for the office {place.name}: write a table [crm]", file=loaded.file)
    crm = _Listening(kinds.make(asked))
    look = Lookup(crm, asked, country=place.country)
    try:
        found = await look.find(number, seconds=loaded.agi.deadline if seconds is None else seconds)
    finally:
        await look.close()
    return _told(place, asked, number, crm.contacts, found)


def _office(offices: dict[str, Office], wanted: str | None) -> Office:
    if wanted is None and len(offices) == 1:
        return next(iter(offices.values()))
    names = ", ".join(sorted(offices)[:20]) or "none"
    if wanted is None:
        raise SettingsError(f"there are several offices: name one by --office ({names})")
    if wanted not in offices:
        raise SettingsError(f'the manifest has no office "{wanted}"; it has {names}')
    return offices[wanted]


def _told(place: Office, asked: CrmSettings, number: str, contacts: list[Contact], found: Found) -> Told:
    lines = [f"{plain(number)} for the office {place.name}, asked: {asked.kind}, {found.seconds * 1000:.0f} ms"]
    for contact in contacts[:20]:
        is_it = found.contact is not None and contact == found.contact
        lines.append(
            f"{'->' if is_it else '  '} contact {plain(contact.crm_id)} {plain(contact.name)!r}: {_phones(contact)}"
        )
    if len(contacts) > 20:
        lines.append(f"   and {len(contacts) - 20} more contacts")
    people = []
    why, turns = decide(found, place, asked.presence, normal(number, place.country) or "")
    if found.contact is None:
        lines.append(
            f"{found.why}: {_REASONS.get(found.why, '')}" + (f" ({plain(found.detail)})" if found.detail else "")
        )
    else:
        lines.append(f"found: {plain(found.detail)}")
        people = [_person(place, person) for person in found.contact.responsible]
        lines += [line for told in people for line in told.lines] or [
            "unassigned: nobody is responsible for this contact"
        ]
        lines += [f"a call would ring {_would_ring(turn)}" for turn in turns if turn.who or turn.mobiles]
        if why == "stranger":
            lines.append("a call would ring nobody: the responsible are not in the source, and have no usable phone")
    data = {
        "number": number,
        "office": place.name,
        "kind": asked.kind,
        "why": found.why,
        "detail": found.detail,
        "seconds": round(found.seconds, 4),
        "contacts": [contact._asdict() for contact in contacts],
        "contact": found.contact.crm_id if found.contact else None,
        "responsible": [told.data for told in people],
        "rings": [{"employee": t.who, "desk": t.desk, "mobiles": list(t.mobiles), "why": t.reason} for t in turns],
    }
    return Told(lines, data, found.why in ("found", "unknown"))


def _person(place: Office, person: Person) -> Told:
    """Who a responsible person is in the source."""
    employee, by = place.employee_of(person)
    who = f"responsible: {plain(person.name or '(no name)')!r}, id {plain(person.crm_id) or 'none'} in the CRM"
    status = {True: "; at work, says the CRM", False: "; not at work, says the CRM", None: ""}[person.at_work]
    lines = [who + status]
    if employee:
        lines.append(f"   in the source: employee {employee.name}, by {by}")
    else:
        lines.append(f'   in the source: nobody (no employee has crm "{plain(person.crm_id)}")')
    lines.append(f"   phones in the CRM: {', '.join(map(plain, person.phones)) or 'none'}")
    data = {**person._asdict(), "employee": employee.name if employee else None, "by": by}
    return Told(lines, data, True)


def _would_ring(turn: Turn) -> str:
    """Whom a call would ring, in the order in which it would, and why."""
    desk = [f"{turn.who}'s browser and SIP phone"] if turn.who and turn.desk != "no" else []
    mobiles = ["+" + turn.mobiles[0]] if turn.mobiles else []
    more = (
        f" (with `all mobiles` also {', '.join('+' + each for each in turn.mobiles[1:])})" if turn.mobiles[1:] else ""
    )
    return " then ".join([*desk, *mobiles]) + more + f": {turn.reason}"


def _phones(contact: Contact) -> str:
    return ", ".join(plain(phone) for phone in contact.phones[:10]) or "no phones"


def plain(text: str) -> str:
    """A CRM's text for a terminal: no control characters, not long."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]


async def check(config: Path | None, office: str | None) -> Told:
    """Ask every CRM of the settings something harmless, and compare the source's people with the settings."""
    loaded = settings.load(settings.locate(config))
    offices = read_offices(loaded.agi.manifest)
    if office is not None:
        offices = {office: _office(offices, office)}
    unknown = sorted(set(loaded.offices) - set(offices)) if office is None else []
    lines = [f"{loaded.file}: read, all secrets are there"]
    problems = [f"[office.{name}.crm]: the manifest has no such office" for name in unknown]
    checks = await asyncio.gather(*(_check_one(name, asked) for name, asked in _asked(loaded, list(offices))))
    lines += [f"{name}: {text}" for name, text, well in checks if well]
    problems += [f"{name}: {text}" for name, text, well in checks if not well]
    for place in offices.values():
        if loaded.crm_of(place.name) is None:
            lines.append(f"office {place.name}: no CRM is set; call responsible finds nobody")
        else:
            lines += _people(place)
    lines += [f"WRONG {plain(problem)}" for problem in problems]
    data = {"ok": not problems, "problems": problems, "crms": [{"name": n, "text": t, "ok": w} for n, t, w in checks]}
    data["without_crm_id"] = {name: [e.name for e in place.employees if not e.crm] for name, place in offices.items()}
    return Told(lines, data, not problems)


def _asked(loaded: Settings, offices: list[str]) -> list[tuple[str, CrmSettings]]:
    """The CRMs that these offices ask, each once."""
    own = [(f"office {name}", loaded.offices[name]) for name in offices if name in loaded.offices]
    common = [("crm", loaded.crm)] if loaded.crm and (len(own) < len(offices) or not offices) else []
    return [*common, *own]


async def _check_one(name: str, asked: CrmSettings) -> tuple[str, str, bool]:
    name = f"{name} ({asked.kind})"
    crm = kinds.make(asked)
    try:
        return name, await asyncio.wait_for(crm.check(), CHECK_SECONDS), True
    except CrmError as fault:
        return name, f"{_REASONS[fault.reason]}: {fault}", False
    except TimeoutError:
        return name, f"no answer in {CHECK_SECONDS:g} s", False
    finally:
        await asyncio.wait({asyncio.ensure_future(crm.close())}, timeout=1)


def _people(place: Office) -> list[str]:
    """Whom the CRM's ids do not lead to."""
    without = [employee.name for employee in place.employees if not employee.crm]
    if not place.employees:
        return [f"office {place.name}: no employees"]
    if not without:
        return [f"office {place.name}: all {len(place.employees)} employees have a crm id"]
    shown = ", ".join(without[:20]) + (" …" if len(without) > 20 else "")
    return [f"office {place.name}: {len(without)} of {len(place.employees)} employees have no crm id: {shown}"]
