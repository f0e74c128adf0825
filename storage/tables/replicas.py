"""The epochs of partitions, and the notices of replicas. PostgreSQL alone has rows here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Identity, Integer, Text
from sqlmodel import Field

from storage.tables.columns import Row, table_of


class PartitionRow(Row):
    """The epoch of the last gain of a partition (`storage.replicas`), unique over all of them."""

    __tablename__ = "partitions"

    partition: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    epoch: int = Field(sa_column=Column(BigInteger, Identity(), nullable=False, unique=True))


class ReplicaNoticeRow(Row):
    """A notice of a replica to the others, for a minute. `at_us` is of the server's clock alone."""

    __tablename__ = "replica_notices"

    id: int = Field(
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True, autoincrement=True
        )
    )
    at_us: int = Field(sa_type=BigInteger)
    sender: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    content: dict[str, Any] = Field(sa_type=JSON)


PARTITIONS = table_of(PartitionRow)
REPLICA_NOTICES = table_of(ReplicaNoticeRow)
