"""Who should hold which partition, and of which one a place is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.values.places import Place
from storage.replicas.assignment import assign
from storage.replicas.partitions import FIRST_SHARD, TEAMS, Partitions

MEMBERS = st.sets(st.integers(1, 2**31 - 1), min_size=1, max_size=12)


@given(MEMBERS)
def test_each_partition_has_one_member_and_none_has_more_than_its_share(members: set[int]) -> None:
    assigned = assign(range(TEAMS), members)
    assert assigned.keys() == set(range(TEAMS))
    assert set(assigned.values()) <= members
    assert max(Counter(assigned.values()).values()) <= -(-TEAMS // len(members))


@given(MEMBERS, st.integers(1, 2**31 - 1))
def test_all_compute_the_same_in_whatever_order_they_see_the_members(members: set[int], other: int) -> None:
    seen = [*members, *({other} - members)]
    assert assign(range(TEAMS), seen) == assign(range(TEAMS), seen[::-1])


@given(MEMBERS)
def test_a_member_that_leaves_moves_few_partitions_of_others(members: set[int]) -> None:
    gone = min(members)
    before, after = assign(range(TEAMS), members), assign(range(TEAMS), members - {gone})
    moved = [one for one in after if before[one] != gone and before[one] != after[one]]
    assert len(moved) <= TEAMS // 8


def test_nobody_holds_anything_where_nobody_is() -> None:
    assert assign(range(TEAMS), ()) == {}


def test_all_places_of_a_team_are_of_one_partition() -> None:
    partitions = Partitions()
    assert partitions.of(Place("slack", "T1", "C1")) == partitions.of(Place("slack", "T1", "C2", "1.0"))
    assert len({partitions.of(Place("slack", f"T{number}", "C1")) for number in range(1_000)}) > 200


def test_the_partition_of_a_team_is_the_same_in_every_version() -> None:
    assert [Partitions().of(Place("slack", team, "C")) for team in ("T1", "T2", "")] == [13, 255, 186]


def test_a_server_of_discord_is_of_the_partition_of_its_shard() -> None:
    partitions = Partitions(shards=3)
    guild = (7 << 22) + 5
    assert partitions.of(Place("discord", str(guild), "C")) == FIRST_SHARD + 7 % 3
    assert partitions.of(Place("discord", "", "D1", direct=True)) == partitions.of_shard(0)
    assert [len(group) for group in partitions.groups] == [TEAMS, 3]
