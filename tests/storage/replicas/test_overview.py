"""Who holds what, read from the locks of real replicas."""

from __future__ import annotations

from core.clock import SystemClock
from core.values.places import Place
from core.values.replicas import PARTITIONS, OpenTurns, ReplicaOverview
from storage import DatabaseSettings, open_store
from storage.replicas.partitions import TEAMS
from tests.contract.stored import ask
from tests.storage.replicas.replica import ALL, Replica
from tests.waiting import until


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings(_env_file=None, database_url=url)


async def read(url: str) -> list[ReplicaOverview]:
    store = await open_store(settings(url), SystemClock())
    try:
        return await store.replicas(1)
    finally:
        await store.close()


async def asked(url: str, *teams: str) -> None:
    """One open question of each team."""
    store = await open_store(settings(url), SystemClock())
    try:
        for number, team in enumerate(teams):
            place = Place("slack", team, "C1", f"{number}.0")
            assert await store.accept(ask(f"m{number}", place=place)) is not None
    finally:
        await store.close()


def test_the_number_of_partitions_is_that_of_the_store() -> None:
    assert PARTITIONS == TEAMS


async def test_nobody_runs_and_nothing_is_open(emptied_postgres: str) -> None:
    assert await read(emptied_postgres) == []


async def test_questions_without_a_replica_are_nobodys(emptied_postgres: str) -> None:
    await asked(emptied_postgres, "T1", "T2", "T1")
    (nobody,) = await read(emptied_postgres)
    assert (nobody.name, nobody.partitions, nobody.open_turns) == ("", 0, 3)
    assert nobody.teams == (OpenTurns("slack", "T1", 2), OpenTurns("slack", "T2", 1))


async def test_two_replicas_are_shown_with_what_each_holds_and_answers(emptied_postgres: str) -> None:
    teams = [f"T{number}" for number in range(30)]
    await asked(emptied_postgres, *teams)
    async with (
        Replica(emptied_postgres, "parley a:1") as first,
        Replica(emptied_postgres, "parley b:2") as second,
    ):
        shares = (first, second)
        await until(lambda: all(len(one.held) > len(ALL) / 3 for one in shares))
        await until(lambda: first.held | second.held == ALL)
        found = await read(emptied_postgres)
        assert [one.name for one in found] == ["a:1", "b:2"]
        assert sum(one.partitions for one in found) == PARTITIONS
        assert [shard for one in found for shard in one.shards] == [0]
        assert sum(one.open_turns for one in found) == len(teams)
        assert all(one.since is not None and not one.leaves for one in found)
        first.busy.add(Place("slack", found[0].teams[0].team, "C1"))
        first.ownership.leave()
        await until(lambda: len(first.held) == 1 and first.held | second.held == ALL)
        leaving, other = await read(emptied_postgres)
        assert (leaving.name, leaving.leaves, leaving.partitions) == ("a:1", True, 1)
        assert leaving.teams[0].team in teams
        assert other.partitions == PARTITIONS - 1
