"""The tables of the history. Changes of them are migrations; a test compares what these make with this."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy import UniqueConstraint as Unique

# SQLite counts up by itself only in a column of this very type.
_ID = BigInteger().with_variant(Integer, "sqlite")
# The columns of a call in which search looks; there is an index over all of them (migration 0003).
SEARCHED = ("caller", "caller_name", "number", "contact_name", "words")
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
    # The order of lists: its moment in milliseconds, and bits of its id.
    Column("sortkey", BigInteger, Computed("(CAST(began * 1000 AS BIGINT) << 20) | (id & 1048575)")),
    Unique("machine", "linkedid"),
    Index("call_began", "began"),
    Index("call_caller", "caller"),
    Index("call_number", "number"),
    Index("call_outcome", "outcome", "sortkey"),
    Index("call_office", "office", "sortkey"),
    Index("call_sortkey", "sortkey"),
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

# Whose call it is too: who was rung (and talked), whose mailbox has its message. For lists and for who may see it.
involved = Table(
    "involved",
    metadata,
    Column("call", _ID, ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
    Column("office", String(40), primary_key=True),
    Column("employee", String(120), primary_key=True),
    Column("sortkey", BigInteger, nullable=False),
    Column("talked", Boolean, nullable=False),
    Column("mailbox", Boolean, nullable=False),
    Index("involved_employee", "employee", "sortkey"),
    Index("involved_office", "office", "employee", "sortkey"),
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

# What Asterisk itself writes by ODBC, where it is told to; the names of the columns are its own.
written = Table(
    "asterisk_cel",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("machine", Text, nullable=False, server_default=""),
    Column("eventtype", Text, nullable=False, server_default=""),
    Column("userdeftype", Text, nullable=False, server_default=""),
    Column("eventtime", Text, nullable=False, server_default=""),
    Column("cid_name", Text, nullable=False, server_default=""),
    Column("cid_num", Text, nullable=False, server_default=""),
    Column("cid_dnid", Text, nullable=False, server_default=""),
    Column("context", Text, nullable=False, server_default=""),
    Column("exten", Text, nullable=False, server_default=""),
    Column("channame", Text, nullable=False, server_default=""),
    Column("appname", Text, nullable=False, server_default=""),
    Column("appdata", Text, nullable=False, server_default=""),
    Column("uniqueid", Text, nullable=False, server_default=""),
    Column("linkedid", Text, nullable=False, server_default=""),
    Column("peer", Text, nullable=False, server_default=""),
    Column("extra", Text, nullable=False, server_default=""),
    Index("asterisk_cel_machine", "machine", "id"),
)

# Who may look at the page. `password` is a hash; `office` and `employee` are what they see, empty for all.
accounts = Table(
    "account",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("office", String(40), nullable=False),
    Column("employee", String(120), nullable=False),
    Column("password", String(200), nullable=False),
    Column("created", Float, nullable=False),
)

# Who is logged in: the hash of what their browser has.
logins = Table(
    "login",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("account", _ID, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("expires", Float, nullable=False),
    Index("login_account", "account"),
)
