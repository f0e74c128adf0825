"""The part of sums of usage that workspaces' own model accounts have spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    for name, kind in (("own_cost_micros", sa.BigInteger()), ("own_unpriced", sa.Integer())):
        column: sa.Column[int] = sa.Column(name, kind, nullable=False, server_default="0")
        op.add_column("usage_sums", column)
