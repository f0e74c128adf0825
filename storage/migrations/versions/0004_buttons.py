"""The buttons under an answer, so that they are there after a restart where the platform itself keeps nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("turns", sa.Column("buttons", sa.JSON(), nullable=True))
