"""Sums of usage, so that no report reads a row for each answer. Each function is one transaction's work.

A sum is kept for each quarter of an hour, since the offset of every time zone in use is a multiple of it, and for each
day UTC by model, person, thread and time to the first word. The ends of a period that are no whole quarter or day
are summed from the rows of the answers, so that every period is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    Subquery,
    Text,
    case,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)

from core.spend.report import two_digits
from core.values.conversation import TurnState
from core.values.places import Place
from core.values.usage import UsageTotals
from storage.engine import insert
from storage.tables import TURNS, USAGE, USAGE_SUMS

QUARTER_US = 900_000_000
DAY_US = 96 * QUARTER_US
_KEY = ("kind", "at_us", "platform", "team", "channel", "name")
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_SUMS = ("answers", "questions", "errors", *_TOKENS, "cost_micros", "unpriced")


class SumKind(StrEnum):
    """The meaning of the name of a sum. A thread is never a direct conversation, and a person never forgotten by name.

    QUARTER: of a quarter of an hour, without a name. FIRST_WORD: milliseconds, of two significant digits; of a whole
    workspace, since there would be nearly as many sums of channels as there are answers.
    """

    QUARTER = "quarter"
    MODEL = "model"
    PERSON = "person"
    THREAD = "thread"
    FIRST_WORD = "first_word"

    @property
    def unit_us(self) -> int:
        return QUARTER_US if self is SumKind.QUARTER else DAY_US


_USED = USAGE.c
COUNTED = _USED.state.in_((TurnState.DONE, TurnState.FAILED))
"""Answers that count as questions: a stopped one costs, but was not answered."""
_NOT_DIRECT = select(TURNS.c.id).where(TURNS.c.id == _USED.turn_id, TURNS.c.direct.is_(False)).exists()
_NAMES: dict[SumKind, ColumnElement[str]] = {
    SumKind.QUARTER: literal("", Text),
    SumKind.MODEL: _USED.model,
    SumKind.PERSON: _USED.person,
    SumKind.THREAD: _USED.thread,
    SumKind.FIRST_WORD: cast(_USED.first_word_ms, Text),
}
_HAVE_A_NAME: dict[SumKind, ColumnElement[bool]] = {
    SumKind.PERSON: _USED.person != "",
    SumKind.THREAD: _NOT_DIRECT,
    SumKind.FIRST_WORD: _USED.first_word_ms.is_not(None),
}


@cache
def _add(dialect: str) -> Executable:
    adding = insert(dialect, USAGE_SUMS)
    return adding.on_conflict_do_update(
        index_elements=_KEY, set_={name: USAGE_SUMS.c[name] + adding.excluded[name] for name in _SUMS}
    )


def add(connection: Connection, row: dict[str, Any], direct: bool) -> None:
    """Add a row of `usage` to its sums. `direct`: of a direct conversation."""
    values = {
        **{name: row[name] for name in ("platform", "team", "channel", *_TOKENS)},
        "answers": 1,
        "questions": int(row["state"] in (TurnState.DONE, TurnState.FAILED)),
        "errors": int(row["state"] == TurnState.FAILED),
        "cost_micros": row["cost_micros"] or 0,
        "unpriced": int(row["cost_micros"] is None or row["partly_priced"]),
    }
    names = {SumKind.QUARTER: "", SumKind.MODEL: row["model"]}
    if row["person"]:
        names[SumKind.PERSON] = row["person"]
    if not direct:
        names[SumKind.THREAD] = row["thread"]
    if row["first_word_ms"] is not None:
        names[SumKind.FIRST_WORD] = str(two_digits(row["first_word_ms"]))
    # In one order for all: two transactions that lock the same rows crosswise would wait for each other.
    rows = [
        {**values, "kind": kind, "at_us": row["at_us"] // kind.unit_us * kind.unit_us, "name": name}
        | ({"channel": ""} if kind is SumKind.FIRST_WORD else {})
        for kind, name in sorted(names.items())
    ]
    connection.execute(_add(connection.dialect.name), rows)


def rename_person(connection: Connection, platform: str, team: str, person: str, name: str) -> None:
    """Give the sums of a person another name, in one team or, where `team` is empty, in all of them."""
    sums = USAGE_SUMS.c
    theirs = [sums.kind == SumKind.PERSON, sums.platform == platform, sums.name == person]
    connection.execute(
        update(USAGE_SUMS).where(*theirs, *([sums.team == team] if team else [])).values(name=name)
    )


def adopt(connection: Connection, platform: str, team: str, former: Sequence[str]) -> None:
    """Add the sums of the teams `former` to those of `team`."""
    old = [USAGE_SUMS.c.platform == platform, USAGE_SUMS.c.team.in_(former)]
    rows = [dict(row) for row in connection.execute(select(USAGE_SUMS).where(*old)).mappings()]
    if rows:
        connection.execute(delete(USAGE_SUMS).where(*old))
        connection.execute(_add(connection.dialect.name), [row | {"team": team} for row in rows])


def sums(kind: SumKind, since_us: int, until_us: int, scope: Place | None) -> Subquery:
    """The sums of `kind` from `since_us` to `until_us`, several rows for a name. A `scope` without a channel is a
    workspace. `at_us` is the beginning of a sum, or the time of an answer."""
    first, last = -(-since_us // kind.unit_us) * kind.unit_us, until_us // kind.unit_us * kind.unit_us
    of_answers = kind is SumKind.FIRST_WORD and scope is not None and scope.channel
    if first >= last or of_answers:
        return _answers(kind, since_us, until_us, scope).subquery()
    stored = select(
        *(USAGE_SUMS.c[name] for name in ("at_us", "platform", "team", "channel", "name", *_SUMS))
    ).where(
        USAGE_SUMS.c.kind == kind,
        USAGE_SUMS.c.at_us >= first,
        USAGE_SUMS.c.at_us < last,
        *within(USAGE_SUMS, scope),
    )
    ends = [(since, until) for since, until in ((since_us, first), (last, until_us)) if since < until]
    return union_all(stored, *(_answers(kind, since, until, scope) for since, until in ends)).subquery()


def _answers(kind: SumKind, since_us: int, until_us: int, scope: Place | None) -> Select[Any]:
    """The answers of a time as sums of `kind`, one row for each."""
    return select(
        _USED.at_us,
        _USED.platform,
        _USED.team,
        _USED.channel,
        _NAMES[kind].label("name"),
        literal(1).label("answers"),
        case((COUNTED, 1), else_=0).label("questions"),
        case((_USED.state == TurnState.FAILED, 1), else_=0).label("errors"),
        *(_USED[name] for name in _TOKENS),
        func.coalesce(_USED.cost_micros, 0).label("cost_micros"),
        case((or_(_USED.cost_micros.is_(None), _USED.partly_priced), 1), else_=0).label("unpriced"),
    ).where(
        _USED.at_us >= since_us,
        _USED.at_us < until_us,
        *within(USAGE, scope),
        *([_HAVE_A_NAME[kind]] if kind in _HAVE_A_NAME else []),
    )


def within(table: Any, scope: Place | None) -> list[ColumnElement[bool]]:
    """The rows of a channel, of a workspace (a `scope` without a channel), or all (None).

    No index begins with the team alone: SQLite would read all rows of the workspace by one that has the channel next,
    instead of those of the period. https://sqlite.org/optoverview.html#disqualifying_where_clause_terms_using_unary_
    """
    if scope is None:
        return []
    columns = table.c
    if not scope.channel:
        return [columns.platform + "/" + columns.team == f"{scope.platform}/{scope.team}"]
    return [
        columns.platform == scope.platform,
        columns.team == scope.team,
        columns.channel == scope.channel,
    ]


def total(found: Subquery) -> list[ColumnElement[Any]]:
    """The columns of the totals of `found`, for `totals_of`."""
    names = ("questions", "errors", "prompt_tokens", "completion_tokens", "cost_micros", "unpriced")
    return [func.coalesce(func.sum(found.c[name]), 0).label(name) for name in names]


def totals_of(row: Any, people: int = 0) -> UsageTotals:
    """The totals of a row that has the columns of `total`. Sums of a BIGINT are a NUMERIC on PostgreSQL."""
    return UsageTotals(
        questions=int(row.questions),
        people=people,
        prompt_tokens=int(row.prompt_tokens),
        completion_tokens=int(row.completion_tokens),
        cost_micros=int(row.cost_micros),
        errors=int(row.errors),
        unpriced=int(row.unpriced),
    )


def totals(
    connection: Connection, since_us: int, until_us: int, scope: Place | None, person: str = ""
) -> UsageTotals:
    """The totals of a period, of one person where `person` is not empty. `people` is counted by `people` alone."""
    found = sums(SumKind.PERSON if person else SumKind.QUARTER, since_us, until_us, scope)
    query = select(*total(found))
    return totals_of(connection.execute(query.where(found.c.name == person) if person else query).one())


def people(connection: Connection, since_us: int, until_us: int, scope: Place | None) -> int:
    """The number of people who asked something. A person who was forgotten while their answer ran is not counted."""
    found = sums(SumKind.PERSON, since_us, until_us, scope)
    each = select(found.c.platform, found.c.name).where(found.c.questions > 0).distinct().subquery()
    return connection.scalar(select(func.count()).select_from(each)) or 0
