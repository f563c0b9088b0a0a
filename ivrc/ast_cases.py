"""What was written in a `test`: its table, and its clauses in the order written.

A clause is a word (`call`, `press`, `rings` …) with what follows it; all of them have one shape, for they are told
apart only where their meaning is worked out (`ivrc.cases`). A SLOT token is a column of the table, as `<who>`.
"""

from __future__ import annotations

from ivrc.named import NamedTuple
from ivrc.tokens import Token


class Who(NamedTuple):
    """`anna`, `anna mobile`, a number or a SIP address in quotes."""

    target: Token
    mobile: bool
    start: int
    end: int


class Timing(NamedTuple):
    """`for 20s`, `after 5s`, `within 40s`, `at 12s`: the word, and the time if there is one.

    `accepts` and `declines` are such words, too: `accepts after 2s`.
    """

    word: str
    time: Token | None
    start: int
    end: int


class Clause(NamedTuple):
    """One clause.

    `kind` is the grammar's name for it; `tokens` what was written but for the people and the times; `inner` the
    expectations of `expect`, or the expectation that follows `not`.
    """

    kind: str
    tokens: tuple[Token, ...]
    people: tuple[Who, ...]
    timings: tuple[Timing, ...]
    inner: tuple[Clause, ...]
    start: int
    end: int


class Rows(NamedTuple):
    """`for each key, who { 1 anna  2 boris }`."""

    columns: tuple[Token, ...]
    cells: tuple[Token, ...]
    start: int
    end: int


class Test(NamedTuple):
    """`test "name" { … }`."""

    name: Token
    rows: Rows | None
    clauses: tuple[Clause, ...]
    start: int
    end: int
