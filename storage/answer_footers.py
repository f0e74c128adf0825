"""The notices and buttons under answers. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Text, cast, literal, select

from core.values.places import Place
from core.values.turn_ends import AnswerFooter
from core.values.ui import Button
from storage import posts, threads
from storage.tables import TURNS, USAGE, from_us
from storage.turns import AGAIN, SHOWN
from storage.usage_sums import IN_BACKGROUND

_CHANNEL = ("platform", "team", "channel")


def answer_footer(connection: Connection, turn_id: int) -> AnswerFooter | None:
    """`Store.answer_footer`."""
    row = connection.execute(select(TURNS).where(TURNS.c.id == turn_id, SHOWN)).one_or_none()
    return _footer(row) if row is not None else None


def answer_footers(connection: Connection, place: Place, limit: int) -> list[AnswerFooter]:
    """`Store.answer_footers`."""
    turn, later = TURNS.c, TURNS.alias("later").c
    # No index finds turns by thread: the usage of its ended turns has one.
    answers = (*threads.within(USAGE, place), USAGE.c.state.not_in(IN_BACKGROUND))
    ended = connection.scalars(select(USAGE.c.turn_id).where(*answers))
    key = literal(AGAIN) + cast(turn.id, Text)
    again = select(later.id).where(*(later[name] == turn[name] for name in _CHANNEL), later.message == key)
    columns = (
        turn.id,
        turn.question,
        turn.at_us,
        turn.posted,
        turn.notice,
        turn.buttons,
        turn.cited,
        turn.quoted,
    )
    query = select(*columns).where(turn.id.in_(sorted(ended)[-limit:]), ~again.exists()).order_by(turn.id)
    return [footer for row in connection.execute(query) if (footer := _footer(row))]


def _footer(row: Any) -> AnswerFooter | None:
    """The footer of an answer, if it has a notice, buttons or sources."""
    if not (row.notice or row.buttons or row.cited):
        return None
    return AnswerFooter(
        posts.line_id(row.id, row.posted),
        row.question,
        from_us(row.at_us),
        row.notice,
        tuple(Button(action, label, row.id) for action, label in row.buttons or ()),
        tuple((number, source) for number, source in row.cited or ()),
        tuple((message, source) for message, source in row.quoted or ()),
    )
