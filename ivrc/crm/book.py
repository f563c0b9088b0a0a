"""The contact book: a CRM for those who have none, in one SQLite file that `ivrc crm import` writes.

The file is never changed where it lies: an import makes a new one and renames it into its place. So a reader meets no
lock of ours and no half of an import, needs no right to write, and sees by the file's identity that there is a newer.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

from ivrc.crm.contact import Contact, CrmDown, CrmNonsense, CrmRefused, CrmSlow, Person
from ivrc.crm.settings import Strict
from ivrc.crm.threads import Threads

FORMAT = 1
"""SQLite's `user_version` of a contact book."""
BUSY = 0.25
"""Seconds to wait for somebody else's lock, who changes the file by other means."""
_MOST = 100
_THREADS = 2

SCHEMA = """
CREATE TABLE contacts (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, responsible TEXT NOT NULL, second TEXT NOT NULL
);
CREATE TABLE contact_phones (
    contact TEXT NOT NULL REFERENCES contacts(id) ON DELETE CASCADE, e164 TEXT NOT NULL, extension TEXT NOT NULL
);
CREATE INDEX contact_phones_e164 ON contact_phones(e164);
CREATE INDEX contact_phones_contact ON contact_phones(contact);
CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL, extension TEXT NOT NULL);
CREATE TABLE people_phones (person TEXT NOT NULL REFERENCES people(id) ON DELETE CASCADE, e164 TEXT NOT NULL);
CREATE INDEX people_phones_person ON people_phones(person);
"""


class Settings(Strict, frozen=True):
    """`file`: where the book is."""

    file: Path = Path("contacts.sqlite")


class Book:
    """The adapter of the kind `book`. Reads in threads of its own, so that a slow disk does not stop the calls."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._threads = Threads(_THREADS, "ivrc-book")
        self._local = threading.local()

    async def find(self, number: str) -> list[Contact]:
        """Contacts with this number. Raises CrmRefused (no such book), CrmSlow (locked), CrmDown (disk)."""
        found: list[Contact] = await self._in_thread(self._find, number)
        return found

    async def check(self) -> str:
        """How much is in it."""
        told: str = await self._in_thread(self._check)
        return told

    async def close(self) -> None:
        """Let the threads end; one that hangs is not waited for."""
        self._threads.close()

    async def _in_thread(self, work: Any, *args: Any) -> Any:
        return await self._threads.run(lambda: self._guarded(work, *args))

    def _guarded(self, work: Any, *args: Any) -> Any:
        """Run in a thread; what SQLite raises becomes a CrmError, and the connection is made anew next time."""
        try:
            return work(self._connection(), *args)
        except sqlite3.Error as fault:
            self._local.opened = None
            raise _meaning(fault, self._file) from None

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection to the file that has the name now."""
        try:
            status = self._file.stat()
        except OSError as fault:
            self._local.opened = None
            raise _absent(self._file, fault) from None
        identity = (status.st_ino, status.st_dev)
        opened = getattr(self._local, "opened", None)
        if opened is None or opened[0] != identity:
            if opened:
                opened[1].close()
            opened = self._local.opened = (identity, open_book(self._file))
        connection: sqlite3.Connection = opened[1]
        return connection

    def _find(self, connection: sqlite3.Connection, number: str) -> list[Contact]:
        rows = connection.execute(
            "SELECT DISTINCT c.rowid, c.id, c.name, c.responsible, c.second FROM contact_phones p"
            " JOIN contacts c ON c.id = p.contact WHERE p.e164 = ? ORDER BY c.rowid LIMIT ?",
            (number, _MOST),
        ).fetchall()
        return [self._contact(connection, row) for row in rows]

    def _contact(self, connection: sqlite3.Connection, row: tuple[Any, ...]) -> Contact:
        _, crm_id, name, responsible, second = row
        phones = connection.execute(
            "SELECT e164, extension FROM contact_phones WHERE contact = ? ORDER BY rowid LIMIT ?", (crm_id, _MOST)
        )
        written = tuple(f"{e164};ext={extension}" if extension else e164 for e164, extension in phones)
        people = tuple(_person(connection, who) for who in (responsible, second) if who)
        return Contact(crm_id, name, written, people)

    def _check(self, connection: sqlite3.Connection) -> str:
        contacts, phones, people = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("contacts", "contact_phones", "people")
        )
        known = f"{counted(contacts, 'contact')} with {counted(phones, 'number')}"
        return f"{self._file}: {known}, {counted(people, 'person', 'people')}"


def counted(number: int, word: str, words: str = "") -> str:
    """`1 contact`, `2 contacts`; of a word whose plural is another one, that too."""
    return f"{number} {word if number == 1 else words or word + 's'}"


def make(settings: Settings) -> Book:
    """The adapter."""
    return Book(settings.file)


def open_book(file: Path) -> sqlite3.Connection:
    """A connection that only reads. Raises sqlite3.Error, and CrmRefused for a file that is no contact book."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY, check_same_thread=False)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT:
        connection.close()
        raise CrmRefused(f"{file} is no contact book of this version of ivrc: write it anew by ivrc crm import")
    return connection


def _person(connection: sqlite3.Connection, who: str) -> Person:
    """Somebody by id or name; who is not among the people is known to the source by one of the two."""
    row = connection.execute(
        "SELECT id, name, extension FROM people WHERE id = :who OR name = :who ORDER BY id != :who, rowid LIMIT 1",
        {"who": who},
    ).fetchone()
    if row is None:
        return Person(who, who)
    phones = connection.execute("SELECT e164 FROM people_phones WHERE person = ? ORDER BY rowid LIMIT 20", (row[0],))
    return Person(row[0], row[1], tuple(e164 for (e164,) in phones), row[2])


def _absent(file: Path, fault: OSError) -> CrmRefused:
    if isinstance(fault, FileNotFoundError):
        return CrmRefused(f"there is no contact book {file}: make one by ivrc crm import")
    return CrmRefused(f"the contact book {file} cannot be read: {fault.strerror}")


def _meaning(fault: sqlite3.Error, file: Path) -> CrmSlow | CrmDown | CrmRefused | CrmNonsense:
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CrmSlow(f"the contact book {file} is locked by another program")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return CrmRefused(f"{file} is no contact book: {fault}")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return CrmRefused(f"the contact book {file} cannot be opened: are its rights right?")
    return CrmDown(f"the contact book {file} cannot be read: {fault}")
