"""The parts of a message beside its text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for table in ("messages", "turns"):
        op.add_column(table, sa.Column("attached", sa.JSON(none_as_null=True)))
