"""The epochs of partitions."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Integer
from sqlmodel import Field

from storage.tables.columns import Row


class PartitionRow(Row, table=True):
    """The epoch of the last gain of a partition (`storage.replicas`), unique over all of them. PostgreSQL alone has
    rows here."""

    __tablename__ = "partitions"

    partition: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    epoch: int = Field(sa_column=Column(BigInteger, Identity(), nullable=False, unique=True))


PARTITIONS = Row.metadata.tables["partitions"]
