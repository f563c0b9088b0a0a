"""The dialplan's subroutine for hours, followed line by line: what it returns at a moment, right or made wrong."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivrc.testbed.fuzz.jumps import Jumps, Line, Place

DAY_MINUTES = 1440
# Days before and after a moment; and a week in which nothing is special.
AROUND, ORDINARY = 8, date(2026, 10, 5)
# Lines that a subroutine runs at most: one made wrong may go round and round.
_MOST = 500
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\d+)(?::(\d+))?)?\}")
_TIME = re.compile(r"\$\{STRFTIME\((-?\d*),([^,()]+),([^()]*)\)\}")
_KNOWN = re.compile(r"\$\{DIALPLAN_EXISTS\(([^,()]+),(\d*),1\)\}")
_EXPRESSION = re.compile(r"\$\[([^\[\]$]*)\]")
_TOKEN = re.compile(r"\d+|>=|<=|!=|[-+*|&=<>()]")
_SET = re.compile(r"LOCAL\((\w+)\)=(.*)")
# What ExecIf does if a condition holds, and if not.
_EITHER = re.compile(r"(\w+)\((.*?)\)(?::(\w+)\((.*)\))?")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, "=": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_COUNT: dict[str, Callable[[int, int], int]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


class UnknownError(Exception):
    """The subroutine does something that is not followed."""


class Span(NamedTuple):
    """Minutes in which the answer is the same, half-open."""

    begin: datetime
    end: datetime


def held(jumps: Jumps, context: str, at: datetime) -> bool | None:
    """What the subroutine returns at a moment; None if it does not, or cannot be followed."""
    run = _Run(jumps, at)
    try:
        return run.result(Place(context, "s", 1))
    except UnknownError:
        return None


def spans(jumps: Jumps, moment: datetime) -> list[Span]:
    """The parts of all kinds of days in which no minute differs from another by any hours, in the zone of the moment.

    Kinds of days: those around the moment, those that are named, and an ordinary week.
    """
    text = " ".join(line.args for line in jumps.lines if "${minute}" in line.args or "${date}" in line.args)
    edges = {int(minute) % DAY_MINUTES for minute in re.findall(r"\$\{minute\} (?:>=|<|<=) (\d+)", text)}
    days = {moment.date() + timedelta(days=each) for each in range(-AROUND, AROUND + 1)}
    days |= {ORDINARY + timedelta(days=each) for each in range(7)}
    # Dates are named by themselves or stand in a table of holidays; the day after may be a night's.
    tables = set(re.findall(r"DIALPLAN_EXISTS\(([^,()]+),", text))
    dated = re.findall(r"\b20\d{6}\b", text) + [line.exten for line in jumps.lines if line.context in tables]
    named = {datetime.strptime(each, "%Y%m%d").date() for each in dated}
    days |= {day + timedelta(days=each) for day in named for each in (-1, 0, 1, 2)}
    midnights = [datetime(day.year, day.month, day.day, tzinfo=moment.tzinfo) for day in sorted(days)]
    cuts = [timedelta(minutes=edge) for edge in sorted({0, DAY_MINUTES, *edges})]
    return [Span(midnight + begin, midnight + end) for midnight in midnights for begin, end in pairwise(cuts)]


class _Run:
    """One run of a subroutine, at a moment."""

    def __init__(self, jumps: Jumps, at: datetime) -> None:
        self.jumps = jumps
        self.epoch = str(int(at.timestamp()))
        self.values: dict[str, str] = {}

    def result(self, place: Place) -> bool:
        for _ in range(_MOST):
            line = self.jumps.at(place)
            if line is None:
                break
            if line.app == "Return":
                return self.holds(line.args)
            place = self.follow(line)
        raise UnknownError

    def follow(self, line: Line) -> Place:
        """Do what a line says; where it leads."""
        condition, question, does = line.args.rpartition("?")
        target: Place | None = self.jumps.after(line)
        if line.app == "Set":
            self.set(line.args)
        elif line.app == "ExecIf" and question:
            self.either(does, self.holds(condition))
        elif line.app in ("GotoIf", "Goto"):
            first, _, second = does.partition(":")
            target = self.jumps.target(line, first if line.app == "Goto" or self.holds(condition) else second)
        elif line.app != "NoOp":
            raise UnknownError
        if target is None:
            raise UnknownError
        return target

    def either(self, text: str, holds: bool) -> None:
        match = _EITHER.fullmatch(text)
        if match is None:
            raise UnknownError
        app, args = match.group(1, 2) if holds else match.group(3, 4)
        if app == "Set":
            self.set(args)
        elif app not in ("NoOp", None):
            raise UnknownError

    def set(self, text: str) -> None:
        match = _SET.fullmatch(text)
        if match is None:
            raise UnknownError
        self.values[match[1]] = self.text(match[2])

    def holds(self, text: str) -> bool:
        """What Asterisk takes for true: not empty, and not 0."""
        return self.text(text) not in ("", "0")

    def text(self, written: str) -> str:
        """A line's text with all that stands for something else replaced, from the inside."""
        while "$" in written:
            before = written
            for pattern, found in (
                (_VARIABLE, self.variable), (_TIME, self.time), (_KNOWN, self.known), (_EXPRESSION, self.expression),
            ):  # fmt: skip
                written = pattern.sub(found, written)
            if written == before:
                raise UnknownError
        return written

    def variable(self, match: re.Match[str]) -> str:
        value = self.epoch if match[1] == "EPOCH" else self.values.get(match[1], "")
        begin = int(match[2] or 0)
        return value[begin : begin + int(match[3])] if match[3] else value[begin:]

    def time(self, match: re.Match[str]) -> str:
        # Without a moment it is now.
        return datetime.fromtimestamp(int(match[1] or self.epoch), ZoneInfo(match[2])).strftime(match[3])

    def known(self, match: re.Match[str]) -> str:
        return "1" if self.jumps.at(Place(match[1], match[2], 1)) is not None else "0"

    def expression(self, match: re.Match[str]) -> str:
        # Of an expression that is none Asterisk makes nothing, and warns.
        try:
            return str(_Expression(match[1]).value())
        except UnknownError:
            return ""


class _Expression:
    """An expression of whole numbers."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            raise UnknownError

    def value(self) -> int:
        found = self.either()
        if self.tokens:
            raise UnknownError
        return found

    def take(self, *wanted: str) -> str:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else ""

    def either(self) -> int:
        found = self.both()
        while self.take("|"):
            other = self.both()
            found = found or other
        return found

    def both(self) -> int:
        found = self.compared()
        while self.take("&"):
            other = self.compared()
            found = found if found and other else 0
        return found

    def compared(self) -> int:
        found = self.sum()
        while sign := self.take(*_COMPARE):
            found = int(_COMPARE[sign](found, self.sum()))
        return found

    def sum(self) -> int:
        found = self.product()
        while sign := self.take("+", "-"):
            found = _COUNT[sign](found, self.product())
        return found

    def product(self) -> int:
        found = self.number()
        while sign := self.take("*"):
            found = _COUNT[sign](found, self.number())
        return found

    def number(self) -> int:
        if self.take("("):
            found = self.either()
            if not self.take(")"):
                raise UnknownError
            return found
        if self.take("-"):
            return -self.number()
        if not self.tokens or not self.tokens[0].isdigit():
            raise UnknownError
        return int(self.tokens.pop(0))
