"""Settings that people change, with their audit; what people think of answers; threads whose context begins afresh."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "team", "channel", "name", name="pk_settings"),
    )
    op.create_table(
        "audit",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("person", KEY, nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_platform_team_id", "audit", ["platform", "team", "id"])
    op.create_table(
        "feedback",
        sa.Column("turn_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person", KEY, nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_feedback_turn_id"),
        sa.PrimaryKeyConstraint("turn_id", "person", name="pk_feedback"),
    )
    op.create_table(
        "notices",
        sa.Column("key", KEY, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_notices"),
    )
    op.add_column("threads", sa.Column("since_us", sa.BigInteger(), nullable=True))
