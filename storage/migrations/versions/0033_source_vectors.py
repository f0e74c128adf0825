"""Vectors of answered questions."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.create_table(
        "source_vectors",
        sa.Column(
            "turn_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_source_vectors_turn_id"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_source_vectors"),
    )
    op.create_index("ix_source_vectors_model_turn_id", "source_vectors", ["model", "turn_id"])
