"""An index of the answers that cite earlier ones."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

CITING = sa.text("cited IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_turns_citing", "turns", ["id"], sqlite_where=CITING, postgresql_where=CITING)
