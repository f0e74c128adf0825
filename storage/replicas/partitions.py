"""The partition of a place. A team, with all its places, is of one partition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from core.values.places import Place

TEAMS = 256
"""Partitions of teams. The number never changes: replicas of two versions would differ in the owner of a place."""
FIRST_SHARD = 1_000
"""The partition of the first gateway shard of Discord."""
_SHARD_BITS = 22
"""https://docs.discord.com/developers/events/gateway#sharding"""


@dataclass(frozen=True, slots=True)
class Partitions:
    """All partitions, where Discord has that many gateway `shards`."""

    shards: int = 1

    def of(self, place: Place) -> int:
        """The partition of `place`. Direct messages of Discord belong to its first shard."""
        if place.platform != "discord":
            return _of_team(place.platform, place.team)
        return self.of_shard(int(place.team) >> _SHARD_BITS if place.team.isdecimal() else 0)

    def of_shard(self, shard: int) -> int:
        return FIRST_SHARD + shard % self.shards

    @property
    def groups(self) -> tuple[range, ...]:
        """Partitions that are alike in their load, so that each group is shared evenly."""
        return range(TEAMS), range(FIRST_SHARD, FIRST_SHARD + self.shards)


def shards_of(partitions: Iterable[int]) -> frozenset[int]:
    """The gateway shards among `partitions`."""
    return frozenset(partition - FIRST_SHARD for partition in partitions if partition >= FIRST_SHARD)


@lru_cache(maxsize=10_000)
def _of_team(platform: str, team: str) -> int:
    return blake2b(f"{platform}\0{team}".encode(), digest_size=1).digest()[0]
