"""The checks of the database, on real ones of each kind, beside one that is in use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from core.clock import SystemClock
from core.values.checks import CheckStatus, Finding
from storage import DatabaseSettings, open_store
from storage.checks import LEAST_BYTES, LOW_BYTES, database_checks
from storage.engine import Database
from storage.lock import RunLock
from storage.migrations import NEWEST
from storage.url import parse_url
from storage.whole_files import part_beside
from tests import schema

FAILED, OK, WARNING = CheckStatus.FAILED, CheckStatus.OK, CheckStatus.WARNING


async def findings(url: str, free: int = 10 * LOW_BYTES) -> list[Finding]:
    """The findings about the database, and about its disk with so many bytes free."""
    checks = database_checks(DatabaseSettings(database_url=url), lambda _: free)
    return [finding for check in checks for finding in await check.run()]


async def of_database(url: str) -> Finding:
    return (await findings(url))[0]


def sqlite_url(file: Path) -> str:
    return f"sqlite:///{file}"


async def execute(url: str, statement: str) -> None:
    def perform(connection: Connection) -> None:
        connection.execute(text(statement))

    database = Database(parse_url(url))
    await database.write(perform)
    await database.close()


async def test_a_database_of_this_version_is_reached_and_written(database_url: str) -> None:
    await schema.make(database_url)
    found = await of_database(database_url)
    assert found.status is OK
    assert f"schema {NEWEST}, as this version needs" in found.detail


async def test_it_takes_no_lock_of_a_running_parley_and_changes_nothing(database_url: str) -> None:
    await schema.make(database_url)
    settings = DatabaseSettings(database_url=database_url)
    async with RunLock(settings) as lock:
        assert await lock.acquire()
        store = await open_store(settings, SystemClock())
        found, _ = await asyncio.gather(of_database(database_url), store.mark_once("one"))
        await store.close()
    assert found.status is OK


async def test_an_older_schema_is_upgraded_at_the_next_start(database_url: str) -> None:
    await schema.make(database_url)
    await execute(database_url, "UPDATE alembic_version SET version_num = '0007'")
    found = await of_database(database_url)
    assert found.status is WARNING
    assert "has schema 0007" in found.detail
    assert "make a backup" in found.todo


async def test_a_newer_schema_needs_the_newer_version(database_url: str) -> None:
    await schema.make(database_url)
    await execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    found = await of_database(database_url)
    assert found.status is FAILED
    assert "made by a newer Parley" in found.detail


async def test_an_empty_database_is_made_ready_by_the_start(database_url: str, tmp_path: Path) -> None:
    found = await of_database(database_url)
    assert found.status is OK
    assert "`parley run` makes" in found.detail
    assert not (tmp_path / "parley.db").exists(), "and nothing is made here"


async def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "parley.db").write_text("not a database, but long enough to look like one" * 100)
    found = await of_database(sqlite_url(tmp_path / "parley.db"))
    assert (found.status, found.todo) == (FAILED, "restore a backup, or have DATABASE_URL name another file")


async def test_a_place_where_no_file_can_be_made_fails_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file where a folder should be")
    found = await of_database(sqlite_url(tmp_path / "folder" / "parley.db"))
    assert found.status is FAILED
    assert f"{tmp_path / 'folder'} can't be written" in found.detail


async def test_a_database_that_another_program_locks_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.BUSY_TIMEOUT_S", 0)
    url = sqlite_url(tmp_path / "parley.db")
    await schema.make(url)
    database = Database(parse_url(url))
    found: list[Finding] = []

    def hold(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        found.append(asyncio.run(of_database(url)))

    await database.write(hold)
    await database.close()
    assert (found[0].status, found[0].detail.partition(": ")[2]) == (FAILED, "database is locked")


async def test_a_server_that_is_not_there_fails_without_the_password() -> None:
    found = await of_database("postgresql://parley:secret-word@127.0.0.1:1/parley")
    assert found.status is FAILED
    assert found.detail.endswith("127.0.0.1:1/parley: can't be reached: the connection is refused")
    assert "secret-word" not in f"{found.detail} {found.todo}"


async def test_a_wrong_password_fails_with_the_part_to_correct(postgres_database: str) -> None:
    url = parse_url(postgres_database).set(drivername="postgresql", username="nobody", password="wrong")
    found = await of_database(url.render_as_string(hide_password=False))
    assert found.status is FAILED
    assert "DATABASE_URL" in found.todo


@pytest.mark.parametrize(
    ("free", "status"),
    [(LOW_BYTES, OK), (LOW_BYTES - 1, WARNING), (LEAST_BYTES, WARNING), (LEAST_BYTES - 1, FAILED), (0, FAILED)],
)
async def test_a_disk_that_fills_up_is_a_warning_and_a_full_one_a_failure(
    tmp_path: Path, free: int, status: CheckStatus
) -> None:
    found = (await findings(sqlite_url(tmp_path / "not" / "there" / "parley.db"), free))[1]
    assert found.status is status
    assert f"GB free at {tmp_path}" in found.detail


async def test_what_cannot_be_seen_of_a_disk_is_a_warning(postgres_database: str) -> None:
    assert (await findings(postgres_database))[1].status is WARNING
    assert "in memory" in (await findings("sqlite://"))[1].detail


async def test_what_a_killed_restoration_left_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "parley.db.part-0a5a8544").write_bytes(b"x" * 2_500_000)
    (tmp_path / "parley.db.part-0a5a8544-journal").touch()
    disk, left = (await findings(sqlite_url(tmp_path / "parley.db")))[1:]
    assert (disk.status, left.status) == (OK, WARNING)
    assert f"{tmp_path}/parley.db.part-0a5a8544 (2.5 MB) is left of" in left.detail
    assert left.todo.endswith("the next command that writes parley.db does so too")
    with part_beside(tmp_path / "parley.db"):
        assert len(await findings(sqlite_url(tmp_path / "parley.db"))) == 2, "one that is in use is none"
