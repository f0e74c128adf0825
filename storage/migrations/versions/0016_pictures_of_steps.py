"""The time of steps that hold pictures of tools, and an index of these steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

PICTURED = sa.text("pictured_at_us IS NOT NULL")


def upgrade() -> None:
    op.add_column("steps", sa.Column("pictured_at_us", sa.BigInteger()))
    op.execute(
        """
        UPDATE steps SET pictured_at_us = at_us
        WHERE kind = 'results' AND CAST(content AS TEXT) LIKE '%"image": {"url": "data:image/%'
        """
    )
    op.create_index(
        "ix_steps_pictured",
        "steps",
        ["pictured_at_us"],
        sqlite_where=PICTURED,
        postgresql_where=PICTURED,
    )
