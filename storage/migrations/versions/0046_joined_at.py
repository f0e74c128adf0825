"""The time of the first question in a place."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    op.add_column("threads", sa.Column("joined_at_us", sa.BigInteger(), nullable=True))
