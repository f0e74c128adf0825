"""Summaries of the beginnings of long threads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    place = ("platform", "team", "channel", "thread", "state")
    op.create_table(
        "thread_summaries",
        *(sa.Column(name, KEY, nullable=False) for name in place),
        sa.Column("until_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_anchor", KEY, nullable=False),
        sa.Column("until_rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("until_message", KEY, nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("text", "model", "error")),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            *place, "until_us", "until_anchor", "until_rank", "until_message", name="pk_thread_summaries"
        ),
    )
