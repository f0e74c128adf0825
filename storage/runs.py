"""The ledger: runs of turns, from the beginning to the last checkpoint. Each function is one transaction's work, run by
the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, or_, select, text, tuple_, update

from core.errors import StoreError
from core.ports.store.threads import PROCESS
from core.ports.store.turns import MANY_ATTEMPTS, taken_over_attempts
from core.values.conversation import Turn, TurnState
from core.values.places import Place
from storage import posts, reservations
from storage.direct import DirectStatement
from storage.tables import HEARD, OPEN, PARTITIONS, TURNS, storable
from storage.tasks import ANNOUNCEMENTS
from storage.turns import OPEN_TURN, turn_of

Checkpoint = tuple[int, str, tuple[str, ...]]
Owned = Callable[[Place], bool]

OWN_TURN = OPEN_TURN.where(TURNS.c.epoch == bindparam("own_epoch"))
"""The same, if no other replica has begun the turn since `own_epoch`."""
_KEEP = OWN_TURN.values(answer=bindparam("partial"), posted=bindparam("so_far"))
_THREAD = ("platform", "team", "channel", "thread")
_OLDER = TURNS.alias("older")
_BACKGROUND = ("sum_up", "embed")
"""The kinds of `Ask.in_background`."""


def _rank(turn: Any) -> tuple[ColumnElement[Any], ...]:
    """The order of the turns of a place (`core.turns.queue`)."""
    return turn.c.task.in_(_BACKGROUND), turn.c.at_us, turn.c.id


_OPEN_BEFORE = (
    select(_OLDER.c.id)
    .where(
        *(_OLDER.c[name] == TURNS.c[name] for name in _THREAD),
        OPEN,
        _OLDER.c.id > 0,
        tuple_(*_rank(_OLDER)) < tuple_(*_rank(TURNS)),
    )
    .correlate(TURNS)
)
"""The open turns of the place that come before a turn."""
_BEGIN = (
    OPEN_TURN.where(
        TURNS.c.epoch <= bindparam("own_epoch"),
        or_(
            bindparam("own_epoch") == 0,
            exists().where(PARTITIONS.c.epoch == bindparam("own_epoch")).correlate_except(PARTITIONS),
        ),
    )
    .values(state=TurnState.RUNNING, attempt=TURNS.c.attempt + 1, epoch=bindparam("own_epoch"))
    .returning(TURNS)
)
"""An update that begins a turn, if `own_epoch` is still that of its partition; no other partition ever has it."""
_BEGIN_IN_ORDER = _BEGIN.where(~_OPEN_BEFORE.exists())
_OLDEST = (
    select(TURNS)
    .join(
        _OLDER,
        and_(*(_OLDER.c[name] == TURNS.c[name] for name in _THREAD), _OLDER.c.id == bindparam("turn_id")),
    )
    .where(
        text("turns.state IN ('waiting', 'running') AND older.state IN ('waiting', 'running')"), TURNS.c.id > 0
    )
    .order_by(*_rank(TURNS))
    .limit(1)
)
"""The open turn that comes first in the place of an open turn."""

_KEEP_ALL = DirectStatement(
    text("""
WITH given AS (
    SELECT * FROM json_to_recordset(CAST(CAST(:kept AS TEXT) AS JSON))
        AS given(turn_id BIGINT, own_epoch BIGINT, partial TEXT, so_far JSON)
), held AS (
    SELECT turns.id FROM turns JOIN given ON turns.id = given.turn_id AND turns.epoch = given.own_epoch
    WHERE state IN ('waiting', 'running') ORDER BY turns.id FOR NO KEY UPDATE OF turns
), kept AS (
    UPDATE turns SET answer = given.partial, posted = given.so_far FROM given, held
    WHERE turns.id = given.turn_id AND turns.id = held.id RETURNING 1
), locked AS (
    SELECT count(*) FROM kept
)
INSERT INTO posts (platform, team, channel, message, turn_id, page)
SELECT turns.platform, turns.team, turns.channel, posted_message, turns.id, posted_page
FROM json_to_recordset(CAST(CAST(:shown AS TEXT) AS JSON))
    AS shown(posted_turn BIGINT, posted_message TEXT, posted_page INT)
