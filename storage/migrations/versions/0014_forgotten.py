"""When people were forgotten."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_KEY: Any = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "forgotten",
        sa.Column("platform", _KEY, nullable=False),
        sa.Column("team", _KEY, nullable=False),
        sa.Column("person", _KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "team", "person", name="pk_forgotten"),
    )
