"""The parts of the usage of an answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    tokens = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
    op.create_table(
        "charges",
        sa.Column("turn_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("model", KEY, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in tokens),
        sa.Column("sound_s", sa.Float(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("partly_priced", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_charges_turn_id"),
        sa.PrimaryKeyConstraint("turn_id", "kind", "model", name="pk_charges"),
    )
