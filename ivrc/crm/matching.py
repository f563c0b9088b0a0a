"""Which of the contacts that a CRM found is the caller: by whole numbers, and by one rule where there are several.

The rule, in this order: a contact with somebody responsible before one with nobody; one whose number is written without
an extension before one with (a switchboard is called by many); then the CRM's own order.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from ivrc.crm.contact import Contact
from ivrc.crm.numbers import Number, parse, split
from ivrc.named import NamedTuple

CONTACTS = 1000
"""Contacts of one answer that are looked at."""
PHONES = 100
"""Phones of one contact that are looked at."""


class Match(NamedTuple):
    """The contact chosen, its phone as written, that phone read, and how many other contacts have it too."""

    contact: Contact
    phone: str
    number: Number
    others: int = 0


def choose(e164: str, contacts: Iterable[Contact], country: str | None) -> Match | None:
    """The contact to whom a number (E.164) belongs; None if it is none of them."""
    matches = [match for match in (_match(e164, each, country) for each in islice(contacts, CONTACTS)) if match]
    if not matches:
        return None
    best = min(matches, key=lambda match: (not match.contact.responsible, bool(match.number.extension)))
    return best._replace(others=len(matches) - 1)


def _match(e164: str, contact: Contact, country: str | None) -> Match | None:
    found: Match | None = None
    for phone in contact.phones[:PHONES]:
        for written in split(phone):
            # Ends alike, or it cannot be the same: spares reading each number of a long list.
            if not _may_be(e164, written):
                continue
            number = parse(written, country)
            if number and number.e164 == e164 and (found is None or found.number.extension > number.extension == ""):
                found = Match(contact, phone, number)
    return found


def _may_be(e164: str, written: str) -> bool:
    if not written.isascii():
        return True
    digits = "".join(sign for sign in written if sign.isdigit())
    return e164[-4:] in digits
