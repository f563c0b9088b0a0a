"""The history's database: SQLite in a file, or any database of SQLAlchemy's; one schema, with migrations.

What is collected is written batch by batch, each in one transaction together with how far the log has been read: a
collector killed at any point has either written a batch or not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ivrc.history.cel import Event
from ivrc.history.database import StoreError, begin_writing, connect, has_full_text, reason
from ivrc.history.journey import Call, tell
from ivrc.history.log import Place
from ivrc.history.plan import Plan
from ivrc.history.schema import calls, entries, involved, legs, media, metadata, rows, sources
from ivrc.history.search import EVERYTHING, SHOWN, Filter, Found, Scope, find_calls


class Store:
    """One database."""

    def __init__(self, url: str) -> None:
        """Connect, and bring the tables up to date. StoreError if it cannot be had."""
        try:
            self.engine = connect(url)
            with self.engine.connect() as connection:
                self._full_text = has_full_text(connection)
        except (sa.exc.SQLAlchemyError, OSError, ImportError) as fault:
            raise StoreError(f"the database cannot be used: {reason(fault)}") from None

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection within a transaction. StoreError when the database fails."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as fault:
            raise StoreError(reason(fault)) from None

    # ── collecting ──

    def place(self, machine: str, path: str) -> Place | None:
        """How far a machine's log has been read; None if it never was."""
        query = sa.select(sources.c.head, sources.c.offset, sources.c.seen).where(
            sources.c.machine == machine, sources.c.path == path
        )
        with self.transaction() as connection:
            found = connection.execute(query).first()
        return Place(*found) if found else None

    def add(self, machine: str, path: str, place: Place, found: Iterable[tuple[str, Event]], plan: Plan) -> list[int]:
        """Take events, each with a name of its own, and tell their calls anew; the ids of these."""
        touched: dict[str, None] = {}
        with self.transaction() as connection:
            begin_writing(connection)
            new = [(where, event) for where, event in found if event.linkedid]
            known = _known(connection, machine, [where for where, _ in new])
            past = _past(connection, machine, {event.linkedid for _, event in new})
            fresh = [(w, event) for w, event in new if w not in known and event.linkedid not in past]
            if fresh:
                connection.execute(
                    rows.insert(),
                    [
                        {
                            "machine": machine,
                            "linkedid": e.linkedid,
                            "place": where,
                            "event": json.dumps(list(e)),
                            "time": e.time,
                        }
                        for where, e in {where: (where, e) for where, e in fresh}.values()
                    ],
                )
            touched.update((event.linkedid, None) for _, event in fresh)
            ids = [_retell(connection, machine, linkedid, plan) for linkedid in touched]
            connection.execute(sa.delete(sources).where(sources.c.machine == machine, sources.c.path == path))
            connection.execute(sources.insert(), {"machine": machine, "path": path, **place._asdict()})
        return [each for each in ids if each is not None]

    def add_media(self, call: int, found: Iterable[Mapping[str, Any]], notes: Iterable[tuple[float, str]] = ()) -> None:
        """Attach files to a call; those attached before stay as they are. `notes` go into the journey."""
        with self.transaction() as connection:
            begin_writing(connection)
            known = {row.source for row in connection.execute(sa.select(media.c.source).where(media.c.call == call))}
            fresh = [{"call": call, **each} for each in found if each["source"] not in known]
            if fresh:
                connection.execute(media.insert(), fresh)
            told = {row.text for row in connection.execute(sa.select(entries.c.text).where(entries.c.call == call))}
            for at, text in notes:
                if text not in told:
                    connection.execute(
                        entries.insert(), {"call": call, "at": at, "kind": "note", "text": text, "file": "", "line": 0}
                    )

    def events(self, machine: str, linkedid: str) -> list[Event]:
        """What Asterisk wrote of a call, as far as it is still kept."""
        with self.transaction() as connection:
            return _events(connection, machine, linkedid)

    def unsettled(self, machine: str) -> list[int]:
        """Calls that are over and whose files have not been looked at."""
        wanted = (calls.c.machine == machine, calls.c.complete.is_(True), calls.c.settled.is_(False))
        with self.transaction() as connection:
            return list(connection.execute(sa.select(calls.c.id).where(*wanted).order_by(calls.c.id)).scalars())

    def settle(self, call: int) -> None:
        """A call's files have been looked at."""
        with self.transaction() as connection:
            connection.execute(sa.update(calls).where(calls.c.id == call).values(settled=True))

    def outcome(self, call: int, code: str, words: str) -> None:
        """Correct what a call came to: an empty message is none."""
        with self.transaction() as connection:
            connection.execute(sa.update(calls).where(calls.c.id == call).values(outcome=code, words=words))

    # ── reading ──

    def find(self, wanted: Filter, scope: Scope = EVERYTHING) -> list[dict[str, Any]]:
        """Calls, the newest first, each with how many files it has."""
        found = self.page(wanted, scope).calls
        return [{name: value for name, value in row.items() if name != "sortkey"} for row in found]

    def page(self, wanted: Filter, scope: Scope = EVERYTHING, seconds: float = math.inf) -> Found:
        """The same, with each call's sortkey: with the last one's as `before` the list goes on.

        When a search has taken longer than `seconds` it is broken off, and says where it goes on.
        """
        with self.transaction() as connection:
            return find_calls(connection, wanted, scope, self._full_text, seconds)

    def kinds(self, ids: Iterable[int]) -> dict[int, list[str]]:
        """What kinds of files calls have."""
        query = sa.select(media.c.call, media.c.kind).where(media.c.call.in_(list(ids))).distinct()
        found: dict[int, list[str]] = {}
        with self.transaction() as connection:
            for row in connection.execute(query.order_by(media.c.kind)):
                found.setdefault(row.call, []).append(row.kind)
        return found

    def mark(self) -> tuple[Any, ...]:
        """Something that is another once calls have come or changed. Cheap, to be asked every second."""
        with self.transaction() as connection:
            read = connection.execute(sa.select(sa.func.count(), sa.func.sum(sources.c.offset)))
            open_ = connection.execute(sa.select(sa.func.count()).where(calls.c.settled.is_(False)))
            newest = connection.execute(sa.select(sa.func.max(calls.c.id)))
            return (*read.one(), open_.scalar(), newest.scalar())

    def show(self, call: int, scope: Scope = EVERYTHING) -> dict[str, Any] | None:
        """One call with legs, journey and files; None if there is none, or none that may be seen."""
        with self.transaction() as connection:
            query = sa.select(*SHOWN).where(calls.c.id == call)
            if scope.office:
                query = query.where(calls.c.office == scope.office)
            if scope.employee:
                query = query.where(_part_in(scope))
            found = connection.execute(query).first()
            if found is None:
                return None
            whole = dict(found._mapping)
            # Notes are written after what they are about, though it may be written anew.
            note = sa.case((entries.c.kind == "note", 1), else_=0)
            for name, table, order in (("legs", legs, (legs.c.began,)), ("entries", entries, (entries.c.at, note))):
                query = sa.select(table).where(table.c.call == call).order_by(*order, table.c.id)
                whole[name] = [dict(row._mapping) for row in connection.execute(query)]
            query = sa.select(media).where(media.c.call == call).order_by(media.c.id)
            whole["media"] = [dict(row._mapping) for row in connection.execute(query)]
            query = sa.select(involved.c.office, involved.c.employee, involved.c.talked, involved.c.mailbox)
            query = query.where(involved.c.call == call).order_by(involved.c.employee)
            whole["involved"] = [dict(row._mapping) for row in connection.execute(query)]
        return whole

    def call_of(self, file: int) -> int | None:
        """The call that left a file; None if there is no such file."""
        with self.transaction() as connection:
            return connection.execute(sa.select(media.c.call).where(media.c.id == file)).scalar()

    # ── forgetting ──

    def prune(self, before: float) -> int:
        """Forget calls that ended before a moment, with all that belongs to them; how many."""
        with self.transaction() as connection:
            old = sa.select(calls.c.id).where(calls.c.began < before, calls.c.complete.is_(True))
            for table in (legs, entries, media, involved):
                connection.execute(sa.delete(table).where(table.c.call.in_(old)))
            gone = connection.execute(
                sa.delete(calls).where(calls.c.began < before, calls.c.complete.is_(True))
            ).rowcount
        return gone

    def give_up(self, machine: str, before: float) -> None:
        """Calls of which nothing was heard since a moment are over: Asterisk was stopped in the middle of them."""
        mine = (rows.c.machine == calls.c.machine, rows.c.linkedid == calls.c.linkedid)
        last = sa.select(sa.func.max(rows.c.time)).where(*mine).scalar_subquery()
        silent = (
            calls.c.machine == machine,
            calls.c.settled.is_(False),
            calls.c.complete.is_(False),
            calls.c.began < before,
            ~sa.exists().where(*mine, rows.c.time >= before),
        )
        over = {"complete": True, "ended": sa.func.coalesce(last, calls.c.began)}
        over |= {"outcome": "broken_off", "words": "broken off: Asterisk was stopped"}
        with self.transaction() as connection:
            connection.execute(sa.update(calls).where(*silent).values(**over))

    def drop_rows(self, before: float) -> None:
        """Drop what Asterisk wrote before a moment and of no call that still goes on: nothing more will come of it."""
        open_ = sa.exists().where(
            calls.c.machine == rows.c.machine, calls.c.linkedid == rows.c.linkedid, calls.c.settled.is_(False)
        )
        with self.transaction() as connection:
            connection.execute(sa.delete(rows).where(rows.c.time < before, ~open_))

    def files(self) -> list[dict[str, Any]]:
        """All files of the history, the oldest call's first."""
        query = sa.select(media, calls.c.began).join(calls, calls.c.id == media.c.call).order_by(calls.c.began)
        with self.transaction() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def forget_file(self, file: int) -> None:
        """Take a file out of the history."""
        with self.transaction() as connection:
            connection.execute(sa.delete(media).where(media.c.id == file))


