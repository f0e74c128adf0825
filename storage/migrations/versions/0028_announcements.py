"""Announcements that are shown again: an index of them, the text of a report without names, and their pictures, which
are kept longer. The reports so far have no text without names: they go once somebody is forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

ANNOUNCED = sa.text("task IN ('usage', 'alert', 'budget', 'remove_quote', 'update_alert', 'operation')")


def upgrade() -> None:
    op.add_column("turns", sa.Column("anonymous", sa.Text()))
    op.add_column("uploads", sa.Column("announced", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE uploads SET announced = true WHERE message LIKE 'summary:%'"))
    op.create_index(
        "ix_turns_announced",
        "turns",
        ["platform", "channel", "ended_at_us"],
        sqlite_where=ANNOUNCED,
        postgresql_where=ANNOUNCED,
    )
