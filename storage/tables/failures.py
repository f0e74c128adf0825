"""The causes of failures, by their references."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Text
from sqlmodel import Field

from storage.tables.columns import KEY, Fields, Prose, Row, table_of


class FailureRow(Row):
    """A failure (`core.values.failures.Failure`). The cause of an alert can be that of a turn too, so that a `ref` has
    several rows. `platform`, `team` and `channel`: where a command failed; empty for turns and alerts."""

    __tablename__ = "failures"
    __table_args__ = (Index("ix_failures_code_id", "code", "id"), {"sqlite_autoincrement": True})

    id: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    )
    ref: str = Field(sa_column=Column(KEY, nullable=False, index=True))
    turn_id: int | None = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), nullable=True, index=True), default=None
    )
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    at_us: int = Field(sa_type=BigInteger)
    what: str = Field(sa_type=Prose)
    code: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Prose)
    kind: str = Field(sa_type=Text)
    account: str = Field(sa_type=Prose)
    model: str = Field(sa_type=Prose)
    status: int
    request_id: str = Field(sa_type=Prose)
    tries: int
    places: dict[str, Any] | None = Field(sa_type=Fields, default=None)


FAILURES = table_of(FailureRow)
