"""A replica that has lost places is a member again once it has let go of them: before, it could not take what it is
given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from itertools import count

import pytest

from core.ports.connector import STORE_WAIT_S
from core.turns.ownership import Gained, Lost, OwnershipChange
from core.values.places import Place
from storage.replicas.ownership import LEASE_S, LOSES_S, PING_S, SETTLES_S, SharedOwnership
from storage.replicas.session import IDLE_S, Gain
from tests.fakes.clock import FakeClock
from tests.storage.replicas.replica import ALL, PARTITIONS


class Server:
    """The locks of all sessions."""

    def __init__(self) -> None:
        self.owners: dict[int, Session] = {}
        self.members: dict[int, Session] = {}
        self.epochs: dict[int, int] = {}
        self.epoch = count(1)
        self.is_down = False

    def end(self, session: Session) -> None:
        """End a session, as one that was idle."""
        session.ended = True
        self.owners = {number: owner for number, owner in self.owners.items() if owner is not session}
        self.members = {number: member for number, member in self.members.items() if member is not session}


class Session:
    """As `ReplicaSession`, of a server in memory."""

    def __init__(self, server: Server, number: int) -> None:
        self._server, self._number = server, number
        self.member = 0
        self.ended = False

    def _check(self) -> None:
        if self.ended:
            raise ConnectionError("connection lost")

    async def open(self) -> None:
        if self._server.is_down:
            raise ConnectionError("connection refused")
        self.ended = False

    async def join(self) -> None:
        self._check()
        self.member = self._number
        self._server.members[self._number] = self

    async def leave(self) -> None:
        self._check()
        self._server.members.pop(self._number, None)
        self.member = 0

    async def members(self) -> frozenset[int]:
        self._check()
        return frozenset(self._server.members)

    async def owned(self) -> frozenset[int]:
        self._check()
        return frozenset()

    async def take(self, partitions: Collection[int]) -> list[Gain]:
        self._check()
        gains = []
        for partition in sorted(partitions):
            if self._server.owners.setdefault(partition, self) is self:
                former, epoch = self._server.epochs.get(partition), next(self._server.epoch)
                self._server.epochs[partition] = epoch
                gains.append(Gain(partition, epoch, former))
        return gains

    async def give(self, partitions: Collection[int]) -> None:
        self._check()
        for partition in partitions:
            del self._server.owners[partition]

    async def close(self) -> None:
        self._server.end(self)
        self.member = 0


class Replicas:
    """`first` and `second`. What was lost is worked off while it `works`."""

    def __init__(self) -> None:
        self.server, self.clock = Server(), FakeClock()
        self.sessions = [Session(self.server, 1), Session(self.server, 2)]
        self.first, self.second = (
            SharedOwnership(session, PARTITIONS, self.clock) for session in self.sessions
        )
        self.works = asyncio.Event()
        self.works.set()
        self.changes: list[OwnershipChange] = []

    async def follow(self, ownership: SharedOwnership) -> None:
        while True:
            self.changes.append(await ownership.change())
            await self.works.wait()

    async def until(self, predicate: Callable[[], bool]) -> None:
        for _ in range(100):
            if predicate():
                return
            await self.clock.advance(PING_S)
        raise AssertionError("it never was")

    async def go_down(self, seconds: float) -> None:
        """Restart the server, which is away for so long."""
        self.server.is_down = True
        for session in self.sessions:
            self.server.end(session)
        await self.clock.advance(seconds)
        self.server.is_down = False

    @property
    def lost(self) -> int:
        """The number of losses that were reported."""
        return sum(isinstance(change, Lost) for change in self.changes)

    @property
    def nobodys(self) -> frozenset[int]:
        return frozenset(ALL) - self.first.partitions - self.second.partitions


def place_of(ownership: SharedOwnership) -> Place:
    """A place that is held there."""
    places = (Place("slack", f"T{number}", "C1") for number in count())
    return next(place for place in places if ownership.holds(place))


@pytest.fixture
async def replicas() -> AsyncIterator[Replicas]:
    replicas = Replicas()
    both = (replicas.first, replicas.second)
    tasks = [asyncio.create_task(one.run()) for one in both]
    tasks += [asyncio.create_task(replicas.follow(one)) for one in both]
    await replicas.until(lambda: bool(replicas.first.partitions and not replicas.nobodys))
    await replicas.until(lambda: min(len(one.partitions) for one in both) >= len(PARTITIONS.groups[0]) // 2)
    yield replicas
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_replica_that_lost_everything_gets_nothing_before_it_has_let_go_of_it(
    replicas: Replicas,
) -> None:
    replicas.works.clear()
    replicas.server.end(replicas.sessions[0])
    # It was frozen: the other one has everything when it goes on.
    replicas.server.owners = dict.fromkeys(ALL, replicas.sessions[1])
    replicas.server.epochs = {partition: next(replicas.server.epoch) for partition in ALL}
    for partition in ALL - replicas.second.partitions:
        del replicas.server.owners[partition]
    await replicas.second._look()
    await replicas.until(lambda: replicas.lost > 0)
    assert replicas.first.partitions == frozenset()
    await replicas.clock.advance(LEASE_S + IDLE_S)
    assert replicas.second.partitions == ALL
    assert replicas.first.shared, "it knows of the other one"
    replicas.works.set()
    await replicas.until(lambda: len(replicas.first.partitions) >= len(PARTITIONS.groups[0]) // 2)
    await replicas.until(lambda: not replicas.nobodys)


async def test_a_server_that_was_restarted_has_its_members_again_at_once(replicas: Replicas) -> None:
    before = replicas.first.partitions, replicas.second.partitions
    for session in replicas.sessions:
        replicas.server.end(session)
    await replicas.clock.advance(1.0)
    assert len(replicas.server.members) == 2
    assert (replicas.first.partitions, replicas.second.partitions) == before
    assert replicas.lost == 0


async def test_a_server_that_is_soon_back_has_lost_no_event_but_others_may_still_store_some(
    replicas: Replicas,
) -> None:
    away: list[str] = []
    replicas.first.on_away = lambda: away.append("first")
    await replicas.go_down(2.0)
    await replicas.until(lambda: replicas.first.call_wait_s(place_of(replicas.first)) == 0)
    assert replicas.first.settles_s > 0, "the other one stores what it heard meanwhile"
    await replicas.clock.advance(SETTLES_S)
    assert replicas.first.settles_s == 0
    await replicas.clock.advance(LOSES_S)
    assert away == []


async def test_no_new_answer_begins_while_the_session_is_broken(replicas: Replicas) -> None:
    replicas.server.is_down = True
    for session in replicas.sessions:
        replicas.server.end(session)
    await replicas.clock.advance(2.0)
    assert replicas.first.settles_s > 0


async def test_a_server_that_is_away_for_longer_than_events_wait_may_have_lost_some(replicas: Replicas) -> None:
    away: list[str] = []
    replicas.first.on_away = lambda: away.append("first")
    await replicas.go_down(3 * STORE_WAIT_S)
    assert away == ["first"]
    await replicas.clock.advance(LOSES_S)
    await replicas.go_down(2 * STORE_WAIT_S)
    assert away == ["first", "first"]


async def test_changes_of_one_kind_that_wait_are_one(replicas: Replicas) -> None:
    """Partitions come one by one, as they become quiet; a look at the ledger finds the turns of all."""
    replicas.works.clear()
    before = len(replicas.changes)
    for _ in range(3):
        replicas.second._report(Gained())
    for _ in range(2):
        replicas.second._report(Lost())
    replicas.second._report(Gained())
    await replicas.clock.advance(0.0)
    replicas.works.set()
    await replicas.clock.advance(0.0)
    kinds = [type(change) for change in replicas.changes[before:]]
    assert kinds == [Gained, Lost, Gained]
