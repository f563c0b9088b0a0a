"""Which calls: filters as SQL that stays fast with millions of calls.

Every way of choosing has an index in the order of the list (`call.sortkey`, the newest first), so that a page is read
from its first call to its last and no further: by moment, outcome, office, person, and text (schema.py). Where several
are asked for at once, one of them leads and the others are looked up by the call's sortkey, each in its own index; the
call itself is read when all else fits. The rarest of late leads. Where calls that fit are few among many that do not,
the list is looked for piece by piece, and whoever asks may say how long.
"""

from __future__ import annotations

import math
import re
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ivrc.history.schema import SEARCHED, calls
from ivrc.named import NamedTuple

TRIGRAM = 3
"""Letters in the shortest word that an index of trigrams finds."""
_PIECE = 2000  # calls of what leads that are looked at at once
_FEW = 4  # of a piece of all calls: a text that fewer have is rare, and for PostgreSQL's index, which has no order
# Digits of a number by which the index is asked: its end, for all numbers begin alike. Of our own there are few.
_END, _OWN_END = 7, 4
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


EVERYTHING = Scope()


class Found(NamedTuple):
    """Calls, the newest first, each with its sortkey.

    `further` is where the search was broken off, if it was: with it as `before` the list goes on.
    """

    calls: list[dict[str, Any]]
    further: int = 0


class _Query:
    """SQL under way: conditions by what could lead, and the values in them."""

    def __init__(self, wanted: Filter, scope: Scope, full_text: bool, dialect: str) -> None:
        self.values: dict[str, Any] = {}
        self.dialect = dialect
        self.low, self.high = _span(wanted)
        self.persons: list[str] = []
        # What of `call` is asked for; the first two have indexes.
        self.outcome = self._value("outcome", wanted.outcome)
        self.office = self._value("office", scope.office)
        self.rest: list[str] = []
        # The same as `match` for one call, where something else leads.
        self.matched: list[str] = []
        self.match = ""
        # The same for PostgreSQL's index.
        self.trigrams: list[str] = []
        for employee in (f"{scope.office}/{scope.employee}" if scope.employee else "", wanted.employee):
            if employee:
                self._person(employee)
        texts = {"caller": _digits(wanted.caller), "number": _digits(wanted.number)}
        words = _words(wanted.search)
        if full_text and dialect == "sqlite":
            found = [_phrase(_key(word)) for word in words if len(word) >= TRIGRAM]
            found += [f"{name} : {_phrase(_key(text, name))}" for name, text in texts.items() if len(text) >= TRIGRAM]
            self.match = self._value("match", " AND ".join(found))
        everything = "(" + " || ' ' || ".join(f"call.{name}" for name in SEARCHED) + ")"
        if dialect == "postgresql":
            # The index there knows all columns together.
            words += [text for text in texts.values() if text]
        for number, word in enumerate(words):
            if dialect == "postgresql":
                like = f"ILIKE {self._like(f'word{number}', word)}"
                known = full_text and len(word) >= TRIGRAM
                self.trigrams += [f"{everything} {like}"] * known
                # Not by the index (of this very expression), which would find all there ever were.
                (self.matched if known else self.rest).append(f"({everything} || '') {like}")
            else:
                known = bool(self.match) and len(word) >= TRIGRAM and _key(word) == word
                has = f"instr(folded({everything}), {self._value(f'word{number}', word.lower())})"
                (self.matched if known else self.rest).append(has)
        for name, text in texts.items():
            if text:
                known = bool(self.match) and len(text) >= TRIGRAM and _key(text, name) == text
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

    def leaders(self) -> list[str]:
        """What could lead, besides the moment."""
        found = [f"person{number}" for number in range(len(self.persons))]
        found += ["outcome"] * bool(self.outcome) + ["office"] * bool(self.office and not self.persons)
        # The last: to count some of these costs more.
        return found + ["text"] * bool(self.match)

    def source(self, leader: str) -> tuple[str, str, list[str]]:
        """The table that leads, its sortkey, and the condition that its index answers."""
        if leader == "text":
            return "call_text", "call_text.rowid", [f"call_text MATCH {self.match}"]
        if leader == "trigrams":
            return "hits AS call", "call.sortkey", []
        if leader.startswith("person"):
            condition = self.persons[int(leader.removeprefix("person"))].format(table="mine")
            # An employee of that name in two offices is one call's only by a mistake, but then the call is one.
            return "involved AS mine", "mine.sortkey", [condition]
        if leader in ("outcome", "office"):
            return "call", "call.sortkey", [f"call.{leader} = {getattr(self, leader)}"]
        return "call", "call.sortkey", []

    def _others(self, leader: str, key: str) -> list[str]:
        """The conditions that do not lead."""
        found = list(self.rest)
        if leader not in ("text", "trigrams"):
            found += self.matched
        for number, condition in enumerate(self.persons):
            if leader != f"person{number}":
                inner = condition.format(table="other")
                found.append(f"EXISTS (SELECT 1 FROM involved AS other WHERE {inner} AND other.sortkey = {key})")
        for name in ("outcome", "office"):
            if (value := getattr(self, name)) and leader != name:
                # PostgreSQL would look up all that ever were, here and by an index.
                plain = f"(call.{name} || '') = {value}"
                inner = f"same.{name} = {value} AND same.sortkey = {key}"
                found.append(
                    plain if self.dialect == "postgresql" else f"EXISTS (SELECT 1 FROM call AS same WHERE {inner})"
                )
        return found

    def is_searched(self, leader: str) -> bool:
        """Whether more is asked for than what leads."""
        return bool(self._others(leader, ""))

    def select(self, leader: str, low: int, limit: int) -> sa.TextualSelect:
        """The calls from a sortkey on, the newest first; no limit if 0."""
        table, key, conditions = self.source(leader)
        cross = "CROSS " if self.dialect == "sqlite" else ""
        joins = {"call_text": "call.sortkey = call_text.rowid", "involved AS mine": "call.id = mine.call"}
        joined = f" {cross}JOIN call ON {joins[table]}" if table in joins else ""
        hits = f"WITH hits AS MATERIALIZED (SELECT * FROM call WHERE {' AND '.join(self.trigrams)}) "
        conditions = [*conditions, f"{key} >= :low", f"{key} < :high", *self._others(leader, key)]
        columns = ", ".join(f"call.{column.name}" for column in SHOWN)
        text = hits * (leader == "trigrams") + (
            f"SELECT {columns}, (SELECT count(*) FROM media WHERE media.call = call.id) AS files, call.sortkey "
            f"FROM {table}{joined} WHERE {' AND '.join(conditions)} ORDER BY {key} DESC"
        )
        self.values |= {"low": low, "high": self.high, "limit": limit}
        typed = [*SHOWN, sa.column("files", sa.Integer), calls.c.sortkey]
        return self._bound(text + " LIMIT :limit" * bool(limit)).columns(*typed)

    def piece(self, leader: str) -> sa.Executable:
        """The sortkey to which a piece of what leads goes; none if that is all of it."""
        table, key, conditions = self.source(leader)
        where = " AND ".join([*conditions, f"{key} >= :low", f"{key} < :high"])
        self.values |= {"low": self.low, "high": self.high}
        return self._bound(f"SELECT {key} FROM {table} WHERE {where} ORDER BY {key} DESC LIMIT 1 OFFSET {_PIECE - 1}")

    def sample(self, low: int) -> sa.Executable:
        """Some of the calls from a sortkey on that have the text, whoever's they are."""
        self.values |= {"low": low, "high": self.high}
        where = " AND ".join(["call.sortkey >= :low", "call.sortkey < :high", *self.matched])
        return self._bound(f"SELECT 1 FROM call WHERE {where} LIMIT {_FEW}")

    def _bound(self, text: str) -> sa.TextClause:
        return sa.text(text).bindparams(**{name: self.values[name] for name in re.findall(r":(\w+)", text)})


