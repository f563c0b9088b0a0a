"""The meaning of `test` blocks: from what was written to plain data, `Case`s, and whether a call comes to what they
expect. Nothing of it is part of the dialplan, and no compilation comes here.
"""

from __future__ import annotations

from collections.abc import Iterable

from ivrc import model as m
from ivrc.ast_cases import Test
from ivrc.cases.case import Case, Expectation
from ivrc.cases.check import Failure, check
from ivrc.cases.expected import expected, is_empty
from ivrc.cases.given import given
from ivrc.cases.names import Names
from ivrc.cases.table import fill, name_of, rows_of
from ivrc.diagnostics import Diagnostic, Label
from ivrc.semantics.scope import Faults
from ivrc.tokens import Token


def cases_of(tests: Iterable[Test], office: m.Office) -> tuple[list[Case], list[Diagnostic]]:
    """The cases of an office's tests, one for each row of a table, and the faults; a test with one has no cases."""
    faults = Faults()
    names = Names(office, faults)
    taken: dict[str, Token] = {}
    cases: list[Case] = []
    for test in tests:
        before = len(faults.found)
        made = _cases(test, names)
        first = taken.setdefault(test.name.value, test.name)
        if first is not test.name:
            label = Label(first.start, first.end, "first declared here")
            faults.add("IVR202", test.name, f'test "{test.name.value}" is declared twice', "rename one of them", label)
        if len(faults.found) == before:
            cases += made
    return cases, faults.found


def _cases(test: Test, names: Names) -> list[Case]:
    if not test.name.value.strip():
        names.faults.add("IVR503", test.name, "this test has no name", 'as in: test "closed on Sundays" { … }')
    if is_empty(test.clauses):
        hint = 'as in: expect { plays "welcome"  reaches anna }'
        names.faults.add_if_whole("IVR503", test.name, test, "this test expects nothing", hint)
        return []
    cases: list[Case] = []
    numbered = test.rows is not None
    for number, row in enumerate(rows_of(test, names.faults), 1):
        clauses = fill(test.clauses, row)
        call, timed, seeded = given(clauses, test.name, names)
        expectations = expected(clauses, names)
        name = name_of(test, row, number)
        case = Case(name, call, expectations, not seeded, timed, number if numbered else 0, test.start, test.name.end)
        cases.append(case)
    return cases


__all__ = ["Case", "Expectation", "Failure", "cases_of", "check"]
