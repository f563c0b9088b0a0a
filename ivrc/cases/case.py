"""A test as plain data: the call that is given, and what it must come to. Times in milliseconds.

A `test` with a table is one case for each row.
"""

from __future__ import annotations

from typing import Literal

from ivrc.named import NamedTuple
from ivrc.simulate.call import Call

Kind = Literal["plays", "rings", "reaches", "voicemail", "fax", "goes", "ends"]
By = Literal["caller", "office"]


class Expectation(NamedTuple):
    """One thing that must happen, or with `never` must not, after what stands before it in the list.

    `what` names it: a prompt; phones as `Call.states` has them; the employee of a mailbox; a scenario. Each entry holds
    alternatives (any mobile of an employee's), and all entries must come true, in whatever order (`rings anna, boris`).
    No entry: whatever it is. The other fields are None or False where nothing is said of them.

    `earliest` and `latest` are when it begins, counted from the beginning of the call; `lasts` is how long it takes.
    """

    kind: Kind
    what: tuple[tuple[str, ...], ...] = ()
    never: bool = False
    earliest: int | None = None
    latest: int | None = None
    lasts: int | None = None
    recorded: bool = False
    pages: int | None = None
    by: By | None = None
    cause: int | None = None
    start: int = -1
    end: int = -1


class Case(NamedTuple):
    """One call and what is expected of it.

    `any_draw`: of random groups nothing is said, so that the expectations must hold whatever is drawn; else the draws
    are those of `call.seed`. `timed`: the source says when the call comes; without it `call.at` is arbitrary, and no
    step may ask. `row` counts the rows of a table from 1; 0 without one.
    """

    name: str
    call: Call
    expectations: tuple[Expectation, ...]
    any_draw: bool
    timed: bool
    row: int
    start: int
    end: int