def find_calls(connection: Connection, wanted: Filter, scope: Scope, full_text: bool, seconds: float) -> Found:
    """A page of calls; it may end early when it took longer than some seconds."""
    until = time.monotonic() + seconds
    query = _Query(wanted, scope, full_text, connection.dialect.name)
    possible = query.leaders() or [""]
    if not wanted.limit:
        leader, end = "trigrams" if query.trigrams else possible[-1], 0
    elif query.trigrams and _is_rare(connection, query):
        leader, end = "trigrams", 0
    elif not query.is_searched(possible[0]):
        leader, end = possible[0], 0
    else:
        leader, end = _rarest(connection, query, possible)
    found: list[dict[str, Any]] = []
    while True:
        missing = wanted.limit and wanted.limit - len(found)
        found += (dict(row._mapping) for row in connection.execute(query.select(leader, end or query.low, missing)))
        if not end or len(found) == wanted.limit:
            break
        if time.monotonic() > until:
            return Found(found, end)
        query.high = end
        end = connection.execute(query.piece(leader)).scalar() or 0
    return Found(found)


def _is_rare(connection: Connection, query: _Query) -> bool:
    """Whether hardly any of the newest calls has the text."""
    end = connection.execute(query.piece("")).scalar() or 0
    return end > 0 and len(connection.execute(query.sample(end)).all()) < _FEW


def _rarest(connection: Connection, query: _Query, possible: list[str]) -> tuple[str, int]:
    """What leads, and where its first piece ends (0: it is all): the one whose first piece reaches furthest back."""
    best, furthest = possible[0], query.high
    for each in possible:
        end = connection.execute(query.piece(each)).scalar() or 0
        if end < furthest:
            best, furthest = each, end
        if not end:
            break
    return best, furthest


def _span(wanted: Filter) -> tuple[int, int]:
    """The sortkeys of a time: from the first to before the last."""
    low = int(min(max(wanted.since, 0), _LAST) * 1000) << _BITS
    high = math.ceil(min(wanted.until or _LAST, _LAST) * 1000) << _BITS
    return low, min(high, wanted.before) if wanted.before else high


def moment_of(key: int) -> float:
    """The seconds since 1970 in a sortkey."""
    return (key >> _BITS) / 1000


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


def _key(text: str, column: str = "") -> str:
    """What of a text the index is asked for."""
    end = _OWN_END if column == "number" else _END
    return text[-end:] if len(text) > end and text.isdigit() else text


def _phrase(text: str) -> str:
    """A text as FTS5 takes it."""
    return '"' + text.replace('"', '""') + '"'


__all__ = ["EVERYTHING", "SHOWN", "Filter", "Found", "Scope", "find_calls", "moment_of"]
