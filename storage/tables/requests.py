"""Signed requests of platforms."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlmodel import Field

from storage.tables.columns import KEY, Row, table_of


class RequestRow(Row):
    """A request that was taken. `key`: the platform, and a digest of the signature."""

    __tablename__ = "requests"

    key: str = Field(sa_type=KEY, primary_key=True)
    at_us: int = Field(sa_type=BigInteger, index=True)


REQUESTS = table_of(RequestRow)
