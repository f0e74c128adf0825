"""Usage and opinions in rows, for people's own tools. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, SelectBase, Text, case, func, literal, select, union_all

from core.spend.periods import PeriodName, period_at
from core.values.places import Place
from core.values.usage import DIRECT, RatedAnswer, UsageField, UsageGroup
from storage.forgotten import names_of
from storage.tables import FEEDBACK, TURNS, USAGE, from_us, to_us
from storage.usage_sums import AMOUNTS, DAY_US, IN_BACKGROUND, amounts, answers_by_model, labelled, within
from storage.usage_totals import summed

_USED = USAGE.c
_CHANNEL = case((TURNS.c.direct, DIRECT), else_=_USED.channel).label("channel")
_FIELDS: dict[UsageField, tuple[ColumnElement[Any], ...]] = {
    UsageField.CHANNEL: (_USED.platform, _USED.team, _CHANNEL),
    UsageField.PERSON: (_USED.platform, _USED.team, _USED.person),
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
    zone: tzinfo,
) -> list[UsageGroup]:
    """The usage of a period in groups. It reads the row of each answer."""
    named = names and UsageField.PERSON in by
    conditions = [_USED.at_us >= since_us, _USED.at_us < until_us, *within(USAGE, scope)]
    conditions += [TURNS.c.id == _USED.turn_id, *([_USED.person.in_(names_of(person))] if person else [])]
    columns = [column for field in UsageField if field in by for column in _FIELDS.get(field, ())]
    if UsageField.DAY in by:
        first_us = connection.scalar(select(func.min(_USED.at_us)))
        columns.insert(0, _day(max(since_us, first_us or 0), until_us, zone).label("day"))
    payer = case(
        (_USED.state.in_(IN_BACKGROUND), ""),
        (TURNS.c.started_by != "", TURNS.c.started_by_name),
        else_=TURNS.c.author_name,
    )
    name = payer if named else literal("", Text)
    keys: dict[str, ColumnElement[Any]] = {str(column.key): column for column in columns}
    each: SelectBase
    if UsageField.MODEL in by:
        each = union_all(*(one.where(*conditions) for one in answers_by_model(keys | {"name": name}, "model")))
    else:
        each = select(*labelled({**keys, "name": name, **amounts()})).where(*conditions)
    found = each.subquery()
    by_key = [found.c[key] for key in (*keys, *(["model"] if UsageField.MODEL in by else []))]
    sums = [summed(found, name, scope).label(name) for name in AMOUNTS]
    query = select(*by_key, func.max(found.c.name).label("name"), *sums)
    rows = connection.execute(query.group_by(*by_key).order_by(*by_key)).mappings()
    return [_group(dict(row)) for row in rows if by_key or row["answers"]]


def _day(since_us: int, until_us: int, zone: tzinfo) -> ColumnElement[int]:
    """The day of an answer within that time, counted from 1970 in `zone`: a case for each time without a change of the
    clock, in which the zone has one offset from UTC, and for each day in which the clock changes."""
    cases, end_us = list[tuple[ColumnElement[bool], ColumnElement[int]]](), until_us
    day, offset_us = period_at(PeriodName.DAY, from_us(since_us), zone), None
    while to_us(day.since) < until_us:
        number, end_us = (day.first_day - date(1970, 1, 1)).days, to_us(day.until)
        changes = day.until - day.since != timedelta(days=1)
        own_us = None if changes else number * DAY_US - to_us(day.since)
        counted = literal(number) if own_us is None else (_USED.at_us + own_us) // DAY_US
        if cases and own_us is not None and own_us == offset_us:
            cases.pop()
        cases.append((_USED.at_us < end_us, counted))
        day, offset_us = day.next, own_us
    return case(*cases, else_=literal(end_us // DAY_US)) if cases else literal(0)


def _group(row: Mapping[str, Any]) -> UsageGroup:
    keys = {name: str(row.get(name, "")) for name in _NAMES}
    if keys["day"]:
        keys["day"] = (from_us(0) + timedelta(days=int(keys["day"]))).date().isoformat()
    values: dict[str, Any] = {**{name: int(row[name]) for name in row if name not in _NAMES}, **keys}
    return UsageGroup(**values)


def rated_answers(connection: Connection, since_us: int, until_us: int) -> list[RatedAnswer]:
    """The opinions of a period, oldest first. The name of a person is known with their own questions alone."""
    given = FEEDBACK.c
    query = _RATED.where(given.at_us >= since_us, given.at_us < until_us)
    ordered = query.order_by(given.at_us, given.turn_id, given.person)
    return [_rated(row) for row in connection.execute(ordered)]


def newest_opinions(connection: Connection, limit: int, before_us: int | None) -> list[RatedAnswer]:
    """Newest first; names as in `rated_answers`."""
    at_us = FEEDBACK.c.at_us
    query = _RATED.where(at_us < (2**62 if before_us is None else before_us))
    return [_rated(row) for row in connection.execute(query.order_by(at_us.desc()).limit(limit))]


_RATED = (
    select(
        FEEDBACK.c.person.label("rater"),
        FEEDBACK.c.value,
        FEEDBACK.c.reason,
        FEEDBACK.c.at_us.label("given_us"),
        _USED.model,
        TURNS,
    )
    .join(TURNS, TURNS.c.id == FEEDBACK.c.turn_id)
    .outerjoin(USAGE, _USED.turn_id == FEEDBACK.c.turn_id)
)


def _rated(row: Any) -> RatedAnswer:
    return RatedAnswer(
        Place(row.platform, row.team, row.channel, row.thread, row.direct),
        row.question,
        row.model or "",
        row.rater,
        row.author_name if row.rater == row.author else "",
        row.value > 0,
        row.reason,
        from_us(row.given_us),
    )
