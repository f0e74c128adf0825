"""Opinions of people, those who were forgotten, and what is said once."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index
from sqlmodel import Field

from storage.tables.columns import KEY, Prose, Row, table_of


class FeedbackRow(Row):
    """One person's opinion of an answer: `value` is 1 or -1."""

    __tablename__ = "feedback"
    __table_args__ = (Index(None, "at_us"),)

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    person: str = Field(sa_type=KEY, primary_key=True)
    value: int
    reason: str = Field(sa_type=Prose)
    at_us: int = Field(sa_type=BigInteger)


class SourceOpinionRow(Row):
    """One person's opinion of an earlier answer, for the question of the turn that cites it: `value` is 1 or -1."""

    __tablename__ = "source_opinions"
    __table_args__ = (Index(None, "source"),)

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    source: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    person: str = Field(sa_type=KEY, primary_key=True)
    value: int
    at_us: int = Field(sa_type=BigInteger)


class ForgottenRow(Row):
    """The time at which a person was forgotten, in a team or, where `team` is empty, in all teams of the
    platform. `person` is a hash of their id. No row is older than the ids of teams, so `storage.teams` has
    nothing to adopt here."""

    __tablename__ = "forgotten"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    person: str = Field(sa_type=KEY, primary_key=True)
    at_us: int = Field(sa_type=BigInteger)


class NoticeRow(Row):
    """Something that is said only once, ever."""

    __tablename__ = "notices"

    key: str = Field(sa_type=KEY, primary_key=True)


FEEDBACK = table_of(FeedbackRow)
FORGOTTEN = table_of(ForgottenRow)
NOTICES = table_of(NoticeRow)
SOURCE_OPINIONS = table_of(SourceOpinionRow)
