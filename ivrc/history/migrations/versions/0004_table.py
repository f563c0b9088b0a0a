"""A table that Asterisk may write into by ODBC, in place of its event log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# The names are Asterisk's.
COLUMNS = (
    "machine", "eventtype", "userdeftype", "eventtime", "cid_name", "cid_num", "cid_dnid", "context", "exten",
    "channame", "appname", "appdata", "uniqueid", "linkedid", "peer", "extra",
)  # fmt: skip


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "asterisk_cel",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in COLUMNS),
    )
    op.create_index("asterisk_cel_machine", "asterisk_cel", ["machine", "id"])


def downgrade() -> None:
    """Take it away."""
    op.drop_table("asterisk_cel")
