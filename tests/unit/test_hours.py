"""Hours: whether they hold, minute by minute at every boundary."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from ivrc.hours import HOLIDAY_YEARS, Holidays, Hours, Range, holiday_table
from tests.support import SETTINGS, office_of


def hours(text: str) -> Hours:
    """The meaning of `hours x { text }`."""
    return office_of(f"{SETTINGS}hours x {{ {text} }}").hours[0][1]


def holds(text: str, moment: str) -> bool:
    """Whether some hours hold at `2026-11-23 09:00[:59]`; 2026-11-23 is a Monday."""
    return hours(text).holds_at(datetime.fromisoformat(moment))


OFFICE_HOURS = "mon-fri 09:00-18:00 sat 10:00-14:00"
SHIFTS = "mon-fri 09:00-13:00 14:00-18:00"
NIGHT = "fri 22:00-06:00"
TABLE = [
    # A range is half-open.
    (OFFICE_HOURS, "2026-11-23 08:59:59", False),
    (OFFICE_HOURS, "2026-11-23 09:00:00", True),
    (OFFICE_HOURS, "2026-11-23 17:59:59", True),
    (OFFICE_HOURS, "2026-11-23 18:00:00", False),
    (OFFICE_HOURS, "2026-11-23 18:00:59", False),
    # Every day of a range of days, and none beside it.
    (OFFICE_HOURS, "2026-11-27 12:00", True),
    (OFFICE_HOURS, "2026-11-28 09:59", False),
    (OFFICE_HOURS, "2026-11-28 10:00", True),
    (OFFICE_HOURS, "2026-11-28 14:00", False),
    (OFFICE_HOURS, "2026-11-29 12:00", False),
    # Several ranges a day.
    (SHIFTS, "2026-11-23 12:59:59", True),
    (SHIFTS, "2026-11-23 13:00", False),
    (SHIFTS, "2026-11-23 13:59:59", False),
    (SHIFTS, "2026-11-23 14:00", True),
    # Overnight: Friday's range runs into Saturday, and nothing into Friday.
    (NIGHT, "2026-11-27 05:00", False),
    (NIGHT, "2026-11-27 21:59:59", False),
    (NIGHT, "2026-11-27 22:00", True),
    (NIGHT, "2026-11-27 23:59:59", True),
    (NIGHT, "2026-11-28 00:00", True),
    (NIGHT, "2026-11-28 05:59:59", True),
    (NIGHT, "2026-11-28 06:00", False),
    (NIGHT, "2026-11-28 22:00", False),
    # Over the week's end.
    ("sun 22:00-06:00", "2026-11-30 05:59", True),
    ("sun 22:00-06:00", "2026-11-29 05:59", False),
    ("fri-mon 10:00-11:00", "2026-11-29 10:30", True),
    ("fri-mon 10:00-11:00", "2026-11-30 10:30", True),
    ("fri-mon 10:00-11:00", "2026-12-01 10:30", False),
    ("fri-mon 10:00-11:00", "2026-11-26 10:30", False),
    # Midnight has two names.
    ("mon 18:00-24:00", "2026-11-23 23:59:59", True),
    ("mon 18:00-24:00", "2026-11-24 00:00", False),
    ("mon 18:00-00:00", "2026-11-23 23:59:59", True),
    ("mon 18:00-00:00", "2026-11-24 00:00", False),
    ("mon 00:00-24:00", "2026-11-23 00:00", True),
    ("mon 00:00-24:00", "2026-11-22 23:59:59", False),
    # Days without times are whole; times without days are daily.
    ("mon wed", "2026-11-23 00:00", True),
    ("mon wed", "2026-11-25 23:59", True),
    ("mon wed", "2026-11-24 12:00", False),
    ("22:00-06:00", "2026-11-24 05:59", True),
    ("22:00-06:00", "2026-11-24 06:00", False),
    ("9:00-18:00", "2026-11-29 09:00", True),
    # An exception with times is a window by the clock: into the next morning, and out of yesterday's night.
    *[
        (f"{own} except 2026-12-31 22:00-02:00", moment, expected)
        for own in ("mon-sun", "00:00-24:00", "22:00-06:00 06:00-22:00")
        for moment, expected in [
            ("2026-12-31 21:59", True),
            ("2026-12-31 22:00", False),
            ("2026-12-31 23:59", False),
            ("2027-01-01 00:00", False),
            ("2027-01-01 01:59", False),
            ("2027-01-01 02:00", True),
            ("2026-12-31 01:00", True),
            ("2027-01-01 22:00", True),
        ]
    ],
    ("fri-sat 22:00-06:00 except 2026-11-28 02:00-04:00", "2026-11-28 01:59", True),
    ("fri-sat 22:00-06:00 except 2026-11-28 02:00-04:00", "2026-11-28 02:00", False),
    ("fri-sat 22:00-06:00 except 2026-11-28 02:00-04:00", "2026-11-28 04:00", True),
    ("fri-sat 22:00-06:00 except 2026-11-28 02:00-04:00", "2026-11-29 02:00", True),
    ("mon-sun except 2026-12-31..2027-01-02 23:00-01:00", "2027-01-03 00:30", False),
    ("mon-sun except 2026-12-31..2027-01-02 23:00-01:00", "2027-01-03 01:00", True),
    ("mon-sun except 2026-12-31..2027-01-02 23:00-01:00", "2026-12-31 00:30", True),
    ("mon-sun except holidays RU 22:00-02:00", "2026-06-13 01:59", False),
    ("mon-sun except holidays RU 22:00-02:00", "2026-06-13 02:00", True),
    # An exception without times takes its own day's ranges only, and not the morning of the day before's.
    ("22:00-06:00 except 2026-11-28", "2026-11-28 05:59", True),
    ("22:00-06:00 except 2026-11-28", "2026-11-29 05:59", False),
    # `also` wins over a window of either day, and yesterday's over today's.
    ("mon-sun except 2026-12-31 22:00-02:00 also 2027-01-01 00:00-01:00", "2027-01-01 00:30", True),
    ("mon-sun except 2026-12-31 22:00-02:00 also 2027-01-01 00:00-01:00", "2027-01-01 01:00", False),
    ("mon-sun except 2027-01-01 00:00-02:00 also 2026-12-31 23:00-01:00", "2027-01-01 00:30", True),
    ("mon-sun except 2027-01-01 00:00-02:00 also 2026-12-31 23:00-01:00", "2027-01-01 01:30", False),
    # Exceptions take away; the year counts; ranges of dates hold both ends and run over a new year.
    ("mon-sun except 2026-12-31", "2026-12-31 12:00", False),
    ("mon-sun except 2026-12-31", "2027-12-31 12:00", True),
    ("mon-sun except 2026-12-31", "2027-01-01 00:00", True),
    ("mon-sun except 2026-12-30..2027-01-08", "2026-12-29 23:59", True),
    ("mon-sun except 2026-12-30..2027-01-08", "2026-12-30 00:00", False),
    ("mon-sun except 2026-12-30..2027-01-08", "2027-01-01 12:00", False),
    ("mon-sun except 2026-12-30..2027-01-08", "2027-01-08 23:59", False),
    ("mon-sun except 2026-12-30..2027-01-08", "2027-01-09 00:00", True),
    ("mon-sun except 2026-12-31 2027-01-01", "2027-01-01 12:00", False),
    # … or cut a window out of a day.
    ("mon-sun except 2026-12-31 16:00-24:00", "2026-12-31 15:59:59", True),
    ("mon-sun except 2026-12-31 16:00-24:00", "2026-12-31 16:00", False),
    ("mon-sun except 2026-12-31 16:00-24:00", "2027-01-01 00:00", True),
    # An exception for a day is one for the ranges that begin on it.
    ("thu 22:00-06:00 except 2026-12-31", "2027-01-01 01:00", False),
    ("thu 22:00-06:00 except 2027-01-01", "2027-01-01 01:00", True),
    # Additions add, and win over exceptions.
    (OFFICE_HOURS + " also 2026-11-29 12:00-13:00", "2026-11-29 12:00", True),
    (OFFICE_HOURS + " also 2026-11-29 12:00-13:00", "2026-11-29 13:00", False),
    (OFFICE_HOURS + " also 2026-11-29 12:00-13:00", "2027-11-28 12:00", False),
    (OFFICE_HOURS + " also 2026-11-29", "2026-11-29 00:00", True),
    (OFFICE_HOURS + " also 2026-11-29 22:00-02:00", "2026-11-30 01:59", True),
    (OFFICE_HOURS + " also 2026-11-29 22:00-02:00", "2026-11-29 01:59", False),
    (OFFICE_HOURS + " except 2026-11-23..2026-11-27 also 2026-11-24 10:00-12:00", "2026-11-24 10:00", True),
    (OFFICE_HOURS + " except 2026-11-23..2026-11-27 also 2026-11-24 10:00-12:00", "2026-11-24 12:00", False),
    (OFFICE_HOURS + " also 2026-11-24 10:00-12:00 except 2026-11-23..2026-11-27", "2026-11-24 10:00", True),
    ("also 2026-11-24 10:00-12:00", "2026-11-24 10:00", True),
    ("also 2026-11-24 10:00-12:00", "2026-12-01 10:00", False),
    # A weekly entry after dates is one again.
    ("mon except 2026-11-23 tue 10:00-11:00", "2026-11-24 10:00", True),
]


@pytest.mark.parametrize(("text", "moment", "expected"), TABLE)
def test_hours_hold(text: str, moment: str, expected: bool) -> None:
    assert holds(text, moment) is expected


RUSSIAN = "mon-fri 09:00-18:00 except holidays RU"
# The Russian government's decrees: 2025-11-01 was worked for 2025-11-03.
HOLIDAYS = [
    (RUSSIAN, "2025-11-01 12:00", True),
    (RUSSIAN, "2025-11-01 18:00", False),
    (RUSSIAN, "2025-11-03 12:00", False),
    (RUSSIAN, "2025-11-04 12:00", False),
    (RUSSIAN, "2025-11-05 12:00", True),
    (RUSSIAN, "2025-11-08 12:00", False),
    (RUSSIAN, "2026-01-01 12:00", False),
    (RUSSIAN, "2026-01-12 12:00", True),
    (RUSSIAN, "2026-02-23 12:00", False),
    # A Saturday that stands in for a Monday has Monday's hours and not Saturday's.
    ("mon 09:00-10:00 sat 11:00-12:00 except holidays RU", "2025-11-01 09:30", True),
    ("mon 09:00-10:00 sat 11:00-12:00 except holidays RU", "2025-11-01 11:30", False),
    ("mon 09:00-10:00 sat 11:00-12:00 except holidays RU", "2025-11-08 11:30", True),
    ("mon 22:00-02:00 except holidays RU", "2025-11-02 01:00", True),
    # Without the holidays it is a Saturday like any other, and Monday a Monday.
    ("mon-fri 09:00-18:00", "2025-11-01 12:00", False),
    ("mon-fri 09:00-18:00", "2025-11-03 12:00", True),
    # Hours of its own for a holiday.
    (RUSSIAN + " also 2026-01-05 12:00-14:00", "2026-01-05 12:00", True),
    (RUSSIAN + " also 2026-01-05 12:00-14:00", "2026-01-06 12:00", False),
    # A part of a country has holidays that the country has not.
    ("mon-fri except holidays DE", "2026-06-04 12:00", True),
    ("mon-fri except holidays DE-BY", "2026-06-04 12:00", False),
    ("mon-fri except holidays DE", "2026-12-25 12:00", False),
    ("mon-fri except holidays RU except holidays DE", "2026-12-25 12:00", False),
]


@pytest.mark.parametrize(("text", "moment", "expected"), HOLIDAYS)
def test_holidays_are_off_and_moved_days_on(text: str, moment: str, expected: bool) -> None:
    assert holds(text, moment) is expected


def test_every_country_year_has_holidays() -> None:
    table = holiday_table(Holidays("RU", None))
    assert {day.year for day in table.days} == set(HOLIDAY_YEARS)
    assert table.moved[date(2025, 11, 1)] == 1


def test_hours_change_only_at_their_boundaries() -> None:
    """A week, minute by minute, against a plain table of its open minutes."""
    text = "mon-thu 09:00-18:00 fri 09:00-12:00 13:00-16:30 fri 22:00-02:00"
    compiled = hours(text)
    monday = datetime(2026, 11, 23)
    is_open = {
        (day, minute)
        for day, begin, end in [(d, 540, 1080) for d in range(4)]
        + [(4, 540, 720), (4, 780, 990), (4, 1320, 1440), (5, 0, 120)]
        for minute in range(begin, end)
    }
    for minutes in range(7 * 1440):
        expected = divmod(minutes, 1440) in is_open
        assert compiled.holds_at(monday + timedelta(minutes=minutes)) is expected, minutes


def test_ranges_past_midnight_end_above_a_day() -> None:
    assert hours("fri 22:00-06:00").weekly[0].ranges == (Range(1320, 1800),)
    assert hours("fri 22:00-00:00").weekly[0].ranges == (Range(1320, 1440),)
