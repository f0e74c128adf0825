"""The replica that should hold each partition: rendezvous hashing, bounded.

Each replica computes it by itself. Plain rendezvous hashing would give one of ten replicas three times as many
partitions as another. https://en.wikipedia.org/wiki/Rendezvous_hashing
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from hashlib import blake2b


def assign(partitions: Collection[int], members: Collection[int]) -> dict[int, int]:
    """The member of each partition: at most ceil(partitions / members) for each member. Empty without members.

    The pairs with the greatest weights are served first. So a partition moves only where its member has left, or where
    the bound moves it.
    """
    if not members:
        return {}
    most, loads = -(-len(partitions) // len(members)), Counter[int]()
    pairs = sorted(
        ((_weight(member, partition), partition, member) for partition in partitions for member in members),
        reverse=True,
    )
    assigned: dict[int, int] = {}
    for _, partition, member in pairs:
        if partition not in assigned and loads[member] < most:
            assigned[partition] = member
            loads[member] += 1
    return assigned


def _weight(member: int, partition: int) -> bytes:
    return blake2b(f"{member}/{partition}".encode(), digest_size=8).digest()
