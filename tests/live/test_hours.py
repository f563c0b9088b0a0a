"""Both sides of every boundary of hours, on a real Asterisk whose clock is moved."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.live.lab import SETTINGS, Lab, MakeLab, number

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS.replace("Europe/Moscow", "{zone}")
    + """
hours office {
    mon-fri 09:00-18:00
    sat     10:00-14:00
    except  holidays RU
    except  2026-12-30..2027-01-08
    except  2026-06-10 12:00-13:00
    also    2026-12-26 10:00-16:00
}
hours night { fri 22:00-06:00 }
hours early { sat 22:00-03:00 }
hours late  { mon-sun 20:00-24:00  except 2026-07-01 }
number "+7 495 000-00-01" -> by_office
number "+7 495 000-00-02" -> by_night
number "+7 495 000-00-03" -> by_late
number "+7 495 000-00-04" -> in_place
number "+7 495 000-00-05" -> by_early
scenario by_early  { when early -> open else -> closed }
scenario open { hangup }
scenario closed { hangup }
scenario by_office { when office -> open else -> closed }
scenario by_night  { when night  -> open else -> closed }
scenario by_late   { when late   -> open else -> closed }
scenario in_place  { when mon-fri 09:00-18:00, sat 10:00-14:00 -> open else -> by_night }
"""
)
MOSCOW, BERLIN = "Europe/Moscow", "Europe/Berlin"
CASES = [
    # office: 2026-11-16 is a Monday
    (1, "2026-11-16 08:59:59", False),
    (1, "2026-11-16 09:00:00", True),
    (1, "2026-11-16 17:59:59", True),
    (1, "2026-11-16 18:00:00", False),
    (1, "2026-11-21 09:59:59", False),
    (1, "2026-11-21 10:00:00", True),
    (1, "2026-11-21 13:59:59", True),
    (1, "2026-11-21 14:00:00", False),
    (1, "2026-11-22 12:00:00", False),
    # the year counts; both ends of a range of dates
    (1, "2026-12-29 12:00:00", True),
    (1, "2026-12-30 12:00:00", False),
    (1, "2025-12-30 12:00:00", True),
    (1, "2027-01-08 12:00:00", False),
    (1, "2027-01-11 12:00:00", True),
    # a Saturday with hours of its own, a window taken out of a day
    (1, "2026-12-26 15:59:59", True),
    (1, "2026-12-26 16:00:00", False),
    (1, "2026-06-10 11:59:59", True),
    (1, "2026-06-10 12:00:00", False),
    (1, "2026-06-10 13:00:00", True),
    # a holiday, a moved working day (a Saturday with Monday's hours) and the day off it stands in for
    (1, "2026-06-12 12:00:00", False),
    (1, "2025-11-01 09:00:00", True),
    (1, "2025-11-01 17:59:59", True),
    (1, "2025-11-01 18:00:00", False),
    (1, "2025-11-03 12:00:00", False),
    # Friday night runs into Saturday morning, not into Friday's
    (2, "2026-11-20 05:59:59", False),
    (2, "2026-11-20 21:59:59", False),
    (2, "2026-11-20 22:00:00", True),
    (2, "2026-11-21 00:00:00", True),
    (2, "2026-11-21 05:59:59", True),
    (2, "2026-11-21 06:00:00", False),
    (2, "2026-11-21 23:00:00", False),
    # 24:00 is midnight
    (3, "2026-11-16 23:59:59", True),
    (3, "2026-11-17 00:00:00", False),
    (3, "2026-07-01 21:00:00", False),
    # written in place
    (4, "2026-11-16 17:59:59", True),
    (4, "2026-11-20 22:00:00", True),
    (4, "2026-11-16 18:00:00", False),
]
# Berlin: clocks go forward on Sunday 2026-03-29 at 02:00 and back on Sunday 2026-10-25 at 03:00.
DST_CASES = [
    (1, "2026-03-30 08:59:59", False),
    (1, "2026-03-30 09:00:00", True),
    (1, "2026-10-26 08:59:59", False),
    (1, "2026-10-26 09:00:00", True),
    (1, "2026-10-26 17:59:59", True),
    (1, "2026-10-26 18:00:00", False),
    (3, "2026-03-29 19:59:59", False),
    (3, "2026-03-29 20:00:00", True),
    (3, "2026-10-25 23:59:59", True),
    (3, "2026-10-26 00:00:00", False),
]


def scenario_at(lab: Lab, which: int, utc: str) -> str:
    """The scenario that a call to a number is moved to at a moment (UTC).

    The clock runs at a tenth of its speed: a second before a boundary must still be before it when the call decides.
    """
    lab.asterisk.set_time(f"@{utc} x0.1")
    identity = lab.watch.run(lab.watch.ami.originate_local(number(which), "ivrc-incoming", far=("Milliwatt", "")))
    steps = lab.watch.journey(identity, timeout=10).steps
    return steps[-1].context.rpartition("-")[2]


def open_at(lab: Lab, zone: str, which: int, moment: str) -> bool:
    """Whether hours hold for a caller at a wall-clock moment of a zone."""
    local = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
    scenario = scenario_at(lab, which, f"{local.astimezone(ZoneInfo('UTC')):%Y-%m-%d %H:%M:%S}")
    assert scenario in ("open", "closed")
    return scenario == "open"


def make(make_lab: MakeLab, zone: str) -> Lab:
    return make_lab(OFFICE.replace("{zone}", zone), faketime="@2026-11-16 08:00:00")


@pytest.fixture(scope="module")
def moscow(make_lab: MakeLab) -> Lab:
    return make(make_lab, MOSCOW)


@pytest.fixture(scope="module")
def berlin(make_lab: MakeLab) -> Lab:
    return make(make_lab, BERLIN)


@pytest.mark.parametrize(("which", "moment", "expected"), CASES)
def test_boundary(moscow: Lab, which: int, moment: str, expected: bool) -> None:
    assert open_at(moscow, MOSCOW, which, moment) is expected


@pytest.mark.parametrize(("which", "moment", "expected"), DST_CASES)
def test_days_of_23_and_25_hours(berlin: Lab, which: int, moment: str, expected: bool) -> None:
    assert open_at(berlin, BERLIN, which, moment) is expected


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2026-10-25 00:00:00", True),  # 02:00, summer time
        ("2026-10-25 00:59:59", True),
        ("2026-10-25 01:00:00", True),  # 02:00 once more, winter time
        ("2026-10-25 01:59:59", True),
        ("2026-10-25 02:00:00", False),  # 03:00
    ],
)
def test_night_in_which_the_clock_is_put_back(berlin: Lab, utc: str, expected: bool) -> None:
    assert (scenario_at(berlin, 5, utc) == "open") is expected
