"""One store of each kind: in memory, SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.clock import SystemClock
from core.ports.store import Store
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.url import sqlite_file
from tests.fakes.memory import MemoryStore


@pytest_asyncio.fixture
async def sql_store(database_url: str, sqlite_schema: Path) -> AsyncIterator[SqlStore]:
    if file := sqlite_file(DatabaseSettings(database_url=database_url).url):
        shutil.copy(sqlite_schema, file)
    opened = await open_store(DatabaseSettings(database_url=database_url), SystemClock())
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_schema: Path) -> str:
    """The URL of a database with the schema in it, or empty for the store in memory."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("emptied_postgres")
        return found
    if request.param == "sqlite":
        shutil.copy(sqlite_schema, tmp_path / "parley.db")
        return f"sqlite:///{tmp_path / 'parley.db'}"
    return ""


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    settings = DatabaseSettings(database_url=store_url or "sqlite://")
    opened = await open_store(settings, SystemClock()) if store_url else MemoryStore()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def database(sql_store: SqlStore, database_url: str) -> AsyncIterator[Database]:
    """The same database, past the store."""
    beside = Database(DatabaseSettings(database_url=database_url).url)
    yield beside
    await beside.close()
