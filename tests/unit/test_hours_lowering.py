"""The dialplan of hours, run line by line, says what `Hours.holds_at` says: two tellings of one rule."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivrc.hours import Addition, Dates, Exception_, Hours, Weekly
from tests.dialplan import Dialplan
from tests.strategies import hours_items
from tests.support import SETTINGS, compile_text, office_of

MOSCOW, NEW_YORK = "Europe/Moscow", "America/New_York"


class Machine:
    """As much of Asterisk as the subroutine of some hours needs."""

    def __init__(self, plan: Dialplan, epoch: int) -> None:
        self.plan = plan
        self.variables: dict[str, str] = {"EPOCH": str(epoch)}

    def run(self, context: str) -> str:
        lines = self.plan.contexts[context].extensions["s"]
        labels = {line.label: index for index, line in enumerate(lines) if line.label}
        at = 0
        while True:
            _, _, app, args = lines[at]
            at += 1
            if app == "Return":
                return self.text(args)
            if app == "Set":
                self.set(args)
            elif app == "ExecIf":
                condition, _, then = args.partition("?")
                if self.true(condition):
                    self.set(then.removeprefix("Set(").removesuffix(")"))
            elif app == "GotoIf":
                condition, _, label = args.rpartition("?")
                if self.true(condition):
                    at = labels[label]
            else:
                assert app == "NoOp", app

    def set(self, args: str) -> None:
        match = re.fullmatch(r"LOCAL\((\w+)\)=(.*)", args)
        assert match is not None, args
        name, value = match.groups()
        self.variables[name] = self.text(value)

    def true(self, condition: str) -> bool:
        return self.text(condition) not in ("", "0")

    def text(self, text: str) -> str:
        """A text with its variables, functions and expressions worked out, the innermost first."""
        inner = re.compile(r"\$\{([^${}]*)\}|\$\[([^$\[\]]*)\]")
        while match := inner.search(text):
            value = self.variable(match[1]) if match[1] is not None else self.expression(match[2])
            text = text[: match.start()] + value + text[match.end() :]
        return text

    def variable(self, text: str) -> str:
        if match := re.fullmatch(r"STRFTIME\((\d+),([^,]+),([^)]+)\)", text):
            return datetime.fromtimestamp(int(match[1]), ZoneInfo(match[2])).strftime(match[3])
        if match := re.fullmatch(r"DIALPLAN_EXISTS\(([^,]+),([^,]+),1\)", text):
            return str(int(match[2] in self.plan.contexts[match[1]].extensions))
        name, *slices = text.split(":")
        value = self.variables[name]
        if not slices:
            return value
        begin = int(slices[0])
        return value[begin : begin + int(slices[1])] if len(slices) > 1 else value[begin:]

    @staticmethod
    def expression(text: str) -> str:
        assert re.fullmatch(r"[0-9 ()+\-*<>=&|]+", text), text
        # Numbers with leading zeros, as 08 of a clock, are decimal to Asterisk.
        python = re.sub(r"\b0+(?=[0-9])", "", text).replace("&", " and ").replace("|", " or ")
        return str(int(eval(re.sub(r"(?<![<>])=", "==", python))))


def both(text: str, zone: str = MOSCOW) -> tuple[Dialplan, Hours]:
    """Some hours as dialplan and as their meaning."""
    source = SETTINGS.replace(MOSCOW, zone) + f"hours x {{ {text} }}\nscenario main {{ when x {{ hangup }} }}\n"
    return Dialplan(compile_text(source).dialplan), office_of(source).hours[0][1]


def moments(draw: st.DrawFn, hours: Hours, zone: str) -> list[datetime]:
    """Moments at and just before every boundary, on days that mean something to the hours."""
    days = [draw(st.dates(date(2025, 1, 2), date(2030, 12, 30))), date(2025, 11, 1), date(2026, 12, 31)]
    special: list[Exception_ | Addition] = [*hours.exceptions, *hours.additions]
    for dates in (rule.dates for rule in special if isinstance(rule.dates, Dates)):
        for day in dates:
            days += [day, day + timedelta(days=1)]
    rules: list[Weekly | Exception_ | Addition] = [*hours.weekly, *special]
    minutes = {0, 1439} | {minute % 1440 for rule in rules for span in rule.ranges for minute in span}
    minutes |= {(minute - 1) % 1440 for minute in minutes}
    tz = ZoneInfo(zone)
    return [
        datetime(d.year, d.month, d.day, minute // 60, minute % 60, 30, tzinfo=tz) for d in days for minute in minutes
    ]


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Dialplan, Hours, list[datetime]]:
    text = draw(hours_items())
    plan, hours = both(text)
    return text, plan, hours, moments(draw, hours, MOSCOW)


@given(cases())
def test_dialplan_holds_when_the_hours_do(case: tuple[str, Dialplan, Hours, list[datetime]]) -> None:
    text, plan, hours, when = case
    for moment in when:
        told = Machine(plan, int(moment.timestamp())).run("ivrc-acme.hours-x")
        assert told == str(int(hours.holds_at(moment))), f"{text} at {moment}"


# A day of 25 hours (2026-11-01) and one of 23 (2026-03-08) in New York, minute by quarter of an hour.
@pytest.mark.parametrize("text", ["sat-sun 22:00-06:00", "sun-mon", "sat 23:00-02:30 except 2026-03-07", "01:30-02:30"])
@pytest.mark.parametrize("first", ["2026-10-31", "2026-03-07"])
def test_days_on_which_the_clock_changes(text: str, first: str) -> None:
    plan, hours = both(text, NEW_YORK)
    start = int(datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(NEW_YORK)).timestamp())
    for epoch in range(start, start + 3 * 86400, 900):
        local = datetime.fromtimestamp(epoch, ZoneInfo(NEW_YORK))
        told = Machine(plan, epoch).run("ivrc-acme.hours-x")
        assert told == str(int(hours.holds_at(local))), f"{text} at {local}"


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "UTC"])
def test_hours_are_those_of_the_offices_clock(zone: str) -> None:
    plan, hours = both("mon-fri 09:00-18:00 fri 22:00-06:00", zone)
    start = int(datetime(2026, 11, 26, tzinfo=ZoneInfo(zone)).timestamp())
    for epoch in range(start, start + 4 * 86400, 1800):
        local = datetime.fromtimestamp(epoch, ZoneInfo(zone))
        assert Machine(plan, epoch).run("ivrc-acme.hours-x") == str(int(hours.holds_at(local))), local
