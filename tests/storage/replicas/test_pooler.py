"""The real PgBouncer before PostgreSQL: in transaction mode it breaks sessions, which is said at the start."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from bots.replicas import join_replicas
from core.clock import SystemClock
from core.errors import SettingsError
from storage import DatabaseSettings, open_store
from storage.url import parse_url
from tests.e2e.conftest import model_settings
from tests.e2e.program import Program, free_port
from tests.fakes.completions import FakeCompletions
from tests.waiting import HANG_S

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="no pgbouncer (apt-get install pgbouncer): the pooler is not tested"
)


@contextmanager
def pooler(url: str, mode: str) -> Iterator[str]:
    """The URL of a PgBouncer before the server."""
    server, port = parse_url(url), free_port()
    folder = Path(tempfile.mkdtemp(prefix="parley-pooler-"))  # others may read it, unlike those of pytest
    host = str(server.query.get("host") or server.host or "127.0.0.1")
    at = f"host={host} port={server.port or 5432} dbname={server.database}"
    (folder / "users.txt").write_text(f'"{server.username}" "{server.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{server.database} = {at} user={server.username} password={server.password}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\n"
        f"auth_file = {folder}/users.txt\npool_mode = {mode}\nlogfile = {folder}/pgbouncer.log\n"
        f"ignore_startup_parameters = extra_float_digits\n" + _user(host)
    )
    for place in (folder, *folder.iterdir()):
        place.chmod(0o777)
    assert PGBOUNCER is not None
    process = subprocess.Popen([PGBOUNCER, folder / "pgbouncer.ini"], stderr=subprocess.DEVNULL)
    try:
        address = server.set(drivername="postgresql", host="127.0.0.1", port=port, query={})
        yield address.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(HANG_S)
        shutil.rmtree(folder)


def _user(host: str) -> str:
    """PgBouncer refuses to run as root. The server's own user may read its socket."""
    if os.geteuid():
        return ""
    owner = os.stat(host).st_uid if host.startswith("/") else 65_534
    return f"user = {pwd.getpwuid(owner).pw_name}\n"


async def reached(url: str) -> None:
    """Return once the pooler hands out sessions of the server."""
    until = time.monotonic() + HANG_S
    while True:
        try:
            await (await asyncpg.connect(url, statement_cache_size=0)).close()
            return
        except (OSError, asyncpg.PostgresError):
            assert time.monotonic() < until
        await asyncio.sleep(0.05)


async def joined(url: str) -> None:
    """Become a replica, and none any more."""
    database = DatabaseSettings(_env_file=None, database_url=url)
    store = await open_store(database, SystemClock())
    try:
        replicas = await join_replicas(database, store, SystemClock(), None)
        assert replicas is not None
        await replicas.close()
    finally:
        await store.close()


@needs_pgbouncer
async def test_a_pooler_that_breaks_sessions_is_refused_at_the_start_with_one_line(
    tmp_path: Path, migrated_postgres: str
) -> None:
    async with FakeCompletions() as endpoint:
        with pooler(migrated_postgres, "transaction") as url:
            await reached(url)
            program = Program(tmp_path, DATABASE_URL=url, **model_settings(endpoint))
            await program.start()
            assert await program.end() == 2
    (line,) = [line for line in program.output.splitlines() if line.startswith("parley: ")]
    assert "DATABASE_URL" in line
    assert "pool in session mode" in line
    program.check_output()


@needs_pgbouncer
async def test_a_pooler_that_keeps_sessions_is_taken(migrated_postgres: str) -> None:
    with pooler(migrated_postgres, "session") as url:
        await reached(url)
        await joined(url)


@needs_pgbouncer
@pytest.mark.parametrize("_again", range(3))
async def test_it_is_found_each_time(migrated_postgres: str, _again: int) -> None:
    with pooler(migrated_postgres, "transaction") as url:
        await reached(url)
        with pytest.raises(SettingsError, match="DATABASE_URL"):
            await joined(url)
