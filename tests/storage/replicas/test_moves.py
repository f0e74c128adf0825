"""Partitions are taken up at once where nobody has them. A gateway shard moves only between members that stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest

from core.turns.ownership import Gained, Lost
from storage.replicas.ownership import PING_S, SETTLES_S, SHARDS_STAY_S, SharedOwnership
from storage.replicas.partitions import FIRST_SHARD, Partitions
from storage.replicas.session import Gain
from tests.fakes.clock import FakeClock

SHARDS = 16
OWN = 1


class Server:
    """The session of the member `OWN`, on a server where nobody else takes anything."""

    def __init__(self) -> None:
        self.member = OWN
        self.others: set[int] = set()
        self.held: set[int] = set()
        self.of_dead: set[int] = set()
        """Partitions whose locks the server has not freed yet."""
        self._epochs = 0

    async def open(self) -> None: ...

    async def join(self) -> None: ...

    async def leave(self) -> None: ...

    async def close(self) -> None: ...

    async def members(self) -> frozenset[int]:
        return frozenset({OWN, *self.others})

    async def owned(self) -> frozenset[int]:
        return frozenset(self.held)

    async def take(self, partitions: Collection[int]) -> list[Gain]:
        free = set(partitions) - self.of_dead
        self.held |= free
        self._epochs += 1
        return [Gain(partition, self._epochs, None) for partition in free]

    async def give(self, partitions: Collection[int]) -> None:
        self.held -= set(partitions)

    @property
    def shards(self) -> int:
        return sum(partition >= FIRST_SHARD for partition in self.held)

    @property
    def teams(self) -> int:
        return len(self.held) - self.shards


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def clock(server: Server) -> AsyncIterator[FakeClock]:
    """The clock of an ownership that runs on `server`, and has settled."""
    clock = FakeClock()
    ownership = SharedOwnership(server, Partitions(SHARDS), clock)

    async def follow() -> None:
        while True:
            await ownership.change()

    tasks = [asyncio.create_task(ownership.run()), asyncio.create_task(follow())]
    await clock.advance(1.0)
    assert (server.teams, server.shards) == (256, SHARDS)
    yield clock
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_teams_move_to_a_new_member_at_once_and_shards_once_it_has_stayed(
    server: Server, clock: FakeClock
) -> None:
    server.others = {2}
    await clock.advance(1.0)
    assert (server.teams, server.shards) == (128, SHARDS)
    await clock.advance(SHARDS_STAY_S)
    assert (server.teams, server.shards) == (128, SHARDS // 2)


async def test_shards_stay_while_members_come_and_go(server: Server, clock: FakeClock) -> None:
    for number in range(6):
        server.others = set() if number % 2 else {number + 2}
        await clock.advance(SHARDS_STAY_S - 1.0)
        assert server.shards == SHARDS


async def test_more_is_taken_while_the_turns_of_what_was_gained_before_are_still_taken_up(
    server: Server,
) -> None:
    clock = FakeClock()
    server.of_dead = {1, 2, 3}
    ownership = SharedOwnership(server, Partitions(SHARDS), clock)
    running = asyncio.create_task(ownership.run())
    await clock.advance(1.0)
    assert len(server.held) == 256 + SHARDS - 3
    server.of_dead = set()
    await clock.advance(1.0)
    assert len(server.held) == 256 + SHARDS
    assert isinstance(await ownership.change(), Gained)
    another = asyncio.create_task(ownership.change())
    await clock.advance(1.0)
    assert not another.done(), "the turns of both are taken up together"
    ownership.leave()
    assert isinstance(await another, Lost)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_once_a_member_has_gone_new_answers_wait_for_what_it_had_heard(server: Server) -> None:
    clock = FakeClock()
    ownership = SharedOwnership(server, Partitions(SHARDS), clock)
    running = asyncio.create_task(ownership.run())
    await clock.advance(1.0)
    assert (ownership.shared, ownership.settles_s) == (False, 0.0)
    server.others = {2}
    await clock.advance(1.0)
    assert (ownership.shared, ownership.settles_s) == (True, 0.0), "a new one has heard nothing"
    server.others = {3}
    await clock.advance(PING_S)
    assert 0 < ownership.settles_s < SETTLES_S + PING_S
    await clock.advance(SETTLES_S)
    assert ownership.settles_s == 0.0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
