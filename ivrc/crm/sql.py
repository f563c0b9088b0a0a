"""Any SQL database, asked by the administrator's own query through SQLAlchemy.

The caller's number is always a bound parameter, never part of the query's text: `:number` (`+74951234567`), `:digits`
(`74951234567`), `:national` (`84951234567`), `:significant` (`4951234567`), `:last10`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import exc

from ivrc.crm.contact import Contact, CrmDown, CrmError, CrmNonsense, CrmRefused, CrmSlow, Person
from ivrc.crm.durations import Duration
from ivrc.crm.numbers import split, variants
from ivrc.crm.settings import MaybeSecret, Secret, SettingsError, Strict
from ivrc.crm.threads import Threads

T = TypeVar("T")

ROWS = 1000
"""Rows of an answer that are read."""
_LONGEST = 1000
_PERSON = ("id", "name", "phones", "extension", "at_work")
_COLUMNS = frozenset(
    ["contact_id", "contact_name", "contact_phone"]
    + [f"{who}_{what}" for who in ("responsible", "second") for what in _PERSON]
)
_NEEDED = ("contact_id", "contact_phone")
_YES = frozenset({"1", "true", "t", "yes", "y", "on", "да"})
_NO = frozenset({"0", "false", "f", "no", "n", "off", "нет"})
# By dialect: said to each new connection. The time limit is the server's, as a thread cannot be stopped from outside.
_LIMITS = {
    "postgresql": ("SET statement_timeout = {ms}", "SET default_transaction_read_only = on"),
    "mysql": ("SET SESSION max_execution_time = {ms}", "SET SESSION TRANSACTION READ ONLY"),
    "mariadb": ("SET SESSION max_statement_time = {seconds}", "SET SESSION TRANSACTION READ ONLY"),
    "mssql": ("SET LOCK_TIMEOUT {ms}",),
    "sqlite": ("PRAGMA busy_timeout = {ms}", "PRAGMA query_only = ON"),
}
_CONNECTING = {
    "postgresql+psycopg": "connect_timeout",
    "postgresql+psycopg2": "connect_timeout",
    "mysql+pymysql": "connect_timeout",
    "mysql+mysqldb": "connect_timeout",
    "sqlite+pysqlite": "timeout",
}


class Settings(Strict, frozen=True):
    """`url`: SQLAlchemy's, without a password; `timeout`: of one query; `connections`: at once."""

    url: MaybeSecret
    query: str
    password: Secret | None = None
    timeout: Duration = Duration(2.0)
    connections: int = 5


