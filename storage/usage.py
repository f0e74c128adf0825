"""Usage: one row for each ended answer. Each function is one transaction's work, run by the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from sqlalchemy import Connection, Executable, bindparam, select, text, update

from core.spend.prices import NO_USAGE
from core.values.places import Place
from core.values.tasks import EmbedQuestions, SumUpThread, Task
from core.values.turn_ends import Finish
from core.values.usage import LastUsage, UsageTotals
from storage import charges, usage_sums
from storage.direct import DirectStatement
from storage.engine import insert
from storage.forgotten import NAMELESS, former_name
from storage.tables import TURNS, USAGE
from storage.threads import address, of_place
from storage.usage_sums import EMBEDDED, SUMMED
from storage.usage_totals import people, totals

_BACKGROUND: dict[type[Task], str] = {SumUpThread: SUMMED, EmbedQuestions: EMBEDDED}


@cache
def _add(dialect: str) -> Executable:
    return insert(dialect, USAGE).on_conflict_do_nothing()


_COLUMNS = ", ".join(column.name for column in USAGE.c)
_ADD_WITH_SUMS = DirectStatement(
    text(
        f"WITH added AS (INSERT INTO usage ({_COLUMNS}) SELECT {_COLUMNS}"  # noqa: S608 - names of ours
        " FROM json_populate_record(CAST(NULL AS usage), CAST(CAST(:used AS TEXT) AS JSON))"
        " ON CONFLICT DO NOTHING RETURNING 1)"
        f" {usage_sums.ADD_ALL.format(also=' CROSS JOIN added')} RETURNING 1"
    )
)
"""`_add`, and the sums of a row that was added, in one round trip."""
_LAST = (
    select(USAGE, TURNS.c.message.label("anchor"))
    .join(TURNS, TURNS.c.id == USAGE.c.turn_id)
    .where(
        *of_place(USAGE),
        USAGE.c.model == bindparam("of_model"),
        USAGE.c.prompt_tokens > 0,
        USAGE.c.estimated.is_(False),
        USAGE.c.estimate_tokens > 0,
    )
    .order_by(USAGE.c.turn_id.desc())
    .limit(1)
)


_RENAME = update(USAGE).where(USAGE.c.turn_id == bindparam("of_turn")).values(person=bindparam("former"))


def add(connection: Connection, end: Finish, person: str, at_us: int) -> bool:
    """Store the usage of an answer, once, and add it to the sums. False where it is stored already."""
    used, ask = end.usage or NO_USAGE, end.turn.ask
    row = {
        **address(ask.place),
        "turn_id": end.turn.id,
        "person": person,
        "model": end.model,
        "own_account": end.own_account,
        "state": _BACKGROUND.get(type(ask.task), end.state),
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "reasoning_tokens": used.reasoning_tokens,
        "estimated": used.estimated,
        "estimate_tokens": end.estimate_tokens or 0,
        "cached_tokens": used.cached_tokens,
        "cost_micros": used.cost_micros,
        "partly_priced": used.partly_priced,
        "first_word_ms": None if end.first_word_s is None else round(end.first_word_s * 1000),
        "latency_ms": end.latency_ms,
        "error": end.error,
        "at_us": at_us,
    }
    if connection.dialect.name == "postgresql" and not charges.may_have(end):
        given = {"used": json.dumps(row), "sums": json.dumps(usage_sums.rows_of(row, ask.place.direct))}
        return bool(_ADD_WITH_SUMS.rows(connection, given))
    added = connection.execute(_add(connection.dialect.name), row).rowcount > 0
    if added:
        charges.put(connection, end)
        parts = charges.charges(connection, end.turn.id) if charges.may_have(end) else ()
        usage_sums.add(connection, row, ask.place.direct, parts)
    return added


def expire_people(connection: Connection, turn_ids: Sequence[int]) -> None:
    """Give the people whose usage these turns are their `former_name`, in the sums too. The amounts stay."""
    used = USAGE.c
    nameless = (used.person.startswith(name, autoescape=True) for name in NAMELESS)
    known = (used.person != "", *(~one for one in nameless))
    query = select(USAGE).where(used.turn_id.in_(turn_ids), *known)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    if rows:
        names = [{"of_turn": row["turn_id"], "former": former_name(row["person"])} for row in rows]
        connection.execute(_RENAME, names)
    usage_sums.move_to_former_names(connection, rows)


def last_usage(connection: Connection, place: Place, model: str) -> LastUsage | None:
    """The newest usage that the endpoint itself counted for one prompt. An estimate would add its error, and several
    tries or rounds count several prompts."""
    row = connection.execute(_LAST, {**address(place), "of_model": model}).first()
    if row is None:
        return None
    # Reasoning is counted as completion, yet never becomes part of the next prompt.
    visible = max(0, row.completion_tokens - row.reasoning_tokens)
    return LastUsage(row.anchor, row.prompt_tokens, visible, row.estimate_tokens)


def usage_totals(
    connection: Connection, since_us: int, until_us: int, channel: Place | None, person: str
) -> UsageTotals:
    """Tokens and cost of every answer; questions and people of those that ended as an answer or a failure.
    A `channel` without an id is the whole workspace."""
    found = totals(connection, since_us, until_us, channel, person)
    number = int(found.questions > 0)
    if not person:
        number = people(connection, since_us, until_us, channel)
    return replace(found, people=number)
