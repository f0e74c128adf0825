"""Threads, their messages, and what belongs to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text, false
from sqlmodel import Field

from storage.tables.columns import KEY, Fields, Prose, Row, table_of


class ThreadRow(Row):
    """A place. `joined`: a turn was accepted there. `joined_at_us`: the time of the earliest question of those; None
    where it is not joined, or was before this was stored. `filled`: its history was read to the end.
    `since_us`: the time of the last reset; older lines are not context for a model."""

    __tablename__ = "threads"
    __table_args__ = (Index(None, "platform", "team", "at_us"), Index(None, "platform", "at_us"))

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    thread: str = Field(sa_type=KEY, primary_key=True)
    direct: bool
    joined: bool
    filled: bool
    at_us: int = Field(sa_type=BigInteger)
    since_us: int | None = Field(sa_type=BigInteger, default=None)
    joined_at_us: int | None = Field(sa_type=BigInteger, default=None)


class MessageRow(Row):
    """A line of a thread. The key begins as deletions and edits look it up: by channel and message alone."""

    __tablename__ = "messages"
    __table_args__ = (
        Index(
            "ix_messages_order",
            "platform",
            "team",
            "channel",
            "thread",
            "at_us",
            "anchor",
            "rank",
            "message",
        ),
        Index("ix_messages_channel", "platform", "team", "channel", "at_us"),
    )

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    message: str = Field(sa_type=KEY, primary_key=True)
    thread: str = Field(sa_type=KEY, primary_key=True)
    at_us: int = Field(sa_type=BigInteger)
    anchor: str = Field(sa_type=KEY)
    rank: int
    mine: bool
    author: str = Field(sa_type=KEY)
    author_name: str = Field(sa_type=Prose)
    author_locale: str = Field(sa_type=Text)
    author_bot: bool
    text: str = Field(sa_type=Prose)
    attached: list[Any] | None = Field(sa_type=Fields, default=None)


class UploadRow(Row):
    """A small copy of a picture of a message. `at_us` is when it came. `announced`: it is of an announcement."""

    __tablename__ = "uploads"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    message: str = Field(sa_type=KEY, primary_key=True)
    source: str = Field(sa_type=KEY, primary_key=True)
    name: str = Field(sa_type=Prose)
    media_type: str = Field(sa_type=Text)
    content: bytes = Field(sa_type=LargeBinary)
    at_us: int = Field(sa_type=BigInteger, index=True)
    announced: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class ThreadSummaryRow(Row):
    """A summary of a thread, of lines (`state` "done") or of summaries ("folded1", "folded2", by its level), a stretch
    of lines whose summary is void ("void"), or an attempt that gave none ("failed").

    `after_us` to `after_message`: the position behind which it begins, `until_us` to `until_message`: that of the last
    line that it covers; of an attempt that failed, of the newest line then, whose `lines` are the failed attempts in a
    row. `times`, `error`: as in `core.values.summaries`.
    """

    __tablename__ = "thread_summaries"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    thread: str = Field(sa_type=KEY, primary_key=True)
    state: str = Field(sa_type=KEY, primary_key=True)
    until_us: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    until_anchor: str = Field(sa_type=KEY, primary_key=True)
    until_rank: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    until_message: str = Field(sa_type=KEY, primary_key=True)
    lines: int
    text: str = Field(sa_type=Prose)
    model: str = Field(sa_type=Text)
    error: str = Field(sa_type=Text)
    at_us: int = Field(sa_type=BigInteger)
    after_us: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    after_anchor: str = Field(sa_column=Column(KEY, nullable=False, server_default=""))
    after_rank: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    after_message: str = Field(sa_column=Column(KEY, nullable=False, server_default=""))
    times: int = Field(sa_column=Column(Integer, nullable=False, server_default="1"))


class HeardRow(Row):
    """The watermark of an installation, whose id is `team`: every message before it is known to be stored."""

    __tablename__ = "heard"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    until_us: int = Field(sa_type=BigInteger)


THREADS = table_of(ThreadRow)
MESSAGES = table_of(MessageRow)
UPLOADS = table_of(UploadRow)
THREAD_SUMMARIES = table_of(ThreadSummaryRow)
HEARD = table_of(HeardRow)
