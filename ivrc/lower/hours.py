"""Hours as a subroutine that returns 1 or 0.

The clock is read once, so that no boundary can pass between two lines; GotoIfTime is not used: it has no
year, takes the end minute in, and tests an overnight range against today's weekday.

Where an exception has times of its own, what holds and what cuts it are found out for both days first, since
a window of one day cuts the other day's ranges, too; elsewhere the first range that holds is the answer.
"""

from __future__ import annotations

from datetime import date

from ivrc import hours as h
from ivrc import ir
from ivrc.lower.cursor import Cursor, Pen, Sheet
from ivrc.marks import CONTENT


def holidays_context(which: tuple[str, str]) -> str:
    """The context whose extensions are the holidays of a country or subdivision."""
    return "-".join(("ivrc.holidays", *(part for part in which if part))) + CONTENT


def hours_context(pen: Pen, part: str, comment: str, hours: h.Hours, start: int) -> str:
    """Write the subroutine for some hours; its name."""
    sheet = Sheet(pen, part, comment, start)
    cursor = Cursor(sheet, "s")
    cursor.add("Set", "LOCAL(epoch)=${EPOCH}")
    clock = f"${{STRFTIME(${{epoch}},{hours.timezone},%Y%m%d-%u-%H-%M)}}"
    cursor.add("Set", f"LOCAL(now)={clock}")
    cursor.add("Set", "LOCAL(minute)=$[${now:11:2} * 60 + ${now:14:2}]")
    if hours.windows():
        cursor.add("Set", "LOCAL(open)=0")
        cursor.add("Set", "LOCAL(cut)=0")
    _day(cursor, hours, pen, 0)
    if _runs_over(hours):
        # Noon of yesterday by the clock: a day of 23 or 25 hours does not lead to another date.
        yesterday = "$[${epoch} - ${now:11:2} * 3600 - 43200]"
        cursor.add("Set", f"LOCAL(now)=${{STRFTIME({yesterday},{hours.timezone},%Y%m%d-%u)}}")
        cursor.add("Set", f"LOCAL(minute)=$[${{minute}} + {h.DAY_MINUTES}]")
        _day(cursor, hours, pen, h.DAY_MINUTES)
    cursor.add("Return", "$[${open} > ${cut}]" if hours.windows() else "0")
    cursor.place("on")
    cursor.add("Return", "1")
    cursor.close()
    sheet.close()
    return sheet.name


def _runs_over(hours: h.Hours) -> bool:
    ranges = [span for weekly in hours.weekly for span in weekly.ranges]
    ranges += [span for addition in hours.additions for span in addition.ranges]
    ranges += [span for window in hours.windows() for span in window.ranges]
    return any(span.end > h.DAY_MINUTES for span in ranges)


def _day(cursor: Cursor, hours: h.Hours, pen: Pen, shift: int) -> None:
    """The lines for the ranges that begin on the day in `now`, at `minute` after its midnight.

    With a shift it is yesterday's turn: only ranges that run past midnight can hold.
    """
    off = cursor.label("off")
    cursor.add("Set", "LOCAL(date)=${now:0:8}")
    cursor.add("Set", "LOCAL(day)=${now:9:1}")
    named = [exception.dates for exception in hours.exceptions] + [addition.dates for addition in hours.additions]
    for dates in named:
        if isinstance(dates, h.Holidays):
            pen.needs.holidays.add((dates.country, dates.subdivision or ""))
    for which in hours.holidays():
        table = h.holiday_table(which)
        for moved, weekday in sorted(table.moved.items()):
            cursor.add("ExecIf", f"$[${{date}} = {moved:%Y%m%d}]?Set(LOCAL(day)={weekday})")
    for addition in hours.additions:
        for span in _relevant(addition.ranges, shift):
            cursor.add("GotoIf", f"$[{_on(addition.dates)} & {_within(span)}]?on")
    for window in hours.windows():
        for span in _relevant(window.ranges, shift):
            cursor.add("ExecIf", f"$[{_on(window.dates)} & {_within(span)}]?Set(LOCAL(cut)=1)")
    for exception in hours.exceptions:
        if not exception.ranges:
            cursor.add("GotoIf", f"$[{_on(exception.dates)}]?{off}")
    for weekly in hours.weekly:
        for span in _relevant(weekly.ranges, shift):
            condition = f"$[{_on_days(weekly.days)}{_within(span)}]"
            if hours.windows():
                cursor.add("ExecIf", f"{condition}?Set(LOCAL(open)=1)")
            else:
                cursor.add("GotoIf", f"{condition}?on")
    cursor.place(off)


def _relevant(ranges: tuple[h.Range, ...], shift: int) -> list[h.Range]:
    return [span for span in ranges if span.end > shift]


def _within(span: h.Range) -> str:
    return f"${{minute}} >= {span.begin} & ${{minute}} < {span.end}"


def _on_days(days: tuple[int, ...]) -> str:
    if len(days) == 7:
        return ""
    if days == tuple(range(days[0], days[-1] + 1)):
        return f"${{day}} >= {days[0]} & ${{day}} <= {days[-1]} & "
    return "(" + " | ".join(f"${{day}} = {day}" for day in days) + ") & "


def _on(dates: h.Dates | h.Holidays) -> str:
    if isinstance(dates, h.Holidays):
        context = holidays_context((dates.country, dates.subdivision or ""))
        return f"${{DIALPLAN_EXISTS({context},${{date}},1)}}"
    if dates.first == dates.last:
        return f"${{date}} = {dates.first:%Y%m%d}"
    return f"${{date}} >= {dates.first:%Y%m%d} & ${{date}} <= {dates.last:%Y%m%d}"


def holiday_contexts(wanted: set[tuple[str, str]]) -> list[ir.Context]:
    """The tables of holidays, one extension a date, shared by all offices."""
    contexts = []
    for country, subdivision in sorted(wanted):
        days = sorted(h.holiday_table(h.Holidays(country, subdivision or None)).days)
        name = holidays_context((country, subdivision))
        comment = f"holidays, {h.HOLIDAY_YEARS[0]} to {h.HOLIDAY_YEARS[-1]}"
        extensions = tuple(_holiday(day) for day in days)
        contexts.append(ir.Context(name, comment, extensions, (), -1))
    return contexts


def _holiday(day: date) -> ir.Extension:
    return ir.Extension(f"{day:%Y%m%d}", (ir.Line("NoOp", "", None),))
