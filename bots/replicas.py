"""This `parley run` as one of several on a PostgreSQL (`storage.replicas`): what it hears, tells, and hands over."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog
from cachetools import FIFOCache

from core.clock import Clock
from core.errors import PlatformError, SettingsError, StoreError, new_ref
from core.inbox.inbox import StoringInbox
from core.platform_calls import CallOwner
from core.ports.connections import ServesInstallations, Shardable, SharesMoves, ShowsOthers
from core.ports.connector import Connector
from core.turns.ownership import SOLE_OWNER, Ownership
from core.turns.queue import PlaceQueues
from core.turns.recovery import Recovery
from core.values.conversation import announcement
from core.values.events import Forgotten, InstallationEnded, Interrupting, Moved
from core.values.outgoing import OutgoingCall, PostMessage
from core.values.places import Place
from core.values.tasks import ShowAnew
from storage import DatabaseSettings, SqlStore
from storage.replicas.notices import CacheNotice, Count, Notice, Notices, heard
from storage.replicas.ownership import SharedOwnership
from storage.replicas.partitions import Partitions, shards_of
from storage.replicas.session import PooledError, ReplicaSession
from storage.replicas.starts import StartTurns

log = structlog.get_logger()

_KNOWN = 10_000
"""The most notices whose numbers are remembered."""
_COUNTS_AT_ONCE = 20
"""A notification has less than 8,000 bytes."""
_LATE_PAUSE_S = 1.0
_HOST_LENGTH = 48


def replica_name() -> str:
    """The name of this process among the replicas: its host, as an orchestrator names it, and its process."""
    return f"parley {socket.gethostname()[:_HOST_LENGTH]}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class SharedParts:
    """The parts of a program that have to do with the others. Turns that are heard of go to `place_queues`, events that
    interrupt answers to `inbox`. Connections to platforms that can be shared are held by one process each. `hold` is
    called when `recovery` takes up more places, `doubt` when the database was away for so long that this one or the
    others may have lost events."""

    place_queues: PlaceQueues
    inbox: StoringInbox
    connectors: Sequence[Connector]
    recovery: Recovery
    hold: Callable[[], Awaitable[None]]
    doubt: Callable[[], None]


class Alone:
    """This process has the database for itself: it owns all places, leads, and tells nobody."""

    ownership: Ownership = SOLE_OWNER
    owner: CallOwner | None = None
    """The owner of places that calls to platforms ask; None where they need not."""
    answers_elsewhere: Callable[[Place], bool] | None = None
    """True while another process answers at a place, or nobody does; None where there is no other."""
    was_heard: Callable[[Place], bool] = staticmethod(lambda _place: False)
    """True for places where another process has heard everything since before this one began."""
    leads: Callable[[], bool] = staticmethod(lambda: True)
    """True if this process does what one of several does for all of them."""

    def connect(self, parts: SharedParts) -> None:
        """Share these parts of the program with the others."""

    async def run(self) -> None:
        """Hold places, and follow what the others tell, until cancelled."""
        await asyncio.Future()

    def leave(self) -> None:
        """Begin nothing any more, and hand over what is held as it becomes quiet."""

    async def close(self) -> None:
        """Free what is held. Call it when nothing runs any more."""

    async def tell(self, event: Interrupting) -> bool:
        """Tell the others of an event (`core.inbox.interruptions`). Raises StoreError."""
        return False

    def counted(self, person: str, key: str) -> None:
        """A question of a person counts (`core.inbox.rate_limit.TellCount`)."""

    def forgotten(self) -> None:
        """Turns were forgotten here."""

    def late(self, call: OutgoingCall, message_id: str) -> None:
        """A call has ended after its place was lost: the next owner shows its answer again."""


ALONE = Alone()


class Replicas(Alone):
    """One of several processes on a PostgreSQL. `connect` it before `run`."""

    def __init__(self, database: DatabaseSettings, store: SqlStore, clock: Clock, shards: int = 1) -> None:
        """`shards`: the gateway connections of Discord, of which all replicas mean the same number."""
        self._session = ReplicaSession(database.url, replica_name(), self._on_heard, self._on_opened)
        self._partitions = Partitions(shards)
        self._shared = SharedOwnership(self._session, self._partitions, clock)
        self.ownership, self.owner = self._shared, self._shared
        self.leads = lambda: self._shared.leads
        self.was_heard = self._shared.was_heard
        self.answers_elsewhere = lambda place: not self._shared.holds(place)
        self._url = database.url
        self._starts: list[StartTurns] = []
        self._moves: list[SharesMoves] = []
        self._installed: list[ServesInstallations] = []
        self._notices = Notices(secrets.token_hex(6), self._is_elsewhere)
        self._store = store
        self._clock = clock
        self._messages: asyncio.Queue[str] = asyncio.Queue()
        self._counts: asyncio.Queue[Count] = asyncio.Queue()
        self._known: FIFOCache[int, None] = FIFOCache(_KNOWN)
        self._tasks: set[asyncio.Task[None]] = set()
        self._place_queues: PlaceQueues | None = None
        self._inbox: StoringInbox | None = None
        store.share(self._notices)

    def connect(self, parts: SharedParts) -> None:
        parts.recovery.on_gained = partial(self._gained, parts.hold)
        place_queues, connectors, partitions = parts.place_queues, parts.connectors, self._partitions
        self._place_queues, self._inbox = place_queues, parts.inbox
        self._shared.busy = lambda: place_queues.busy
        self._shared.on_away = parts.doubt
        shardable = [connector for connector in connectors if isinstance(connector, Shardable)]
        for connector in shardable:
            self._starts.append(StartTurns(self._url, self._clock, connector.start_apart_s))
            connector.share(self._starts[-1], lambda shard: self._shared.is_current(partitions.of_shard(shard)))

        def hold_shards(partitions: frozenset[int]) -> None:
            for connector in shardable:
                connector.hold(shards_of(partitions))

        self._shared.on_held = hold_shards
        for one in connectors:
            if isinstance(one, SharesMoves):
                one.on_moved = self._store.tell
                self._moves.append(one)
        self._installed += (one for one in connectors if isinstance(one, ServesInstallations))
        for page in connectors:
            if isinstance(page, ShowsOthers):
                page.share_answers(self._shared.holds)

    async def check(self) -> None:
        """Raises SettingsError where sessions do not reach the server as they are, and StoreError."""
        try:
            await self._session.check()
        except PooledError as error:
            raise SettingsError(f"DATABASE_URL: {error}") from None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._shared.run())
            both.create_task(self._follow())
            both.create_task(self._tell_counts())

    def leave(self) -> None:
        self._shared.leave()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for starts in self._starts:
            await starts.close()
        await self._shared.close()

    async def tell(self, event: Interrupting) -> bool:
        await self._store.tell(event)
        return True

    async def _gained(self, then: Callable[[], Awaitable[None]]) -> None:
        """More places are answered here."""
        self._store.gained()
        await then()

    def counted(self, person: str, key: str) -> None:
        if self._shared.shared:
            self._counts.put_nowait((person, key))

    def forgotten(self) -> None:
        self._start(self._tell_forgotten())

    def late(self, call: OutgoingCall, message_id: str) -> None:
        if call.turn_id is not None:
            log.warning("late_call", turn=call.turn_id, call=type(call).__name__)
            stray = message_id if isinstance(call, PostMessage) else ""
            self._start(self._have_shown(call.place, ShowAnew(call.turn_id, stray)))

    async def _tell_counts(self) -> None:
        """Tell what is counted: all at once that has come while the last was told."""
        while True:
            counts = [await self._counts.get()]
            while len(counts) < _COUNTS_AT_ONCE and not self._counts.empty():
                counts.append(self._counts.get_nowait())
            try:
                await self._store.tell_counts(counts)
            except StoreError as error:
                log.warning("counts_not_told", **error.log_keys)

    async def _tell_forgotten(self) -> None:
        with suppress(StoreError):
            await self._store.tell(Forgotten())

    async def _have_shown(self, place: Place, task: ShowAnew) -> None:
        ask = announcement(f"anew-{task.turn_id}-{new_ref()}", place, task, self._clock.now())
        while True:
            try:
                await self._store.accept(ask)
                return
            except StoreError as error:
                log.warning("late_call_not_told", turn=task.turn_id, **error.log_keys)
            await self._clock.sleep(_LATE_PAUSE_S)

    def _is_elsewhere(self, place: Place) -> bool:
        return self._shared.epoch(place) is None

    def _on_heard(self, message: str) -> None:
        self._messages.put_nowait(message)

    def _on_opened(self) -> None:
        """Notices may have been missed while there was no session."""
        self._messages.put_nowait("")

    async def _follow(self) -> None:
        while True:
            message = await self._messages.get()
            try:
                await self._take(message)
            except StoreError as error:
                log.warning("notice_not_read", **error.log_keys)

    async def _take(self, message: str) -> None:
        """Raises StoreError."""
        one = heard(message) if message else None
        if message and (one is None or one.sender == self._notices.sender):
            return
        if one is not None and one.turn:
            await self._take_turn(one.turn)
            return
        if one is not None and one.counts:
            self._learn_counts(one.counts)
            return
        for number, notice in await self._store.told(one.notice if one else None):
            if number not in self._known:
                self._known[number] = None
                await self._learn(notice)

    def _learn_counts(self, counts: Sequence[Count]) -> None:
        assert self._inbox is not None
        for person, key in counts:
            self._inbox.learn_count(person, key)

    async def _take_turn(self, turn_id: int) -> None:
        assert self._place_queues is not None
        turn = await self._store.turn(turn_id)
        if turn is not None and turn.is_open:
            self._place_queues.submit(turn)

    async def _learn(self, notice: Notice) -> None:
        assert self._inbox is not None
        await self._store.learn(notice)
        if isinstance(notice, Moved):
            for connector in self._moves:
                with suppress(PlatformError):  # what was known of the channel is dropped before any call
                    await connector.moved(notice)
        elif isinstance(notice, InstallationEnded):
            for serving in self._installed:
                if serving.name == notice.platform:
                    self._start(self._end_installation(serving))
        elif not isinstance(notice, CacheNotice):
            await self._inbox.learn(notice)

    async def _end_installation(self, serving: ServesInstallations) -> None:
        try:
            await serving.installation_ended()
        except StoreError as error:  # which it looks at every half minute as well
            log.warning("installations_not_read", **error.log_keys)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def join_replicas(database: DatabaseSettings, store: SqlStore, clock: Clock, shards: int | None) -> Alone:
    """This process as one of several on a PostgreSQL; alone on SQLite. Raises SettingsError and StoreError."""
    if database.url.get_backend_name() != "postgresql":
        return ALONE
    replicas = Replicas(database, store, clock, shards or 1)
    await replicas.check()
    return replicas
