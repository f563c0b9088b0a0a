"""Log files are known by their first bytes; what Asterisk wrote has its time, so that it can be dropped by age.

How far logs have been read is forgotten: they are read once more, which changes nothing in the history.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _source(*columns: sa.Column[object]) -> None:
    op.drop_table("source")
    op.create_table(
        "source",
        sa.Column("machine", sa.String(80), primary_key=True),
        sa.Column("path", sa.String(400), primary_key=True),
        *columns,
        sa.Column("offset", sa.BigInteger, nullable=False),
    )


def upgrade() -> None:
    """To the new tables."""
    _source(
        sa.Column("head", sa.String(40), nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
    )
    with op.batch_alter_table("cel") as table:
        table.add_column(sa.Column("time", sa.Float, nullable=False, server_default="0"))
        table.create_index("cel_time", ["time"])


def downgrade() -> None:
    """Back to the old ones."""
    _source(sa.Column("inode", sa.BigInteger, nullable=False))
    with op.batch_alter_table("cel") as table:
        table.drop_index("cel_time")
        table.drop_column("time")
