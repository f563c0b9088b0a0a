"""Which calls: filters as SQL that stays fast with millions of calls.

Every way of choosing has an index in the order of the list (`call.sortkey`, the newest first), so that a page is read
from its first call to its last and no further: by moment, outcome, office, person, and text (schema.py). Where several
are asked for at once, one of them leads and the others are looked up call by call. PostgreSQL chooses by its
statistics; for SQLite the rarest leads, for which a few of each are counted.
"""

from __future__ import annotations

import math
import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ivrc.history.schema import SEARCHED, calls
from ivrc.named import NamedTuple

TRIGRAM = 3
"""Letters in the shortest word that an index of trigrams finds."""
_MANY = 2000  # more than so many of a kind are not counted
_END = 7  # digits
_LAST = 8e9  # later moments have no sortkey
_BITS = 20  # of the sortkey, below its milliseconds
_PHONE = re.compile(r"[+(]?[\d\s().-]{3,}")
SHOWN = [column for column in calls.c if column.name != "sortkey"]


class Filter(NamedTuple):
    """Which calls: times in seconds since 1970; texts are found anywhere in number, caller or name.

    `employee` is `anna` or `acme/anna`, `before` the sortkey of the call before which the list goes on.
    """

    since: float = 0.0
    until: float = 0.0
    number: str = ""
    caller: str = ""
    employee: str = ""
    outcome: str = ""
    search: str = ""
    limit: int = 50
    before: int = 0


class Scope(NamedTuple):
    """Which calls somebody may see: those of an office, and of these those of an employee; empty for all."""

    office: str = ""
    employee: str = ""


class _Query:
    """SQL under way: conditions by what could lead, and the values in them."""

    def __init__(self, wanted: Filter, scope: Scope, full_text: bool, dialect: str) -> None:
        self.values: dict[str, Any] = {}
        self.low, self.high = _span(wanted)
        self.persons: list[str] = []
        # What of `call` is asked for; the first two have indexes.
        self.outcome = self._value("outcome", wanted.outcome)
        self.office = self._value("office", scope.office)
        self.rest: list[str] = []
        # The same as `match` for one call, where something else leads.
        self.matched: list[str] = []
        self.match = ""
        for employee in (f"{scope.office}/{scope.employee}" if scope.employee else "", wanted.employee):
            if employee:
                self._person(employee)
        texts = {"caller": _digits(wanted.caller), "number": _digits(wanted.number)}
        words = _words(wanted.search)
        if full_text:
            found = [_phrase(_key(word)) for word in words if len(word) >= TRIGRAM]
            found += [f"{name} : {_phrase(_key(text))}" for name, text in texts.items() if len(text) >= TRIGRAM]
            self.match = self._value("match", " AND ".join(found))
        everything = "(" + " || ' ' || ".join(f"call.{name}" for name in SEARCHED) + ")"
        if dialect == "postgresql":
            # The index there knows all columns together.
            words += [text for text in texts.values() if text]
        for number, word in enumerate(words):
            known = self.match and len(word) >= TRIGRAM and _key(word) == word
            where = self.matched if known else self.rest
            if dialect == "postgresql":
                where.append(f"{everything} ILIKE {self._like(f'word{number}', word)}")
            else:
                where.append(f"instr(folded({everything}), {self._value(f'word{number}', word.lower())})")
        for name, text in texts.items():
            if text:
                known = self.match and len(text) >= TRIGRAM and _key(text) == text
                (self.matched if known else self.rest).append(f"call.{name} LIKE {self._like(name, text)}")

    def _value(self, name: str, value: str) -> str:
        """A parameter for a value; empty if there is none."""
        if not value:
            return ""
        self.values[name] = value
        return f":{name}"

    def _like(self, name: str, text: str) -> str:
        escaped = re.sub(r"([!%_])", r"!\1", text)
        return self._value(name, f"%{escaped}%") + " ESCAPE '!'"

    def _person(self, employee: str) -> None:
        office, _, name = employee.rpartition("/")
        number = len(self.persons)
        self.values[f"person{number}"] = name
        condition = f"{{table}}.employee = :person{number}"
        if office:
            self.values[f"office{number}"] = office
            condition += f" AND {{table}}.office = :office{number}"
        self.persons.append(condition)

    def used(self, text: str) -> dict[str, Any]:
        """The values that SQL of ours has parameters for."""
        return {name: self.values[name] for name in re.findall(r":(\w+)", text)}

    def leaders(self) -> list[str]:
        """What could lead, besides the moment."""
        found = ["text"] * bool(self.match)
        found += [f"person{number}" for number in range(len(self.persons))]
        return found + ["outcome"] * bool(self.outcome) + ["office"] * bool(self.office and not self.persons)

    def source(self, leader: str) -> tuple[str, str, list[str]]:
        """The table that leads, its sortkey, and the condition that its index answers."""
        if leader == "text":
            return "call_text", "call_text.rowid", [f"call_text MATCH {self.match}"]
        if leader.startswith("person"):
            condition = self.persons[int(leader.removeprefix("person"))].format(table="mine")
            # An employee of that name in two offices is one call's only by a mistake, but then the call is one.
            return "involved AS mine", "mine.sortkey", [condition]
        if leader in ("outcome", "office"):
            return "call", "call.sortkey", [f"call.{leader} = {getattr(self, leader)}"]
        return "call", "call.sortkey", []

    def window(self, key: str) -> list[str]:
        """The moments."""
        self.values |= {"low": self.low, "high": self.high}
        return [f"{key} >= :low", f"{key} < :high"]

    def others(self, leader: str, plain: bool) -> list[str]:
        """The conditions that do not lead. `plain`: the database chooses its indexes itself."""
        hide = "" if plain else "+"
        found = list(self.rest)
        if leader != "text":
            found += self.matched
        for number, condition in enumerate(self.persons):
            if leader != f"person{number}":
                inner = condition.format(table="other")
                found.append(f"EXISTS (SELECT 1 FROM involved AS other WHERE other.call = call.id AND {inner})")
        for name in ("outcome", "office"):
            if getattr(self, name) and leader != name:
                found.append(f"{hide}call.{name} = {getattr(self, name)}")
        return found


