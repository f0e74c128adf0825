"""The tables. Every key has the `team` in it; times are whole microseconds UTC (`at_us`).

Lines of a thread are ordered by (at_us, anchor, rank, message): a person's line is its own anchor with rank 0, an
answer has its question's time and id with rank 1, so it is ordered directly behind it whenever it was finished.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(at: datetime) -> int:
    """Microseconds since 1970, exact. `at` must be aware."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_us(at_us: int) -> datetime:
    """The time of a column in microseconds since 1970, UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


# The type of an id. PostgreSQL compares it byte by byte, as SQLite does: both order a thread alike.
KEY: Any = Text().with_variant(Text(collation="C"), "postgresql")


def storable(value: Any) -> Any:
    """`value` without the characters that no database takes as text: NUL and halves of surrogate pairs."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        case list() | tuple():
            return [storable(item) for item in value]
        case dict():
            return {name: storable(item) for name, item in value.items()}
        case _:
            return value


class Prose(TypeDecorator[str]):
    """Text that people and models write."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else str(storable(value))


class Fields(TypeDecorator[Any]):
    """The fields of a value, or a list of such values, as JSON."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return storable(value)


class Words(TypeDecorator[list[str]]):
    """Words of letters and digits, of which the first characters may be marks. PostgreSQL keeps each once, in an order
    of its own. https://www.postgresql.org/docs/current/datatype-textsearch.html"""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:
        quote = "'" if dialect.name == "postgresql" else ""
        return None if value is None else " ".join(f"{quote}{word}{quote}" for word in value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else value.replace("'", "").split()


class Row(SQLModel):
    """A table's row. Names of keys and indexes are the same on every database."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )


class ThreadRow(Row, table=True):
    """A place. `joined`: a turn was accepted there. `filled`: its history was read to the end.
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


class MessageRow(Row, table=True):
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


# Open and held turns are few among many: an index holds only them. A query must repeat its condition literally.
OPEN = text("state IN ('waiting', 'running')")
HELD = text("state = 'held'")
ASKING = text("state = 'asking'")
QUOTING = text("quoted IS NOT NULL")
CITING = text("cited IS NOT NULL")
RETRIED = text("again_of IS NOT NULL")
PICTURED = text("pictured_at_us IS NOT NULL")
NOT_DONE = text("state <> 'done'")
ANNOUNCED = text("task IN ('usage', 'alert', 'budget', 'remove_quote', 'update_alert', 'operation')")
"""The kinds of `storage.tasks.ANNOUNCEMENTS`."""
WITH_AUTHOR = text("author <> ''")


class TurnRow(Row, table=True):
    """The ledger. `text` is the question, `answer` the last checkpoint or the whole answer.

    `question` is the question's message; `message`, the key, is the same except where a turn answers it again.

    `posted` is the answer's current message ids; the posts table also keeps those that were replaced.
    `ticket` lives only as long as the turn is open. `buttons` are pairs of action and label; None from before they
    were kept. `arguments` are the fields of the `task`. `deaths`, `started_by` (an id, or empty) and `started_at_us`:
    as in `core.values.conversation.Turn`. `anonymous`, `cited`: as in `core.values.turn_ends.Finish`.
    `offered`: the turns of `core.ports.store.citations`.
    """

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("platform", "team", "channel", "message"),
        Index("ix_turns_open", "id", sqlite_where=OPEN, postgresql_where=OPEN),
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


class PostRow(Row, table=True):
    """The bot's own messages: which turn's answer each is a page of."""

    __tablename__ = "posts"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    message: str = Field(sa_type=KEY, primary_key=True)
    turn_id: int = Field(sa_column=Column(BigInteger, ForeignKey("turns.id"), nullable=False, index=True))
    page: int


class StepRow(Row, table=True):
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


class ToolGrantRow(Row, table=True):
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


class UploadRow(Row, table=True):
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


class UsageRow(Row, table=True):
    """The usage of one answer: one row for each ended turn that was asked by a person.

    `at_us` is the time at which the answer was asked for. `estimate_tokens` is our own estimate of the prompt, 0 where
    the tokens are not those of one prompt. `cost_micros` and `partly_priced`: as in `core.values.deltas.Usage`.
    `first_word_ms`: from the beginning of the turn to the model's first word, None where none came.
    """

    __tablename__ = "usage"
    __table_args__ = (
        Index("ix_usage_thread", "platform", "team", "channel", "thread", "model", "turn_id"),
        Index("ix_usage_channel", "platform", "team", "channel", "at_us"),
        Index("ix_usage_at", "at_us"),
        Index("ix_usage_person", "platform", "person", "turn_id"),
        Index("ix_usage_not_done", "at_us", sqlite_where=NOT_DONE, postgresql_where=NOT_DONE),
    )

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    thread: str = Field(sa_type=KEY)
    person: str = Field(sa_type=KEY)
    model: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    estimated: bool
    estimate_tokens: int
    cost_micros: int | None = Field(sa_type=BigInteger, default=None)
    latency_ms: int
    error: str = Field(sa_type=Text)
    at_us: int = Field(sa_type=BigInteger)
    cached_tokens: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    partly_priced: bool = Field(sa_column_kwargs={"server_default": false()})
    first_word_ms: int | None = None


class UsageSumRow(Row, table=True):
    """A sum of `usage`: over a quarter of an hour, or over a day UTC by the `name` of a `kind`
    (`storage.usage_sums.SumKind`). `at_us` is its beginning. `unpriced`: answers whose cost is not wholly known."""

    __tablename__ = "usage_sums"
    # Its rows are in the order of their keys: a period is read in one piece.
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: str = Field(sa_type=KEY, primary_key=True)
    at_us: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    name: str = Field(sa_type=KEY, primary_key=True)
    answers: int
    questions: int
    errors: int
    prompt_tokens: int = Field(sa_type=BigInteger)
    completion_tokens: int = Field(sa_type=BigInteger)
    cached_tokens: int = Field(sa_type=BigInteger)
    reasoning_tokens: int = Field(sa_type=BigInteger)
    cost_micros: int = Field(sa_type=BigInteger)
    unpriced: int


class ChargeRow(Row, table=True):
    """A part of the usage of a turn: rows only where it has other parts than one answer of one model."""

    __tablename__ = "charges"

    turn_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("turns.id"), primary_key=True, autoincrement=False)
    )
    kind: str = Field(sa_type=KEY, primary_key=True)
    model: str = Field(sa_type=KEY, primary_key=True)
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    sound_s: float
    estimated: bool
    cost_micros: int | None = Field(sa_type=BigInteger, default=None)
    partly_priced: bool


