"""The person who had an answer begin by a button, and the time at which a turn was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("turns", sa.Column("started_by", KEY, nullable=False, server_default=""))
    op.add_column("turns", sa.Column("started_by_name", sa.Text(), nullable=False, server_default=""))
    op.add_column("turns", sa.Column("started_at_us", sa.BigInteger(), nullable=True))
