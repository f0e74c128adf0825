"""One store of each kind: in memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.clock import SystemClock
from core.ports.store import Store
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from tests.fakes.memory import MemoryStore
from tests.schema import with_schema

SECRET_KEY = "0123456789abcdef" * 4


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return with_schema(request, tmp_path)


@pytest_asyncio.fixture
async def sql_store(database_url: str) -> AsyncIterator[SqlStore]:
    settings = DatabaseSettings(database_url=database_url, parley_secret_key=SECRET_KEY)
    opened = await open_store(settings, SystemClock())
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the schema in it, or empty for the store in memory."""
    return "" if request.param == "memory" else with_schema(request, tmp_path)


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    settings = DatabaseSettings(database_url=store_url or "sqlite://", parley_secret_key=SECRET_KEY)
    opened = await open_store(settings, SystemClock()) if store_url else MemoryStore()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def database(sql_store: SqlStore, database_url: str) -> AsyncIterator[Database]:
    """The same database, past the store."""
    beside = Database(DatabaseSettings(database_url=database_url).url)
    yield beside
    await beside.close()
