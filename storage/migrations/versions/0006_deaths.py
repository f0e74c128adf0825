"""The number of sudden ends of the program that a turn may have caused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("turns", sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"))
