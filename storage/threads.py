"""Threads and their lines. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from core.values.conversation import Ask, History, LinePosition, ThreadMessage
from core.values.events import Deleted, Edited
from core.values.parts import Attached, File
from core.values.places import Person, Place
from core.values.summaries import ThreadSummary, covering
from storage import summaries
from storage.attached import changed, from_json, merged, to_json, with_file
from storage.engine import insert
from storage.forgotten import ForgottenPeople
from storage.tables import KEY, MESSAGES, POSTS, THREAD_SUMMARIES, THREADS, from_us, storable, to_us


def address(place: Place) -> dict[str, Any]:
    return {
        "platform": place.platform,
        "team": place.team,
        "channel": place.channel,
        "thread": place.thread,
    }


def within(table: Any, place: Place, message: str | None = None) -> list[ColumnElement[bool]]:
    """The rows of a place; with `message`, the rows of that message in the place's channel."""
    columns = table.c
    last = columns.thread == place.thread if message is None else columns.message == message
    return [*channel_of(table, place), last]


def channel_of(table: Any, place: Place) -> list[ColumnElement[bool]]:
    """The rows of a place's channel, with all its threads."""
    columns = table.c
    return [
        columns.platform == place.platform,
        columns.team == place.team,
        columns.channel == place.channel,
    ]


def of_team(table: Any, platform: str, team: str) -> list[ColumnElement[bool]]:
    """The rows of a team; of all teams of the platform where `team` is empty."""
    rows = [table.c.platform == platform]
    return [*rows, table.c.team == team] if team else rows


def of_place(table: Any) -> list[ColumnElement[bool]]:
    """The rows of the place whose `address` is among the parameters. For statements that are built once: to build one
    takes longer than to run it."""
    return [table.c[name] == bindparam(name) for name in ("platform", "team", "channel", "thread")]


@cache
def _touch(dialect: str) -> Executable:
    return touching(insert(dialect, THREADS))


