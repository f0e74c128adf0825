"""Tools that people let run unasked in a thread."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_KEY: Any = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "tool_grants",
        sa.Column("platform", _KEY, nullable=False),
        sa.Column("team", _KEY, nullable=False),
        sa.Column("channel", _KEY, nullable=False),
        sa.Column("thread", _KEY, nullable=False),
        sa.Column("tool", _KEY, nullable=False),
        sa.Column("person", _KEY, nullable=False),
        sa.Column("granted_by", _KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "platform", "team", "channel", "thread", "tool", "person", name="pk_tool_grants"
        ),
    )
    asking = sa.text("state = 'asking'")
    op.create_index("ix_turns_asking", "turns", ["id"], sqlite_where=asking, postgresql_where=asking)
