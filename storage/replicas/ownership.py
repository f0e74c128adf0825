"""`SharedOwnership`: this replica owns the partitions that its session holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import structlog

from core.clock import Clock
from core.ports.connector import STORE_WAIT_S
from core.turns.ownership import Gained, Lost, OwnershipChange
from core.values.places import Place
from storage.errors import translate
from storage.replicas.assignment import assign
from storage.replicas.partitions import FIRST_SHARD, Partitions
from storage.replicas.session import Gain

log = structlog.get_logger()

PING_S = 0.25
"""Seconds between two pings, which also read who is there."""
LEASE_S = 3.5
"""Seconds after the last good ping was sent, in which calls are made: less than `session.IDLE_S`."""
APART_S = 0.6
"""Seconds between the last call of an owner and the first one of the next: a platform counts both together."""
SUSPENDED_S = 0.05
"""Seconds until a call or a new answer asks again, while the session is broken."""
PATIENCE_S = 10.0
"""Seconds for which a partition that another should hold waits to be quiet. No turn begins there afterwards."""
SHARDS_STAY_S = 10.0
"""Seconds for which the members have to be the same before a gateway shard moves from one to another: Discord lets
starts of a connection follow each other only after 5 s, and until then nothing of its servers is heard."""
SETTLES_S = 0.6
"""Seconds after a member has gone, in which no new answer begins: the next owner of its places makes no call anyway."""
OPEN_AGAIN_S = 0.2
LOSES_S = STORE_WAIT_S - 2.0
"""Seconds after the last good ping, from which on events may have been given up that wait for the database."""
LEADING = 0
"""The partition whose owner leads."""
RESTART_S = 2.0
"""Seconds after a broken session was opened again, in which nothing new is taken: the server may have been restarted,
and the others hold theirs again as soon as they are connected."""


class Session(Protocol):
    """`session.ReplicaSession`."""

    member: int

    async def open(self) -> None: ...
    async def join(self) -> None: ...
    async def leave(self) -> None: ...
    async def members(self) -> frozenset[int]: ...
    async def owned(self) -> frozenset[int]: ...
    async def take(self, partitions: Collection[int]) -> list[Gain]: ...
    async def give(self, partitions: Collection[int]) -> None: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class _Held:
    """A partition of ours. `leaves_s`: since when another should hold it."""

    epoch: int
    calls_from_s: float
    leaves_s: float | None = None


class SharedOwnership:
    """Owns what `run` has gained, and reports each change.

    `busy` returns the places where turns run or wait here. A partition that another should hold is given back when it
    is quiet; it begins no turn any more after `PATIENCE_S`, or once this replica leaves.

    A broken session is opened again. What was ours then, and nobody else's meanwhile, goes on as if nothing had
    happened; calls wait until then.
    """

    def __init__(
        self,
        session: Session,
        partitions: Partitions,
        clock: Clock,
        busy: Callable[[], Collection[Place]] = lambda: (),
    ) -> None:
        self._session = session
        self._partitions = partitions
        self._clock = clock
        self.busy = busy
        self.on_held: Callable[[frozenset[int]], None] = lambda _partitions: None
        """Receives the partitions that are held, whenever they have changed."""
        self.on_away: Callable[[], None] = lambda: None
        """Called once when the database has been away for so long that events may be lost: the server is down, or this
        process stood still or lost it."""
        self._held: dict[int, _Held] = {}
        self._good_s: float | None = None
        """The time at which the last good ping was sent. None while the session is broken."""
        self._away_from_s: float | None = None
        """The time of the last good ping of a session that broke, until `on_away` is called for it."""
        self._lease_until_s = 0.0
        """The end of the lease, also of a session that broke."""
        self._members: frozenset[int] = frozenset()
        self._members_since_s = clock.monotonic()
        self._gone_s = -SETTLES_S
        """The time at which a member was last seen to have gone, or the database to be there again."""
        self._heard: frozenset[int] | None = None
        """The partitions that others held when this replica joined them first."""
        self._wanted: frozenset[int] = frozenset()
        self._leaves = False
        self._changes: asyncio.Queue[OwnershipChange] = asyncio.Queue()
        self._newest: OwnershipChange | None = None
        """The change that was reported last."""
        self._unsettled = 0
        """Losses that were reported, and are not worked off yet."""
        self._reported: OwnershipChange | None = None
        """The change that is being worked off."""
        self._takes_from_s = 0.0

    def epoch(self, place: Place) -> int | None:
        held = self._held.get(self._partitions.of(place))
        return None if held is None or self._is_closed(held) else held.epoch

    def holds(self, place: Place) -> bool:
        return self._partitions.of(place) in self._held

    def call_wait_s(self, place: Place) -> float | None:
        held = self._held.get(self._partitions.of(place))
        if held is None:
            return None
        now_s = self._clock.monotonic()
        if self._good_s is None or now_s >= self._lease_until_s:
            return SUSPENDED_S
        return max(0.0, held.calls_from_s - now_s)

    def read_wait_s(self, place: Place) -> float | None:
        """Seconds until a read for `place` may be made, which is asked again then; None where it is not held here. A
        session that broke stops reads only once its lease has ended: the server may have been restarted. Pure."""
        if not self.holds(place):
            return None
        return 0.0 if self._clock.monotonic() < self._lease_until_s else SUSPENDED_S

    def was_heard(self, place: Place) -> bool:
        """True if another replica answered at `place` when this one came: what happened there was heard."""
        return self._heard is not None and self._partitions.of(place) in self._heard

    def is_current(self, partition: int) -> bool:
        """True if the partition is held here, and nobody else can hold it by now. Pure."""
        return partition in self._held and self._clock.monotonic() < self._lease_until_s

    @property
    def leads(self) -> bool:
        """True if this replica does what one of them does for all: the owner of the first partition."""
        return LEADING in self._held and not self._leaves

    async def sleep(self, seconds: float) -> None:
        """Wait by the clock of the lease."""
        await self._clock.sleep(seconds)

    @property
    def partitions(self) -> frozenset[int]:
        """Those that are held here."""
        return frozenset(self._held)

    @property
    def shared(self) -> bool:
        return not self._members <= {self._session.member}

    @property
    def settles_s(self) -> float:
        if self._good_s is None and self._held:
            return SUSPENDED_S  # `_regain` says from when on what others heard meanwhile is stored
        return max(0.0, self._gone_s + SETTLES_S - self._clock.monotonic())

    async def change(self) -> OwnershipChange:
        if isinstance(self._reported, Lost):
            self._unsettled -= 1
        self._reported = None
        self._reported = await self._changes.get()
        return self._reported

    async def run(self) -> None:
        """Take and give until cancelled. The session stays open then: `close` ends it."""
        while True:
            try:
                await self._session.open()
                while True:
                    await self._look()
                    await self._clock.sleep(PING_S)
            except Exception as error:
                log.warning("replica_session_broken", **translate(error).log_keys)
                if self._good_s is not None:
                    self._away_from_s = self._good_s
                self._good_s = None
                self._members = frozenset()
                self._note_away()
                await self._session.close()
            await self._clock.sleep(OPEN_AGAIN_S)

    def _note_away(self) -> None:
        if self._away_from_s is not None and self._clock.monotonic() - self._away_from_s >= LOSES_S:
            self._away_from_s = None
            self.on_away()

    def leave(self) -> None:
        """Take nothing any more, and give back what is held as it becomes quiet."""
        self._leaves = True
        self._report(Lost())

    async def close(self) -> None:
        """Free what is held."""
        self._held.clear()
        self._good_s = None
        await self._session.close()

    async def _look(self) -> None:
        if self._good_s is None and self._held:
            self._takes_from_s = self._clock.monotonic() + RESTART_S
            self._note_away()
            await self._regain()
        if self._leaves:
            await self._session.leave()
        elif not self._session.member and not self._unsettled:
            await self._session.join()  # not before it could take what the others give it
        if self._heard is None and self._session.member:
            self._heard = await self._session.owned()
        sent_s = self._clock.monotonic()
        members = await self._session.members()
        self._wants(members)
        self._good_s, self._lease_until_s, self._away_from_s = sent_s, sent_s + LEASE_S, None
        if self._session.member or self._leaves:
            await self._give()
            await self._take()

    def _wants(self, members: frozenset[int]) -> None:
        """Note the partitions that this replica should hold, of these members."""
        if members == self._members and not self._leaves:
            return
        if members != self._members:
            self._members_since_s = self._clock.monotonic()
        if self._members - members:
            self._gone_s = self._clock.monotonic()
        self._members, own = members, self._session.member
        mine = (
            partition
            for group in self._partitions.groups
            for partition, member in assign(group, members).items()
            if member == own
        )
        self._wanted = frozenset() if self._leaves else frozenset(mine)
        log.info("replicas_changed", members=len(members), partitions=len(self._wanted))

    async def _regain(self) -> None:
        """Hold again what the broken session held. What another has had since then is lost."""
        gains = {gain.partition: gain for gain in await self._session.take(self._held)}
        lost = {
            partition
            for partition, held in self._held.items()
            if (gain := gains.get(partition)) is None or gain.former != held.epoch
        }
        for partition, held in self._held.items():
            if partition not in lost:
                held.epoch = gains[partition].epoch
        await self._drop(lost, gains)
        self._gone_s = self._clock.monotonic()  # others may have heard what still waits for the database there
        self._report(Gained())  # notifications were missed

    async def _drop(self, lost: Collection[int], gains: Collection[int]) -> None:
        for partition in lost:
            del self._held[partition]
        if lost:
            self.on_held(self.partitions)
            self._report(Lost())
            await self._session.give([partition for partition in lost if partition in gains])

    async def _give(self) -> None:
        """Give back what another should hold, as far as nothing of it is under way here."""
        now_s = self._clock.monotonic()
        leaving = {partition: held for partition, held in self._held.items() if self._moves(partition)}
        for partition, held in self._held.items():
            if partition not in leaving:
                held.leaves_s = None
        if not leaving:
            return
        closed = {partition for partition, held in leaving.items() if self._is_closed(held)}
        for held in leaving.values():
            held.leaves_s = now_s if held.leaves_s is None else held.leaves_s
        busy = {self._partitions.of(place) for place in self.busy()}
        quiet = leaving.keys() - busy
        for partition in quiet:
            del self._held[partition]
        if quiet:
            self.on_held(self.partitions)
            await self._session.give(quiet)
        if any(self._is_closed(held) for partition, held in leaving.items() if partition not in closed | quiet):
            self._report(Lost())  # what waits there belongs to its next owner

    def _moves(self, partition: int) -> bool:
        """True if another one should hold it from now on."""
        if self._leaves:
            return True
        stays_s = SHARDS_STAY_S if partition >= FIRST_SHARD else 0.0
        steady_s = self._clock.monotonic() - self._members_since_s
        return partition not in self._wanted and steady_s >= stays_s

    async def _take(self) -> None:
        """Take what this replica should hold. Not before what was lost is let go of."""
        missing = self._wanted - self._held.keys()
        if not missing or self._unsettled or self._clock.monotonic() < self._takes_from_s:
            return
        gains = await self._session.take(missing)
        now_s = self._clock.monotonic()
        for gain in gains:
            apart_s = 0.0 if gain.former is None else APART_S
            self._held[gain.partition] = _Held(gain.epoch, now_s + apart_s)
        if gains:
            log.info("partitions_gained", partitions=len(gains), held=len(self._held))
            self.on_held(self.partitions)
            self._report(Gained())

    def _is_closed(self, held: _Held) -> bool:
        """No turn begins there any more."""
        if self._leaves:
            return True
        return held.leaves_s is not None and self._clock.monotonic() - held.leaves_s >= PATIENCE_S

    def _report(self, change: OwnershipChange) -> None:
        if not self._changes.empty() and self._newest == change:
            return  # the one that waits stands for both: what is held is looked at when it is worked off
        self._newest = change
        self._unsettled += isinstance(change, Lost)
        self._changes.put_nowait(change)
