"""What a CRM's answer means for a call: whom the dialplan may ring, as one line of checked parts.

    version / why / employee / desk / mobiles / second employee / desk / mobiles / contact / name

`employee` is a name of the source, `desk` how that employee's own phones are rung, `mobiles` digits of E.164 joined by
`-`. Nothing else of the CRM's gets through: the contact's id and name, for the call history, are stripped of signs.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ivrc.crm.contact import Contact, Person
from ivrc.crm.directory import Office
from ivrc.crm.lookup import Found
from ivrc.crm.numbers import normal, split
from ivrc.crm.settings import PresenceSettings
from ivrc.named import NamedTuple

VERSION = "1"
MAX_PHONES = 5
MAX_WORDS = 40
"""Characters of a contact's id and name."""
_NOBODY = ("", "", "")
# `\w` is letters and digits of every script, and `_`.
_SIGNS = re.compile(r"[^\w .-]+")


class Turn(NamedTuple):
    """One responsible person: whom of the source, how at the desk, which mobiles, and why, for people."""

    who: str
    desk: str
    mobiles: tuple[str, ...]
    reason: str = ""


def decide(found: Found, office: Office, presence: PresenceSettings, caller: str) -> tuple[str, list[Turn]]:
    """Why, in one word, and the turns of the first and the second responsible, as far as there are any."""
    if found.why != "found" or found.contact is None:
        return found.why, []
    if not found.contact.responsible:
        return "unassigned", []
    turns: list[Turn] = []
    for person in found.contact.responsible[:2]:
        turn = _turn(person, office, presence, caller)
        # The second is not the first once more, by whatever they were found.
        again = any(turn.who == each.who and (turn.who or turn.mobiles == each.mobiles) for each in turns)
        turns.append(Turn("", "", ()) if again else turn)
    return ("found" if any(turn.who or turn.mobiles for turn in turns) else "stranger"), turns


def render(why: str, turns: list[Turn], contact: Contact | None) -> str:
    """The line for the dialplan."""
    parts = [VERSION, why]
    for turn in (*turns, *[Turn("", "", ())] * (2 - len(turns))):
        parts += [turn.who, turn.desk, "-".join(turn.mobiles)] if why == "found" else _NOBODY
    parts += [words(contact.crm_id), words(contact.name)] if contact else ["", ""]
    return "/".join(parts)


def _turn(person: Person, office: Office, presence: PresenceSettings, caller: str) -> Turn:
    employee, by = office.employee_of(person)
    mobiles = usable(person.phones, office, caller)
    if not mobiles and employee is not None:
        mobiles = usable(employee.mobiles, office, caller)
    if employee is None:
        return Turn("", "", mobiles, "nobody in the source; the CRM's phones only")
    desk, reason = _desk(person, presence)
    return Turn(employee.name, desk, mobiles, f"by {by}; {reason}")


def _desk(person: Person, presence: PresenceSettings) -> tuple[str, str]:
    if presence.crm and person.at_work is False:
        return "no", "not at work, says the CRM: the mobile at once"
    if not presence.asterisk:
        return "any", "the desk rings whatever Asterisk knows of it"
    words_ = {"mobile": "free", "ring": "waiting", "pass": "pass"}
    told = {
        "mobile": "busy or offline: the mobile at once",
        "ring": "busy: rings all the same; offline: the mobile at once",
        "pass": "busy: passed over; offline: the mobile at once",
    }
    return words_[presence.busy], told[presence.busy]


def usable(phones: tuple[str, ...], office: Office, caller: str) -> tuple[str, ...]:
    """Numbers to ring: valid ones that cost nothing extra, each once, not the caller's own and none of ours; digits."""
    found: dict[str, None] = {}
    for written in phones[: 4 * MAX_PHONES]:
        for part in split(written):
            number = normal(part, office.country)
            if number and number != caller and number not in office.ours and _may_be_dialled(number):
                found[number[1:]] = None
    return tuple(found)[:MAX_PHONES]


@lru_cache(maxsize=4096)
def _may_be_dialled(e164: str) -> bool:
    """Whether a number is one in use, and not one that the caller's call would be billed for."""
    import phonenumbers as library

    try:
        number = library.parse(e164, None)
    except library.NumberParseException:
        return False
    costly = (library.PhoneNumberType.PREMIUM_RATE, library.PhoneNumberType.SHARED_COST)
    return library.is_valid_number(number) and library.number_type(number) not in costly


def words(text: str) -> str:
    """A text of the CRM's for the call history: letters, digits, space, `.`, `-` and `_`, not many."""
    return " ".join(_SIGNS.sub("", text[: 20 * MAX_WORDS]).split())[:MAX_WORDS]
