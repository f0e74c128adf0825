"""Sums of the times to the first word for a workspace in place of those for each channel, and an index of retries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

KEYS = ("kind", "at_us", "platform", "team", "name")
SUMMED = (
    *(
        "answers",
        "questions",
        "errors",
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "reasoning_tokens",
    ),
    *("cost_micros", "unpriced"),
)
SUMS = sa.table("usage_sums", *(sa.column(name) for name in (*KEYS, "channel", *SUMMED)))


def upgrade() -> None:
    retried = sa.text("again_of IS NOT NULL")
    op.create_index("ix_turns_retried", "turns", ["again_of"], sqlite_where=retried, postgresql_where=retried)
    keys, of_words = [SUMS.c[name] for name in KEYS], SUMS.c.kind == "first_word"
    sums = sa.select(*keys, sa.literal_column("''"), *(sa.func.sum(SUMS.c[name]) for name in SUMMED))
    whole = sums.where(of_words, SUMS.c.channel != "").group_by(*keys)
    op.execute(sa.insert(SUMS).from_select([*KEYS, "channel", *SUMMED], whole))
    op.execute(sa.delete(SUMS).where(of_words, SUMS.c.channel != ""))
