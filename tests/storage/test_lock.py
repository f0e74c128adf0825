from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from core.errors import StoreError
from storage import DatabaseSettings
from storage.lock import RunLock

ROOT = Path(__file__).parents[2]
HOLD = """
import asyncio, sys
from storage import DatabaseSettings
from storage.lock import RunLock
async def main():
    async with RunLock(DatabaseSettings(database_url=sys.argv[1])) as lock:
        print(await lock.acquire(), flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@asynccontextmanager
async def another_process(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yields once it holds the lock."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, url, cwd=ROOT, stdout=PIPE)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"True\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def cut_connections(url: str) -> None:
    """As a restart of the server does."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = current_user AND pid <> pg_backend_pid()"
    )
    await connection.close()


async def test_only_one_process_holds_it_and_death_frees_it(database_url: str) -> None:
    async with (
        RunLock(DatabaseSettings(database_url=database_url)) as lock,
        another_process(database_url) as other,
    ):
        assert not await lock.acquire()
        assert not await lock.acquire(wait_s=0.15)
        waiting = asyncio.create_task(lock.acquire(wait_s=10))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        other.send_signal(signal.SIGKILL)
        assert await waiting


async def test_it_is_released_at_the_end_and_can_be_had_again(database_url: str) -> None:
    settings = DatabaseSettings(database_url=database_url)
    for _ in range(2):
        async with RunLock(settings) as lock, RunLock(settings) as second:
            assert await lock.acquire()
            assert not await second.acquire()
            await lock.release()
            assert await second.acquire()


async def test_the_file_lies_beside_the_database(tmp_path: Path) -> None:
    async with RunLock(DatabaseSettings(database_url=f"sqlite:///{tmp_path}/new/parley.db")) as lock:
        assert await lock.acquire()
        assert (tmp_path / "new" / "parley.db.lock").exists()


async def test_two_names_of_one_file_have_one_lock(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "parley.db").touch()
    (tmp_path / "link.db").symlink_to("data/parley.db")
    (tmp_path / "folder").symlink_to("data")
    (tmp_path / "link of a link.db").symlink_to("link.db")
    async with RunLock(DatabaseSettings(database_url=f"sqlite:///{tmp_path}/link.db")) as lock:
        assert await lock.acquire()
        for name in ("data/parley.db", "folder/parley.db", "link of a link.db"):
            async with RunLock(DatabaseSettings(database_url=f"sqlite:///{tmp_path}/{name}")) as second:
                assert not await second.acquire()
    assert not (tmp_path / "link.db.lock").exists()


async def test_a_database_in_memory_needs_none() -> None:
    settings = DatabaseSettings(database_url="sqlite://")
    async with RunLock(settings) as lock, RunLock(settings) as second:
        assert await lock.acquire()
        assert await second.acquire()


async def test_what_goes_wrong_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in (f"sqlite:///{tmp_path}/file/parley.db", "postgresql://u:secret@127.0.0.1:1/p"):
        async with RunLock(DatabaseSettings(database_url=url)) as lock:
            with pytest.raises(StoreError) as raised:
                await lock.acquire()
            assert "secret" not in str(raised.value)


async def test_a_lock_that_the_server_freed_is_taken_again(postgres_database: str) -> None:
    settings = DatabaseSettings(database_url=postgres_database)
    async with RunLock(settings) as lock, RunLock(settings) as second:
        assert await lock.acquire()
        keeping = asyncio.create_task(lock.keep())
        try:
            await cut_connections(postgres_database)
            await asyncio.sleep(1.5)
            assert not await second.acquire()
            assert not keeping.done()
        finally:
            keeping.cancel()


async def test_who_lost_it_to_another_process_is_told(postgres_database: str) -> None:
    settings = DatabaseSettings(database_url=postgres_database)
    async with RunLock(settings) as lock, RunLock(settings) as second:
        assert await lock.acquire()
        await cut_connections(postgres_database)
        assert await second.acquire()
        with pytest.raises(StoreError, match="another parley has taken"):
            await lock.keep(patience_s=0)
