"""Contacts and people from CSV files into the contact book.

A row that cannot be used is reported with its line and left out, the others go in. The book is written anew beside the
old one and takes its name at the end: whoever reads it meanwhile sees the old one, whole.
"""

from __future__ import annotations

import csv
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Protocol

from ivrc.crm.book import FORMAT, SCHEMA, open_book
from ivrc.crm.contact import CrmError
from ivrc.crm.numbers import Number, parse, split
from ivrc.named import NamedTuple

LARGEST = 500_000_000
"""Bytes of a CSV file."""

# The field, and how its column may be called. A column counts for the first field that it fits.
_HEADERS = {
    field: tuple(word.strip() for word in words.split(","))
    for field, words in {
        "id": "id, contact id, crm, crm id, код, ид, идентификатор",
        "surname": "surname, last name, фамилия",
        "name": "name, full name, contact, contact name, client, customer, display name, имя, фио, название, "
        "наименование, контакт, клиент, имя контакта, имя клиента",
        "second": "second, second responsible, deputy, второй, второй ответственный, заместитель",
        "responsible": "responsible, manager, owner, contact owner, assigned to, assigned user, ответственный, "
        "менеджер, ответственный менеджер, куратор",
        "extension": "extension, internal, internal number, добавочный, внутренний, внутренний номер",
    }.items()
}
_PHONE_WORDS = ("phone", "mobile", "tel", "cell", "телефон", "тел", "моб", "сотовый", "номер")


class ImportFault(Exception):
    """A file that cannot be imported at all, or a book that cannot be written."""


class Told(NamedTuple):
    """What was wrong with a line of a CSV file. `left_out`: the whole row, not only one phone of it."""

    line: int
    message: str
    left_out: bool = True


class Row(NamedTuple):
    """A usable row. For people `extension` may be set, for contacts `responsible` and `second`."""

    id: str
    name: str
    numbers: tuple[Number, ...]
    responsible: str = ""
    second: str = ""
    extension: str = ""


class Table(NamedTuple):
    """The usable rows of a CSV file, what was wrong with others, and the columns that nobody reads."""

    rows: list[Row]
    told: list[Told]
    unused: list[str]


def read_csv(file: Path, country: str | None, *, people: bool = False) -> Table:
    """The rows of a file. ImportFault when it is unreadable or has no column of phones (of ids, for people)."""
    text = _decoded(file)
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(first))
    columns = _columns(_next_filled(reader), file, people)
    table = Table([], [], columns.unused)
    taken: dict[str, int] = {}
    for line, cells in _lines(reader, table.told):
        row = _row(cells, columns, country, people, line, table.told)
        if row is None:
            continue
        row = row if row.id else row._replace(id=_own_id(row, taken))
        if row.id in taken:
            table.told.append(Told(line, f'the id "{row.id}" is in line {taken[row.id]} already'))
            continue
        taken[row.id] = line
        table.rows.append(row)
    return table


def write_book(file: Path, contacts: list[Row] | None, people: list[Row] | None, *, replace: bool = False) -> None:
    """Put rows into a book; None leaves that part as it is. With `replace` only these rows are in it afterwards.

    Raises ImportFault; the book is then what it was.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as fault:
        raise ImportFault(f"cannot write in {file.parent}: {fault.strerror}") from None
    os.close(handle)
    fresh = Path(name)
    try:
        _build(fresh, file, contacts, people, replace)
        # The same rights as before: the helper is often another user.
        os.chmod(fresh, file.stat().st_mode & 0o777 if file.exists() else 0o666 & ~_umask())
        os.replace(fresh, file)
    except CrmError as fault:
        raise ImportFault(str(fault)) from None
    except (OSError, sqlite3.Error) as fault:
        raise ImportFault(f"cannot write {file}: {fault}") from None
    finally:
        for rest in (fresh, Path(f"{fresh}-journal")):
            rest.unlink(missing_ok=True)


def _build(fresh: Path, old: Path, contacts: list[Row] | None, people: list[Row] | None, replace: bool) -> None:
    with closing(sqlite3.connect(fresh)) as new:
        if old.exists():
            with closing(open_book(old)) as before:
                before.backup(new)
        else:
            new.executescript(f"{SCHEMA} PRAGMA user_version = {FORMAT};")
        new.execute("PRAGMA foreign_keys = ON")
        # Nothing reads this file before it has its name; a crash leaves only a file to delete.
        new.execute("PRAGMA synchronous = OFF")
        with new:
            if contacts is not None:
                _put_contacts(new, contacts, replace)
            if people is not None:
                _put_people(new, people, replace)
    with fresh.open("rb") as written:
        os.fsync(written.fileno())


def _put_contacts(book: sqlite3.Connection, rows: list[Row], replace: bool) -> None:
    if replace:
        book.execute("DELETE FROM contacts")
    book.executemany("DELETE FROM contacts WHERE id = ?", ((row.id,) for row in rows))
    book.executemany(
        "INSERT INTO contacts (id, name, responsible, second) VALUES (?, ?, ?, ?)",
        ((row.id, row.name, row.responsible, row.second) for row in rows),
    )
    book.executemany(
        "INSERT INTO contact_phones (contact, e164, extension) VALUES (?, ?, ?)",
        ((row.id, number.e164, number.extension) for row in rows for number in row.numbers),
    )


def _put_people(book: sqlite3.Connection, rows: list[Row], replace: bool) -> None:
    if replace:
        book.execute("DELETE FROM people")
    book.executemany("DELETE FROM people WHERE id = ?", ((row.id,) for row in rows))
    book.executemany(
        "INSERT INTO people (id, name, extension) VALUES (?, ?, ?)", ((row.id, row.name, row.extension) for row in rows)
    )
    book.executemany(
        "INSERT INTO people_phones (person, e164) VALUES (?, ?)",
        ((row.id, number.e164) for row in rows for number in row.numbers),
    )


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _decoded(file: Path) -> str:
    """The text of a file in UTF-8, UTF-16 with a mark, or else Windows' Cyrillic, as spreadsheets write it."""
    try:
        if file.stat().st_size > LARGEST:
            raise ImportFault(f"{file} is larger than {LARGEST // 1_000_000} MB")
        data = file.read_bytes()
    except OSError as fault:
        raise ImportFault(f"{file} cannot be read: {fault.strerror}") from None
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1251"]
    for encoding in encodings:
        try:
            return data.decode(encoding).replace("\0", "")
        except UnicodeDecodeError:
            continue
    raise ImportFault(f"{file} is neither in UTF-8 nor in cp1251: save it as CSV in UTF-8")