class SpendingRow(Row, table=True):
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


class ReservationRow(Row, table=True):
    """The most that the answer of a turn may spend from now on: it counts while the turn is open. `counted_micros` and
    `counted_tokens`: the part of what it has spent that its accounts count already, at the time `at_us`."""

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


class OperationCountRow(Row, table=True):
    """The number of events in a quarter of an hour, which begins at `at_us` (`core.values.operation`)."""

    __tablename__ = "operation_counts"

    at_us: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    name: str = Field(sa_type=KEY, primary_key=True)
    what: str = Field(sa_type=KEY, primary_key=True)
    why: str = Field(sa_type=KEY, primary_key=True)
    number: int


class HeardRow(Row, table=True):
    """The watermark of an installation, whose id is `team`: every message before it is known to be stored."""

    __tablename__ = "heard"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    until_us: int = Field(sa_type=BigInteger)


class SettingRow(Row, table=True):
    """A changed setting, as it was written; `channel` is empty for the whole workspace."""

    __tablename__ = "settings"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    channel: str = Field(sa_type=KEY, primary_key=True)
    name: str = Field(sa_type=KEY, primary_key=True)
    value: str = Field(sa_type=Prose)


class AuditRow(Row, table=True):
    """A change of a setting: never changed itself. None: the setting had, or has, no value of its own."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "platform", "team", "id"), {"sqlite_autoincrement": True})

    id: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    )
    platform: str = Field(sa_type=KEY)
    team: str = Field(sa_type=KEY)
    channel: str = Field(sa_type=KEY)
    name: str = Field(sa_type=KEY)
    old: str | None = Field(sa_type=Prose, default=None)
    new: str | None = Field(sa_type=Prose, default=None)
    person: str = Field(sa_type=KEY)
    person_name: str = Field(sa_type=Prose)
    at_us: int = Field(sa_type=BigInteger)


class ThreadSummaryRow(Row, table=True):
    """A summary of `lines` lines of a thread (`state` "done"), or an attempt that gave none ("failed").

    `since_us`: the time of the first line that it covers; 0 for all lines. `until_us`, `until_anchor`, `until_rank` and
    `until_message`: the position of the last one; of an attempt that failed, of the newest line then. `error`: as in
    `core.values.summaries.SummaryFailure`.
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
    since_us: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))


