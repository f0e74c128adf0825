"""The replicas of a database with what each holds, by their locks (`session`) and the open turns."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from core.values.places import Place
from core.values.replicas import OpenTurns, ReplicaOverview
from storage.replicas.partitions import FIRST_SHARD, Partitions
from storage.tables import OPEN, TURNS

_LOCKS = text("""
SELECT activity.pid, activity.application_name, activity.backend_start, held.objid::BIGINT AS number,
    held.classid::BIGINT = (hashtext('parley members ' || current_schema())::BIGINT & 4294967295) AS is_member
FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
WHERE held.locktype = 'advisory' AND held.objsubid = 2 AND held.granted
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND held.classid::BIGINT IN (
        hashtext('parley members ' || current_schema())::BIGINT & 4294967295,
        hashtext('parley partitions ' || current_schema())::BIGINT & 4294967295
    )
""")
_PREFIX = "parley "
NOBODY = 0


class _Session:
    """One replica's session, as its locks are read."""

    def __init__(self, name: str, since: datetime | None) -> None:
        self.name, self.since = name, since
        self.is_member = False
        self.partitions: set[int] = set()
        self.teams: list[OpenTurns] = []

    def overview(self) -> ReplicaOverview:
        shards = sorted(number - FIRST_SHARD for number in self.partitions if number >= FIRST_SHARD)
        of_teams = len(self.partitions) - len(shards)
        teams = sorted(self.teams, key=lambda one: (-one.count, one.platform, one.team))
        leaves = bool(self.name) and not self.is_member
        return ReplicaOverview(self.name, self.since, leaves, of_teams, tuple(shards), tuple(teams))


def replicas(connection: Connection, shards: int) -> list[ReplicaOverview]:
    """By their names. Last, without a name, what nobody holds and has questions. None on SQLite, which one process has
    for itself. `shards`: the number of Discord's gateway shards."""
    turn = TURNS.c
    query = select(turn.platform, turn.team, func.count()).where(OPEN).group_by(turn.platform, turn.team)
    open_turns = connection.execute(query).all()
    if connection.dialect.name != "postgresql":
        return []
    sessions, owner = _sessions(connection)
    nobody = sessions[NOBODY] = _Session("", None)
    partitions = Partitions(shards)
    for platform, team, count in open_turns:
        held_by = owner.get(partitions.of(Place(platform, team, "")), NOBODY)
        sessions[held_by].teams.append(OpenTurns(platform, team, count))
    known = sorted((one for one in sessions.values() if one.name), key=lambda one: one.name)
    return [one.overview() for one in (*known, *([nobody] if nobody.teams else []))]


def _sessions(connection: Connection) -> tuple[defaultdict[int, _Session], dict[int, int]]:
    """The sessions by their process ids, and the process id of the holder of each partition."""
    sessions: defaultdict[int, _Session] = defaultdict(lambda: _Session("?", None))
    owner: dict[int, int] = {}
    for pid, name, since, number, is_member in connection.execute(_LOCKS):
        if pid not in sessions:
            sessions[pid] = _Session(name.removeprefix(_PREFIX) or "?", since)
        if is_member:
            sessions[pid].is_member = True
        else:
            sessions[pid].partitions.add(number)
            owner[number] = pid
    return sessions, owner
