"""Sums of usage, so that no report reads a row for each answer. Each function is one transaction's work.

A sum is kept for each quarter of an hour, since the offset of every time zone in use is a multiple of it, and for each
day UTC by model, person, thread and time to the first word. The ends of a period that are no whole quarter or day
are summed from the rows of the answers, so that every period is exact.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    Subquery,
    Text,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    union_all,
    update,
)

from core.spend.report import two_digits
from core.values.conversation import TurnState
from core.values.places import Place
from core.values.usage import Charge
from storage.direct import DirectStatement
from storage.engine import insert
from storage.forgotten import former_name
from storage.tables import CHARGES, TURNS, USAGE, USAGE_SUMS

QUARTER_US = 900_000_000
DAY_US = 96 * QUARTER_US
_KEY = ("kind", "at_us", "platform", "team", "channel", "name")
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
COSTS = ("cost_micros", "unpriced")
AMOUNTS = ("answers", "questions", "errors", *_TOKENS, *COSTS)
SUMS = (*AMOUNTS, *(f"own_{name}" for name in COSTS))
"""The columns of a sum. `own_`: the part of answers by workspaces' own model accounts, which no report of all
workspaces counts."""


SUMMED = "summed"
"""The state of the usage of a summary of a thread: it costs, and answers no question."""
EMBEDDED = "embedded"
"""The state of the usage of vectors of earlier questions, likewise."""
IN_BACKGROUND = (SUMMED, EMBEDDED)


class SumKind(StrEnum):
    """The meaning of the name of a sum. A thread is never a direct conversation, and a person never forgotten by name.

    SUMMARY: of summaries of threads, without a name, each of which counts as one of `answers` there alone.

    QUARTER: of a quarter of an hour, without a name. MODEL: an answer counts under its own model, and each of its
    charges under the model of that charge. FIRST_WORD: milliseconds, of two significant digits; of a whole workspace,
    since there would be nearly as many sums of channels as there are answers.
    """

    QUARTER = "quarter"
    MODEL = "model"
    PERSON = "person"
    THREAD = "thread"
    FIRST_WORD = "first_word"
    SUMMARY = "summary"

    @property
    def unit_us(self) -> int:
        return QUARTER_US if self is SumKind.QUARTER else DAY_US


_USED = USAGE.c
COUNTED = _USED.state.in_((TurnState.DONE, TurnState.FAILED))
"""Answers that count as questions: a stopped one costs, but was not answered."""
_NOT_DIRECT = select(TURNS.c.id).where(TURNS.c.id == _USED.turn_id, TURNS.c.direct.is_(False)).exists()
_NAMES: dict[SumKind, ColumnElement[str]] = {
    SumKind.QUARTER: literal("", Text),
    SumKind.SUMMARY: literal("", Text),
    SumKind.PERSON: _USED.person,
    SumKind.THREAD: _USED.thread,
    SumKind.FIRST_WORD: cast(_USED.first_word_ms, Text),
}
_HAVE_A_NAME: dict[SumKind, ColumnElement[bool]] = {
    SumKind.PERSON: _USED.person != "",
    SumKind.THREAD: _NOT_DIRECT,
    SumKind.FIRST_WORD: _USED.first_word_ms.is_not(None),
    SumKind.SUMMARY: _USED.state == SUMMED,
}


def _unpriced(columns: Any) -> ColumnElement[bool]:
    """True if the cost is not known, or that of a part of it."""
    return or_(columns.cost_micros.is_(None), columns.partly_priced)


_CHARGED = CHARGES.c
_OF_TURN = _CHARGED.turn_id == _USED.turn_id
_UNPRICED = _unpriced(_CHARGED)
_OTHER = CHARGES.alias("other").c
_FIRST_UNPRICED = _UNPRICED & ~(
    select(_OTHER.turn_id)
    .where(
        *(_OTHER[name] == _CHARGED[name] for name in ("turn_id", "model")),
        _OTHER.kind < _CHARGED.kind,
        _unpriced(_OTHER),
    )
    .exists()
)
"""The first charge of an answer and a model whose cost is not known."""
_HAS_CHARGES = select(_CHARGED.turn_id).where(_OF_TURN).exists()
_HAS_UNPRICED = select(_CHARGED.turn_id).where(_OF_TURN, _UNPRICED).exists()


_HERE = [USAGE_SUMS.c[name] == bindparam(f"of_{name}") for name in _KEY]
_SUBTRACT = (
    update(USAGE_SUMS)
    .where(*_HERE)
    .values({name: USAGE_SUMS.c[name] - bindparam(f"of_{name}") for name in SUMS})
)
_REMOVE_EMPTY = delete(USAGE_SUMS).where(*_HERE, USAGE_SUMS.c.answers <= 0)


@cache
def _add(dialect: str) -> Executable:
    adding = insert(dialect, USAGE_SUMS)
    return adding.on_conflict_do_update(
        index_elements=_KEY, set_={name: USAGE_SUMS.c[name] + adding.excluded[name] for name in SUMS}
    )


_COLUMNS = (*_KEY, *SUMS)
_INTEGERS = ("at_us", *SUMS)
ADD_ALL = (
    f"INSERT INTO usage_sums ({', '.join(_COLUMNS)}) SELECT {', '.join(_COLUMNS)}"  # noqa: S608 - names of ours
    " FROM ROWS FROM (json_to_recordset(CAST(CAST(:sums AS TEXT) AS JSON)) AS ("
    + ", ".join(f"{name} {'BIGINT' if name in _INTEGERS else 'TEXT'}" for name in _COLUMNS)
    + f")) WITH ORDINALITY AS given ({', '.join(_COLUMNS)}, place){{also}} ORDER BY place"
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = usage_sums.{name} + excluded.{name}" for name in SUMS)
)
"""`_add` of several rows in their order, in one statement of PostgreSQL. `also`: what else has to have rows."""
_ADD_ALL = DirectStatement(text(ADD_ALL.format(also="")))


def _of_channel(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("platform", "team", "channel")}


def _amounts_of(row: Mapping[str, Any]) -> dict[str, int]:
    """The values of `SUMS` of a row of `usage`."""
    amounts = {
        **{name: row[name] for name in _TOKENS},
        "answers": int(row["state"] not in IN_BACKGROUND),
        "questions": int(row["state"] in (TurnState.DONE, TurnState.FAILED)),
        "errors": int(row["state"] == TurnState.FAILED),
        "cost_micros": row["cost_micros"] or 0,
        "unpriced": int(row["cost_micros"] is None or row["partly_priced"]),
    }
    return amounts | _own_part(amounts, own=row["own_account"])


def _own_part(amounts: Mapping[str, int], *, own: bool) -> dict[str, int]:
    return {f"own_{name}": amounts[name] if own else 0 for name in COSTS}


def add(connection: Connection, row: dict[str, Any], direct: bool, charges: Sequence[Charge] = ()) -> None:
    """Add a row of `usage` to its sums. `direct`: of a direct conversation. `charges`: those of the answer that are
    stored."""
    rows = rows_of(row, direct, charges)
    if connection.dialect.name == "postgresql":
        _ADD_ALL.rows(connection, {"sums": json.dumps(rows)})
    else:
        connection.execute(_add(connection.dialect.name), rows)


def rows_of(row: dict[str, Any], direct: bool, charges: Sequence[Charge] = ()) -> list[dict[str, Any]]:
    """The rows that `add` adds, in one order for all: two transactions that lock the same rows crosswise would wait for
    each other."""
    values = _of_channel(row) | _amounts_of(row)
    names = {SumKind.QUARTER: ""}
    if row["person"]:
        names[SumKind.PERSON] = row["person"]
    if not direct:
        names[SumKind.THREAD] = row["thread"]
    if row["first_word_ms"] is not None:
        names[SumKind.FIRST_WORD] = str(two_digits(row["first_word_ms"]))
    added = [(kind, name, values) for kind, name in names.items()]
    added += [(SumKind.SUMMARY, "", values | {"answers": 1})] if row["state"] == SUMMED else []
    added += [
        (SumKind.MODEL, model, values | amounts) for model, amounts in _by_model(row, values, charges).items()
    ]
    return [
        {**one, "kind": kind, "at_us": row["at_us"] // kind.unit_us * kind.unit_us, "name": name}
        | ({"channel": ""} if kind is SumKind.FIRST_WORD else {})
        for kind, name, one in sorted(added, key=itemgetter(0, 1))
    ]


def _by_model(
    row: dict[str, Any], values: dict[str, Any], charges: Sequence[Charge]
) -> dict[str, dict[str, int]]:
    """The amounts of an answer, by model, as `answers_by_model` has them."""
    if not charges:
        return {row["model"]: {}}
    nothing = dict.fromkeys(SUMS, 0)
    found = {row["model"]: nothing | {name: values[name] for name in ("answers", "questions", "errors")}}
    for charge in charges:
        amounts, usage = found.setdefault(charge.model, dict(nothing)), charge.usage
        for name in _TOKENS:
            amounts[name] += getattr(usage, name)
        amounts["cost_micros"] += usage.cost_micros or 0
        amounts["unpriced"] |= usage.cost_micros is None or usage.partly_priced
    if not any(amounts["unpriced"] for amounts in found.values()):
        found[row["model"]]["unpriced"] = values["unpriced"]
    return {model: one | _own_part(one, own=row["own_account"]) for model, one in found.items()}


def rename_person(
    connection: Connection, platform: str, team: str, names: Collection[str], new_name: str
) -> None:
    """Give the sums of a person, who has one of several `names` in each, another name, in one team or, where `team` is
    empty, in all of them."""
    stored = USAGE_SUMS.c
    of_team = [stored.team == team] if team else []
    theirs = [stored.kind == SumKind.PERSON, stored.platform == platform, *of_team, stored.name.in_(names)]
    _replace(connection, theirs, {"name": new_name})


def move_to_former_names(connection: Connection, used: Iterable[Mapping[str, Any]]) -> None:
    """Move the amounts of these rows of `usage` to the sums of the `former_name` of their people."""
    moved: dict[tuple[Any, ...], Counter[str]] = {}
    for row in used:
        day_us = row["at_us"] // DAY_US * DAY_US
        key = (SumKind.PERSON, day_us, *_of_channel(row).values(), row["person"])
        moved.setdefault(key, Counter()).update(_amounts_of(row))
    if not moved:
        return
    rows = [dict(zip(_KEY, key, strict=True)) | moved[key] for key in sorted(moved)]
    parameters = [{f"of_{name}": value for name, value in row.items()} for row in rows]
    connection.execute(_SUBTRACT, parameters)
    connection.execute(_REMOVE_EMPTY, parameters)
    connection.execute(
        _add(connection.dialect.name), [row | {"name": former_name(row["name"])} for row in rows]
    )


def adopt(connection: Connection, platform: str, team: str, former: Sequence[str]) -> None:
    """Add the sums of the teams `former` to those of `team`."""
    old = [USAGE_SUMS.c.platform == platform, USAGE_SUMS.c.team.in_(former)]
    _replace(connection, old, {"team": team})


def _replace(connection: Connection, which: Sequence[ColumnElement[bool]], new: dict[str, str]) -> None:
    """Give sums other keys: each is added to the one that has them."""
    rows = [dict(row) for row in connection.execute(select(USAGE_SUMS).where(*which)).mappings()]
    if rows:
        connection.execute(delete(USAGE_SUMS).where(*which))
        connection.execute(_add(connection.dialect.name), [row | new for row in rows])


def sums(kind: SumKind, since_us: int, until_us: int, scope: Place | None) -> Subquery:
    """The sums of `kind` from `since_us` to `until_us`, several rows for a name. A `scope` without a channel is a
    workspace. `at_us` is the beginning of a sum, or the time of an answer."""
    first, last = -(-since_us // kind.unit_us) * kind.unit_us, until_us // kind.unit_us * kind.unit_us
    of_answers = kind is SumKind.FIRST_WORD and scope is not None and scope.channel
    if first >= last or of_answers:
        return union_all(*_answers(kind, since_us, until_us, scope)).subquery()
    stored = select(
        *(USAGE_SUMS.c[name] for name in ("at_us", "platform", "team", "channel", "name", *SUMS))
    ).where(
        USAGE_SUMS.c.kind == kind,
        USAGE_SUMS.c.at_us >= first,
        USAGE_SUMS.c.at_us < last,
        *within(USAGE_SUMS, scope),
    )
    ends = [(since, until) for since, until in ((since_us, first), (last, until_us)) if since < until]
    answers = (one for since, until in ends for one in _answers(kind, since, until, scope))
    return union_all(stored, *answers).subquery()


def _answers(kind: SumKind, since_us: int, until_us: int, scope: Place | None) -> list[Select[Any]]:
    """The answers of a time as sums of `kind`, one row for each; of models, more for those with charges."""
    keys = {name: _USED[name] for name in ("at_us", "platform", "team", "channel")}
    which = [
        _USED.at_us >= since_us,
        _USED.at_us < until_us,
        *within(USAGE, scope),
        *([_HAVE_A_NAME[kind]] if kind in _HAVE_A_NAME else []),
    ]
    if kind is SumKind.MODEL:
        return [one.where(*which) for one in answers_by_model(keys, "name")]
    own = amounts() | ({"answers": literal(1)} if kind is SumKind.SUMMARY else {})
    return [select(*labelled({**keys, "name": _NAMES[kind], **own})).where(*which)]


def amounts() -> dict[str, ColumnElement[Any]]:
    """The columns of `SUMS` of an answer."""
    return _with_own_part(_amounts())


def _with_own_part(columns: Mapping[str, ColumnElement[Any]]) -> dict[str, ColumnElement[Any]]:
    own = {f"own_{name}": case((_USED.own_account, columns[name]), else_=0) for name in COSTS}
    return {**columns, **own}


def _amounts() -> dict[str, ColumnElement[Any]]:
    return {
        "answers": case((_USED.state.in_(IN_BACKGROUND), 0), else_=1),
        "questions": case((COUNTED, 1), else_=0),
        "errors": case((_USED.state == TurnState.FAILED, 1), else_=0),
        **{name: _USED[name] for name in _TOKENS},
        "cost_micros": func.coalesce(_USED.cost_micros, 0),
        "unpriced": case((_unpriced(_USED), 1), else_=0),
    }


def answers_by_model(keys: Mapping[str, ColumnElement[Any]], name: str) -> tuple[Select[Any], Select[Any]]:
    """The columns `keys` of answers with their model as `name` and the columns of `SUMS`: a row for each answer under
    its own model, and one for each charge under that of the charge. An answer is unpriced once under each model whose
    cost is not known."""
    whole = _amounts()
    own = whole | {one: case((_HAS_CHARGES, 0), else_=whole[one]) for one in (*_TOKENS, "cost_micros")}
    own["unpriced"] = case((_HAS_UNPRICED, 0), else_=whole["unpriced"])
    parts = {
        **dict.fromkeys(("answers", "questions", "errors"), literal(0)),
        **{one: _CHARGED[one] for one in _TOKENS},
        "cost_micros": func.coalesce(_CHARGED.cost_micros, 0),
        "unpriced": case((_FIRST_UNPRICED, 1), else_=0),
    }
    return (
        select(*labelled({**keys, name: _USED.model, **_with_own_part(own)})),
        select(*labelled({**keys, name: _CHARGED.model, **_with_own_part(parts)})).where(_OF_TURN),
    )


def labelled(columns: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """The columns of a query, by their names."""
    return [column.label(name) for name, column in columns.items()]


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
