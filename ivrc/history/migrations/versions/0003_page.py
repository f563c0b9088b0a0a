"""Lists that stay fast, search by any part of a text, who was involved in a call, and who may look at it.

A call's `sortkey` is its moment in milliseconds, and behind it bits of its id: lists are in its order, and go on from a
key. SQLite's index of texts has the sortkey as its row number, so that what it finds comes in that order; triggers keep
it. (A later migration that makes the table `call` anew has to make them again.) PostgreSQL has pg_trgm, where it may be
created; without either, search reads call by call.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
SORTKEY = "(CAST(began * 1000 AS BIGINT) << 20) | (id & 1048575)"
TEXTS = ("caller", "caller_name", "number", "contact_name", "words")
OUR_TRIGGERS = ("call_text_added", "call_text_changed", "call_text_gone")


def upgrade() -> None:
    """Make what is needed."""
    # SQLite cannot add a column that is stored; PostgreSQL has no others before version 18.
    stored = True if op.get_bind().dialect.name == "postgresql" else None
    op.add_column("call", sa.Column("sortkey", sa.BigInteger, sa.Computed(SORTKEY, persisted=stored)))
    op.create_index("call_sortkey", "call", ["sortkey"])
    op.create_index("call_office", "call", ["office", "sortkey"])
    op.drop_index("call_outcome", "call")
    op.create_index("call_outcome", "call", ["outcome", "sortkey"])
    _involved()
    _accounts()
    if op.get_bind().dialect.name == "sqlite":
        _full_text()
    elif op.get_bind().dialect.name == "postgresql":
        _trigrams()


def _involved() -> None:
    op.create_table(
        "involved",
        sa.Column("call", ID, sa.ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("office", sa.String(40), primary_key=True),
        sa.Column("employee", sa.String(120), primary_key=True),
        sa.Column("sortkey", sa.BigInteger, nullable=False),
        sa.Column("talked", sa.Boolean, nullable=False),
        sa.Column("mailbox", sa.Boolean, nullable=False),
    )
    op.execute(
        "INSERT INTO involved (call, office, employee, sortkey, talked, mailbox) "
        "SELECT call.id, call.office, leg.employee, call.sortkey, "
        "max(CASE WHEN leg.result = 'answered' THEN 1 ELSE 0 END) = 1, 0 = 1 "
        "FROM call JOIN leg ON leg.call = call.id WHERE leg.employee <> '' "
        "GROUP BY call.id, call.office, leg.employee, call.sortkey"
    )
    op.create_index("involved_employee", "involved", ["employee", "sortkey"])
    op.create_index("involved_office", "involved", ["office", "employee", "sortkey"])


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("office", sa.String(40), nullable=False),
        sa.Column("employee", sa.String(120), nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "login",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("account", ID, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("login_account", "login", ["account"])


def _full_text() -> None:
    """An index of trigrams over the texts that are in the table anyway."""
    columns = ", ".join(TEXTS)
    old, new = (", ".join(f"{which}.{name}" for name in TEXTS) for which in ("old", "new"))
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in ("sortkey", *TEXTS))
    add = f"INSERT INTO call_text(rowid, {columns}) VALUES (new.sortkey, {new});"
    take = f"INSERT INTO call_text(call_text, rowid, {columns}) VALUES ('delete', old.sortkey, {old});"
    try:
        op.execute(
            f"CREATE VIRTUAL TABLE call_text USING fts5({columns}, "
            "content='call', content_rowid='sortkey', tokenize='trigram')"
        )
    except sa.exc.OperationalError:
        return  # a SQLite without FTS5, or older than 3.34
    op.execute(f"INSERT INTO call_text(rowid, {columns}) SELECT sortkey, {columns} FROM call ORDER BY sortkey")
    op.execute(f"CREATE TRIGGER call_text_added AFTER INSERT ON call BEGIN {add} END")
    op.execute(f"CREATE TRIGGER call_text_changed AFTER UPDATE ON call WHEN {changed} BEGIN {take} {add} END")
    op.execute(f"CREATE TRIGGER call_text_gone AFTER DELETE ON call BEGIN {take} END")


def _trigrams() -> None:
    texts = " || ' ' || ".join(TEXTS)
    try:
        with op.get_bind().begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            op.execute(f"CREATE INDEX call_text ON call USING gin (({texts}) gin_trgm_ops)")
    except sa.exc.DBAPIError:
        return  # not installed, or not ours to create


def downgrade() -> None:
    """Back to the old ones."""
    if op.get_bind().dialect.name == "sqlite":
        for name in OUR_TRIGGERS:
            op.execute(f"DROP TRIGGER IF EXISTS {name}")
        op.execute("DROP TABLE IF EXISTS call_text")
    else:
        op.execute("DROP INDEX IF EXISTS call_text")
    for table in ("login", "account", "involved"):
        op.drop_table(table)
    op.drop_index("call_outcome", "call")
    op.create_index("call_outcome", "call", ["outcome", "began"])
    op.drop_index("call_office", "call")
    op.drop_index("call_sortkey", "call")
    op.drop_column("call", "sortkey")
