"""Random programs: one is like itself, however it is written; and where nothing is told, all calls go alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ivrc.changes import Changes, describe_changes
from ivrc.formatting import format_source
from ivrc.simulate import Call, Journey, Prepared, run
from ivrc.simulate import journey as j
from tests.simulate.support import told as journey_told
from tests.simulate.test_random import calls
from tests.strategies import programs
from tests.support import office_of

MANY = settings().max_examples // 3
# Before every random call.
SINCE = date(2025, 5, 31)


def changes_of(old: str, new: str) -> Changes:
    return describe_changes(office_of(old), office_of(new), SINCE)


def valid(text: str) -> bool:
    try:
        office_of(text)
    except AssertionError:
        return False
    return True


def heard(journey: Journey) -> list[str]:
    """What the caller and the people notice of a call: no name of a scenario, of hours, of a list."""
    events = [each for each in journey.events if not isinstance(each, (j.Decided, j.Moved))]
    return journey_told(Journey(tuple(events)))


# ── the same in other words ──


def formatted(text: str) -> str:
    return format_source(text)[0] or text


def renamed(text: str) -> str:
    """Scenarios, groups, hours, lists and switches with other names."""
    names = re.findall(r"^(?:scenario|group|hours|callers|switch) (\S+)", text, re.MULTILINE)
    people = re.findall(r"^employee (\S+)", text, re.MULTILINE)
    for name in set(names) - set(people):
        text = re.sub(
            rf"(scenario|->|^group|call group|^hours|when|^callers|in|^switch|when switch) {re.escape(name)}(?=\s|$)",
            rf"\1 {name}_zz",
            text,
            flags=re.MULTILINE,
        )
    return text


def reordered(text: str) -> str:
    """Declarations in another order."""
    parts = re.split(
        r"^(?=(?:settings|employee|group|hours|callers|switch|number|scenario) )", text, flags=re.MULTILINE
    )
    return "\n".join(reversed(parts))


def apart(text: str) -> str:
    """Each scenario in two: the first only goes to the second."""
    return re.sub(r"^scenario (\S+) \{", r"scenario \1 { -> \1_two }\nscenario \1_two {", text, flags=re.MULTILINE)


same_meaning = st.sampled_from([formatted, reordered, apart, renamed])


@settings(max_examples=MANY // 2, deadline=None)
@given(program=programs(), rewrites=st.lists(same_meaning, max_size=3, unique=True))
def test_another_writing_is_no_change(program: str, rewrites: list[Callable[[str], str]]) -> None:
    new = program
    for rewrite in rewrites:
        new = rewrite(new)
    assume(valid(new))
    changes = changes_of(program, new)
    assert not changes.noticed, changes.text() + new
    assert changes.callers == ()


# ── small edits ──

EDITS = [
    r"(?<= for )\d+(?=s)",
    r"\b(mon|tue|wed|thu|fri|sat|sun)\b",
    r"\d\d:\d\d(?=-)",
    r"-> \S+",
    r"call employee \S+",
    r"call group \S+",
    r'"asterisk:[^"]+"',
    r"\b(at once|in order|random)\b",
    r"\bretries \d",
    r"\b\d+%",
    r" confirm",
    r"^\s*(hangup|play .*|wait .*|call .*)$",
    r"caller hidden|switch \S+(?= [{-])|caller in \S+",
    r"\bnothing\b|\bwrong\b",
    r'"\+7 9\d\d[^"]*"',
    r"extension \d+",
    r"^\d|^[*#]",
    r"\d{4}-\d\d-\d\d",
]


@st.composite
def edited(draw: DrawFn) -> tuple[str, str]:
    """A program, and the same with one thing replaced by another of its kind, or left out."""
    text = draw(programs())
    found: list[re.Match[str]] = []
    for pattern in draw(st.permutations(EDITS)):
        found = found or list(re.finditer(pattern, text, re.MULTILINE))
    at, other = draw(st.sampled_from(found)), draw(st.sampled_from(found))
    put = draw(st.sampled_from([other.group(), "", re.sub(r"\d", "7", at.group())]))
    return text, text[: at.start()] + put + text[at.end() :]


@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs_=edited(), made=st.lists(calls, min_size=3, max_size=10))
def test_where_nothing_is_told_all_calls_go_alike(programs_: tuple[str, str], made: list[Call]) -> None:
    old, new = programs_
    assume(valid(new))
    changes = changes_of(old, new)
    event(f"noticed: {changes.noticed}")
    assert changes.text()
    offices = Prepared(office_of(old)), Prepared(office_of(new))
    for call in made:
        before, after = (heard(run(office, call)) for office in offices)
        assert changes.noticed or before == after, changes.text()
