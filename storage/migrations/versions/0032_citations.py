"""The earlier answers that an answer was offered, and those that it cites."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("turns", sa.Column("offered", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("turns", sa.Column("cited", sa.JSON(none_as_null=True), nullable=True))
