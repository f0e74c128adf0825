"""A restored database learns from the one that it replaces: the times up to which its platforms were heard, so that no
question since the backup is answered again, and who was forgotten since, so that they are forgotten in it too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, select, union

from core.clock import Clock
from core.errors import SettingsError, StoreError
from core.ports.store.threads import OVERLAP, PROCESS
from core.values.budgets import person_digest
from storage import heard
from storage.budgets import any_accounts
from storage.engine import Database
from storage.forgotten import ForgottenPeople, Key, load
from storage.migrations import upgrade
from storage.store import SqlStore
from storage.tables import AUDIT, FEEDBACK, MESSAGES, TURNS, from_us

_HEARD = "SELECT platform, team, until_us FROM heard"
_ASKED = "SELECT platform, max(at_us) FROM turns GROUP BY platform"
_FORGOTTEN = "SELECT platform, team, person, at_us FROM forgotten"


async def bring_up_to_date(part: Path, replaced: Path, clock: Clock) -> int:
    """Give `part`, the copy of a backup, today's schema and what `replaced` has learned since, if that can be read.

    Returns the number of people who are forgotten in it now. Raises SettingsError.
    """
    database = Database(URL.create("sqlite+pysqlite", database=str(part)))
    try:
        await database.migrate(upgrade)
        for platform, team, until_us in _known_until(replaced):
            await database.write(heard.move, platform, team, until_us)
        known = await database.read(load)
        newer = _newer(_rows(replaced, _FORGOTTEN), known)
        spending = await database.read(any_accounts)
        store = SqlStore(database, clock, ForgottenPeople(known), counts_spending=spending)
        return await _forget(store, await database.read(_people), newer)
    except StoreError as error:
        raise SettingsError(f"the backup can't be brought up to date: {error.detail}") from None
    finally:
        await database.close()


def _known_until(replaced: Path) -> Iterator[tuple[str, str, int]]:
    """The watermarks of the database that is replaced, so far ahead that no question which it knows is read again.

    A watermark is kept every few seconds, and a backfill begins `OVERLAP` before it, since the turns of that time are
    known otherwise. A message of that time which Parley has missed is not found any more.
    """
    asked_us = dict(_rows(replaced, _ASKED))
    for platform, team, until_us in _rows(replaced, _HEARD):
        if platform == PROCESS:
            yield platform, team, until_us
        else:
            yield (
                platform,
                team,
                max(until_us, asked_us.get(platform, 0)) + OVERLAP // timedelta(microseconds=1),
            )


def _rows(database: Path, query: str) -> list[Any]:
    """The rows of a query; none where there is no such database or table, or it is damaged."""
    if not database.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return []


def _newer(rows: list[Any], known: dict[Key, datetime]) -> dict[Key, datetime]:
    """The people who were forgotten later than the backup knows."""
    found = {(platform, team, person): from_us(at_us) for platform, team, person, at_us in rows}
    return {key: at for key, at in found.items() if key not in known or known[key] < at}


def _people(connection: Connection) -> set[tuple[str, str, str]]:
    """Everybody of whom something is stored: platform, team and id."""
    turn, line, change, given = TURNS.c, MESSAGES.c, AUDIT.c, FEEDBACK.c
    rated = select(turn.platform, turn.team, given.person).join(TURNS, turn.id == given.turn_id)
    query = union(
        select(turn.platform, turn.team, turn.author),
        select(turn.platform, turn.team, turn.started_by),
        select(line.platform, line.team, line.author),
        select(change.platform, change.team, change.person),
        rated,
    )
    return {(row[0], row[1], row[2]) for row in connection.execute(query) if row[2]}


async def _forget(store: SqlStore, people: set[tuple[str, str, str]], newer: dict[Key, datetime]) -> int:
    """Forget those of `people` whose digests are in `newer`, for one team or, where that is empty, for all."""
    gone = {
        (platform, there, person): at
        for platform, team, person in people
        for there in {team, ""}
        if (at := newer.get((platform, there, person_digest(person)))) is not None
    }
    for (platform, team, person), at in gone.items():
        await store.forget_person(platform, team, person, at)
    if gone:
        await store.purge()
    await store.close()
    return len({(platform, person) for platform, _, person in gone})
