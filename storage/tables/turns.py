"""The ledger of turns, and the steps of their answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlmodel import Field

from storage.tables.columns import KEY, Fields, Prose, Row, table_of

# Open and held turns are few among many: an index holds only them. A query must repeat its condition literally.
OPEN = text("state IN ('waiting', 'running')")
HELD = text("state = 'held'")
ASKING = text("state = 'asking'")
QUOTING = text("quoted IS NOT NULL")
CITING = text("cited IS NOT NULL")
RETRIED = text("again_of IS NOT NULL")
PICTURED = text("pictured_at_us IS NOT NULL")
ANNOUNCED = text("task IN ('usage', 'alert', 'budget', 'remove_quote', 'update_alert', 'operation')")
"""The kinds of `storage.tasks.ANNOUNCEMENTS`."""
WITH_AUTHOR = text("author <> ''")


class TurnRow(Row):
    """The ledger. `text` is the question, `answer` the last checkpoint or the whole answer.

    `question` is the question's message; `message`, the key, is the same except where a turn answers it again.

    `posted` is the answer's current message ids; the posts table also keeps those that were replaced.
    `ticket` lives only as long as the turn is open. `buttons` are pairs of action and label; None from before they
    were kept. `arguments` are the fields of the `task`. `deaths`, `started_by` (an id, or empty) and `started_at_us`:
    as in `core.values.conversation.Turn`. `anonymous`, `cited`: as in `core.values.turn_ends.Finish`.
    `offered`: the turns of `core.ports.store.citations`. `epoch`: of the replica that has begun it last
    (`storage.replicas`); 0 where one process has the database for itself.
    """

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("platform", "team", "channel", "message"),
        Index("ix_turns_open", "id", sqlite_where=OPEN, postgresql_where=OPEN),
        Index(
            "ix_turns_open_places",
            *("platform", "team", "channel", "thread"),
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_turns_held", "id", sqlite_where=HELD, postgresql_where=HELD),
        Index("ix_turns_asking", "id", sqlite_where=ASKING, postgresql_where=ASKING),
        Index("ix_turns_citing", "id", sqlite_where=CITING, postgresql_where=CITING),
        Index("ix_turns_retried", "again_of", sqlite_where=RETRIED, postgresql_where=RETRIED),
        Index(
            "ix_turns_quoting",
            *("platform", "team", "channel"),
            sqlite_where=QUOTING,
            postgresql_where=QUOTING,
        ),
        Index(
            "ix_turns_announced",
            *("platform", "channel", "ended_at_us"),
            sqlite_where=ANNOUNCED,
            postgresql_where=ANNOUNCED,
        ),
        Index(
            "ix_turns_with_author",
            *("platform", "team", "channel", "at_us"),
            sqlite_where=WITH_AUTHOR,
            postgresql_where=WITH_AUTHOR,
        ),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    )
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    message: str = Field(sa_type=KEY)
    question: str = Field(sa_type=KEY)
    thread: str = Field(sa_type=KEY)
    direct: bool
    author: str = Field(sa_type=KEY)
    author_name: str = Field(sa_type=Prose)
    author_locale: str = Field(sa_type=Text)
    author_bot: bool
    may_read: bool = Field(sa_column_kwargs={"server_default": true()})
    text: str = Field(sa_type=Prose)
    at_us: int = Field(sa_type=BigInteger)
    addressed: bool
    to_others: bool
    replies_to: str = Field(sa_type=KEY)
    ticket: str = Field(sa_type=Text)
    task: str = Field(sa_type=Text)
    arguments: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False, server_default="{}"))
    state: str = Field(sa_type=Text)
    attempt: int
    posted: list[str] = Field(sa_type=JSON)
    answer: str = Field(sa_type=Prose)
    again_of: int | None = Field(sa_type=BigInteger, default=None)
    notice: str = Field(sa_type=Prose)
    error: str = Field(sa_type=Text)
    ref: str = Field(sa_type=Text)
    ended_at_us: int | None = Field(sa_type=BigInteger, default=None)
    buttons: list[list[str]] | None = Field(sa_type=JSON, default=None)
    deaths: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    attached: list[Any] | None = Field(sa_type=Fields, default=None)
    quoted: list[list[str]] | None = Field(sa_type=Fields, default=None)
    started_by: str = Field(sa_column=Column(KEY, nullable=False, server_default=""))
    started_by_name: str = Field(sa_column=Column(Prose, nullable=False, server_default=""))
    started_at_us: int | None = Field(sa_type=BigInteger, default=None)
    anonymous: str | None = Field(sa_type=Prose, default=None)
    offered: list[int] | None = Field(sa_type=Fields, default=None)
    cited: list[list[int]] | None = Field(sa_type=Fields, default=None)
    epoch: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))


class PostRow(Row):
    """The bot's own messages: which turn's answer each is a page of."""

    __tablename__ = "posts"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    message: str = Field(sa_type=KEY, primary_key=True)
    turn_id: int = Field(sa_column=Column(BigInteger, ForeignKey("turns.id"), nullable=False, index=True))
    page: int


class StepRow(Row):
    """A step of a turn that has more than one round, or asked for an approval; `number` counts from 0.
    `pictured_at_us`: its time, as long as it holds pictures of tools."""

    __tablename__ = "steps"
    __table_args__ = (
        Index("ix_steps_pictured", "pictured_at_us", sqlite_where=PICTURED, postgresql_where=PICTURED),
    )

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    kind: str = Field(sa_type=Text)
    content: dict[str, Any] = Field(sa_type=Fields)
    at_us: int = Field(sa_type=BigInteger)
    pictured_at_us: int | None = Field(sa_type=BigInteger, default=None)


class ToolGrantRow(Row):
    """A tool that may run unasked in a thread, for a person or, where `person` is empty, for everybody."""

    __tablename__ = "tool_grants"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    thread: str = Field(sa_type=KEY, primary_key=True)
    tool: str = Field(sa_type=KEY, primary_key=True)
    person: str = Field(sa_type=KEY, primary_key=True)
    granted_by: str = Field(sa_type=KEY)
    at_us: int = Field(sa_type=BigInteger)


TURNS = table_of(TurnRow)
POSTS = table_of(PostRow)
STEPS = table_of(StepRow)
TOOL_GRANTS = table_of(ToolGrantRow)