class FeedbackRow(Row, table=True):
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


ROWID: Any = BigInteger().with_variant(Integer, "sqlite")
"""The type of a key that is SQLite's own number of a row."""


class SourceRow(Row, table=True):
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


class SourceVectorRow(Row, table=True):
    """The vector of the question of a source, which `model` has made: `dimension` little-endian numbers of 32 bits, of
    length 1 together. It goes with its source."""

    __tablename__ = "source_vectors"
    __table_args__ = (Index(None, "model", "turn_id"),)

    turn_id: int = Field(sa_column=Column(ROWID, ForeignKey("turns.id"), primary_key=True, autoincrement=False))
    model: str = Field(sa_type=Text)
    dimension: int
    vector: bytes = Field(sa_type=LargeBinary)


class ForgottenRow(Row, table=True):
    """The time at which a person was forgotten, in a team or, where `team` is empty, in all teams of the
    platform. `person` is a hash of their id. No row is older than the ids of teams, so `storage.teams` has
    nothing to adopt here."""

    __tablename__ = "forgotten"

    platform: str = Field(sa_type=KEY, primary_key=True)
    team: str = Field(sa_type=KEY, primary_key=True)
    person: str = Field(sa_type=KEY, primary_key=True)
    at_us: int = Field(sa_type=BigInteger)


class NoticeRow(Row, table=True):
    """Something that is said only once, ever."""

    __tablename__ = "notices"

    key: str = Field(sa_type=KEY, primary_key=True)


THREADS = Row.metadata.tables["threads"]
MESSAGES = Row.metadata.tables["messages"]
TURNS = Row.metadata.tables["turns"]
POSTS = Row.metadata.tables["posts"]
STEPS = Row.metadata.tables["steps"]
TOOL_GRANTS = Row.metadata.tables["tool_grants"]
UPLOADS = Row.metadata.tables["uploads"]
USAGE = Row.metadata.tables["usage"]
USAGE_SUMS = Row.metadata.tables["usage_sums"]
SPENDING = Row.metadata.tables["spending"]
RESERVATIONS = Row.metadata.tables["reservations"]
CHARGES = Row.metadata.tables["charges"]
OPERATION_COUNTS = Row.metadata.tables["operation_counts"]
HEARD = Row.metadata.tables["heard"]
SETTINGS = Row.metadata.tables["settings"]
AUDIT = Row.metadata.tables["audit"]
THREAD_SUMMARIES = Row.metadata.tables["thread_summaries"]
SOURCES = Row.metadata.tables["sources"]
SOURCE_VECTORS = Row.metadata.tables["source_vectors"]
FEEDBACK = Row.metadata.tables["feedback"]
FORGOTTEN = Row.metadata.tables["forgotten"]
NOTICES = Row.metadata.tables["notices"]
