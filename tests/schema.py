"""An SQLite database with the schema in it, made once a process: a copy saves each test the migrations."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from core.clock import SystemClock
from storage import DatabaseSettings, open_store


@cache
def sqlite_schema() -> bytes:
    """The database's file."""
    with tempfile.TemporaryDirectory(prefix="parley-schema-") as folder, ThreadPoolExecutor() as thread:
        file = Path(folder) / "parley.db"
        thread.submit(asyncio.run, make(f"sqlite:///{file}")).result()  # the caller may have a loop of its own
        return file.read_bytes()


async def make(url: str) -> None:
    """Make the schema in an empty database."""
    store = await open_store(DatabaseSettings(database_url=url), SystemClock())
    await store.close()
