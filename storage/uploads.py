"""Small copies of pictures of messages. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, or_, select, tuple_

from core.ports.files import FileContent
from core.values.places import Place
from storage import steps, threads
from storage.engine import insert
from storage.tables import ANNOUNCED, MESSAGES, OPEN, POSTS, TURNS, UPLOADS
from storage.tasks import ANNOUNCEMENTS

_MESSAGE = ("platform", "team", "channel", "message")


def put(
    connection: Connection,
    place: Place,
    message: str,
    at_us: int,
    uploads: Mapping[str, FileContent],
    turn_id: int | None = None,
) -> None:
    task = None if turn_id is None else _open_task(connection, turn_id)
    if turn_id is not None and task is None:
        return
    rows = [
        {
            "platform": place.platform,
            "team": place.team,
            "channel": place.channel,
            "message": message,
            "source": source,
            "name": upload.name,
            "media_type": upload.media_type,
            "content": upload.data,
            "at_us": at_us,
            "announced": task in ANNOUNCEMENTS,
        }
        for source, upload in uploads.items()
    ]
    if rows:
        connection.execute(insert(connection.dialect.name, UPLOADS).on_conflict_do_nothing(), rows)


def _open_task(connection: Connection, turn_id: int) -> str | None:
    """The kind of the task of a turn, None where it has ended. It does not end before this transaction."""
    still = select(TURNS.c.task).where(TURNS.c.id == turn_id, OPEN).with_for_update(read=True)
    task: str | None = connection.scalar(still)
    return task


def find(connection: Connection, place: Place, message: str, source: str) -> FileContent | None:
    query = select(UPLOADS).where(*threads.within(UPLOADS, place, message), UPLOADS.c.source == source)
    row = connection.execute(query).one_or_none()
    return None if row is None else FileContent(row.name, row.media_type, row.content)


def remove(connection: Connection, place: Place, message: str) -> None:
    connection.execute(delete(UPLOADS).where(*threads.within(UPLOADS, place, message)))


def discard(connection: Connection, place: Place, message: str) -> None:
    stored = select(MESSAGES.c.message).where(*threads.within(MESSAGES, place, message)).exists()
    connection.execute(delete(UPLOADS).where(*threads.within(UPLOADS, place, message), ~stored))


def remove_messages(connection: Connection, which: Iterable[ColumnElement[bool]]) -> int:
    """Remove the messages that meet these conditions, with their pictures. Returns the number of messages."""
    conditions = list(which)
    of_messages = select(*(MESSAGES.c[name] for name in _MESSAGE)).where(*conditions)
    connection.execute(delete(UPLOADS).where(_of(of_messages)))
    return threads.remove_lines(connection, conditions)


def remove_answers(connection: Connection, which: Iterable[ColumnElement[bool]]) -> None:
    """Remove the pictures of the answers of the turns that meet these conditions. The messages of an open turn are
    known by its posts alone; announcements have no posts."""
    conditions = list(which)
    turns = select(TURNS.c.id).where(*conditions)
    posted = select(*(POSTS.c[name] for name in _MESSAGE)).where(POSTS.c.turn_id.in_(turns))
    connection.execute(delete(UPLOADS).where(_of(posted)))
    announced = select(TURNS.c.platform, TURNS.c.channel, TURNS.c.posted).where(ANNOUNCED, *conditions)
    for row in connection.execute(announced).all():
        there = (UPLOADS.c.platform == row.platform, UPLOADS.c.channel == row.channel)
        connection.execute(
            delete(UPLOADS).where(*there, UPLOADS.c.message.in_(row.posted), UPLOADS.c.announced)
        )


def expire_channel(connection: Connection, channel: Place, before_us: int, limit: int) -> int:
    """Remove `limit` pictures of a channel that came before then."""
    old = (*threads.channel_of(UPLOADS, channel), UPLOADS.c.at_us < before_us)
    rows = connection.execute(select(UPLOADS.c.message, UPLOADS.c.source).where(*old).limit(limit)).all()
    for message, source in rows:
        here = (UPLOADS.c.message == message, UPLOADS.c.source == source)
        connection.execute(delete(UPLOADS).where(*old, *here))
    return len(rows)


def _of(messages: Select[Any]) -> ColumnElement[bool]:
    return tuple_(*(UPLOADS.c[name] for name in _MESSAGE)).in_(messages)


def expire(connection: Connection, before_us: int, announced_before_us: int) -> int:
    upload = UPLOADS.c
    old = (upload.at_us < before_us, or_(~upload.announced, upload.at_us < announced_before_us))
    removed = connection.execute(delete(UPLOADS).where(*old)).rowcount
    return removed + steps.expire_pictures(connection, before_us)
