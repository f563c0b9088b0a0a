"""Hours: from the words in the order written to weekly ranges, exceptions and additions."""

from __future__ import annotations

from datetime import date

from ivrc import ast
from ivrc import hours as h
from ivrc.semantics.scope import Faults
from ivrc.tokens import Token

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EXAMPLE = "as in: mon-fri 09:00-18:00"


class _Rule:
    """One entry while it is being read: what it applies to, then its times."""

    def __init__(self, kind: str, item: ast.HoursItem) -> None:
        self.kind = kind
        self.item = item
        self.days: list[int] = []
        self.dates: list[h.Dates | h.Holidays] = []
        self.ranges: list[h.Range] = []


def check_hours(
    items: tuple[ast.HoursItem, ...], timezone: str, at: Token, whole: ast.Hours | ast.When, faults: Faults
) -> h.Hours:
    """The meaning of an hours declaration; faulty entries are reported and left out."""
    rules = _group(items, faults)
    weekly, exceptions, additions = [], [], []
    for rule in rules:
        ranges = tuple(rule.ranges)
        if rule.kind == "weekly":
            days = tuple(sorted(set(rule.days))) if rule.days else tuple(range(1, 8))
            weekly.append(h.Weekly(days, ranges or h.WHOLE_DAY))
        elif not rule.dates:
            word = rule.kind
            faults.add("IVR410", rule.item, f"`{word}` without a date", f"as in: {word} 2026-12-31")
        elif rule.kind == "except":
            exceptions += [h.Exception_(dates, ranges) for dates in rule.dates]
        else:
            additions += [h.Addition(dates, ranges or h.WHOLE_DAY) for dates in rule.dates]
    if not weekly and not additions:
        faults.add_if_whole("IVR410", at, whole, "these hours never hold", _EXAMPLE)
    return h.Hours(timezone, tuple(weekly), tuple(exceptions), tuple(additions))


def _group(items: tuple[ast.HoursItem, ...], faults: Faults) -> list[_Rule]:
    """Entries from words: a new one begins at `except`, at `also`, and at a day or date after times."""
    rules: list[_Rule] = []
    for item in items:
        rule = rules[-1] if rules else None
        if item.kind in ("except", "also"):
            rules.append(_Rule(item.kind, item))
        elif item.kind == "day":
            if rule is None or rule.kind != "weekly" or rule.ranges:
                rule = _Rule("weekly", item)
                rules.append(rule)
            rule.days += _days(item)
        elif item.kind in ("date", "holidays"):
            if rule is None or rule.kind == "weekly":
                message = "a date needs `except` or `also` before it"
                faults.add("IVR410", item, message, "except: closed on it; also: open on it")
                continue
            if rule.ranges:
                rule = _Rule(rule.kind, item)
                rules.append(rule)
            dates = _dates(item, faults) if item.kind == "date" else _holidays(item, faults)
            if dates is not None:
                rule.dates.append(dates)
            elif not rule.dates:
                # Reported already: the entry must not be found dateless as well.
                rules.remove(rule)
        elif item.kind == "time":
            if rule is None:
                rule = _Rule("weekly", item)
                rules.append(rule)
            found = _range(item, faults)
            if found is not None:
                rule.ranges.append(found)
    return rules


def _days(item: ast.HoursItem) -> list[int]:
    first = _DAYS.index(item.first.text) + 1
    if item.last is None:
        return [first]
    last = _DAYS.index(item.last.text) + 1
    # fri-mon runs over the week's end.
    return list(range(first, last + 1)) if first <= last else [*range(first, 8), *range(1, last + 1)]


def _minutes(token: Token, faults: Faults) -> int | None:
    hour, minute = (int(part) for part in token.text.split(":"))
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        faults.add("IVR410", token, f"there is no time {token.text}", "times run from 00:00 to 24:00")
        return None
    return hour * 60 + minute


def _range(item: ast.HoursItem, faults: Faults) -> h.Range | None:
    assert item.last is not None
    begin, end = _minutes(item.first, faults), _minutes(item.last, faults)
    if begin is None or end is None:
        return None
    if begin == end or begin == h.DAY_MINUTES:
        faults.add("IVR410", item, "this range is empty", "the whole day is 00:00-24:00")
        return None
    return h.Range(begin, end if end > begin else end + h.DAY_MINUTES)


def _date(token: Token, faults: Faults) -> date | None:
    try:
        return date.fromisoformat(token.text)
    except ValueError:
        faults.add("IVR410", token, f"there is no date {token.text}", "year-month-day, as in: 2026-12-31")
        return None


def _dates(item: ast.HoursItem, faults: Faults) -> h.Dates | None:
    first = _date(item.first, faults)
    last = _date(item.last, faults) if item.last is not None else first
    if first is None or last is None:
        return None
    if last < first:
        faults.add("IVR410", item, "this range of dates ends before it begins", f"write `{last}..{first}`")
        return None
    return h.Dates(first, last)


def _holidays(item: ast.HoursItem, faults: Faults) -> h.Holidays | None:
    country = item.first.text
    which = h.Holidays(country, item.last.text if item.last is not None else None)
    try:
        h.holiday_table(which)
    except KeyError:
        faults.add("IVR411", item, f"holidays of `{_shown(which)}` are not known", _country_hint(which, faults))
        return None
    return which


def _shown(which: h.Holidays) -> str:
    return which.country + (f"-{which.subdivision}" if which.subdivision else "")


def _country_hint(which: h.Holidays, faults: Faults) -> str:
    import holidays

    supported = holidays.list_supported_countries()
    if which.country in supported:
        known = supported[which.country]
        if not known:
            return f"{which.country} has no parts: write `holidays {which.country}`"
        return faults.did_you_mean(which.subdivision or "", known) or "its parts are: " + ", ".join(known[:12])
    return faults.did_you_mean(which.country.upper(), sorted(supported)) or "two letters, as in: holidays RU"
