"""The accounts of budgets, and the reservations of answers that are being written."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_KEY: Any = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "spending",
        *(
            sa.Column(name, _KEY, nullable=False)
            for name in ("platform", "team", "channel", "person", "period")
        ),
        sa.Column("since_us", sa.BigInteger, nullable=False, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("until_us", "micros", "tokens")),
        sa.Column("lifts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "platform", "team", "channel", "person", "period", "since_us", name="pk_spending"
        ),
    )
    op.create_table(
        "reservations",
        sa.Column(
            "turn_id",
            sa.BigInteger,
            sa.ForeignKey("turns.id", name="fk_reservations_turn_id"),
            nullable=False,
            autoincrement=False,
        ),
        *(sa.Column(name, _KEY, nullable=False) for name in ("platform", "team", "channel", "person")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("micros", "tokens")),
        sa.PrimaryKeyConstraint("turn_id", name="pk_reservations"),
    )
