"""The clips whose transcripts an answer quotes, in place of their messages alone. Of quotes from before, every clip of
their message counts: its source is empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

TURNS = sa.table("turns", sa.column("id", sa.BigInteger), sa.column("quoted", sa.JSON(none_as_null=True)))


def upgrade() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(TURNS).where(sa.text("quoted IS NOT NULL"))).all():
        clips = [[message, ""] for message in row.quoted]
        connection.execute(sa.update(TURNS).where(TURNS.c.id == row.id).values(quoted=clips))
