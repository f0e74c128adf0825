"""The keys by which programs encrypt secrets of teams."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlmodel import Field

from storage.tables.columns import KEY, Row, table_of


class SecretKeyRow(Row):
    """A key that programs on this database have. `id`: its name in encrypted secrets, which does not lead to it. A
    higher `number` came into use later. `at_us`: the last start that encrypts
    with it, by PostgreSQL's clock."""

    __tablename__ = "secret_keys"

    id: str = Field(sa_type=KEY, primary_key=True)
    number: int = Field(sa_type=BigInteger)
    at_us: int = Field(sa_type=BigInteger)


SECRET_KEYS = table_of(SecretKeyRow)
