"""Several processes on one database, as an operator sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

PARTITIONS = 256
"""Partitions of teams (`storage.replicas.partitions`)."""


@dataclass(frozen=True, slots=True)
class OpenTurns:
    """The number of questions of a team that wait or are being answered."""

    platform: str
    team: str
    count: int


@dataclass(frozen=True, slots=True)
class ReplicaOverview:
    """One replica. `since`: when its present session with the database began. `leaves`: it takes nothing more, and
    gives back what it holds. `partitions`: those of teams, of `PARTITIONS`; `shards`: the gateway shards that
    it holds. `teams` are those that it answers just now, the one with the most questions first.

    Without a name it stands for what no replica holds.
    """

    name: str
    since: datetime | None = None
    leaves: bool = False
    partitions: int = 0
    shards: tuple[int, ...] = ()
    teams: tuple[OpenTurns, ...] = field(default=())

    @property
    def open_turns(self) -> int:
        return sum(one.count for one in self.teams)
