"""Opinions of the earlier answers that answers cite."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "source_opinions",
        sa.Column("turn_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person", KEY, nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_source_opinions_turn_id"),
        sa.ForeignKeyConstraint(["source"], ["turns.id"], name="fk_source_opinions_source"),
        sa.PrimaryKeyConstraint("turn_id", "source", "person", name="pk_source_opinions"),
    )
    op.create_index("ix_source_opinions_source", "source_opinions", ["source"])
