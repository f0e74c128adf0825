"""An index of the turns that are held until it is known who asked: the program looks for them at each start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

HELD = sa.text("state = 'held'")


def upgrade() -> None:
    op.create_index("ix_turns_held", "turns", ["id"], sqlite_where=HELD, postgresql_where=HELD)
