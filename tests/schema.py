"""Databases with the schema in them, made once a process: a copy saves each test the migrations."""

import asyncio
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

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


def with_schema(request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a database that has the schema and no rows: PostgreSQL, or an SQLite file in `folder`, as
    `request.param` says."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("emptied_postgres")
        return found
    file = shutil.copy(request.getfixturevalue("sqlite_schema"), folder / "parley.db")
    return f"sqlite:///{file}"
