"""The messages of answers: which turn each is a page of. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Text, bindparam, cast, delete, func, select, text

from core.values.places import Place
from storage.engine import insert
from storage.tables import POSTS, TURNS
from storage.tasks import ANNOUNCEMENTS


@cache
def _add_post(dialect: str) -> Executable:
    """A page's message, under the channel of its turn. An announcement's are left out: nothing continues from one."""
    turn = TURNS.c
    of_turn = select(
        turn.platform,
        turn.team,
        turn.channel,
        bindparam("posted_message", type_=POSTS.c.message.type),
        turn.id,
        bindparam("posted_page", type_=POSTS.c.page.type),
    ).where(turn.id == bindparam("posted_turn"), *(turn.task != kind for kind in ANNOUNCEMENTS))
    columns = ["platform", "team", "channel", "message", "turn_id", "page"]
    return insert(dialect, POSTS).from_select(columns, of_turn).on_conflict_do_nothing()


def pages(posted: Sequence[tuple[int, tuple[str, ...]]]) -> list[dict[str, Any]]:
    """The parameters of `_add_post` for each message of these turns."""
    return [
        {"posted_turn": turn_id, "posted_message": message, "posted_page": page}
        for turn_id, messages in posted
        for page, message in enumerate(messages)
    ]


def add(connection: Connection, posted: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    if values := pages(posted):
        connection.execute(_add_post(connection.dialect.name), values)


def remove(connection: Connection, turn_ids: Sequence[int]) -> None:
    """Nothing continues from the messages of these answers any more."""
    connection.execute(delete(POSTS).where(POSTS.c.turn_id.in_(turn_ids)))


def place_of_post(connection: Connection, place: Place, message_id: str) -> Place | None:
    query = (
        select(TURNS.c.thread, TURNS.c.direct)
        .join(POSTS, POSTS.c.turn_id == TURNS.c.id)
        .where(
            POSTS.c.platform == place.platform,
            POSTS.c.team == place.team,
            POSTS.c.channel == place.channel,
            POSTS.c.message == message_id,
        )
    )
    row = connection.execute(query).first()
    return None if row is None else Place(place.platform, place.team, place.channel, row.thread, row.direct)


def line_id(turn_id: int, posted: Sequence[str]) -> str:
    """The id of an answer in its thread: that of its first message, if it has one."""
    return posted[0] if posted else f"turn-{turn_id}"


def first_posted(dialect: str) -> ColumnElement[Any]:
    """The id of an answer's first message, or NULL. It is no parameter: the drivers would take it each in its way."""
    posted = TURNS.c.posted
    return func.json_extract(posted, text("'$[0]'")) if dialect == "sqlite" else posted.op("->>")(text("0"))


def stored_line_id(turn_id: ColumnElement[int], first: ColumnElement[Any]) -> ColumnElement[Any]:
    """`line_id` in a statement. `first`: `first_posted` of the turn."""
    return func.coalesce(first, "turn-" + cast(turn_id, Text))
