"""The one direct session of a replica: its locks live and die with it.

Locks are advisory ones of two numbers: a class, which differs by schema, and a member or a partition. The members and
their locks are read from `pg_locks`. https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS

The server ends the session when it has been idle for `IDLE_S`: a process that was frozen keeps its connection, and its
locks for ever otherwise.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from storage.errors import translate
from storage.postgres import postgres_engine

IDLE_S = 4.5
"""Seconds after which the server ends a session of which it has heard nothing."""
ANSWER_S = 10.0
"""The longest wait for the server's answer, in seconds."""

OLDEST = 140_000
_OF_OTHERS = ("42P05", "26000")
"""Codes of a prepared statement that another client's session has, or has not."""
_POOLED = (
    "a pooler between Parley and PostgreSQL hands out sessions by transaction, which breaks locks; name the server "
    "itself, or a pool in session mode"
)
_OPEN = """
SELECT 'parley_' || md5(current_schema()), hashtext('parley members ' || current_schema()),
    hashtext('parley partitions ' || current_schema()),
    (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""The channel of notifications, the classes of the locks of members and of partitions, and the database."""
_HELD = """
SELECT objid::BIGINT FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND database = $1 AND classid = $2
"""
_LOCK = """
SELECT partition FROM unnest($2::INT[]) AS partition WHERE pg_try_advisory_lock($1, partition)
"""
_UNLOCK = "SELECT pg_advisory_unlock($1, partition) FROM unnest($2::INT[]) AS partition"
_RAISE = """
WITH former AS (SELECT partition, epoch FROM partitions WHERE partition = ANY($1::INT[]))
INSERT INTO partitions AS gained (partition) SELECT unnest($1::INT[])
ON CONFLICT (partition) DO UPDATE SET epoch = excluded.epoch
RETURNING partition, epoch, (SELECT epoch FROM former WHERE former.partition = gained.partition) AS former
"""
_UNSIGNED = 0xFFFFFFFF


class PooledError(Exception):
    """The server's sessions can't be had as replicas need them; its text says what to do."""


async def _check_marks(drivers: Sequence[Any], number: int) -> None:
    """Raises PooledError where a session has not its own mark."""
    reading = "SELECT current_setting('parley.mark', true)"
    found = [await driver.fetchval(reading, timeout=ANSWER_S) for driver in drivers]
    if found != [f"a{number}", f"b{number}"]:
        raise PooledError(_POOLED)


@dataclass(frozen=True, slots=True)
class Gain:
    """A partition that this session holds from now on, in `epoch`. `former`: the epoch before, None where it is new."""

    partition: int
    epoch: int
    former: int | None


class ReplicaSession:
    """Raises errors of the driver. After one of them it is closed, and opened again.

    `heard` receives the notifications of all replicas, its own as well; `opened` is called when they can be heard.
    """

    def __init__(
        self,
        url: URL,
        name: str,
        heard: Callable[[str], None] = lambda _message: None,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = postgres_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._name = name
        self._heard = heard
        self._opened = opened
        self.member = 0
        self._number = 0
        self._connection: AsyncConnection | None = None
        self._driver: Any = None
        self._members_class = self._partitions_class = self._database = 0

    async def check(self) -> None:
        """Raises PooledError where a pooler hands out the server's sessions by transaction, or the server is too old,
        and StoreError."""
        try:
            await self._check()
        except PooledError:
            raise
        except Exception as error:
            if getattr(error, "sqlstate", "") in _OF_OTHERS:
                raise PooledError(_POOLED) from None
            raise translate(error) from None

    async def _check(self) -> None:
        """Two sessions note marks of their own, twice: behind a pooler one of them reads that of the other, or none."""
        async with self._engine.connect() as first, self._engine.connect() as second:
            drivers: list[Any] = [(await one.get_raw_connection()).driver_connection for one in (first, second)]
            if int(await drivers[0].fetchval("SHOW server_version_num")) < OLDEST:
                raise PooledError("PostgreSQL 14 or later is needed: an older one ends no idle session")
            for number in range(2):
                for name, driver in zip("ab", drivers, strict=True):
                    await driver.execute(f"SET parley.mark = '{name}{number}'")
                await _check_marks(drivers, number)
                await drivers[0].execute("BEGIN")  # a pooler gives the other one another session now
                await _check_marks(drivers, number)
                await drivers[0].execute("COMMIT")

    async def open(self) -> None:
        """Connect. The session is no member yet."""
        self._connection = await self._engine.connect()
        self._driver = (await self._connection.get_raw_connection()).driver_connection
        await self._driver.execute(f"SET idle_session_timeout = '{IDLE_S}s'")
        await self._driver.execute("SELECT set_config('application_name', $1, false)", self._name)
        row = await self._driver.fetchrow(_OPEN, timeout=ANSWER_S)
        channel, self._members_class, self._partitions_class, self._database = row
        await self._driver.add_listener(channel, self._on_notified)
        self._opened()

    async def join(self) -> None:
        """Become a member, under the former number where it is free: the assignment depends on it."""
        while not self.member:
            number = self._number or 1 + secrets.randbelow(2**31 - 1)
            locking = "SELECT pg_try_advisory_lock($1, $2)"
            if await self._driver.fetchval(locking, self._members_class, number, timeout=ANSWER_S):
                self.member = number
            self._number = self.member

    async def leave(self) -> None:
        """Be no member any more. The partitions stay."""
        number, self.member = self.member, 0
        if number:
            unlocking = "SELECT pg_advisory_unlock($1, $2)"
            await self._driver.fetchval(unlocking, self._members_class, number, timeout=ANSWER_S)

    async def members(self) -> frozenset[int]:
        """The numbers of all members. This is the ping as well: the server's time to end the session begins anew."""
        return await self._held(self._members_class)

    async def owned(self) -> frozenset[int]:
        """The partitions that are held, here or elsewhere."""
        return await self._held(self._partitions_class)

    async def _held(self, of_class: int) -> frozenset[int]:
        rows = await self._driver.fetch(_HELD, self._database, of_class & _UNSIGNED, timeout=ANSWER_S)
        return frozenset(row[0] for row in rows)

    async def take(self, partitions: Collection[int]) -> list[Gain]:
        """Take those of `partitions` that no session holds, each in a new epoch."""
        rows = await self._driver.fetch(_LOCK, self._partitions_class, sorted(partitions), timeout=ANSWER_S)
        taken = [row[0] for row in rows]
        raised = await self._driver.fetch(_RAISE, taken, timeout=ANSWER_S) if taken else []
        return [Gain(*row) for row in raised]

    async def give(self, partitions: Collection[int]) -> None:
        """Give partitions back, for others to take."""
        await self._driver.fetch(_UNLOCK, self._partitions_class, sorted(partitions), timeout=ANSWER_S)

    async def close(self) -> None:
        """End the session, and free what it holds. Raises nothing."""
        connection, self._connection, self.member = self._connection, None, 0
        if self._driver is not None:
            self._driver.terminate()  # a server that does not answer would not end it either
            self._driver = None
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(ANSWER_S):
                    await connection.invalidate()
                    await connection.close()

    def _on_notified(self, _connection: object, _process: int, _channel: str, message: str) -> None:
        self._heard(message)
