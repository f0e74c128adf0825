"""Threads in lists, each with its title. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, select

from core.ports.store.threads import Thread
from core.values.parts import Attached, File
from core.values.places import Place
from storage.attached import from_json
from storage.tables import MESSAGES, THREADS, from_us
from storage.threads import of_team, within

TITLE_LENGTH = 80


def active_threads(connection: Connection, platform: str, team: str, since_us: int, limit: int) -> list[Place]:
    """`Store.active_threads`."""
    thread = THREADS.c
    query = (
        select(thread.platform, thread.team, thread.channel, thread.thread, thread.direct)
        .where(*of_team(THREADS, platform, team), thread.joined, thread.at_us >= since_us)
        .order_by(thread.at_us.desc())
        .limit(limit)
    )
    return [Place(*row) for row in connection.execute(query)]


def threads(connection: Connection, platform: str, team: str, limit: int) -> list[Thread]:
    """`Store.threads`."""
    query = (
        select(
            THREADS, _first(MESSAGES.c.text).label("first_words"), _first(MESSAGES.c.attached).label("attached")
        )
        .where(THREADS.c.platform == platform, THREADS.c.team == team, THREADS.c.joined, _any_message())
        .order_by(THREADS.c.at_us.desc())
        .limit(limit)
    )
    return [
        Thread(
            Place(row.platform, row.team, row.channel, row.thread, row.direct),
            _title(row.first_words or "", from_json(row.attached)),
            from_us(row.at_us),
        )
        for row in connection.execute(query)
    ]


def title(connection: Connection, place: Place) -> str:
    """The title of a thread as a list of threads shows it; empty where none of its messages is stored."""
    query = select(_first(MESSAGES.c.text).label("first_words"), _first(MESSAGES.c.attached).label("attached"))
    row = connection.execute(query.where(*within(THREADS, place))).first()
    return "" if row is None else _title(row.first_words or "", from_json(row.attached))


def _any_message() -> ColumnElement[bool]:
    """True of a thread of which messages are stored."""
    here = (MESSAGES.c[name] == THREADS.c[name] for name in ("platform", "team", "channel", "thread"))
    return select(MESSAGES.c.message).where(*here).exists()


def _first(column: ColumnElement[Any]) -> ScalarSelect[Any]:
    """A column of the first message of people in each thread."""
    line = MESSAGES.c
    return (
        select(column)
        .where(
            *(line[name] == THREADS.c[name] for name in ("platform", "team", "channel", "thread")),
            line.mine.is_(False),
        )
        .order_by(line.at_us, line.anchor, line.rank, line.message)
        .limit(1)
        .scalar_subquery()
    )


def _title(text: str, attached: Iterable[Attached]) -> str:
    """The beginning of the text, or the names of the files of a message without text."""
    files = ", ".join(one.name for one in attached if isinstance(one, File))
    words = " ".join(text.split()) or " ".join(files.split())
    return words if len(words) <= TITLE_LENGTH else words[: TITLE_LENGTH - 1].rstrip() + "…"