JOIN turns ON turns.id = posted_turn AND turns.task <> ALL (CAST(:announcements AS TEXT[]))
CROSS JOIN locked
ON CONFLICT DO NOTHING
""")
)
"""`_KEEP` and `posts.add` of several turns, in one round trip. The turns are locked before any message is stored, as in
all transactions: by `locked`, which has to be read for that."""


def begin(connection: Connection, turn_id: int, epoch: int, *, in_order: bool) -> Turn:
    """`TurnLedger.begin`. Raises StoreError."""
    beginning = _BEGIN_IN_ORDER if in_order else _BEGIN
    row = connection.execute(beginning, {"turn_id": turn_id, "own_epoch": epoch}).first()
    if row is not None:
        return turn_of(row)
    oldest = connection.execute(_OLDEST, {"turn_id": turn_id}).first() if in_order else None
    if oldest is None or oldest.id == turn_id:
        raise StoreError(f"no open turn {turn_id} of ours", retryable=False)
    return turn_of(oldest)


def recover(
    connection: Connection,
    still_since_us: int,
    owned: Owned,
    running_here: Collection[int],
    *,
    taken_over: bool,
) -> None:
    """`TurnLedger.recover`."""
    turn = TURNS.c
    query = select(
        turn.at_us, turn.id, turn.state, turn.attempt, turn.deaths, *(turn[name] for name in _THREAD)
    )
    opened = sorted(connection.execute(query.where(OPEN, turn.id > 0)))
    left = [row for row in opened if row.id not in running_here and owned(Place(*row[5:]))]
    running = [row for row in left if row.state == TurnState.RUNNING]
    first = {tuple(row[5:]): row for row in reversed(running)}.values()  # the others only wait behind it
    alive_us = connection.scalar(select(HEARD.c.until_us).where(HEARD.c.platform == PROCESS))
    stood_still = alive_us is not None and alive_us < still_since_us
    alone = not taken_over and (stood_still or len(opened) == 1)
    suspects = [
        row.id
        for row in first
        if alone or row.attempt >= (taken_over_attempts(row.deaths) if taken_over else MANY_ATTEMPTS)
    ]
    waiting = update(TURNS).where(OPEN, turn.id.in_([row.id for row in running]))
    connection.execute(waiting.values(state=TurnState.WAITING))
    reservations.release(connection, [row.id for row in left])
    connection.execute(update(TURNS).where(turn.id.in_(suspects)).values(deaths=turn.deaths + 1))


def give_back(connection: Connection, epochs: Mapping[int, int]) -> None:
    """Have these turns wait, which were begun here in these epochs."""
    own = tuple_(TURNS.c.id, TURNS.c.epoch).in_(list(epochs.items()))
    connection.execute(update(TURNS).where(OPEN, own).values(state=TurnState.WAITING))


def checkpoint(connection: Connection, turns: Sequence[Checkpoint], epochs: Mapping[int, int]) -> None:
    """Store the texts and messages so far of turns that were begun here in these epochs."""
    # In one order for all: two transactions that lock the same rows crosswise would wait for each other.
    turns = sorted(turns, key=lambda turn: turn[0])
    values = [
        {"turn_id": turn_id, "own_epoch": epochs.get(turn_id, 0), "partial": text, "so_far": list(posted)}
        for turn_id, text, posted in turns
    ]
    if values and connection.dialect.name == "postgresql":
        shown = posts.pages([(turn_id, posted) for turn_id, _, posted in turns])
        given = {"kept": json.dumps(storable(values)), "shown": json.dumps(shown)}
        _KEEP_ALL.rows(connection, given | {"announcements": list(ANNOUNCEMENTS)})
    elif values:
        connection.execute(_KEEP, values)
        posts.add(connection, [(turn_id, posted) for turn_id, _, posted in turns])