def touching(adding: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    """Make the thread or update it: `joined` and `filled` stay True, `joined_at_us` becomes no later, and stays None
    where it is not known."""
    old, new = THREADS.c, adding.excluded
    return adding.on_conflict_do_update(
        index_elements=["platform", "team", "channel", "thread"],
        set_={
            "joined": old.joined | new.joined,
            "joined_at_us": case(
                (
                    old.joined & (old.joined_at_us.is_(None) | (old.joined_at_us < new.joined_at_us)),
                    old.joined_at_us,
                ),
                (new.joined, new.joined_at_us),
                else_=old.joined_at_us,
            ),
            "filled": old.filled | new.filled,
            "at_us": case((new.at_us > old.at_us, new.at_us), else_=old.at_us),
        },
    )


_POSITION = ("platform", "team", "channel", "thread", "at_us", "anchor", "rank", "message")
_ADDED = (*(MESSAGES.c[name] for name in _POSITION), summaries.newest_us().label("summed_us"))


@cache
def _add_line(dialect: str) -> Executable:
    return insert(dialect, MESSAGES).on_conflict_do_nothing().returning(*_ADDED)


def touch(
    connection: Connection, place: Place, at_us: int, *, joined: bool = False, filled: bool = False
) -> None:
    values = _thread_values(place, at_us, joined=joined, filled=filled)
    connection.execute(_touch(connection.dialect.name), values)


def _thread_values(place: Place, at_us: int, *, joined: bool, filled: bool) -> dict[str, Any]:
    joining = {"joined": joined, "joined_at_us": at_us if joined else None}
    return {**address(place), "direct": place.direct, **joining, "filled": filled, "at_us": at_us}


def joining_values(ask: Ask) -> dict[str, Any]:
    """The row of a thread that begins with a question."""
    return _thread_values(ask.place, to_us(ask.at), joined=True, filled=False)


def question_values(ask: Ask) -> dict[str, Any]:
    """The row of a question's message."""
    line = ThreadMessage(ask.id, ask.author, ask.text, ask.at, attached=ask.attached)
    return _line_values(ask.place, line)


def add_line(connection: Connection, ask: Ask) -> bool:
    return _added(connection, _add_line(connection.dialect.name), [question_values(ask)])


def _added(connection: Connection, adding: Executable, lines: Sequence[dict[str, Any]]) -> bool:
    """Add lines. One that comes late, between those that are summed up, voids their summary. True if any was added."""
    rows = [row for line in lines for row in connection.execute(adding, line)]
    late = [row for row in rows if row.summed_us is not None and row.at_us <= row.summed_us]
    summaries.void_lines(connection, late)
    return bool(rows)


@cache
def _put_line(dialect: str) -> Executable:
    adding = insert(dialect, MESSAGES)
    replaced = ("text", "attached", "at_us", "anchor", "rank", "mine")
    return adding.on_conflict_do_update(
        index_elements=["platform", "team", "channel", "message", "thread"],
        set_={name: adding.excluded[name] for name in replaced},
    ).returning(*_ADDED)


def put_answer(
    connection: Connection, ask: Ask, message: str, text: str, attached: tuple[Attached, ...]
) -> None:
    """Store an answer's message, in place of the same message from a platform's history."""
    line = ThreadMessage(
        message, Person(id="", bot=True), text, ask.at, mine=True, anchor=ask.id, attached=attached
    )
    _added(connection, _put_line(connection.dialect.name), [_line_values(ask.place, line)])


def answers_to(ask: Ask) -> list[ColumnElement[bool]]:
    """The stored answers to a question."""
    line = MESSAGES.c
    return [*within(MESSAGES, ask.place), line.anchor == ask.id, line.rank == 1, line.at_us == to_us(ask.at)]


def note(connection: Connection, ask: Ask) -> bool:
    # The lock keeps the thread from being summed up meanwhile, without a line that comes late.
    since = select(THREADS.c.since_us).where(*within(THREADS, ask.place)).with_for_update()
    since_us = connection.scalar(since)
    if to_us(ask.at) < (since_us or 0) or not add_line(connection, ask):
        return False
    touch(connection, ask.place, to_us(ask.at))
    return True


def edit(connection: Connection, edited: Edited, forgotten: ForgottenPeople) -> bool:
    # Platforms report the bot's own edits too; its lines hold the answer, not what one page shows of it.
    of_people = MESSAGES.c.mine.is_(False)
    where = (*within(MESSAGES, edited.place, edited.message_id), of_people)

    def edited_parts(line: ThreadMessage) -> tuple[Attached, ...]:
        now = replace(line, attached=changed(line.attached, edited.attached))
        kept = forgotten.remaining(edited.place, now)
        return () if kept is None else kept.attached

    return _change(connection, where, edited_parts, edited.text)


def add_attached(connection: Connection, place: Place, message_id: str, more: Sequence[Attached]) -> bool:
    where = (*within(MESSAGES, place, message_id), MESSAGES.c.mine.is_(False))
    return _change(connection, where, lambda line: merged(line.attached, more))


def put_file(connection: Connection, place: Place, message_id: str, file: File) -> None:
    where = within(MESSAGES, place, message_id)
    _change(connection, where, lambda line: with_file(line.attached, file), voids=False)


def _change(
    connection: Connection,
    where: Sequence[ColumnElement[bool]],
    change: Callable[[ThreadMessage], tuple[Attached, ...]],
    text: str | None = None,
    *,
    voids: bool = True,
) -> bool:
    """Change the attached parts of one message and, with `text`, its text. Returns whether anything is
    different. `voids`: a summary of it is void then."""
    row = connection.execute(select(MESSAGES).where(*where).with_for_update()).first()
    if row is None:
        return False
    now = {"text": row.text if text is None else storable(text), "attached": to_json(change(entry(row)))}
    if now == {"text": row.text, "attached": row.attached}:
        return False
    connection.execute(update(MESSAGES).where(*where).values(now))
    if voids:
        summaries.void_lines(connection, [row])
    return True


def expiring(
    connection: Connection, channel: Place, before_us: int, limit: int, kept: Collection[str]
) -> list[str]:
    """The ids of the oldest `limit` messages of a channel that were sent before, without those in `kept`."""
    line = MESSAGES.c
    old = (*channel_of(MESSAGES, channel), line.at_us < before_us, line.message.not_in(kept))
    return list(connection.scalars(select(line.message).where(*old).order_by(line.at_us).limit(limit)))


def remove(connection: Connection, deleted: Deleted) -> bool:
    return remove_lines(connection, within(MESSAGES, deleted.place, deleted.message_id)) > 0


def remove_lines(connection: Connection, which: Iterable[ColumnElement[bool]]) -> int:
    """Remove the lines that meet these conditions, and the summaries that cover them. Returns the number of lines."""
    removing = delete(MESSAGES).where(*which).returning(*(MESSAGES.c[name] for name in _POSITION))
    rows = connection.execute(removing).all()
    # After the lines: a summary of them that another transaction was about to store is found now.
    summaries.void_lines(connection, rows)
    return len(rows)


def import_history(connection: Connection, place: Place, history: History) -> None:
    newest = max((to_us(entry.at) for entry in history.entries), default=0)
    touch(connection, place, newest, filled=history.complete)
    pages = _pages(connection, place, [entry.id for entry in history.entries if entry.mine])
    # The pages of an answer of ours are one line already, or will be when its turn ends.
    lines = [_line_values(place, entry) for entry in history.entries if entry.id not in pages]
    if lines:
        _added(connection, _add_line(connection.dialect.name), lines)


_JOINED = select(THREADS.c.joined).where(*of_place(THREADS))
_JOINED_AT = select(func.coalesce(THREADS.c.joined_at_us, 0)).where(*of_place(THREADS), THREADS.c.joined)
_FILLED = select(THREADS.c.filled).where(*of_place(THREADS))


def joined(connection: Connection, place: Place) -> bool:
    return bool(connection.scalar(_JOINED, address(place)))


def joined_at(connection: Connection, place: Place) -> datetime | None:
    at_us = connection.scalar(_JOINED_AT, address(place))
    return None if at_us is None else from_us(at_us)


def filled(connection: Connection, place: Place) -> bool:
    return bool(connection.scalar(_FILLED, address(place)))


_ORDER = tuple_(*(MESSAGES.c[name] for name in ("at_us", "anchor", "rank", "message")))
_AFTER = (
    tuple_(
        bindparam("after_us", type_=MESSAGES.c.at_us.type),
        bindparam("after_anchor", type_=KEY),
        bindparam("after_rank", type_=Integer),
        bindparam("after_message", type_=KEY),
    )
    < _ORDER
)


def _after(position: LinePosition | None) -> dict[str, Any]:
    if position is None:
        return {}
    return {
        "after_us": to_us(position.at),
        "after_anchor": position.anchor,
        "after_rank": position.rank,
        "after_message": position.message,
    }


@cache
def _lines(*, until: bool, before: bool, after: bool) -> Executable:
    line = MESSAGES.c
    order = (line.at_us, line.anchor, line.rank, line.message)
    query = select(MESSAGES).where(*of_place(MESSAGES))
    if until:
        at_us, message = bindparam("until_us", type_=line.at_us.type), bindparam("until", type_=KEY)
        began_us = select(THREADS.c.since_us).where(*of_place(THREADS)).scalar_subquery()
        afresh = and_(began_us.is_not(None), began_us <= at_us, line.at_us < began_us)
        query = query.where(tuple_(*order) <= tuple_(at_us, message, 0, message), ~afresh)
    if before:
        query = query.where(line.at_us < bindparam("before_us"))
    if after:
        query = query.where(_AFTER)
    return query.order_by(*(column.desc() for column in order)).limit(bindparam("limit", type_=Integer))


def lines(
    connection: Connection,
    place: Place,
    until: Ask | None,
    limit: int,
    before_us: int | None = None,
    after: LinePosition | None = None,
) -> list[ThreadMessage]:
    """`ThreadStore.lines`. With `after`, none at that position or before it."""
    values = {**address(place), "limit": limit, "before_us": before_us, **_after(after)}
    if until is not None:
        values |= {"until_us": to_us(until.at), "until": until.id}
    query = _lines(until=until is not None, before=before_us is not None, after=after is not None)
    return [entry(row) for row in reversed(connection.execute(query, values).all())]


def oldest_lines(
    connection: Connection,
    place: Place,
    after: LinePosition,
    limit: int,
    until: LinePosition | None = None,
    *,
    hold: bool = False,
) -> list[ThreadMessage]:
    """The oldest lines behind `after`, up to `until`. `hold`: they do not change before the end of this transaction,
    and those that another one is changing are left out."""
    line = MESSAGES.c
    query = _lines_since_reset(place, until)
    query = query.order_by(line.at_us, line.anchor, line.rank, line.message).limit(limit)
    if hold:
        query = query.with_for_update(read=True, skip_locked=True)
    return [entry(row) for row in connection.execute(query, _after(after))]


def lines_between(
    connection: Connection, place: Place, after: LinePosition, until: LinePosition, limit: int
) -> list[ThreadMessage]:
    """The newest lines behind `after`, up to `until`."""
    line = MESSAGES.c
    order = (line.at_us, line.anchor, line.rank, line.message)
    query = _lines_since_reset(place, until).order_by(*(column.desc() for column in order)).limit(limit)
    return [entry(row) for row in reversed(connection.execute(query, _after(after)).all())]


def _lines_since_reset(place: Place, until: LinePosition | None) -> Select[Any]:
    """The lines of a thread behind the parameters of `_after`, up to `until`. None is older than its last reset."""
    since_us = select(THREADS.c.since_us).where(*within(THREADS, place)).scalar_subquery()
    query = select(MESSAGES).where(*within(MESSAGES, place), _AFTER)
    query = query.where(MESSAGES.c.at_us >= func.coalesce(since_us, 0))
    if until is None:
        return query
    return query.where(tuple_(to_us(until.at), until.anchor, until.rank, until.message) >= _ORDER)


def hold(connection: Connection, place: Place) -> None:
    """Have no message added to the thread before the end of this transaction."""
    connection.execute(select(THREADS.c.thread).where(*within(THREADS, place)).with_for_update())


@cache
def _beginning() -> Executable:
    """`filled` of a thread, with its summaries that cover no line from a question on."""
    of_thread = (
        THREAD_SUMMARIES.c[name] == THREADS.c[name] for name in ("platform", "team", "channel", "thread")
    )
    us, message = bindparam("until_us", type_=MESSAGES.c.at_us.type), bindparam("until", type_=KEY)
    earlier = and_(*of_thread, summaries.IS_SUMMARY, summaries.before(us, message))
    return (
        select(THREADS.c.filled, THREAD_SUMMARIES)
        .select_from(THREADS.outerjoin(THREAD_SUMMARIES, earlier))
        .where(*of_place(THREADS))
    )


def beginning(connection: Connection, ask: Ask) -> tuple[bool, tuple[ThreadSummary, ...]]:
    """`filled`, and the summaries of the thread for the prompt of `ask`."""
    values = {**address(ask.place), "until_us": to_us(ask.at), "until": ask.id}
    rows = connection.execute(_beginning(), values).all()
    if not rows:
        return False, ()
    found = summaries.summaries_of(row for row in rows if row.state is not None)
    return bool(rows[0].filled), covering(found)


def _pages(connection: Connection, place: Place, messages: Sequence[str]) -> set[str]:
    if not messages:
        return set()
    post = POSTS.c
    query = select(post.message).where(
        post.platform == place.platform,
        post.team == place.team,
        post.channel == place.channel,
        post.message.in_(messages),
    )
    return set(connection.scalars(query))


def _line_values(place: Place, entry: ThreadMessage) -> dict[str, Any]:
    return {
        **address(place),
        "message": entry.id,
        "at_us": to_us(entry.at),
        "anchor": entry.anchor or entry.id,
        "rank": int(bool(entry.anchor)),
        "mine": entry.mine,
        "author": entry.author.id,
        "author_name": entry.author.name,
        "author_locale": entry.author.locale,
        "author_bot": entry.author.bot,
        "text": entry.text,
        "attached": to_json(entry.attached),
    }


def entry(row: Any) -> ThreadMessage:
    return ThreadMessage(
        id=row.message,
        author=Person(row.author, row.author_name, row.author_locale, row.author_bot),
        text=row.text,
        at=from_us(row.at_us),
        mine=row.mine,
        anchor=row.anchor if row.rank else "",
        attached=from_json(row.attached),
    )
