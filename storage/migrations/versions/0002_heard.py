"""Watermarks of platforms, and an index of their newest threads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "heard",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", name="pk_heard"),
    )
    op.create_index("ix_threads_platform_at_us", "threads", ["platform", "at_us"])
    # The program that is updated was listening when the last question came.
    op.execute(
        "INSERT INTO heard (platform, until_us) "
        "SELECT platform, max(at_us) FROM turns WHERE task <> 'digest' GROUP BY platform"
    )
