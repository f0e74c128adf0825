"""Small copies of pictures of messages. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, Connection, delete, select, tuple_

from core.ports.files import FileContent
from core.values.places import Place
from storage import steps, threads
from storage.engine import insert
from storage.tables import MESSAGES, UPLOADS

_MESSAGE = ("platform", "team", "channel", "message")


def put(
    connection: Connection, place: Place, message: str, at_us: int, uploads: Mapping[str, FileContent]
) -> None:
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
        }
        for source, upload in uploads.items()
    ]
    if rows:
        connection.execute(insert(connection.dialect.name, UPLOADS).on_conflict_do_nothing(), rows)


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
    connection.execute(delete(UPLOADS).where(tuple_(*(UPLOADS.c[name] for name in _MESSAGE)).in_(of_messages)))
    return connection.execute(delete(MESSAGES).where(*conditions)).rowcount


def expire(connection: Connection, before_us: int) -> int:
    removed = connection.execute(delete(UPLOADS).where(UPLOADS.c.at_us < before_us)).rowcount
    return removed + steps.expire_pictures(connection, before_us)