class Sql:
    """The adapter of the kind `sql`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = _url(settings)
        self._query = sqlalchemy.text(settings.query)
        self._parameters = set(self._query._bindparams)
        self._engine: sqlalchemy.Engine | None = None
        self._threads = Threads(settings.connections, "ivrc-sql", on_renewal=self._forget)

    async def find(self, number: str) -> list[Contact]:
        """The contacts of the query's rows, in their order."""
        given = variants(number)._asdict()
        values = {"number" if name == "e164" else name: value for name, value in given.items()}
        asked = {name: value for name, value in values.items() if name in self._parameters}
        rows = await self._threads.run(lambda: self._rows(asked))
        return contacts_of(rows)

    async def check(self) -> str:
        """Run the query for a number that nobody has, and look at its columns."""
        values = dict.fromkeys(self._parameters, "+70000000000")
        columns = await self._threads.run(lambda: self._columns(values))
        _judge_columns(columns)
        unread = sorted(set(columns) - _COLUMNS)
        more = f"; nobody reads {', '.join(unread)}" if unread else ""
        return f"{self._url.render_as_string(hide_password=True)}: the query runs{more}"

    async def close(self) -> None:
        """Give back the connections that are idle."""
        self._threads.close()
        engine, self._engine = self._engine, None
        if engine:
            engine.dispose()

    def _forget(self) -> None:
        """All connections hang: leave them, and begin anew."""
        self._engine = None

    def _rows(self, values: dict[str, str]) -> list[dict[str, Any]]:
        return self._execute(values, lambda result: [dict(row) for row in result.mappings().fetchmany(ROWS)])

    def _columns(self, values: dict[str, str]) -> list[str]:
        return self._execute(values, lambda result: [str(key) for key in tuple(result.keys())])

    def _execute(self, values: dict[str, str], read: Callable[[sqlalchemy.CursorResult[Any]], T]) -> T:
        try:
            with self._connected().connect() as connection:
                result = connection.execution_options(stream_results=True, max_row_buffer=100).execute(
                    self._query, values
                )
                if not result.returns_rows:
                    raise CrmRefused("the query returns no rows: it must be a SELECT")
                return read(result)
        except CrmError:
            raise
        except exc.SQLAlchemyError as fault:
            raise _meaning(fault) from None
        except (OSError, UnicodeError, ValueError, TypeError, ArithmeticError) as fault:
            raise CrmNonsense(f"the database's answer cannot be read: {type(fault).__name__}") from None

    def _connected(self) -> sqlalchemy.Engine:
        if self._engine is None:
            self._engine = self._make_engine()
        return self._engine

    def _make_engine(self) -> sqlalchemy.Engine:
        seconds = self._settings.timeout
        options: dict[str, Any] = {}
        if keyword := _CONNECTING.get(f"{self._url.get_backend_name()}+{self._url.get_driver_name()}"):
            options["connect_args"] = {keyword: max(1, round(seconds))}
        try:
            engine = sqlalchemy.create_engine(
                self._url,
                pool_size=self._settings.connections,
                max_overflow=0,
                pool_timeout=seconds,
                pool_pre_ping=True,
                pool_recycle=1800,
                poolclass=sqlalchemy.QueuePool,
                **options,
            )
        except ImportError as fault:
            raise CrmRefused(f"the database's driver is not installed: pip install {fault.name or '…'}") from None
        except (exc.ArgumentError, TypeError) as fault:
            raise CrmRefused(f"the url does not fit its database: {fault}") from None
        name = engine.dialect.name
        sqlalchemy.event.listen(engine, "connect", lambda raw, _: _prepare(raw, name, float(seconds)))
        return engine


def make(settings: Settings) -> Sql:
    """The adapter; SettingsError for a url or a query that cannot be one."""
    return Sql(settings)


def contacts_of(rows: list[dict[str, Any]]) -> list[Contact]:
    """Contacts of rows: those with one `contact_id` are one contact; CrmRefused when needed columns are missing."""
    if rows:
        _judge_columns(list(rows[0]))
    contacts: dict[str, Contact] = {}
    for row in rows:
        identity = _text(row["contact_id"])
        phones = tuple(_phones(row["contact_phone"]))
        if identity in contacts:
            contacts[identity] = _joined(contacts[identity], phones)
            continue
        people = tuple(person for who in ("responsible", "second") if (person := _person(row, who)))
        contacts[identity] = Contact(identity, _text(row.get("contact_name")), phones, people)
    return list(contacts.values())


def _joined(contact: Contact, phones: tuple[str, ...]) -> Contact:
    more = tuple(phone for phone in phones if phone not in contact.phones)
    return contact._replace(phones=contact.phones + more) if more else contact


def _person(row: Mapping[str, Any], who: str) -> Person | None:
    values = {what: row.get(f"{who}_{what}") for what in _PERSON}
    identity, name, extension = (_text(values[what]) for what in ("id", "name", "extension"))
    phones = tuple(_phones(values["phones"]))
    if not (identity or name or extension or phones):
        return None
    return Person(identity, name, phones, extension, _truth(values["at_work"]))


