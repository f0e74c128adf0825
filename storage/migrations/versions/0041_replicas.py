"""Several replicas: the epochs of partitions, and of the turns that were begun in them. The version before goes on with
these tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"

OPEN = sa.text("state IN ('waiting', 'running')")


def upgrade() -> None:
    op.create_table(
        "partitions",
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger(), sa.Identity(), nullable=False, unique=True),
    )
    op.add_column("turns", sa.Column("epoch", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index(
        "ix_turns_open_places",
        "turns",
        ["platform", "team", "channel", "thread"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
