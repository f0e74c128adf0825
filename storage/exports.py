"""Usage and opinions in rows, for people's own tools. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, case, func, literal, or_, select

from core.values.conversation import TurnState
from core.values.places import Place
from core.values.usage import DIRECT, RatedAnswer, UsageField, UsageGroup
from storage.tables import FEEDBACK, TURNS, USAGE, from_us
from storage.usage_sums import COUNTED, DAY_US, within

_USED = USAGE.c
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
_CHANNEL = case((TURNS.c.direct, DIRECT), else_=_USED.channel).label("channel")
_FIELDS: dict[UsageField, tuple[ColumnElement[Any], ...]] = {
    UsageField.DAY: ((_USED.at_us // DAY_US).label("day"),),
    UsageField.CHANNEL: (_USED.platform, _USED.team, _CHANNEL),
    UsageField.PERSON: (_USED.platform, _USED.team, _USED.person),
    UsageField.MODEL: (_USED.model,),
}
_NAMES = ("day", "platform", "team", "channel", "person", "name", "model")


def usage_groups(
    connection: Connection,
    since_us: int,
    until_us: int,
    by: Collection[UsageField],
    scope: Place | None,
    person: str,
    names: bool,
) -> list[UsageGroup]:
    """The usage of a period in groups. It reads the row of each answer."""
    keys = {column.key: column for field in UsageField if field in by for column in _FIELDS[field]}
    named = names and UsageField.PERSON in by
    conditions = [_USED.at_us >= since_us, _USED.at_us < until_us, *within(USAGE, scope)]
    conditions += [TURNS.c.id == _USED.turn_id, *([_USED.person == person] if person else [])]
    unpriced = or_(_USED.cost_micros.is_(None), _USED.partly_priced)
    query = select(
        *keys.values(),
        (func.max(TURNS.c.author_name) if named else literal("", Text)).label("name"),
        func.count().label("answers"),
        func.count(case((COUNTED, 1))).label("questions"),
        func.count(case((_USED.state == TurnState.FAILED, 1))).label("errors"),
        *(func.sum(_USED[name]).label(name) for name in _TOKENS),
        func.coalesce(func.sum(_USED.cost_micros), 0).label("cost_micros"),
        func.count(case((unpriced, 1))).label("unpriced"),
    )
    rows = connection.execute(
        query.where(*conditions).group_by(*keys.values()).order_by(*keys.values())
    ).mappings()
    return [_group(dict(row)) for row in rows if row["answers"]]


def _group(row: Mapping[str, Any]) -> UsageGroup:
    keys = {name: str(row.get(name, "")) for name in _NAMES}
    if keys["day"]:
        keys["day"] = (from_us(0) + timedelta(days=int(keys["day"]))).date().isoformat()
    values: dict[str, Any] = {**{name: int(row[name]) for name in row if name not in _NAMES}, **keys}
    return UsageGroup(**values)


def rated_answers(connection: Connection, since_us: int, until_us: int) -> list[RatedAnswer]:
    """The opinions of a period, oldest first. The name of a person is known with their own questions alone."""
    given = FEEDBACK.c
    query = (
        select(
            given.person.label("rater"),
            given.value,
            given.reason,
            given.at_us.label("given_us"),
            _USED.model,
            TURNS,
        )
        .join(TURNS, TURNS.c.id == given.turn_id)
        .outerjoin(USAGE, _USED.turn_id == given.turn_id)
        .where(given.at_us >= since_us, given.at_us < until_us)
        .order_by(given.at_us, given.turn_id, given.person)
    )
    return [
        RatedAnswer(
            Place(row.platform, row.team, row.channel, row.thread, row.direct),
            row.question,
            row.model or "",
            row.rater,
            row.author_name if row.rater == row.author else "",
            row.value > 0,
            row.reason,
            from_us(row.given_us),
        )
        for row in connection.execute(query)
    ]
