"""The watermark belongs to an installation. That of a platform has no team until the installation is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    before = op.get_bind().execute(sa.text("SELECT platform, '' AS team, until_us FROM heard")).mappings().all()
    op.drop_table("heard")
    heard = op.create_table(
        "heard",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("team", KEY, nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "team", name="pk_heard"),
    )
    op.bulk_insert(heard, [dict(row) for row in before])
