"""The index of answered questions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text
from sqlmodel import Field

from storage.tables.columns import KEY, Row, Words, table_of

ROWID: Any = BigInteger().with_variant(Integer, "sqlite")
"""The type of a key that is SQLite's own number of a row."""


class SourceRow(Row):
    """A turn in the index of answered questions, under the words of `core.memory.ranking`, which a `version` of the
    tokenizer has made; 0 where they are not made yet.

    The words have an index that is made by a migration alone. On SQLite triggers keep that index, `source_words`, in
    step with this table: a migration that makes the table anew has to make them anew.
    """

    __tablename__ = "sources"
    __table_args__ = (Index(None, "platform", "team", "channel"),)

    turn_id: int = Field(sa_column=Column(ROWID, ForeignKey("turns.id"), primary_key=True, autoincrement=False))
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    version: int
    words: list[str] = Field(sa_type=Words)


class SourceVectorRow(Row):
    """The vector of the question of a source, which `model` has made: `dimension` little-endian numbers of 32 bits, of
    length 1 together. It goes with its source."""

    __tablename__ = "source_vectors"
    __table_args__ = (Index(None, "model", "turn_id"),)

    turn_id: int = Field(sa_column=Column(ROWID, ForeignKey("turns.id"), primary_key=True, autoincrement=False))
    model: str = Field(sa_type=Text)
    dimension: int
    vector: bytes = Field(sa_type=LargeBinary)


SOURCES = table_of(SourceRow)
SOURCE_VECTORS = table_of(SourceVectorRow)
