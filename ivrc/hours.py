"""Hours: what they consist of, and whether they hold at a moment of the office's wall clock.

The rule, in one place: a range belongs to the day on which it begins. A moment is inside if one of
today's ranges holds it, or one of yesterday's that runs past midnight. A day's ranges are those of
its weekday; an `except` takes the day's ranges away, an `also` adds. An `except` with times is a window
by the clock: within it no range holds, of whichever day; past midnight it goes on into the next morning.
Ranges are half-open. Times are minutes after midnight; a range past midnight ends above 1440.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

from ivrc.facts import HOLIDAYS
from ivrc.named import NamedTuple

DAY_MINUTES = 1440
# The years for which `holidays` are compiled in. Fixed, so that output does not depend on the day.
HOLIDAY_YEARS = range(2025, 2036)


class Range(NamedTuple):
    """Minutes from the midnight that begins the day; `end` may lie in the day after."""

    begin: int
    end: int


WHOLE_DAY = (Range(0, DAY_MINUTES),)


class Weekly(NamedTuple):
    """Ranges on weekdays (1 Monday … 7 Sunday)."""

    days: tuple[int, ...]
    ranges: tuple[Range, ...]


class Dates(NamedTuple):
    """Dates from `first` to `last`, both included."""

    first: date
    last: date


class Holidays(NamedTuple):
    """The public holidays of a country or one of its subdivisions."""

    country: str
    subdivision: str | None


class Exception_(NamedTuple):
    """Days that are off: whole, or, with `ranges`, only within them."""

    dates: Dates | Holidays
    ranges: tuple[Range, ...]


class Addition(NamedTuple):
    """Days that are on within `ranges` besides."""

    dates: Dates | Holidays
    ranges: tuple[Range, ...]


class Hours(NamedTuple):
    """Weekly ranges with exceptions and additions, in a time zone."""

    timezone: str
    weekly: tuple[Weekly, ...]
    exceptions: tuple[Exception_, ...]
    additions: tuple[Addition, ...]

    def holds_at(self, local: datetime) -> bool:
        """Whether the hours hold at a wall-clock moment of the office's zone."""
        minute = local.hour * 60 + local.minute
        today = local.date()
        days = ((today, minute), (today - timedelta(days=1), minute + DAY_MINUTES))
        if any(_listed(self.additions, day, at) for day, at in days):
            return True
        if any(_listed(self.windows(), day, at) for day, at in days):
            return False
        return any(self._day_holds(day, at) for day, at in days)

    def _day_holds(self, day: date, minute: int) -> bool:
        if any(not exception.ranges and _on(exception.dates, day) for exception in self.exceptions):
            return False
        weekday = self.weekday(day)
        return any(weekday in rule.days and _within(rule.ranges, minute) for rule in self.weekly)

    def windows(self) -> tuple[Exception_, ...]:
        """The exceptions that are off within their ranges only, whatever day's range they meet."""
        return tuple(exception for exception in self.exceptions if exception.ranges)

    def weekday(self, day: date) -> int:
        """The weekday whose ranges a date has (1 … 7): that of the day it stands in for, if work was moved to it."""
        for table in self.holidays():
            moved = holiday_table(table).moved.get(day)
            if moved is not None:
                return moved
        return day.isoweekday()

    def holidays(self) -> tuple[Holidays, ...]:
        """The holidays taken out of the hours, each once."""
        found = (rule.dates for rule in self.exceptions if not rule.ranges)
        return tuple(dict.fromkeys(dates for dates in found if isinstance(dates, Holidays)))


def _within(ranges: tuple[Range, ...], minute: int) -> bool:
    return any(begin <= minute < end for begin, end in ranges)


def _listed(rules: tuple[Exception_ | Addition, ...], day: date, minute: int) -> bool:
    return any(_within(rule.ranges, minute) and _on(rule.dates, day) for rule in rules)


def _on(dates: Dates | Holidays, day: date) -> bool:
    if isinstance(dates, Dates):
        return dates.first <= day <= dates.last
    return day in holiday_table(dates).days


class HolidayTable(NamedTuple):
    """Days off, and working days moved to a weekend with the weekday each stands in for."""

    days: frozenset[date]
    moved: dict[date, int]


@lru_cache(maxsize=64)
def holiday_table(which: Holidays) -> HolidayTable:
    """The holidays library's table for HOLIDAY_YEARS; KeyError for a country it does not know."""
    key = ("table", which.country, which.subdivision, HOLIDAY_YEARS[0], HOLIDAY_YEARS[-1])
    told = HOLIDAYS.get(key, lambda: _ask_table(which))
    if told is None:
        raise KeyError(which)
    days, moved = told
    return HolidayTable(
        frozenset(date.fromordinal(day) for day in days),
        {date.fromordinal(day): weekday for day, weekday in moved},
    )


def _ask_table(which: Holidays) -> tuple[list[int], list[tuple[int, int]]] | None:
    """(days off, [(working day, weekday it stands in for)]), dates as ordinals; None for an unknown country."""
    import holidays

    supported = holidays.list_supported_countries()
    if which.country not in supported or (which.subdivision and which.subdivision not in supported[which.country]):
        return None
    table = holidays.country_holidays(which.country, subdiv=which.subdivision, years=HOLIDAY_YEARS)
    swaps = _swapped(getattr(table, "special_public_holidays", {}))
    days = sorted(day.toordinal() for day in table if day.year in HOLIDAY_YEARS)
    workdays = sorted(day for day in getattr(table, "weekend_workdays", ()) if day.year in HOLIDAY_YEARS)
    # Where the library does not say which day off was worked in advance, the Friday before.
    return days, [(day.toordinal(), swaps[day].isoweekday() if day in swaps else 5) for day in workdays]


def _swapped(special: object) -> dict[date, date]:
    """Working day moved to → day off it stands in for, from the library's (month, day, from month, from day)."""
    swaps: dict[date, date] = {}
    if not isinstance(special, dict):
        return swaps
    for year, entries in special.items():
        for entry in entries if isinstance(entries, tuple) and entries and isinstance(entries[0], tuple) else ():
            if len(entry) == 4 and all(isinstance(part, int) for part in entry):
                month, day, from_month, from_day = entry
                swaps[date(year, from_month, from_day)] = date(year, month, day)
    return swaps
