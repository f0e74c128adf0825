"""True if the asker may read the earlier messages of the place: it bounds the reading for them, after a restart
too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("turns", sa.Column("may_read", sa.Boolean(), nullable=False, server_default=sa.true()))
