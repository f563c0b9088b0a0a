"""Hours as sets of time, so that they can be compared and taken from each other; and such sets in words.

A set is told by days: the seven weekdays of a week in which nothing is special, and each special date (one that an
`except`, an `also` or holidays name, and the day after, into which a night may run). Minutes are intervals of a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from ivrc.hours import DAY_MINUTES, HOLIDAY_YEARS, Addition, Dates, Exception_, Hours, Range, holiday_table
from ivrc.named import NamedTuple

Day: TypeAlias = int | date
"""A weekday (1 Monday … 7 Sunday), or a special date."""
Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Intervals of minutes, half-open, in order, none touching the next."""

WHOLE: Spans = ((0, DAY_MINUTES),)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Dates further on than the holidays' table are one rule; nobody lists them.
LAST = date(HOLIDAY_YEARS[-1], 12, 31)
# A Monday.
_NOWHERE = date(2999, 1, 7)
# Dates told one by one.
MAX_DATES = 6
# How far ahead dates are told, in days, where there are any so near.
SOON = 366


class Calendar(NamedTuple):
    """The special dates of some hours, from a day on."""

    since: date
    dates: tuple[date, ...]

    def days(self) -> tuple[Day, ...]:
        """Every kind of day there is."""
        return (*range(1, 8), *self.dates)


def calendar_of(hours: Iterable[Hours], since: date) -> Calendar:
    """The calendar in which all of these can be told."""
    found = {day for each in hours for day in special_dates(each, since)}
    return Calendar(since, tuple(sorted(found)))


@lru_cache(maxsize=4096)
def special_dates(hours: Hours, since: date) -> tuple[date, ...]:
    """The dates on which hours may not be as on any other day of that weekday."""
    found: set[date] = set()
    for rule in _dated(hours):
        if isinstance(rule.dates, Dates):
            first, last = max(rule.dates.first, since - timedelta(days=1)), min(rule.dates.last, LAST)
            found.update(first + timedelta(days=count) for count in range((last - first).days + 1))
        else:
            table = holiday_table(rule.dates)
            found.update(table.days, table.moved)
    both = found | {day + timedelta(days=1) for day in found}
    return tuple(sorted(day for day in both if since <= day <= LAST))


def _dated(hours: Hours) -> tuple[Exception_ | Addition, ...]:
    return (*hours.exceptions, *hours.additions)


@lru_cache(maxsize=65536)
def spans_of(hours: Hours, day: Day) -> Spans:
    """When hours hold on a day."""
    at = _ordinary(day) if isinstance(day, int) else day
    ranges: list[Range] = [each for rule in hours.weekly for each in rule.ranges]
    ranges += [each for rule in _dated(hours) for each in rule.ranges]
    edges = {edge + shift for begin_end in ranges for edge in begin_end for shift in (0, -DAY_MINUTES)}
    cuts = sorted({0, DAY_MINUTES, *(edge for edge in edges if 0 < edge < DAY_MINUTES)})
    midnight = datetime(at.year, at.month, at.day)
    return _joined((begin, end) for begin, end in pairwise(cuts) if hours.holds_at(midnight + timedelta(minutes=begin)))


def _ordinary(weekday: int) -> date:
    """A date of this weekday that no table of holidays reaches; nor do dates, but for those without an end."""
    return _NOWHERE + timedelta(days=weekday - 1)


def _joined(spans: Iterable[tuple[int, int]]) -> Spans:
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and joined[-1][1] == begin:
            begin = joined.pop()[0]
        joined.append((begin, end))
    return tuple(joined)


@lru_cache(maxsize=4096)
def meaning(hours: Hours, since: date) -> tuple[object, ...]:
    """What hours come to from a day on: equal for hours that hold at the same moments, however they are written.

    (Time zones apart; dates beyond the table of holidays are compared as written.)
    """
    weekly = tuple(spans_of(hours, day) for day in range(1, 8))
    dated = [(day, spans_of(hours, day)) for day in special_dates(hours, since)]
    return (
        weekly,
        tuple((day, spans) for day, spans in dated if spans != weekly[day.isoweekday() - 1]),
        tuple(rule for rule in _dated(hours) if isinstance(rule.dates, Dates) and rule.dates.last > LAST),
    )


