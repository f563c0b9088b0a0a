"""What is expected in a test: its facts to `Expectation`s."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ivrc.ast_cases import Clause
from ivrc.cases.case import Expectation
from ivrc.cases.names import Names
from ivrc.semantics.scope import look_up
from ivrc.simulate.reach import MUSIC


def expected(clauses: tuple[Clause, ...], names: Names) -> tuple[Expectation, ...]:
    """The expectations of a test, in order; what is faulty is reported and left out."""
    facts = [fact for clause in clauses if clause.kind == "expect" for fact in clause.inner]
    return tuple(expectation for fact in facts if (expectation := _fact(fact, names)))


def _fact(fact: Clause, names: Names) -> Expectation | None:
    never = fact.kind == "not"
    inner = fact.inner[0] if never else fact
    if never and any(token.type in ("NOTHING", "NOBODY") for token in inner.tokens):
        word = inner.tokens[-1].text
        names.faults.add("IVR503", fact, f"`not` and `{word}` say the opposite of each other", "keep one of them")
        return None
    made = _FACTS[inner.kind](inner, names)
    if made is None:
        return None
    made = made._replace(start=fact.start, end=fact.end, **_timings(inner, names))
    return made._replace(never=True) if never else made


def _timings(fact: Clause, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = {}
    words: dict[str, int] = {}
    for timing in fact.timings:
        if timing.word in words:
            names.faults.add("IVR108", timing, f"`{timing.word}` is given twice", "keep one")
        assert timing.time is not None
        value = words[timing.word] = names.milliseconds(timing.time)
        match timing.word:
            case "for":
                found["lasts"] = value
            case "after":
                found["earliest"] = value
            case "within":
                found["latest"] = value
            case _:
                found["earliest"] = found["latest"] = value
    return found


def _plays(fact: Clause, names: Names) -> Expectation:
    token = fact.tokens[1]
    if token.type == "NOTHING":
        return Expectation("plays", never=True)
    return Expectation("plays", ((MUSIC if token.type == "MUSIC" else names.prompt(token),),))


def _rings(fact: Clause, names: Names) -> Expectation | None:
    if not fact.people:
        return Expectation("rings", never=True)
    phones = [phone for who in fact.people for phone in names.phones(who)]
    return Expectation("rings", tuple(dict.fromkeys(phones))) if phones else None


def _reaches(fact: Clause, names: Names) -> Expectation | None:
    if not fact.people:
        return Expectation("reaches", never=True)
    # Of a group it is whoever answers.
    phones = [phone for each in names.phones(fact.people[0]) for phone in each]
    recorded = any(token.type == "RECORDED" for token in fact.tokens)
    return Expectation("reaches", (tuple(phones),), recorded=recorded) if phones else None


def _voicemail(fact: Clause, names: Names) -> Expectation | None:
    if len(fact.tokens) == 1:
        return Expectation("voicemail")
    employee = look_up(names.employees, fact.tokens[-1], names.faults, (names.groups,))
    return Expectation("voicemail", ((employee.name,),)) if employee else None


def _faxes(fact: Clause, names: Names) -> Expectation:
    return Expectation("fax", pages=names.whole(fact.tokens[1]) if len(fact.tokens) > 1 else None)


def _goes(fact: Clause, names: Names) -> Expectation | None:
    scenario = look_up(names.scenarios, fact.tokens[1], names.faults)
    return Expectation("goes", ((scenario.name,),)) if scenario else None


def _ends(fact: Clause, names: Names) -> Expectation:
    by: Any = None
    cause = None
    tokens = iter(fact.tokens[1:])
    for token in tokens:
        following = next(tokens, token)
        if token.type == "BY":
            by = following.text
        else:
            cause = names.whole(following)
    return Expectation("ends", by=by, cause=cause)


_FACTS: dict[str, Callable[[Clause, Names], Expectation | None]] = {
    "plays": _plays,
    "rings": _rings,
    "reaches": _reaches,
    "voicemail": _voicemail,
    "faxes": _faxes,
    "goes": _goes,
    "ends": _ends,
}


def is_empty(clauses: tuple[Clause, ...]) -> bool:
    """Whether nothing at all is expected."""
    return not any(clause.inner for clause in clauses if clause.kind == "expect")
