"""Installations that teams have made themselves, with their encrypted tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "installations",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("enterprise", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("app", KEY, nullable=False),
        sa.Column("bot_user", KEY, nullable=False),
        sa.Column("bot", KEY, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("installed_by", KEY, nullable=False),
        sa.Column("installed_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("claimed_until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "enterprise", "team", name="pk_installations"),
    )
