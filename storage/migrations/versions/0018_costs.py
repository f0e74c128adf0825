"""Costs that are unknown, cached tokens, and the time of the first word. Where no price was known the cost was stored
as 0."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

USAGE = sa.table(
    "usage",
    sa.column("prompt_tokens", sa.Integer),
    sa.column("completion_tokens", sa.Integer),
    sa.column("cost_micros", sa.BigInteger),
)
STEPS = sa.table(
    "steps",
    sa.column("turn_id", sa.BigInteger),
    sa.column("number", sa.Integer),
    sa.column("kind", sa.Text),
    sa.column("content", sa.JSON(none_as_null=True)),
)
TURNS = sa.table("turns", sa.column("id", sa.BigInteger), sa.column("ended_at_us", sa.BigInteger))


def upgrade() -> None:
    with op.batch_alter_table("usage") as usage:
        usage.alter_column("cost_micros", existing_type=sa.BigInteger(), nullable=True)
        usage.add_column(sa.Column("cached_tokens", sa.Integer(), nullable=False, server_default="0"))
        usage.add_column(sa.Column("partly_priced", sa.Boolean(), nullable=False, server_default=sa.false()))
        usage.add_column(sa.Column("first_word_ms", sa.Integer(), nullable=True))
    tokens = USAGE.c.prompt_tokens + USAGE.c.completion_tokens
    op.execute(USAGE.update().where(USAGE.c.cost_micros == 0, tokens > 0).values(cost_micros=None))
    _correct_rounds(op.get_bind())


def _correct_rounds(connection: sa.Connection) -> None:
    """The rounds of turns that have not ended: their costs will be part of the usage."""
    step = STEPS.c
    going_on = sa.select(TURNS.c.id).where(TURNS.c.ended_at_us.is_(None))
    rounds = sa.select(STEPS).where(step.kind == "round", step.turn_id.in_(going_on))
    for row in connection.execute(rounds).all():
        usage = row.content["usage"]
        if usage["cost_micros"] == 0 and usage["prompt_tokens"] + usage["completion_tokens"] > 0:
            here = (step.turn_id == row.turn_id, step.number == row.number)
            content = row.content | {"usage": usage | {"cost_micros": None}}
            connection.execute(STEPS.update().where(*here).values(content=content))
