"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("message", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("anchor", KEY, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("mine", sa.Boolean(), nullable=False),
        sa.Column("author", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_locale", sa.Text(), nullable=False),
        sa.Column("author_bot", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "team", "channel", "message", "thread", name="pk_messages"),
    )
    op.create_index(
        "ix_messages_order",
        "messages",
        ["platform", "team", "channel", "thread", "at_us", "anchor", "rank", "message"],
    )

    op.create_table(
        "threads",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("filled", sa.Boolean(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "team", "channel", "thread", name="pk_threads"),
    )
    op.create_index("ix_threads_platform_team_at_us", "threads", ["platform", "team", "at_us"])

    op.create_table(
        "turns",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("message", KEY, nullable=False),
        sa.Column("question", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("author", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_locale", sa.Text(), nullable=False),
        sa.Column("author_bot", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("addressed", sa.Boolean(), nullable=False),
        sa.Column("to_others", sa.Boolean(), nullable=False),
        sa.Column("replies_to", KEY, nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("posted", sa.JSON(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("again_of", sa.BigInteger(), nullable=True),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sa.UniqueConstraint(
            "platform", "team", "channel", "message", name="uq_turns_platform_team_channel_message"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_turns_open",
        "turns",
        ["id"],
        sqlite_where=sa.text("state IN ('waiting', 'running')"),
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )

    op.create_table(
        "posts",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("message", KEY, nullable=False),
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_posts_turn_id"),
        sa.PrimaryKeyConstraint("platform", "team", "channel", "message", name="pk_posts"),
    )
    op.create_index("ix_posts_turn_id", "posts", ["turn_id"])

    op.create_table(
        "usage",
        sa.Column("turn_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("person", KEY, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("estimate_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_usage_turn_id"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_usage"),
    )
    op.create_index("ix_usage_at", "usage", ["at_us"])
    op.create_index("ix_usage_channel", "usage", ["platform", "team", "channel", "at_us"])
    op.create_index("ix_usage_thread", "usage", ["platform", "team", "channel", "thread", "model", "turn_id"])