def _judge_columns(columns: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise CrmRefused(
            f"the query has no column {' and no '.join(missing)}: write it as SELECT … AS {missing[0]}; it has "
            + (", ".join(str(column)[:40] for column in columns[:20]) or "none")
        )


def _text(value: Any) -> str:
    """A cell as text; what is no text, number or identifier (bytes, JSON) is none."""
    if value is None or isinstance(value, bool | bytes | memoryview | list | tuple | dict | set):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:_LONGEST].strip()


def _phones(value: Any) -> list[str]:
    """One phone, several in one text, or a database's array of them."""
    values = value if isinstance(value, list | tuple) else [value]
    return [phone for each in values[:100] for phone in split(_text(each))]


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = _text(value).lower()
    return True if word in _YES else False if word in _NO else None


def _url(settings: Settings) -> sqlalchemy.URL:
    written = settings.url.reveal()
    try:
        url = sqlalchemy.make_url(written)
    except (exc.ArgumentError, ValueError):
        hint = "this is no url of a database, such as postgresql+psycopg://user@host/name"
        raise SettingsError(hint, key="crm.url") from None
    if url.password and settings.url.is_open:
        hint = 'the password does not stand here: leave it out, and write password = { env = "NAME" }'
        raise SettingsError(hint, key="crm.url")
    if url.drivername == "postgresql":
        # SQLAlchemy's own choice for a bare "postgresql" is the older psycopg2.
        url = url.set(drivername="postgresql+psycopg")
    if settings.password:
        url = url.set(password=settings.password.reveal())
    if not re.search(r"\S", settings.query):
        raise SettingsError("the query is empty", key="crm.query")
    return url


def _prepare(raw: Any, name: str, seconds: float) -> None:
    """Set the limits of a new connection; `name` is that of SQLAlchemy's dialect."""
    cursor = raw.cursor()
    try:
        if name == "mysql":
            # Addresses of MariaDB's begin with mysql:// too, and each knows its own time limit only.
            cursor.execute("SELECT VERSION()")
            name = "mariadb" if "mariadb" in str(cursor.fetchone()[0]).lower() else name
        for statement in _LIMITS.get(name, ()):
            cursor.execute(statement.format(ms=round(seconds * 1000), seconds=seconds))
    finally:
        cursor.close()
    # psycopg has opened a transaction for these.
    raw.commit()


# SQLSTATE classes: 28 credentials, 42 names and rights, 3D a database that is not there; 57014 is the time limit.
_REFUSED = ("28", "42", "3D", "3F", "25006")
# Numbers of MariaDB and MySQL: the time limit of a statement (its own for each), of waiting for a lock.
_TIMED_OUT = (1969, 3024, 1205)
# A failed connection has only a text.
_REFUSING = ("authentication failed", "access denied", "does not exist", "no such", "syntax error")


def _meaning(fault: exc.SQLAlchemyError) -> CrmError:
    """The CrmError for what SQLAlchemy raised; the statement and its parameters are left out of the message."""
    cause = getattr(fault, "orig", None)
    said = " ".join(str(cause if cause is not None else fault).split())[:200]
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
    low = said.lower()
    number = cause.args[0] if isinstance(cause, Exception) and cause.args else None
    if (
        state == "57014"
        or number in _TIMED_OUT
        or isinstance(fault, exc.TimeoutError)
        or "locked" in low
        or "timeout" in low
    ):
        return CrmSlow(f"the database took too long: {said}")
    if state.startswith(_REFUSED) or any(words in low for words in _REFUSING):
        return CrmRefused(f"the database refuses: {said}")
    if isinstance(fault, exc.ProgrammingError | exc.ArgumentError | exc.StatementError) and not isinstance(
        fault, exc.OperationalError | exc.InterfaceError | exc.InternalError | exc.DataError
    ):
        return CrmRefused(f"the query does not run: {said}")
    if isinstance(fault, exc.DataError):
        return CrmNonsense(f"the database's data do not fit the query: {said}")
    return CrmDown(f"the database cannot be asked: {said}")
