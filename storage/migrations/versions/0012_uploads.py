"""Small copies of pictures that people send where the platform keeps none."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_KEY: Any = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("platform", _KEY, nullable=False),
        sa.Column("team", _KEY, nullable=False),
        sa.Column("channel", _KEY, nullable=False),
        sa.Column("message", _KEY, nullable=False),
        sa.Column("source", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "team", "channel", "message", "source", name="pk_uploads"),
    )
    op.create_index("ix_uploads_at_us", "uploads", ["at_us"])
