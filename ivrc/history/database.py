"""Connections to the history's database, and its tables brought up to date."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

LOCKED = 30.0
"""Seconds to wait for another's lock on the SQLite file."""
MAPPED = 2**32
"""Bytes of a SQLite file that are mapped into memory."""
MIGRATIONS = Path(__file__).parent / "migrations"


class StoreError(Exception):
    """A database that cannot be used. The message is for people."""


def connect(url: str) -> Engine:
    """A database whose tables are up to date. StoreError, or what SQLAlchemy raises."""
    engine = _engine(url)
    _migrate(engine)
    return engine


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        engine = sa.create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "postgresql":
            sa.event.listen(engine, "connect", _set_up_postgresql)
        return engine
    _make_private(Path(url.removeprefix("sqlite:///")))
    engine = sa.create_engine(url, connect_args={"timeout": LOCKED, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        # Readers never wait for the collector, nor it for them.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=NORMAL")
        # Read through the system's own cache: searches look at thousands of pages here and there.
        connection.execute(f"PRAGMA mmap_size={MAPPED}")
        # SQLite's own knows the capitals of Latin letters only.
        connection.create_function("folded", 1, str.lower, deterministic=True)

    return engine


def _set_up_postgresql(connection: Any, _: Any) -> None:
    # Plans for what is asked for, not one for all: outcomes and spans are not alike.
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()


def _make_private(file: Path) -> None:
    """A new file that others cannot read: callers' numbers are in it. (SQLite's own files beside it follow.)"""
    if not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o640))


def _migrate(engine: Engine) -> None:
    """Bring the tables up to date; a database that is so is only looked at."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == head:
        return
    if found is not None and found not in {each.revision for each in scripts.walk_revisions()}:
        raise StoreError("the database is a newer ivrc's: its tables are not known here")
    with _alone(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Until the end of the transaction; any number that nobody else's program takes.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(4950001)"))
        config.attributes["connection"] = connection
        # (Whoever was before us may have done it.)
        command.upgrade(config, "head")


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """No other program of ours changes the tables of a SQLite file meanwhile."""
    if engine.dialect.name != "sqlite":
        yield
        return
    path = Path(f"{engine.url.database}-migrating")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def begin_writing(connection: Connection) -> None:
    """Wait until nobody else collects: what is read from now on is still so when it is written."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(4950002)"))


def has_full_text(connection: Connection) -> bool:
    """Whether there is the index of texts (it is not made where FTS5 or pg_trgm is missing)."""
    tables = sa.inspect(connection)
    if connection.dialect.name == "sqlite":
        return tables.has_table("call_text")
    return any(index["name"] == "call_text" for index in tables.get_indexes("call"))


def reason(fault: BaseException) -> str:
    """The cause in one line, without SQL and without the address, which may hold a password."""
    origin = getattr(fault, "orig", None) or fault
    return " ".join(str(origin).split())[:200]
