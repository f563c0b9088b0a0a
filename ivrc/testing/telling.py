"""Expectations and failures in words, and a failed call's journey with the line that differs marked."""

from __future__ import annotations

from ivrc.cases import Expectation, Failure
from ivrc.simulate import journey as j
from ivrc.simulate.reach import MUSIC
from ivrc.simulate.telling import Teller, clock, seconds
from ivrc.testing.run import Untimed, Verdict

_VERBS = {"plays": "plays", "rings": "rings", "reaches": "reaches", "goes": "->", "ends": "ends", "fax": "fax"}


def expectation_text(expectation: Expectation, teller: Teller) -> str:
    """An expectation as the language writes it, a table's values in their places."""
    words = [_VERBS.get(expectation.kind, expectation.kind)]
    if expectation.what and expectation.kind == "voicemail":
        words.append("to")
    if expectation.what:
        named = [dict.fromkeys(_name(each, expectation, teller) for each in some) for some in expectation.what]
        words.append(", ".join(" or ".join(some) for some in named))
    elif expectation.never and expectation.kind in ("plays", "rings", "reaches"):
        return " ".join([*words, "nothing" if expectation.kind == "plays" else "nobody", *_clauses(expectation)])
    if expectation.never:
        words.insert(0, "not")
    return " ".join([*words, *_clauses(expectation)])


def _name(name: str, expectation: Expectation, teller: Teller) -> str:
    if expectation.kind == "plays":
        return name if name == MUSIC else f'"{name}"'
    return teller.who(name) if expectation.kind in ("rings", "reaches") else name


def _clauses(expectation: Expectation) -> list[str]:
    words = []
    if expectation.pages is not None:
        words.append(f"of {expectation.pages} page{'' if expectation.pages == 1 else 's'}")
    if expectation.recorded:
        words.append("recorded")
    if expectation.by is not None:
        words.append(f"by {expectation.by}")
    if expectation.cause is not None:
        words.append(f"cause {expectation.cause}")
    if expectation.lasts is not None:
        words.append(f"for {seconds(expectation.lasts)}")
    earliest, latest = expectation.earliest, expectation.latest
    if earliest is not None and earliest == latest:
        return [*words, f"at {seconds(earliest)}"]
    words += [f"after {seconds(earliest)}"] if earliest is not None else []
    return words + ([f"within {seconds(latest)}"] if latest is not None else [])


def expected_text(failure: Failure | Untimed, teller: Teller) -> str:
    """What should have been."""
    if isinstance(failure, Untimed):
        return "a test that says when the call comes, as in: call at 2026-12-31 23:10"
    return expectation_text(failure.expectation, teller)


def got_text(failure: Failure | Untimed, journey: j.Journey, teller: Teller) -> str:
    """What came instead."""
    event = journey.events[failure.event]
    if isinstance(failure, Untimed):
        return f"a step that asks for the time ({teller.place(event.start)})"
    happened = teller.words(event)
    if failure.reason in ("early", "late"):
        return f"{happened}, at {seconds(event.at)}"
    if failure.reason == "missing" and isinstance(event, j.Ended) and failure.expectation.kind != "ends":
        return f"nothing like it before the end ({happened.removeprefix('end: ')})"
    return happened


def failure_lines(verdict: Verdict, teller: Teller) -> list[str]:
    """A failed test: its name and place, what was expected and what came, the journey."""
    lines = [f"FAILED {verdict.case.name}    {teller.place(verdict.case.start)}"]
    for failure in verdict.failures:
        place = "" if isinstance(failure, Untimed) else f"    {teller.place(failure.expectation.start)}"
        lines.append(f"  expected  {expected_text(failure, teller)}{place}")
        lines.append(f"  got       {got_text(failure, verdict.journey, teller)}")
    if draws := draws_text(verdict):
        lines.append(f"  in        {draws}")
    return lines + journey_lines(verdict, teller)


def journey_lines(verdict: Verdict, teller: Teller) -> list[str]:
    """The journey, the line of the first failure marked."""
    marked = verdict.failures[0].event if verdict.failures else -1
    lines = []
    for index, event in enumerate(verdict.journey.events):
        text = teller.line(event)
        if not text and index == marked:
            text = f"{clock(event.at)}      {type(event).__name__.lower()}"
        if text:
            lines.append(f"{'>' if index == marked else ' '} {text}".rstrip())
    return lines


def draws_text(verdict: Verdict) -> str:
    """How many of the ways to draw a random group failed; empty if there was one way only."""
    if verdict.draws == 1:
        return ""
    return f"{verdict.failed} of {verdict.draws} ways in which the random groups may draw"
