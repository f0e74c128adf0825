"""The part of what an answer has spent that its accounts count before it ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    for name in ("counted_micros", "counted_tokens", "at_us"):
        op.add_column("reservations", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
