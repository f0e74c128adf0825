"""Spending under budgets, and reservations."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, false
from sqlmodel import Field

from storage.tables.columns import KEY, Fields, Row, table_of


class SpendingRow(Row):
    """An account of `core.values.budgets`: what was spent from `since_us` to `until_us`. `person` is a digest of an id;
    a key of "*" matches every value. `lifted`: the limits that were allowed once more, with how often. An account is as
    old as the limit that it is for: `storage.teams` has nothing to adopt here, nor in `reservations`."""

    __tablename__ = "spending"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    person: str = Field(sa_type=KEY, primary_key=True)
    period: str = Field(sa_type=KEY, primary_key=True)
    since_us: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    until_us: int = Field(sa_type=BigInteger)
    micros: int = Field(sa_type=BigInteger)
    tokens: int = Field(sa_type=BigInteger)
    lifted: dict[str, int] | None = Field(sa_type=Fields, default=None)


class ReservationRow(Row):
    """The most that the answer of a turn may spend from now on: it counts while the turn is open. `counted_micros` and
    `counted_tokens`: the part of what it has spent that its accounts count already, at the time `at_us`.
    `own_account`: the workspace's own model account has written a part of it, which no account of several workspaces
    counts."""

    __tablename__ = "reservations"

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    person: str = Field(sa_type=KEY)
    micros: int = Field(sa_type=BigInteger)
    tokens: int = Field(sa_type=BigInteger)
    counted_micros: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    counted_tokens: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    at_us: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    own_account: bool = Field(sa_column_kwargs={"server_default": false()})


SPENDING = table_of(SpendingRow)
RESERVATIONS = table_of(ReservationRow)
