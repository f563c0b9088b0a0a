"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _call() -> sa.Column[int]:
    return sa.Column("call", ID, sa.ForeignKey("call.id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "call",
        sa.Column("id", ID, primary_key=True),
        sa.Column("machine", sa.String(80), nullable=False),
        sa.Column("linkedid", sa.String(80), nullable=False),
        sa.Column("number", sa.String(80), nullable=False),
        sa.Column("office", sa.String(40), nullable=False),
        sa.Column("scenario", sa.String(120), nullable=False),
        sa.Column("caller", sa.String(80), nullable=False),
        sa.Column("caller_name", sa.Text, nullable=False),
        sa.Column("contact", sa.String(80), nullable=False),
        sa.Column("contact_name", sa.Text, nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("answered", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("answered_by", sa.Text, nullable=False),
        sa.UniqueConstraint("machine", "linkedid"),
    )
    op.create_index("call_began", "call", ["began"])
    op.create_index("call_caller", "call", ["caller"])
    op.create_index("call_number", "call", ["number"])
    op.create_index("call_outcome", "call", ["outcome", "began"])
    op.create_index("call_settled", "call", ["settled"])
    op.create_table(
        "leg",
        sa.Column("id", ID, primary_key=True),
        _call(),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("endpoint", sa.String(120), nullable=False),
        sa.Column("employee", sa.String(120), nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("answered", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("result", sa.String(40), nullable=False),
    )
    op.create_index("leg_call", "leg", ["call"])
    op.create_index("leg_employee", "leg", ["employee"])
    op.create_table(
        "entry",
        sa.Column("id", ID, primary_key=True),
        _call(),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
    )
    op.create_index("entry_call", "entry", ["call"])
    op.create_table(
        "media",
        sa.Column("id", ID, primary_key=True),
        _call(),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("pages", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("call", "source"),
    )
    op.create_table(
        "cel",
        sa.Column("id", ID, primary_key=True),
        sa.Column("machine", sa.String(80), nullable=False),
        sa.Column("linkedid", sa.String(80), nullable=False),
        sa.Column("place", sa.String(80), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.UniqueConstraint("machine", "place"),
    )
    op.create_index("cel_call", "cel", ["machine", "linkedid"])
    op.create_table(
        "source",
        sa.Column("machine", sa.String(80), primary_key=True),
        sa.Column("path", sa.String(400), primary_key=True),
        sa.Column("inode", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    for table in ("source", "cel", "media", "entry", "leg", "call"):
        op.drop_table(table)
