"""What the page was asked for: the query of its address, and what that means for the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from ivrc.history.search import Filter
from ivrc.named import NamedTuple

PAGE = 50
"""Calls on a page."""
SPANS = {"today": "Today", "yesterday": "Yesterday", "week": "Last 7 days", "month": "Last 30 days", "dates": "Dates…"}


class Query(NamedTuple):
    """The fields of the page's form, as they were sent; `before` is where an older page begins."""

    search: str = ""
    when: str = ""
    since: str = ""
    until: str = ""
    outcome: str = ""
    employee: str = ""
    number: str = ""
    caller: str = ""
    before: str = ""

    def address(self, path: str = "/", **changed: str) -> str:
        """An address with this query; fields that are empty are left out."""
        fields = {name: value for name, value in (self._asdict() | changed).items() if value}
        return path + ("?" + urlencode(fields) if fields else "")

    @property
    def filters(self) -> int:
        """How many filters are set besides the search."""
        return sum(bool(getattr(self, name)) for name in ("when", "outcome", "employee", "number", "caller"))


def read(fields: Mapping[str, str]) -> Query:
    """The query of an address; fields that are none of ours are passed over."""
    found = {name: fields.get(name, "").strip()[:200] for name in Query._fields}
    before = found["before"]
    if not before.isascii() or not before.isdigit() or int(before[:30]) >= 2**63:
        found["before"] = ""
    if found["when"] not in SPANS:
        found["when"] = "dates" if found["since"] or found["until"] else ""
    if found["when"] != "dates":
        found["since"] = found["until"] = ""
    return Query(**found)


def wanted(query: Query, today: date) -> Filter:
    """What that means; one call more than a page, which tells whether there are older ones. ValueError: no date."""
    since, until = _span(query, today)
    return Filter(
        since=_moment(since) if since else 0.0,
        until=_moment(until + timedelta(days=1)) if until else 0.0,
        number=query.number,
        caller=query.caller,
        employee=query.employee,
        outcome=query.outcome,
        search=query.search,
        limit=PAGE + 1,
        before=int(query.before or 0),
    )


def _span(query: Query, today: date) -> tuple[date | None, date | None]:
    """The first day and the last one."""
    match query.when:
        case "today":
            return today, None
        case "yesterday":
            return today - timedelta(days=1), today - timedelta(days=1)
        case "week":
            return today - timedelta(days=6), None
        case "month":
            return today - timedelta(days=29), None
        case _:
            return _date(query.since), _date(query.until)


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _moment(day: date) -> float:
    try:
        return max(datetime.combine(day, time()).timestamp(), 0.0)
    except (OverflowError, OSError):
        raise ValueError(f"no such day here: {day}") from None
