"""People's opinions of the earlier answers that answers cite. Each function is one transaction's work, run by the
store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, or_, select

from core.values.memory import SourceOpinion
from storage import threads
from storage.direct import DirectStatement
from storage.given import among, given
from storage.tables import MESSAGES, SOURCE_OPINIONS, TURNS, to_us


def rate(
    connection: Connection, turn_id: int, sources: Sequence[int], person: str, value: int, at: datetime
) -> int:
    """The person's opinion from now on: `value`, or 0 where all were rated so and it is taken back."""
    # One press after another.
    connection.execute(select(TURNS.c.id).where(TURNS.c.id == turn_id).with_for_update())
    opinion = SOURCE_OPINIONS.c
    theirs = (opinion.turn_id == turn_id, opinion.person == person)
    before = {row.source: row.value for row in connection.execute(select(SOURCE_OPINIONS).where(*theirs)).all()}
    connection.execute(delete(SOURCE_OPINIONS).where(*theirs))
    if not sources or all(before.get(one) == value for one in sources):
        return 0
    row = {"turn_id": turn_id, "person": person, "value": value, "at_us": to_us(at)}
    connection.execute(SOURCE_OPINIONS.insert(), [{**row, "source": one} for one in dict.fromkeys(sources)])
    return value


@cache
def _of(dialect: str) -> DirectStatement:
    opinion, turn, line = SOURCE_OPINIONS.c, TURNS.c, MESSAGES.c
    asked = and_(
        *(line[name] == turn[name] for name in ("platform", "team", "channel", "thread")),
        line.message == turn.question,
        line.mine.is_(False),
    )
    query = (
        select(opinion.source, opinion.person, opinion.value, line.text)
        .select_from(SOURCE_OPINIONS)
        .join(TURNS, turn.id == opinion.turn_id)
        .outerjoin(MESSAGES, asked)
        .where(among(dialect, opinion.source, "sources"))
        .order_by(opinion.source, opinion.turn_id, opinion.person)
    )
    return DirectStatement(query)


def of(connection: Connection, sources: Collection[int]) -> list[SourceOpinion]:
    """The opinions of these sources, each with the question that it was given for, as its thread shows it now."""
    dialect = connection.dialect.name
    rows = _of(dialect).rows(connection, {"sources": given(dialect, sources)}) if sources else ()
    return [SourceOpinion(source, person, value, text or "") for source, person, value, text in rows]


def remove(connection: Connection, turn_ids: Select[Any] | Collection[int]) -> None:
    """Remove the opinions that were given under the answers of these turns, and those of them as sources."""
    opinion = SOURCE_OPINIONS.c
    connection.execute(
        delete(SOURCE_OPINIONS).where(or_(opinion.turn_id.in_(turn_ids), opinion.source.in_(turn_ids)))
    )


def forget_person(connection: Connection, platform: str, team: str, person: str) -> None:
    """Remove those that a person has given."""
    there = select(TURNS.c.id).where(*threads.of_team(TURNS, platform, team))
    opinion = SOURCE_OPINIONS.c
    theirs = (opinion.person == person, opinion.turn_id.in_(there))
    connection.execute(delete(SOURCE_OPINIONS).where(*theirs))
