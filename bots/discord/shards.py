"""The gateway connections of one application: one for each shard that this process holds.

Discord recommends a shard for each 1,000 servers, and demands more where one would have over 2,500. Each server's
events come to one shard, all others to the first: https://docs.discord.com/developers/events/gateway#sharding
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from bots.discord.client import Client
from bots.discord.connection import Connection, LogIn, MoreShards
from bots.discord.sessions import Shard, shard_of
from core.connection_problems import connection_trouble
from core.errors import PlatformError
from core.ports.connector import Inbox

log = structlog.get_logger(platform="discord")

Connect = Callable[[Shard], Connection]


class Shards:
    """Keeps the connections of the shards that `hold` names, at first of all. `run` may be called again after it has
    ended.

    `told`: the number of shards that the operator set. Without it Discord's recommendation counts, once it is more than
    one; where replicas share the shards, the number has to be set, since all of them have to mean the same.

    A process that shares them is logged in by `log_in` before it holds any: the answers of servers that it gains go on
    while their connection is made.
    """

    def __init__(self, connect: Connect, log_in: LogIn, told: int | None = None) -> None:
        self._connect = connect
        self._log_in = log_in
        self._caller: Client | None = None
        """Makes calls where no shard has a client, and hears nothing."""
        self._told = told
        self.count = told or 1
        self.shared = False
        """True where other replicas hold shards too."""
        self._wanted: frozenset[int] | None = None
        self._changed = asyncio.Event()
        self._connections: dict[int, Connection] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    # What is there.

    @property
    def held(self) -> frozenset[int]:
        """The numbers of the shards that this process should be connected as."""
        every = frozenset(range(self.count))
        return every if self._wanted is None else every & self._wanted

    @property
    def part(self) -> float:
        """The part of all shards that this process holds, and so of the limits of the whole bot, from 0 to 1."""
        return len(self.held) / self.count

    @property
    def clients(self) -> list[Client]:
        """The clients there are, by their shards."""
        found = (self._connections[number].client for number in sorted(self._connections))
        return [client for client in found if client is not None]

    @property
    def client(self) -> Client | None:
        """A client for what concerns no server."""
        return next(iter(self.clients), self._caller)

    def client_of(self, team: str) -> Client | None:
        """The client that hears of a server, else any other: each can make every call."""
        connection = self._connections.get(shard_of(team, self.count))
        return (connection.client if connection is not None else None) or self.client

    def hears(self, team: str) -> bool:
        """True where there is a client that hears of the server."""
        connection = self._connections.get(shard_of(team, self.count))
        return connection is not None and connection.client is not None

    def ready(self) -> bool:
        """True if every shard that this process should hold is connected."""
        return all(self.is_connected(number) for number in self.held)

    @property
    def trouble(self) -> str:
        """The reason why the last attempt of a shard to connect has failed, in words."""
        failures = [connection.failure for connection in self._connections.values() if not connection.ready()]
        error = next((failure for failure in failures if failure is not None), None)
        if error is None:
            return ""
        otherwise = error.detail if isinstance(error, PlatformError) else type(error).__name__
        return connection_trouble(error, otherwise)

    def is_connected(self, number: int) -> bool:
        """True if this process is connected as the shard."""
        connection = self._connections.get(number)
        return number in self._tasks and connection is not None and connection.ready()

    def divides(self) -> bool:
        """True where the number of shards may follow what Discord recommends."""
        return self._told is None and not self.shared and self.count == 1

    # Connecting.

    def hold(self, numbers: frozenset[int]) -> None:
        """Be connected as these shards from now on, and no others."""
        if numbers != self._wanted:
            self._wanted = numbers
            self._changed.set()

    async def run(self, inbox: Inbox) -> None:
        """Be connected until cancelled. Raises PlatformError as `Connection.run` does, for the first shard that has
        to."""
        calling = asyncio.create_task(self._call(inbox)) if self.shared else None
        try:
            while True:
                await self._follow(inbox)
                await self._wait()
        finally:
            await self._end(set(self._tasks))
            if calling is not None:
                calling.cancel()
                await asyncio.gather(calling, return_exceptions=True)

    async def _call(self, inbox: Inbox) -> None:
        """Be able to make calls until cancelled, also without a shard."""
        async with self._log_in(inbox) as self._caller:
            try:
                await asyncio.Future()
            finally:
                self._caller = None

    async def _wait(self) -> None:
        """Return once other shards are to be held. Raises what ended a connection."""
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({changed, *self._tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        for task in [task for task in self._tasks.values() if task.done()]:
            try:
                task.result()
            except MoreShards as error:
                await self._divide(error)
                return

    async def _follow(self, inbox: Inbox) -> None:
        """Connect what is not connected, and end what others hold."""
        self._changed.clear()
        others = self._tasks.keys() - self.held
        await self._end(others)
        for number in others:  # a session that was given up is no reason to wait before the next one
            del self._connections[number]
        for number in sorted(self.held - self._tasks.keys()):
            if number not in self._connections:
                self._connections[number] = self._connect(Shard(number, self.count))
            run = self._connections[number].run(inbox)
            self._tasks[number] = asyncio.create_task(run, name=f"discord shard {number}")

    async def _divide(self, asked: MoreShards) -> None:
        """Go on with the number of shards that Discord asks for."""
        log.info("divided_into_shards", shards=asked.count)
        await self._end(set(self._tasks))
        self._connections.clear()
        self.count = asked.count

    async def _end(self, numbers: Collection[int]) -> None:
        tasks = [self._tasks.pop(number) for number in numbers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
