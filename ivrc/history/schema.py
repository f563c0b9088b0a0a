"""The tables of the history. Changes of them are migrations; a test compares what these make with this."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique

# SQLite counts up by itself only in a column of this very type.
_ID = BigInteger().with_variant(Integer, "sqlite")
metadata = MetaData()

calls = Table(
    "call",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("machine", String(80), nullable=False),
    Column("linkedid", String(80), nullable=False),
    Column("number", String(80), nullable=False),
    Column("office", String(40), nullable=False),
    Column("scenario", String(120), nullable=False),
    Column("caller", String(80), nullable=False),
    Column("caller_name", Text, nullable=False),
    Column("contact", String(80), nullable=False),
    Column("contact_name", Text, nullable=False),
    Column("began", Float, nullable=False),
    Column("answered", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("complete", Boolean, nullable=False),
    # Whether its files have been looked at, which is done once the call is complete.
    Column("settled", Boolean, nullable=False, server_default="0"),
    Column("outcome", String(20), nullable=False),
    Column("words", Text, nullable=False),
    Column("answered_by", Text, nullable=False),
    Unique("machine", "linkedid"),
    Index("call_began", "began"),
    Index("call_caller", "caller"),
    Index("call_number", "number"),
    Index("call_outcome", "outcome", "began"),
    Index("call_settled", "settled"),
)


def _of_call() -> Column[int]:
    return Column("call", _ID, ForeignKey("call.id", ondelete="CASCADE"), nullable=False)


legs = Table(
    "leg",
    metadata,
    Column("id", _ID, primary_key=True),
    _of_call(),
    Column("who", Text, nullable=False),
    Column("endpoint", String(120), nullable=False),
    Column("employee", String(120), nullable=False),
    Column("began", Float, nullable=False),
    Column("answered", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("result", String(40), nullable=False),
    Index("leg_call", "call"),
    Index("leg_employee", "employee"),
)

entries = Table(
    "entry",
    metadata,
    Column("id", _ID, primary_key=True),
    _of_call(),
    Column("at", Float, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("line", Integer, nullable=False),
    Index("entry_call", "call"),
)

media = Table(
    "media",
    metadata,
    Column("id", _ID, primary_key=True),
    _of_call(),
    Column("kind", String(20), nullable=False),
    Column("path", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Unique("call", "source"),
)

# What Asterisk wrote, kept while a call may still grow: a call is told anew from all of it.
rows = Table(
    "cel",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("machine", String(80), nullable=False),
    Column("linkedid", String(80), nullable=False),
    # A name that no other event has, so that none is taken twice.
    Column("place", String(80), nullable=False),
    Column("event", Text, nullable=False),
    Column("time", Float, nullable=False, server_default="0"),
    Unique("machine", "place"),
    Index("cel_call", "machine", "linkedid"),
    Index("cel_time", "time"),
)

# How far each machine's log has been read; written in the transaction of what was read.
sources = Table(
    "source",
    metadata,
    Column("machine", String(80), primary_key=True),
    Column("path", String(400), primary_key=True),
    Column("head", String(40), nullable=False),
    Column("seen", Float, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
