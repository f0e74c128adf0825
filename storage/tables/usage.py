"""Usage of answers, and its sums; counts of the operators' report."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Text, false, text
from sqlmodel import Field

from storage.tables.columns import KEY, Row, table_of

# An index holds only the answers that failed. A query must repeat its condition literally.
NOT_DONE = text("state <> 'done'")


class UsageRow(Row):
    """The usage of one answer: one row for each ended turn that was asked by a person.

    `at_us` is the time at which the answer was asked for. `estimate_tokens` is our own estimate of the prompt, 0 where
    the tokens are not those of one prompt. `cost_micros` and `partly_priced`: as in `core.values.deltas.Usage`.
    `own_account`: the workspace's own model account wrote it. `first_word_ms`: from the beginning of the turn to the
    model's first word, None where none came.
    """

    __tablename__ = "usage"
    __table_args__ = (
        Index("ix_usage_thread", "platform", "team", "channel", "thread", "model", "turn_id"),
        Index("ix_usage_channel", "platform", "team", "channel", "at_us"),
        Index("ix_usage_at", "at_us"),
        Index("ix_usage_person", "platform", "person", "turn_id"),
        Index("ix_usage_not_done", "at_us", sqlite_where=NOT_DONE, postgresql_where=NOT_DONE),
    )

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    thread: str = Field(sa_type=KEY)
    person: str = Field(sa_type=KEY)
    model: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    estimated: bool
    estimate_tokens: int
    cost_micros: int | None = Field(sa_type=BigInteger, default=None)
    latency_ms: int
    error: str = Field(sa_type=Text)
    at_us: int = Field(sa_type=BigInteger)
    cached_tokens: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    partly_priced: bool = Field(sa_column_kwargs={"server_default": false()})
    first_word_ms: int | None = None
    own_account: bool = Field(sa_column_kwargs={"server_default": false()})


class UsageSumRow(Row):
    """A sum of `usage`: over a quarter of an hour, or over a day UTC by the `name` of a `kind`
    (`storage.usage_sums.SumKind`). `at_us` is its beginning. `unpriced`: answers whose cost is not wholly known.
    `own_`: the part of answers by the workspace's own model account."""

    __tablename__ = "usage_sums"
    # Its rows are in the order of their keys: a period is read in one piece.
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: str = Field(sa_type=KEY, primary_key=True)
    at_us: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    name: str = Field(sa_type=KEY, primary_key=True)
    answers: int
    questions: int
    errors: int
    prompt_tokens: int = Field(sa_type=BigInteger)
    completion_tokens: int = Field(sa_type=BigInteger)
    cached_tokens: int = Field(sa_type=BigInteger)
    reasoning_tokens: int = Field(sa_type=BigInteger)
    cost_micros: int = Field(sa_type=BigInteger)
    unpriced: int
    own_cost_micros: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    own_unpriced: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))


class ChargeRow(Row):
    """A part of the usage of a turn: rows only where it has other parts than one answer of one model."""

    __tablename__ = "charges"

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    kind: str = Field(sa_type=KEY, primary_key=True)
    model: str = Field(sa_type=KEY, primary_key=True)
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    sound_s: float
    estimated: bool
    cost_micros: int | None = Field(sa_type=BigInteger, default=None)
    partly_priced: bool


class OperationCountRow(Row):
    """The number of events in a quarter of an hour, which begins at `at_us` (`core.values.operation`)."""

    __tablename__ = "operation_counts"

    at_us: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    name: str = Field(sa_type=KEY, primary_key=True)
    what: str = Field(sa_type=KEY, primary_key=True)
    why: str = Field(sa_type=KEY, primary_key=True)
    number: int


USAGE = table_of(UsageRow)
USAGE_SUMS = table_of(UsageSumRow)
CHARGES = table_of(ChargeRow)
OPERATION_COUNTS = table_of(OperationCountRow)
