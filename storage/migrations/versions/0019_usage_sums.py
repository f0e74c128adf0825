"""Sums of usage for reports, and indexes for the rest of a report.

The usage of a forgotten person has a name from now on, so that people are counted. All who were forgotten before get
one, since it is not known how many they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
QUARTER_US = 900_000_000
DAY_US = 96 * QUARTER_US
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
KEYS = ("kind", "at_us", "platform", "team", "channel", "name")

USAGE = sa.table(
    "usage",
    *(
        sa.column(name, sa.Text)
        for name in ("platform", "team", "channel", "thread", "person", "model", "state")
    ),
    *(sa.column(name, sa.Integer) for name in ("first_word_ms", *TOKENS)),
    *(sa.column(name, sa.BigInteger) for name in ("turn_id", "at_us", "cost_micros")),
    sa.column("partly_priced", sa.Boolean),
)
TURNS = sa.table("turns", sa.column("id", sa.BigInteger), sa.column("direct", sa.Boolean))
USED = USAGE.c


def upgrade() -> None:
    counts = (sa.Column(name, sa.Integer(), nullable=False) for name in ("answers", "questions", "errors"))
    amounts = (sa.Column(name, sa.BigInteger(), nullable=False) for name in (*TOKENS, "cost_micros"))
    made = op.create_table(
        "usage_sums",
        sa.Column("kind", KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        *(sa.Column(name, KEY, nullable=False) for name in KEYS[2:]),
        *counts,
        *amounts,
        sa.Column("unpriced", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*KEYS, name="pk_usage_sums"),
        sqlite_with_rowid=False,
    )
    not_done = sa.text("state <> 'done'")
    op.create_index("ix_usage_not_done", "usage", ["at_us"], sqlite_where=not_done, postgresql_where=not_done)
    op.create_index("ix_usage_person", "usage", ["platform", "person", "turn_id"])
    op.create_index("ix_feedback_at_us", "feedback", ["at_us"])
    op.execute(USAGE.update().where(USED.person == "").values(person="forgotten-before"))
    direct = sa.exists().where(TURNS.c.id == USED.turn_id, TURNS.c.direct)
    _fill(made, "quarter", sa.literal("", sa.Text), sa.true(), QUARTER_US)
    _fill(made, "model", USED.model, sa.true())
    _fill(made, "person", USED.person, sa.true())
    _fill(made, "thread", USED.thread, ~direct)
    _fill(
        made, "first_word", sa.cast(_two_digits(USED.first_word_ms), sa.Text), USED.first_word_ms.is_not(None)
    )


def _two_digits(value: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """A number of milliseconds, rounded to two significant digits."""
    units = [10**digits for digits in range(1, 8)]
    rounded = ((value < 100 * unit, (value + unit // 2) // unit * unit) for unit in units)
    return sa.case((value < 100, value), *rounded, else_=value)


def _fill(
    made: sa.Table, kind: str, name: sa.ColumnElement[str], which: sa.ColumnElement[bool], unit_us: int = DAY_US
) -> None:
    """Insert the sums of one kind: of every day UTC, or of every quarter of an hour."""
    counted = sa.case((USED.state.in_(("done", "failed")), 1), else_=0)
    unpriced = sa.or_(USED.cost_micros.is_(None), USED.partly_priced)
    each = (
        sa.select(
            ((USED.at_us // unit_us) * unit_us).label("at_us"),
            *(USED[column] for column in ("platform", "team", "channel")),
            name.label("name"),
            counted.label("questions"),
            sa.case((USED.state == "failed", 1), else_=0).label("errors"),
            *(USED[column] for column in TOKENS),
            sa.func.coalesce(USED.cost_micros, 0).label("cost_micros"),
            sa.case((unpriced, 1), else_=0).label("unpriced"),
        )
        .where(which)
        .subquery()
    )
    keys = [each.c[column] for column in KEYS[1:]]
    summed = ("questions", "errors", *TOKENS, "cost_micros", "unpriced")
    sums = sa.select(
        sa.literal(kind, sa.Text), *keys, sa.func.count(), *(sa.func.sum(each.c[column]) for column in summed)
    ).group_by(*keys)
    op.execute(sa.insert(made).from_select([*KEYS, "answers", *summed], sums))
