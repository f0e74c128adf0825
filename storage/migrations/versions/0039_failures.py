"""The causes of failures, by the references that people were shown. Of earlier ones the code is known alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "failures",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("ref", KEY, nullable=False),
        sa.Column("turn_id", sa.BigInteger(), nullable=True),
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("places", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_failures_turn_id"),
        sa.PrimaryKeyConstraint("id", name="pk_failures"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_failures_ref", "failures", ["ref"])
    op.create_index("ix_failures_turn_id", "failures", ["turn_id"])
    op.execute(
        "INSERT INTO failures (ref, turn_id, platform, team, channel, at_us, what, code, detail, kind, account, model,"
        " status, request_id, tries)"
        " SELECT ref, id, '', '', '', coalesce(ended_at_us, at_us), '', error, '', '', '', '', 0, '', 0"
        " FROM turns WHERE ref <> '' AND error <> '' AND author <> '' ORDER BY id"
    )