def _delimiter(header: str) -> str:
    """The sign that parts the header into the most cells."""
    return max(";\t,", key=lambda sign: len(next(csv.reader([header], delimiter=sign), [])))


class _Reader(Protocol):
    """What csv.reader returns; `line_num` are the lines read so far."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


class _Columns(NamedTuple):
    places: dict[str, int]
    phones: list[int]
    unused: list[str]


def _next_filled(reader: Iterator[list[str]]) -> list[str]:
    try:
        return next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
    except csv.Error as fault:
        raise ImportFault(f"this is no CSV: {fault}") from None


def _columns(header: list[str], file: Path, people: bool) -> _Columns:
    columns = _Columns({}, [], [])
    for place, written in enumerate(header):
        word = " ".join(written.replace("_", " ").lower().split())
        field = next((field for field, words in _HEADERS.items() if word in words and field not in columns.places), "")
        if field:
            columns.places[field] = place
        elif any(part.startswith(_PHONE_WORDS) for part in word.split()):
            columns.phones.append(place)
        elif word:
            columns.unused.append(written.strip())
    named = ", ".join(cell.strip() for cell in header if cell.strip()) or "nothing"
    if not columns.phones:
        raise ImportFault(f'{file} has no column called "phone" or "телефон"; its first line has: {named}')
    if people and not {"id", "name"} & set(columns.places):
        raise ImportFault(f'{file} has neither a column "id" nor one "name"; its first line has: {named}')
    return columns


def _lines(reader: _Reader, told: list[Told]) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its first line; what is no CSV is told and passed over."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            told.append(Told(line, f"this is no CSV: {fault}"))
            continue
        if any(cell.strip() for cell in cells):
            yield line, cells


def _row(
    cells: list[str], columns: _Columns, country: str | None, people: bool, line: int, told: list[Told]
) -> Row | None:
    def cell(field: str) -> str:
        place = columns.places.get(field, len(cells))
        return " ".join(cells[place].split())[:200] if place < len(cells) else ""

    written = [part for place in columns.phones if place < len(cells) for part in split(cells[place])]
    numbers: dict[Number, None] = {}
    bad = []
    for text in written:
        number = parse(text, country)
        if number:
            numbers.setdefault(number)
        else:
            bad.append(text[:40])
    if bad:
        told.append(Told(line, _no_number(bad, country), left_out=not numbers and not people))
    if not numbers and not people:
        if not bad:
            told.append(Told(line, "no phone number"))
        return None
    name = f"{cell('surname')} {cell('name')}".strip()
    identity = cell("id") or (name if people else "")
    if people and not identity:
        told.append(Told(line, "neither an id nor a name"))
        return None
    return Row(identity, name, tuple(numbers), cell("responsible"), cell("second"), cell("extension"))


def _no_number(bad: Iterable[str], country: str | None) -> str:
    listed = ", ".join(f'"{text}"' for text in bad)
    hint = "" if country else " (numbers without + need --country)"
    return f"no phone number: {listed}{hint}"


def _own_id(row: Row, taken: dict[str, int]) -> str:
    """An id for a row without one: its first number, which is the same at the next import."""
    base = identity = row.numbers[0].e164
    count = 1
    while identity in taken:
        count += 1
        identity = f"{base}.{count}"
    return identity