def select_calls(connection: Connection, wanted: Filter, scope: Scope, full_text: bool) -> sa.Executable:
    """The query for a page of calls, the newest first: columns `SHOWN`, `files` (how many), `sortkey`."""
    dialect = connection.dialect.name
    query = _Query(wanted, scope, full_text, dialect)
    leader = _leader(connection, query)
    table, key, conditions = query.source(leader)
    joined = {"call_text": " CROSS JOIN call ON call.sortkey = call_text.rowid"}.get(table, "")
    if table.startswith("involved"):
        joined = (
            " CROSS JOIN call ON call.id = mine.call" if dialect == "sqlite" else " JOIN call ON call.id = mine.call"
        )
    conditions += query.window(key) + query.others(leader, plain=dialect != "sqlite")
    columns = ", ".join(f"call.{column.name}" for column in SHOWN)
    text = (
        f"SELECT {columns}, (SELECT count(*) FROM media WHERE media.call = call.id) AS files, call.sortkey "
        f"FROM {table}{joined} WHERE {' AND '.join(conditions)} ORDER BY {key} DESC"
    )
    if wanted.limit:
        text += " LIMIT :limit"
        query.values["limit"] = wanted.limit
    typed = [*SHOWN, sa.column("files", sa.Integer), calls.c.sortkey]
    return sa.text(text).bindparams(**query.used(text)).columns(*typed)


def _leader(connection: Connection, query: _Query) -> str:
    """What leads: the rarest of what is asked for, as far as counting a few tells."""
    possible = query.leaders()
    if connection.dialect.name != "sqlite":
        return next((each for each in possible if each.startswith("person")), "")
    if len(possible) < 2:
        return possible[0] if possible else ""
    best, least = possible[0], _MANY + 1
    for each in possible:
        table, key, conditions = query.source(each)
        where = " AND ".join(conditions + query.window(key))
        text = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {where} LIMIT {_MANY + 1})"
        count = connection.execute(sa.text(text), query.used(text)).scalar_one()
        if count < least:
            best, least = each, count
    return best


def _span(wanted: Filter) -> tuple[int, int]:
    """The sortkeys of a time: from the first to before the last."""
    low = int(min(max(wanted.since, 0), _LAST) * 1000) << _BITS
    high = math.ceil(min(wanted.until or _LAST, _LAST) * 1000) << _BITS
    return low, min(high, wanted.before) if wanted.before else high


def _words(text: str) -> list[str]:
    """What a call must have all of: words; a phone number in any spelling is one."""
    text = text.replace("\x00", "").strip()[:200]
    return [_digits(text)] if _PHONE.fullmatch(text) else text.split()[:8]


def _digits(text: str) -> str:
    """A phone number as it is kept, whatever it is written with; other texts as they are."""
    text = text.replace("\x00", "").strip()[:80]
    if not _PHONE.fullmatch(text):
        return text
    digits = re.sub(r"\D", "", text)
    # 8 and 0 are dialled before numbers and are not of them.
    short = digits[1:] if len(digits) == 11 and digits[0] == "8" else digits.lstrip("0")
    return short if len(short) >= TRIGRAM else digits


def _key(text: str) -> str:
    """What of a word the index is asked for: of a long number its end, for all numbers begin alike."""
    return text[-_END:] if len(text) > _END and text.isdigit() else text


def _phrase(text: str) -> str:
    """A text as FTS5 takes it."""
    return '"' + text.replace('"', '""') + '"'


__all__ = ["SHOWN", "Filter", "Scope", "select_calls"]
