"""Asterisk's events from a table that it writes itself, by ODBC, in place of its log.

A machine's rows come one after another over one connection, so a later one has the greater number and none is passed
over. What Asterisk cannot insert it drops; its log in a file has no such gap, and is what is read unless told
otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ivrc.history.cel import Event
from ivrc.history.log import Batch, Place
from ivrc.history.schema import written
from ivrc.history.store import Store

BATCH = 1000
"""Rows in one transaction."""
# Asterisk's names of what an Event has, in its order.
_COLUMNS = (
    "eventtype", "userdeftype", "eventtime", "cid_name", "cid_num", "cid_dnid", "context", "exten", "channame",
    "appname", "appdata", "uniqueid", "linkedid", "peer", "extra",
)  # fmt: skip


class Table:
    """The rows of one machine in the history's own database."""

    name = "asterisk_cel"

    def __init__(self, store: Store, machine: str) -> None:
        self._store = store
        self._machine = machine

    def read(self, place: Place | None) -> Batch | None:
        """The next rows; None if there are none. StoreError."""
        last = place.offset if place else 0
        query = sa.select(written).where(written.c.machine == self._machine, written.c.id > last)
        with self._store.transaction() as connection:
            found = connection.execute(query.order_by(written.c.id).limit(BATCH)).all()
        if not found:
            return None
        events = [(f"row {row.id}", event) for row in found if (event := _event(row._mapping))]
        return Batch(events, Place("", found[-1].id, 0.0))

    def forget(self, place: Place | None, before: float) -> None:
        """Drop rows that have been read and are older than a moment."""
        if place is None:
            return
        moment = datetime.fromtimestamp(before, UTC).strftime("%Y-%m-%d %H:%M:%S")
        old = (written.c.machine == self._machine, written.c.id <= place.offset, written.c.eventtime < moment)
        with self._store.transaction() as connection:
            connection.execute(sa.delete(written).where(*old))


def _event(row: Any) -> Event | None:
    kind, defined, moment, *rest = (row[name] for name in _COLUMNS)
    try:
        time = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    # Of an event of the dialplan's own only the type has the name, where Asterisk is told nothing else.
    return Event(kind, defined, time, *rest) if row["linkedid"] else None


def settings(machine: str) -> dict[str, str]:
    """What Asterisk must be told, beside cel.conf, to write into the table."""
    return {
        "cel_odbc.conf": (
            "; Written by ivrc: events into the table that `ivrc history collect` reads.\n"
            f'[general]\n\n[ivrc]\nconnection=ivrc\ntable=asterisk_cel\nusegmtime=yes\nstatic "{machine}" => machine\n'
        ),
        "res_odbc.conf": (
            "; Written by ivrc: `dsn` is a section of /etc/odbc.ini.\n"
            "[ivrc]\nenabled=>yes\ndsn=>ivrc\nusername=>ivrc\n;password=>\npre-connect=>yes\n"
            "; Seconds between a failure and the next try (unless told: 300), in which Asterisk drops what comes.\n"
            "negative_connection_cache=>1\nconnect_timeout=>2\n"
            "; PostgreSQL takes a backslash for what it is.\nbackslash_is_escape=>no\n"
        ),
    }


__all__ = ["Table", "settings"]
