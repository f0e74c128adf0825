"""Counts of the operators' report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEYS = ("name", "what", "why")


def upgrade() -> None:
    op.create_table(
        "operation_counts",
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        *(sa.Column(name, KEY, nullable=False) for name in KEYS),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at_us", *KEYS, name="pk_operation_counts"),
    )
