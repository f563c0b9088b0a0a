"""`for each`: the rows of a test's table put in place of its slots."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivrc.ast_cases import Clause, Rows, Test, Timing, Who
from ivrc.semantics.scope import Faults
from ivrc.tokens import Token

_IN_TEXT = re.compile(r"<([^\W\d]\w*)>")
# Rows of one table: more are not a table but data.
MAX_ROWS = 1000

Row = dict[str, Token]


def rows_of(test: Test, faults: Faults) -> list[Row]:
    """The rows of a test, by column; one empty row without a table. Faulty tables are reported and have no rows."""
    if test.rows is None:
        unknown = _unknown(test, set(), "the test has no table: begin it with `for each NAME { … }`", faults)
        return [] if unknown else [{}]
    columns = _columns(test.rows, faults)
    cells = test.rows.cells
    if not _whole(test.rows, columns, faults):
        return []
    if _unknown(test, set(columns), f"the columns are: {', '.join(columns)}", faults):
        return []
    _check_used(test, test.rows, faults)
    width = len(columns)
    return [dict(zip(columns, cells[at : at + width], strict=True)) for at in range(0, len(cells), width)]


def _columns(rows: Rows, faults: Faults) -> list[str]:
    columns: list[str] = []
    for token in rows.columns:
        if token.text in columns:
            faults.add("IVR506", token, f"there are two columns `{token.text}`", "rename one of them")
        columns.append(token.text)
    return columns


def _whole(rows: Rows, columns: list[str], faults: Faults) -> bool:
    count, width = len(rows.cells), len(columns)
    if not count:
        hint = "as in: for each key, who { 1 anna  2 boris }"
        faults.add_if_whole("IVR304", rows, rows, "this table has no rows", hint)
        return False
    if len(set(columns)) < width:
        return False
    if count % width:
        at = rows.cells[count - count % width]
        message = f"the last row has {count % width} of {width} values"
        faults.add("IVR506", at, message, f"each row has a value for each of: {', '.join(columns)}")
        return False
    if count // width > MAX_ROWS:
        faults.add("IVR506", rows.columns[0], f"a table has up to {MAX_ROWS} rows, this one {count // width}", "")
        return False
    return True


def _unknown(test: Test, columns: set[str], hint: str, faults: Faults) -> bool:
    """Report the slots that name no column."""
    found = False
    for token in _slots(test.clauses):
        if token.text[1:-1] not in columns:
            faults.add("IVR506", token, f"there is no column `{token.text[1:-1]}`", hint)
            found = True
    return found


def _check_used(test: Test, rows: Rows, faults: Faults) -> None:
    used = {token.text[1:-1] for token in _slots(test.clauses)} | set(_IN_TEXT.findall(test.name.value))
    for token in rows.columns:
        if token.text not in used:
            message = f"the column `{token.text}` is not used"
            faults.add("IVR506", token, message, f"write `<{token.text}>` where its values belong, or take it out")


def _slots(clauses: tuple[Clause, ...]) -> Iterator[Token]:
    for clause in clauses:
        for token in clause.tokens:
            if token.type == "SLOT":
                yield token
        for who in clause.people:
            if who.target.type == "SLOT":
                yield who.target
        for timing in clause.timings:
            if timing.time is not None and timing.time.type == "SLOT":
                yield timing.time
        yield from _slots(clause.inner)


def fill(clauses: tuple[Clause, ...], row: Row) -> tuple[Clause, ...]:
    """The clauses with a row's values in their slots."""
    return tuple(_filled(clause, row) for clause in clauses) if row else clauses


def _filled(clause: Clause, row: Row) -> Clause:
    return clause._replace(
        tokens=tuple(_value(token, row) for token in clause.tokens),
        people=tuple(_person(who, row) for who in clause.people),
        timings=tuple(_timing(timing, row) for timing in clause.timings),
        inner=fill(clause.inner, row),
    )


def _value(token: Token, row: Row) -> Token:
    return row[token.text[1:-1]] if token.type == "SLOT" else token


def _person(who: Who, row: Row) -> Who:
    return who._replace(target=_value(who.target, row))


def _timing(timing: Timing, row: Row) -> Timing:
    return timing._replace(time=_value(timing.time, row)) if timing.time is not None else timing


def name_of(test: Test, row: Row, number: int) -> str:
    """A test's own name, or that of one of its rows (`number`, from 1)."""
    name = test.name.value
    if not row:
        return name
    named = _IN_TEXT.sub(lambda match: row[match[1]].value if match[1] in row else match[0], name)
    return named if named != name else f"{name} ({', '.join(cell.value for cell in row.values())})"
