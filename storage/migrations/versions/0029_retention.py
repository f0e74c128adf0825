"""Indexes that find the oldest messages and turns of a channel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

IN_ORDER = ["platform", "team", "channel", "at_us"]


def upgrade() -> None:
    with_author = sa.text("author <> ''")
    op.create_index("ix_messages_channel", "messages", IN_ORDER)
    op.create_index(
        "ix_turns_with_author", "turns", IN_ORDER, sqlite_where=with_author, postgresql_where=with_author
    )
