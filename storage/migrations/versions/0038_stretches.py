"""Summaries of stretches of threads: the position behind which each begins, and how often its lines were summed up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    # All lines of that time are behind the position that it makes with an empty name.
    op.execute("ALTER TABLE thread_summaries RENAME COLUMN since_us TO after_us")
    added = (
        sa.Column("after_anchor", KEY, nullable=False, server_default=""),
        sa.Column("after_rank", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("after_message", KEY, nullable=False, server_default=""),
        sa.Column("times", sa.Integer(), nullable=False, server_default="1"),
    )
    for column in added:
        op.add_column("thread_summaries", column)
