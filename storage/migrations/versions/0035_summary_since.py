"""The time of the first line that a summary of a thread covers."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    since = sa.Column("since_us", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("thread_summaries", since)