class TimeSet:
    """A set of moments of a calendar."""

    __slots__ = ("calendar", "spans")

    def __init__(self, calendar: Calendar, spans: dict[Day, Spans]) -> None:
        self.calendar = calendar
        self.spans = spans

    @classmethod
    def always(cls, calendar: Calendar) -> TimeSet:
        """All of it."""
        return cls(calendar, dict.fromkeys(calendar.days(), WHOLE))

    @classmethod
    def of(cls, calendar: Calendar, hours: Hours) -> TimeSet:
        """When hours hold."""
        return cls(calendar, {day: spans for day in calendar.days() if (spans := spans_of(hours, day))})

    def __and__(self, other: TimeSet) -> TimeSet:
        return self._with(other, lambda mine, its: mine and its)

    def __or__(self, other: TimeSet) -> TimeSet:
        return self._with(other, lambda mine, its: mine or its)

    def __sub__(self, other: TimeSet) -> TimeSet:
        return self._with(other, lambda mine, its: mine and not its)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeSet) and self.spans == other.spans

    def __hash__(self) -> int:
        return hash(frozenset(self.spans.items()))

    def _with(self, other: TimeSet, keep: Callable[[bool, bool], bool]) -> TimeSet:
        found = {}
        for day in self.spans.keys() | other.spans.keys():
            mine, its = self.spans.get(day, ()), other.spans.get(day, ())
            if spans := _combined(mine, its, keep):
                found[day] = spans
        return TimeSet(self.calendar, found)

    @property
    def is_always(self) -> bool:
        """Whether no moment is missing."""
        return len(self.spans) == len(self.calendar.days()) and all(spans == WHOLE for spans in self.spans.values())

    def words(self) -> str:
        """`sat 14:00-16:00`, `mon-fri 09:00-18:00, not on 2027-01-01`; `at any time`."""
        if self.is_always:
            return "at any time"
        weekly = [self.spans.get(day, ()) for day in range(1, 8)]
        parts = [f"{days}{_clock(spans)}" for days, spans in _runs(weekly)]
        return ", ".join(parts + self._dated(weekly))

    def _dated(self, weekly: list[Spans]) -> list[str]:
        """The dates that are not as their weekday."""
        odd = [
            (day, spans)
            for day in self.calendar.dates
            if (spans := self.spans.get(day, ())) != weekly[day.isoweekday() - 1]
        ]
        soon = [each for each in odd if (each[0] - self.calendar.since).days <= SOON]
        runs = _date_runs(soon or odd)
        shown = [_date_words(*run, any(weekly)) for run in runs[:MAX_DATES]]
        left = len(odd) - sum((last - first).days + 1 for first, last, _ in runs[:MAX_DATES])
        return shown + [f"and {left} more dates"] * (left > 1) + ["and 1 more date"] * (left == 1)


def _combined(mine: Spans, its: Spans, keep: Callable[[bool, bool], bool]) -> Spans:
    cuts = sorted({edge for spans in (mine, its) for span in spans for edge in span})
    return _joined((begin, end) for begin, end in pairwise(cuts) if keep(_holds(mine, begin), _holds(its, begin)))


def _holds(spans: Spans, minute: int) -> bool:
    return any(begin <= minute < end for begin, end in spans)


def _runs(weekly: list[Spans]) -> list[tuple[str, Spans]]:
    """Neighbouring weekdays with the same times, in words; days without any are left out."""
    found: list[list[int]] = []
    for day, spans in enumerate(weekly):
        if spans and found and found[-1][-1] == day - 1 and weekly[day - 1] == spans:
            found[-1].append(day)
        elif spans:
            found.append([day])
    if len(found) == 1 and len(found[0]) == 7:
        return [("daily", weekly[0])]
    return [(DAYS[run[0]] + (f"-{DAYS[run[-1]]}" if len(run) > 1 else ""), weekly[run[0]]) for run in found]


def _clock(spans: Spans) -> str:
    return "" if spans == WHOLE else " " + " ".join(f"{_time(begin)}-{_time(end)}" for begin, end in spans)


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _date_runs(odd: list[tuple[date, Spans]]) -> list[tuple[date, date, Spans]]:
    runs: list[tuple[date, date, Spans]] = []
    for day, spans in odd:
        if runs and runs[-1][2] == spans and (day - runs[-1][1]).days == 1:
            runs[-1] = (runs[-1][0], day, spans)
        else:
            runs.append((day, day, spans))
    return runs


def _date_words(first: date, last: date, spans: Spans, weekly: bool) -> str:
    dates = f"{first}" if first == last else f"{first}..{last}"
    if not spans:
        return f"not on {dates}"
    return f"{dates}{_clock(spans)}" if not weekly else f"on {dates}{_clock(spans) or ' all day'}"
