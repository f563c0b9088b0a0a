"""Hours as sets of time agree with the hours, and are told shortly."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivrc.changes.times import TimeSet, calendar_of, meaning, spans_of
from ivrc.hours import Hours
from tests.strategies import hours_items
from tests.support import SETTINGS, office_of

SINCE = date(2026, 3, 1)


def hours_of(items: str) -> Hours:
    return dict(office_of(SETTINGS + f"hours open {{ {items} }}\nscenario main {{ when open {{ fax }} }}").hours)[
        "open"
    ]


def words(new: str, old: str = "") -> str:
    """The words of a set: that of `new`, or what `new` has more than `old`."""
    hours = [hours_of(each) for each in (new, old) if each]
    calendar = calendar_of(hours, SINCE)
    found = TimeSet.of(calendar, hours[0])
    return (found - TimeSet.of(calendar, hours[1]) if old else found).words()


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("mon-fri 09:00-18:00", "mon-fri 09:00-18:00"),
        ("mon tue thu 09:00-13:00 14:00-18:00", "mon-tue 09:00-13:00 14:00-18:00, thu 09:00-13:00 14:00-18:00"),
        ("mon-sun 09:00-18:00", "daily 09:00-18:00"),
        ("mon-sun", "at any time"),
        ("fri 22:00-06:00", "fri 22:00-24:00, sat 00:00-06:00"),
        ("mon-fri 09:00-18:00 except 2026-05-01", "mon-fri 09:00-18:00, not on 2026-05-01"),
        ("mon-fri 09:00-18:00 except 2026-05-01 16:00-24:00", "mon-fri 09:00-18:00, on 2026-05-01 09:00-16:00"),
        ("mon-fri 09:00-18:00 also 2026-05-02", "mon-fri 09:00-18:00, on 2026-05-02 all day"),
        ("sat 09:00-18:00 except 2026-04-27..2026-04-30", "sat 09:00-18:00"),
        ("mon-sun 09:00-18:00 except 2026-04-27..2026-04-30", "daily 09:00-18:00, not on 2026-04-27..2026-04-30"),
        ("also 2026-05-02 10:00-12:00", "2026-05-02 10:00-12:00"),
        ("mon 09:00-18:00 also 2030-05-04", "mon 09:00-18:00, on 2030-05-04 all day"),
    ],
)
def test_words(items: str, says: str) -> None:
    assert words(items) == says


def test_what_is_gained() -> None:
    assert words("mon-fri 09:00-18:00 sat 10:00-14:00", "mon-fri 09:00-17:00") == "mon-fri 17:00-18:00, sat 10:00-14:00"
    told = words("mon-fri 09:00-18:00", "mon-fri 09:00-18:00 except holidays RU")
    assert told.startswith("2026-03-09 09:00-18:00, 2026-05-01 09:00-18:00, 2026-05-11 09:00-18:00")
    assert "more dates" in told


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(items=hours_items(), days=st.lists(st.integers(0, 3000), min_size=1, max_size=40), minute=st.integers(0, 1439))
def test_sets_agree_with_hours(items: str, days: list[int], minute: int) -> None:
    hours = hours_of(items)
    calendar = calendar_of([hours], SINCE)
    found = TimeSet.of(calendar, hours)
    for offset in (*days, *((day - SINCE).days for day in calendar.dates[:20])):
        day = SINCE + timedelta(days=offset)
        spans = found.spans.get(day if day in calendar.dates else day.isoweekday(), ())
        moment = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
        assert any(begin <= minute < end for begin, end in spans) == hours.holds_at(moment)
        assert spans_of(hours, day) == spans


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=hours_items(), second=hours_items())
def test_sets_of_two(first: str, second: str) -> None:
    one, other = hours_of(first), hours_of(second)
    calendar = calendar_of([one, other], SINCE)
    a, b = TimeSet.of(calendar, one), TimeSet.of(calendar, other)
    assert (a - b) | (a & b) == a
    assert not (a - b) & b
    assert (a | b) - b == a - b
    if meaning(one, SINCE) == meaning(other, SINCE):
        assert a == b


def test_meaning_is_not_how_it_is_written() -> None:
    assert meaning(hours_of("mon-fri 09:00-18:00"), SINCE) == meaning(
        hours_of("mon-thu 09:00-12:00 12:00-18:00 fri 09:00-18:00 except 2025-05-01"), SINCE
    )
    assert meaning(hours_of("mon 09:00-18:00"), SINCE) != meaning(hours_of("mon 09:00-18:00 except 2099-01-05"), SINCE)
