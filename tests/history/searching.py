"""Filters over made calls, beside the same filters in plain Python: for SQLite here, for PostgreSQL in tests/live."""

from __future__ import annotations

import math
import random
from typing import Any

import sqlalchemy as sa

from ivrc.history.schema import calls, involved
from ivrc.history.search import Filter, Scope
from ivrc.history.store import Store

NAMES = ["", "Анна Петрова", "anna", 'O\'Hara "x" %', "Ян", "100%_sure", "ß\\!", "Lindqvist"]
OUTCOMES = ["talked", "nobody", "fax"]
PEOPLE = ["anna", "boris", "vera"]
OFFICES = ["acme", "other"]
WORDS = [
    "", "", "anna", "АННА петр", "ян", "%", "_", '"', "8 916 000-00-07", "+7 (916) 000-00-12", "916", "qvist", "zz",
    "!", "anna 916", "x OR y", "NEAR(", "0000", "\x00", "a*",
]  # fmt: skip


def fill(store: Store, count: int = 400) -> list[dict[str, Any]]:
    """Calls, and who was involved: as rows with a set `people`."""
    rnd = random.Random(7)
    made = []
    with store.transaction() as connection:
        for index in range(count):
            row = {
                "machine": "m", "linkedid": str(index), "number": f"+7495000000{rnd.randrange(4)}",
                "office": rnd.choice(OFFICES), "scenario": "main", "caller": f"+79160000{rnd.randrange(60):03}",
                "caller_name": rnd.choice(NAMES), "contact": "", "contact_name": rnd.choice(NAMES),
                # Not in the order of their ids, and some at one moment.
                "began": 1e9 + rnd.randrange(200) * 60.5, "answered": 0.0, "ended": 0.0, "complete": True,
                "settled": True, "outcome": rnd.choice(OUTCOMES), "words": "talked with anna", "answered_by": "",
            }  # fmt: skip
            key = connection.execute(calls.insert(), row).inserted_primary_key
            assert key
            people = set(rnd.sample(PEOPLE, rnd.randrange(3)))
            sortkey = sa.select(calls.c.sortkey).where(calls.c.id == key[0]).scalar_subquery()
            for name in people:
                who = {"call": key[0], "office": row["office"], "employee": name, "talked": False, "mailbox": False}
                connection.execute(sa.insert(involved).values(sortkey=sortkey, **who))
            made.append({**row, "id": key[0], "people": people})
    return made


def expected(made: list[dict[str, Any]], wanted: Filter, scope: Scope) -> list[int]:
    """The calls that a filter is for, the newest first."""
    newest = sorted(made, key=lambda row: (row["began"], row["id"]), reverse=True)
    return [row["id"] for row in newest if _fits(row, wanted, scope)]


def _fits(row: dict[str, Any], wanted: Filter, scope: Scope) -> bool:
    office, _, employee = wanted.employee.rpartition("/")
    texts = [row[name].lower() for name in ("caller", "caller_name", "number", "contact_name", "words")]
    return (
        (not wanted.since or row["began"] >= wanted.since)
        and (not wanted.until or row["began"] < wanted.until)
        and plain(wanted.number) in row["number"]
        and plain(wanted.caller) in row["caller"]
        and (not employee or (employee in row["people"] and office in ("", row["office"])))
        and (not wanted.outcome or row["outcome"] == wanted.outcome)
        and all(any(word in text for text in texts) for word in words(wanted.search))
        and scope.office in ("", row["office"])
        and (not scope.employee or scope.employee in row["people"])
    )


def words(text: str) -> list[str]:
    text = text.replace("\x00", "")
    is_number = any(map(str.isdigit, text)) and not any(map(str.isalpha, text))
    return [plain(text)] if is_number else text.lower().split()


def plain(number: str) -> str:
    """A number as it is kept: 8 for +7 is only what is dialled."""
    digits = "".join(filter(str.isdigit, number))
    if len(digits) == 11 and digits.startswith("8"):
        return digits[1:]
    short = digits.lstrip("0")
    return short if len(short) > 2 else digits


def some(rnd: random.Random, texts: list[str]) -> tuple[Filter, Scope]:
    """A filter, and who asks."""
    since = rnd.choice([0.0, 0.0, 1e9 + rnd.randrange(200) * 60.5])
    wanted = Filter(
        since=since,
        until=rnd.choice([0.0, 0.0, 1e9 + rnd.randrange(200) * 60.5]),
        number=rnd.choice(["", "", "0001", "495", "1"]),
        caller=rnd.choice(["", "", "916", "00012", "12"]),
        employee=rnd.choice(["", "", "anna", "acme/boris", "nobody"]),
        outcome=rnd.choice(["", "", *OUTCOMES, "none"]),
        search=rnd.choice(texts),
        limit=0,
    )
    return wanted, rnd.choice([Scope(), Scope(), Scope("acme"), Scope("other", "vera")])


def check(
    store: Store, made: list[dict[str, Any]], times: int, texts: list[str] = WORDS, seconds: float = math.inf
) -> None:
    """Many filters, whole and page by page."""
    rnd = random.Random(11)
    found = 0
    for _ in range(times):
        wanted, scope = some(rnd, texts)
        whole = [row["id"] for row in store.find(wanted, scope)]
        assert whole == expected(made, wanted, scope), (wanted, scope)
        found += len(whole)
        paged: list[int] = []
        step = wanted._replace(limit=7)
        goes_on = True
        while goes_on:
            # With no time at all each piece is a page.
            page, further = store.page(step, scope, seconds)
            assert not further or len(page) < step.limit
            paged += [row["id"] for row in page]
            goes_on = bool(further) or len(page) == step.limit
            step = step._replace(before=further or (page[-1]["sortkey"] if page else 0))
        assert paged == whole, (wanted, scope)
    assert found