def _known(connection: Connection, machine: str, places: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(places), 500):
        query = sa.select(rows.c.place).where(rows.c.machine == machine, rows.c.place.in_(places[start : start + 500]))
        found.update(connection.execute(query).scalars())
    return found


def _past(connection: Connection, machine: str, linkedids: set[str]) -> set[str]:
    """Calls that have been told to their end and of which no events are kept: an old log is read once more."""
    found: set[str] = set()
    wanted = sorted(linkedids)
    kept = sa.exists().where(rows.c.machine == calls.c.machine, rows.c.linkedid == calls.c.linkedid)
    for start in range(0, len(wanted), 500):
        some = calls.c.linkedid.in_(wanted[start : start + 500])
        query = sa.select(calls.c.linkedid).where(calls.c.machine == machine, some, calls.c.settled.is_(True), ~kept)
        found.update(connection.execute(query).scalars())
    return found


def _events(connection: Connection, machine: str, linkedid: str) -> list[Event]:
    query = sa.select(rows.c.event).where(rows.c.machine == machine, rows.c.linkedid == linkedid).order_by(rows.c.id)
    return [Event(*json.loads(text)) for text in connection.execute(query).scalars()]


def _retell(connection: Connection, machine: str, linkedid: str, plan: Plan) -> int | None:
    """Write a call anew from all that is known of it; its id, None if it is no call yet."""
    call = tell(linkedid, _events(connection, machine, linkedid), plan)
    if call is None:
        return None
    where = (calls.c.machine == machine, calls.c.linkedid == linkedid)
    values = {name: getattr(call, name) for name in Call._fields if name not in ("legs", "entries", "marks")}
    values = {name: _fitted(name, value) for name, value in values.items()}
    found = connection.execute(sa.select(calls.c.id).where(*where)).scalar()
    if found is None:
        inserted = connection.execute(calls.insert(), {"machine": machine, **values}).inserted_primary_key
        assert inserted is not None
        found = inserted[0]
    else:
        connection.execute(sa.update(calls).where(calls.c.id == found).values(**values, settled=False))
        connection.execute(sa.delete(legs).where(legs.c.call == found))
        connection.execute(sa.delete(entries).where(entries.c.call == found, entries.c.kind != "note"))
    for table, items in ((legs, call.legs), (entries, call.entries)):
        if items:
            connection.execute(
                table.insert(), [{"call": found, **{k: _clean(v) for k, v in item._asdict().items()}} for item in items]
            )
    _involve(connection, int(found), call, plan)
    return int(found)


