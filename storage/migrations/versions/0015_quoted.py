"""The messages whose transcripts an answer quotes, and an index of the turns that quote any."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

QUOTING = sa.text("quoted IS NOT NULL")


def upgrade() -> None:
    op.add_column("turns", sa.Column("quoted", sa.JSON(none_as_null=True)))
    op.create_index(
        "ix_turns_quoting",
        "turns",
        ["platform", "team", "channel"],
        sqlite_where=QUOTING,
        postgresql_where=QUOTING,
    )
