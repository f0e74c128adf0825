"""Lifts of each limit in place of those of an account. Which limits the stored ones were for is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.drop_column("spending", "lifts")
    op.add_column("spending", sa.Column("lifted", sa.JSON))