def _involve(connection: Connection, call: int, told: Call, plan: Plan) -> None:
    """Write whose call it is too."""
    talked: dict[tuple[str, str], bool] = {}
    boxes: set[tuple[str, str]] = set()
    for leg in told.legs:
        if leg.employee:
            who = (told.office, leg.employee)
            talked[who] = talked.get(who, False) or leg.result == "answered"
    for mark in told.marks:
        if mark.kind == "mailbox" and (owner := plan.mailbox_owner(mark.path)):
            boxes.add((owner.office, owner.name))
    connection.execute(sa.delete(involved).where(involved.c.call == call))
    key = sa.select(calls.c.sortkey).where(calls.c.id == call).scalar_subquery()
    for office, employee in sorted({*talked, *boxes}):
        parts = {"talked": talked.get((office, employee), False), "mailbox": (office, employee) in boxes}
        row = sa.insert(involved).values(call=call, office=office, employee=employee, sortkey=key, **parts)
        connection.execute(row)


def _fitted(name: str, value: Any) -> Any:
    value = _clean(value)
    length = getattr(calls.c[name].type, "length", None)
    return value[:length] if length and isinstance(value, str) else value


def _clean(value: Any) -> Any:
    """Text that any database takes: PostgreSQL refuses the character 0."""
    return value.replace("\x00", "") if isinstance(value, str) else value


def _part_in(scope: Scope) -> Any:
    mine = (involved.c.call == calls.c.id, involved.c.office == scope.office, involved.c.employee == scope.employee)
    return sa.exists().where(*mine)


__all__ = ["Filter", "Place", "Scope", "Store", "StoreError", "metadata"]
