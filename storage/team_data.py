"""The data of one team: its open turns are ended, and its rows removed. Each function is one transaction's
work, run by the store.

Rows are found by the columns of their tables: by `platform` and `team`, or by the turn that they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, or_, select, tuple_, update

from core.errors import Code, new_ref
from core.values.conversation import TurnState
from core.values.failures import Failure
from core.values.places import Place
from storage import failures, sources
from storage.tables import ASKING, HELD, INSTALLATIONS, NOTICES, OPEN, RESERVATIONS, TURNS, Row

STEP = 100
"""Rows of a step: a question waits for one at most."""
_KEPT_APART = frozenset({INSTALLATIONS.name, TURNS.name})


def end_turns(connection: Connection, platform: str, team: str, reason: str, now_us: int) -> None:
    """End the turns of a team that may no longer be answered, each with a failure that says why."""
    of_team = (TURNS.c.platform == platform, TURNS.c.team == team)
    open_ = select(TURNS.c.id, TURNS.c.channel).where(*of_team, or_(OPEN, HELD, ASKING))
    for turn_id, channel in connection.execute(open_).all():
        ref = new_ref()
        values = {
            "state": TurnState.FAILED,
            "error": str(Code.BAD_TOKEN),
            "ref": ref,
            "ticket": "",
            "ended_at_us": now_us,
        }
        connection.execute(update(TURNS).where(TURNS.c.id == turn_id).values(**values))
        connection.execute(delete(RESERVATIONS).where(RESERVATIONS.c.turn_id == turn_id))
        failure = Failure(ref, Code.BAD_TOKEN, f"the installation has ended: {reason}")
        failures.add(connection, failure, now_us, turn_id, Place(platform, team, channel))


def remove(connection: Connection, platform: str, team: str) -> int:
    """One step of the removal of all rows of a team but its installation's. Returns their number: 0 at the end, and
    where an installation of the team runs."""
    if _runs(connection, platform, team):
        return 0
    of_team = (TURNS.c.platform == platform, TURNS.c.team == team)
    turn_ids = list(connection.scalars(select(TURNS.c.id).where(*of_team).limit(STEP)))
    if turn_ids:
        return _remove_turns(connection, turn_ids)
    for table in reversed(Row.metadata.sorted_tables):
        if not {"platform", "team"} <= set(table.c.keys()) or table.name in _KEPT_APART:
            continue
        if removed := _remove_some(connection, table, (table.c.platform == platform, table.c.team == team)):
            return removed
    notices = delete(NOTICES).where(NOTICES.c.key.contains(f"/{platform}/{team}/", autoescape=True))
    return connection.execute(notices).rowcount


def _runs(connection: Connection, platform: str, team: str) -> bool:
    """True if an installation of the team runs. One that has ended is locked: it does not begin again meanwhile."""
    of_team = (INSTALLATIONS.c.platform == platform, INSTALLATIONS.c.team == team)
    ends = connection.scalars(select(INSTALLATIONS.c.ended_at_us).where(*of_team).with_for_update())
    return None in ends.all()


def _remove_turns(connection: Connection, turn_ids: Sequence[int]) -> int:
    """Remove turns, and what belongs to them. The index of words has no foreign keys."""
    sources.remove(connection, turn_ids)
    for table in reversed(Row.metadata.sorted_tables):
        for column in table.c:
            if any(key.column is TURNS.c.id for key in column.foreign_keys):
                connection.execute(delete(table).where(column.in_(turn_ids)))
    again = update(TURNS).where(TURNS.c.again_of.in_(turn_ids)).values(again_of=None)
    connection.execute(again)
    return connection.execute(delete(TURNS).where(TURNS.c.id.in_(turn_ids))).rowcount


def _remove_some(connection: Connection, table: Table, which: Sequence[ColumnElement[bool]]) -> int:
    key = list(table.primary_key)
    found = connection.execute(select(*key).where(*which).limit(STEP)).all()
    if not found:
        return 0
    return connection.execute(delete(table).where(tuple_(*key).in_([tuple(row) for row in found]))).rowcount
