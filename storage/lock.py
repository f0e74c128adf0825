"""One `parley run` to an SQLite database, so that it is the sole owner of all teams (`core.turns.ownership`).

On PostgreSQL replicas share the lock. Versions that know no replicas, and commands that need the database for
themselves, take it alone. Other commands work beside a `parley run`: they do not ask for the lock.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from core.errors import StoreError
from storage import DatabaseSettings
from storage.errors import opening, translate
from storage.postgres import postgres_engine
from storage.url import make_folder, sqlite_file

log = structlog.get_logger()

_ADVISORY_LOCK = 0x7061726C  # any number that nothing else takes
_POLL_S = 0.1
_KEEP_S = 1.0


class _Guard(Protocol):
    async def try_acquire(self) -> bool: ...

    async def held(self) -> bool:
        """Still ours, or ours again. Raises errors of the driver."""
        ...

    async def release(self) -> None: ...


class RunLock:
    """Held by one process until it lets go or dies: the system, or PostgreSQL, frees the lock of a dead
    process.

    An SQLite file is guarded by `<file>.lock` beside it, also where a link leads there; PostgreSQL by a session-level
    advisory lock on a connection of its own. A database in memory has one user and needs none.
    """

    def __init__(self, settings: DatabaseSettings, *, shared: bool = False) -> None:
        """`shared`: on PostgreSQL others may have it at the same time that share it too (`storage.replicas`)."""
        file, self._place = sqlite_file(settings.url), settings.place
        self._guard: _Guard | None = None
        if file is not None:
            real = Path(os.path.realpath(file))
            self._guard = _FileGuard(real.with_name(real.name + ".lock"))
        elif settings.url.get_backend_name() == "postgresql":
            self._guard = _PostgresGuard(settings, shared=shared)

    async def acquire(self, wait_s: float = 0) -> bool:
        """True once it is ours; False if another still holds it after `wait_s`. Raises StoreError."""
        if self._guard is None:
            return True
        give_up_at = asyncio.get_running_loop().time() + wait_s
        while True:
            try:
                if await self._guard.try_acquire():
                    return True
            except Exception as error:
                await self._guard.release()
                with opening(self._place):
                    raise translate(error) from None
            if asyncio.get_running_loop().time() >= give_up_at:
                await self._guard.release()
                return False
            await asyncio.sleep(_POLL_S)

    async def keep(self, patience_s: float = 30.0) -> None:
        """Keep the lock until cancelled: a lock that a restart of the server has freed is taken again.

        Raises StoreError when another process has had it for `patience_s`.
        """
        lost_s = 0.0
        while lost_s <= patience_s:
            await asyncio.sleep(_KEEP_S)
            try:
                held = self._guard is None or await self._guard.held()
            except Exception as error:
                log.warning("lock_check_failed", **translate(error).log_keys)
            else:
                lost_s = 0.0 if held else lost_s + _KEEP_S
        raise StoreError("another parley has taken this database over", retryable=False)

    async def release(self) -> None:
        if self._guard is not None:
            await self._guard.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()


class _FileGuard:
    """flock(2): bound to the open file, so gone with the process. The file itself stays: to remove it would
    let two processes lock two files of the same name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: int | None = None

    async def try_acquire(self) -> bool:
        return await asyncio.to_thread(self._try)

    def _try(self) -> bool:
        if self._open is None:
            make_folder(self._file)
            self._open = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._open, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    async def held(self) -> bool:
        return True

    async def release(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await asyncio.to_thread(os.close, opened)


class _PostgresGuard:
    def __init__(self, settings: DatabaseSettings, *, shared: bool) -> None:
        self._engine = postgres_engine(settings.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        locking = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
        self._locking = f"SELECT {locking}($1, hashtext(current_schema()))"
        self._connection: AsyncConnection | None = None
        self._driver: Any = None

    async def try_acquire(self) -> bool:
        if self._connection is None:
            self._connection = await self._engine.connect()
            self._driver = (await self._connection.get_raw_connection()).driver_connection
        return bool(await self._driver.fetchval(self._locking, _ADVISORY_LOCK))

    async def held(self) -> bool:
        """A lock lives and dies with its connection. To take it twice on one is harmless: that ends with it too."""
        try:
            return await self.try_acquire()
        except Exception:
            await self.release()
            return await self.try_acquire()

    async def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
