"""`parley backup` and `parley restore` on real files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bots.backup import make_backup, restore
from bots.company_export import export
from core.errors import SettingsError
from core.ports.store.threads import OVERLAP
from core.settings.environment import CoreSettings
from core.values.conversation import TurnState
from storage import DatabaseSettings, SqlStore, open_existing, open_store
from storage.engine import Database
from storage.lock import RunLock
from storage.migrations import NEWEST, upgrade
from tests.contract.stored import ANN, BEN, NOON, PICTURE, PLACE, answered, ask
from tests.fakes.clock import FakeClock

CLOCK = FakeClock()
CORE = CoreSettings(_env_file=None)
RARE = "quokka-71930"


@pytest.fixture
def database(tmp_path: Path, sqlite_schema: Path) -> DatabaseSettings:
    file = tmp_path / "data" / "parley.db"
    file.parent.mkdir()
    file.write_bytes(sqlite_schema.read_bytes())
    return DatabaseSettings(_env_file=None, database_url=f"sqlite:///{file}")


@pytest_asyncio.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[SqlStore]:
    opened = await open_store(database, CLOCK)
    yield opened
    await opened.close()


@pytest.fixture
def told() -> list[str]:
    return []


async def questions(database: DatabaseSettings) -> list[str]:
    """The words of the questions that a database has."""
    store = await open_existing(database, CLOCK)
    try:
        found = [await store.turn(number) for number in range(1, 9)]
    finally:
        await store.close()
    return [turn.ask.text for turn in found if turn is not None and turn.state is TurnState.DONE]


def at(file: Path) -> DatabaseSettings:
    return DatabaseSettings(_env_file=None, database_url=f"sqlite:///{file}")


class TestBackup:
    async def test_it_is_the_database_of_one_moment_beside_the_running_one(
        self, database: DatabaseSettings, store: SqlStore, tmp_path: Path, told: list[str]
    ) -> None:
        await answered(store, ask("m1", "first"))
        await store.put_uploads(PLACE, "m1", NOON, {"a": PICTURE})
        backup = tmp_path / "backup.db"
        make_backup(database, backup, told.append, force=False)
        await answered(store, ask("m2", "second"))
        assert await questions(at(backup)) == ["first"]
        assert await questions(database) == ["first", "second"]
        beside = await open_existing(at(backup), CLOCK)
        assert await beside.upload(PLACE, "m1", "a") == PICTURE, "bytes of files are in it"
        await beside.close()
        assert "1 turns, 2 messages in 1 threads, 1 pictures; schema " + NEWEST in told[0]

    async def test_it_is_one_private_file(
        self, database: DatabaseSettings, store: SqlStore, tmp_path: Path, told: list[str]
    ) -> None:
        folder = tmp_path / "backups"
        folder.mkdir()
        await answered(store, ask())
        make_backup(database, folder / "b.db", told.append, force=False)
        assert [file.name for file in folder.iterdir()] == ["b.db"]
        assert (folder / "b.db").stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(folder / "b.db")) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)

    async def test_a_transaction_that_is_not_over_is_not_in_it_and_is_not_waited_for(
        self, database: DatabaseSettings, store: SqlStore, tmp_path: Path, told: list[str]
    ) -> None:
        await answered(store, ask("m1", "first"))
        with closing(sqlite3.connect(tmp_path / "data" / "parley.db", isolation_level=None)) as writing:
            writing.execute("BEGIN IMMEDIATE")
            writing.execute("UPDATE turns SET text = 'half'")
            make_backup(database, tmp_path / "b.db", told.append, force=False)
            writing.execute("ROLLBACK")
        assert await questions(at(tmp_path / "b.db")) == ["first"]

    async def test_a_file_that_exists_is_replaced_only_when_told(
        self, database: DatabaseSettings, store: SqlStore, tmp_path: Path, told: list[str]
    ) -> None:
        backup = tmp_path / "b.db"
        backup.write_text("precious")
        with pytest.raises(SettingsError, match="exists: name another file, or say --force"):
            make_backup(database, backup, told.append, force=False)
        assert backup.read_text() == "precious"
        make_backup(database, backup, told.append, force=True)
        assert await questions(at(backup)) == []

    async def test_a_link_is_no_name_for_a_new_file_and_stays_when_it_is_forced(
        self, database: DatabaseSettings, store: SqlStore, tmp_path: Path, told: list[str]
    ) -> None:
        link, real = tmp_path / "b.db", tmp_path / "real.db"
        link.symlink_to(real)
        with pytest.raises(SettingsError, match=f"b.db exists as a link to {real}"):
            make_backup(database, link, told.append, force=False)
        assert not real.exists()
        make_backup(database, link, told.append, force=True)
        assert link.is_symlink()
        assert await questions(at(real)) == []

    async def test_a_pipe_is_not_replaced(
        self, database: DatabaseSettings, store: SqlStore, tmp_path: Path, told: list[str]
    ) -> None:
        os.mkfifo(tmp_path / "b.db")
        with pytest.raises(SettingsError, match=r"b.db is no regular file"):
            make_backup(database, tmp_path / "b.db", told.append, force=True)
        with pytest.raises(SettingsError, match=r"b.db is no regular file"):
            await export(database, CORE, CLOCK, tmp_path / "b.db", told.append, force=True)
        assert (tmp_path / "b.db").is_fifo()

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("data", "is a folder"),
            ("missing/b.db", "does not exist"),
            ("data/parley.db", "belongs to the database itself"),
            ("data/parley.db-wal", "belongs to the database itself"),
        ],
    )
    async def test_a_file_that_it_can_not_be_is_named_with_the_reason(
        self,
        database: DatabaseSettings,
        store: SqlStore,
        tmp_path: Path,
        told: list[str],
        name: str,
        words: str,
    ) -> None:
        with pytest.raises(SettingsError, match=words):
            make_backup(database, tmp_path / name, told.append, force=True)
        assert await questions(database) == []

    def test_a_damaged_database_gives_no_backup_and_leaves_nothing_behind(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        file = tmp_path / "data" / "parley.db"
        content = bytearray(file.read_bytes())
        content[4096 : 4096 * 9] = b"\xa5" * (4096 * 8)
        file.write_bytes(content)
        with pytest.raises(SettingsError, match=r"damaged|malformed"):
            make_backup(database, tmp_path / "b.db", told.append, force=False)
        assert [one.name for one in tmp_path.iterdir() if one.name.startswith("b.db")] == []

    def test_postgresql_is_told_the_exact_commands_without_a_password(
        self, tmp_path: Path, told: list[str]
    ) -> None:
        url = "postgresql://ann:hunter2@db.example:5433/parley?sslmode=require"
        with pytest.raises(SettingsError) as raised:
            make_backup(
                DatabaseSettings(_env_file=None, database_url=url), Path("my backup"), told.append, force=False
            )
        assert raised.value.detail.splitlines()[1] == (
            "pg_dump --format=custom --no-owner --file='my backup' "
            "'postgresql://ann@db.example:5433/parley?sslmode=require'"
        )

    def test_there_is_nothing_to_back_up_before_the_first_start(self, tmp_path: Path, told: list[str]) -> None:
        with pytest.raises(SettingsError, match="no database yet"):
            make_backup(at(tmp_path / "none.db"), tmp_path / "b.db", told.append, force=False)


class TestRestore:
    async def backed_up(self, database: DatabaseSettings, folder: Path) -> Path:
        """A backup with one question, of a database that has another by now."""
        store = await open_store(database, CLOCK)
        await answered(store, ask("m1", "first"))
        make_backup(database, folder / "b.db", lambda _line: None, force=False)
        await answered(store, ask("m2", "second"))
        await store.close()
        return folder / "b.db"

    async def test_the_backup_takes_the_place_of_the_database_which_is_kept(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        await restore(database, backup, CLOCK, told.append)
        assert await questions(database) == ["first"]
        [kept] = (tmp_path / "data").glob("parley.db.before-restore-*[0-9]")
        assert await questions(at(kept)) == ["first", "second"]
        assert str(kept) in told[-1]
        assert (tmp_path / "data" / "parley.db").stat().st_mode & 0o777 == 0o600
        assert not list((tmp_path / "data").glob("*.part-*"))
        assert await questions(at(backup)) == ["first"], "the backup stays"

    async def test_what_was_only_in_the_log_of_the_old_database_is_kept_with_it_and_not_mixed_in(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        file = tmp_path / "data" / "parley.db"
        dying = sqlite3.connect(file, isolation_level=None)  # its -wal stays until it is closed
        dying.execute("UPDATE turns SET text = 'late' WHERE id = 2")
        assert (tmp_path / "data" / "parley.db-wal").stat().st_size > 0
        await restore(database, backup, CLOCK, told.append)
        dying.close()
        assert await questions(database) == ["first"]
        [kept] = (tmp_path / "data").glob("parley.db.before-restore-*[0-9]")
        assert await questions(at(kept)) == ["first", "late"]

    async def test_it_is_refused_while_a_parley_runs(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        async with RunLock(database) as lock:
            assert await lock.acquire()
            with pytest.raises(SettingsError, match="a parley is running"):
                await restore(database, backup, CLOCK, told.append)
        assert await questions(database) == ["first", "second"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is not a database of Parley"),
            (b"hello" * 999, "not a database"),
            (None, "there is no such file"),
        ],
    )
    async def test_what_is_no_backup_is_refused_and_nothing_changes(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str], content: bytes | None, words: str
    ) -> None:
        await self.backed_up(database, tmp_path)
        wrong = tmp_path / "wrong.db"
        if content is not None:
            wrong.write_bytes(content)
        with pytest.raises(SettingsError, match=words):
            await restore(database, wrong, CLOCK, told.append)
        assert await questions(database) == ["first", "second"]
        assert not [
            one.name for one in (tmp_path / "data").iterdir() if "part" in one.name or "before" in one.name
        ]

    async def test_a_damaged_backup_is_refused_and_nothing_changes(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        content = bytearray(backup.read_bytes())
        content[4096 * 3 : 4096 * 12] = b"\xa5" * (4096 * 9)
        backup.write_bytes(content)
        with pytest.raises(SettingsError, match=r"damaged|malformed"):
            await restore(database, backup, CLOCK, told.append)
        assert await questions(database) == ["first", "second"]

    @pytest.mark.parametrize(
        ("statements", "words"),
        [
            (["DROP TABLE feedback"], "b.db is not whole: it lacks the table feedback of schema"),
            (["DROP TABLE turns", "DROP TABLE charges"], "it lacks the tables charges, turns of schema"),
            (None, r"it lacks the tables \w+, \w+, \w+ and \d\d more of schema"),
        ],
    )
    async def test_a_backup_that_lacks_tables_is_refused_and_nothing_changes(
        self,
        database: DatabaseSettings,
        tmp_path: Path,
        told: list[str],
        statements: list[str] | None,
        words: str,
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        if statements is None:
            backup.unlink()
            statements = [
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
                f"INSERT INTO alembic_version VALUES ('{NEWEST}')",
            ]
        with closing(sqlite3.connect(backup)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        with pytest.raises(SettingsError, match=words):
            await restore(database, backup, CLOCK, told.append)
        assert await questions(database) == ["first", "second"]
        assert not list((tmp_path / "data").glob("*.part-*"))

    async def test_a_backup_of_an_older_version_that_lacks_tables_is_refused(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        await self.backed_up(database, tmp_path)
        old = tmp_path / "old.db"
        older = Database(at(old).url)
        await older.migrate(lambda connection: upgrade(connection, "0030"))
        await older.close()
        with closing(sqlite3.connect(old)) as connection:
            connection.execute("DROP TABLE heard")
            connection.commit()
        with pytest.raises(SettingsError, match=r"old.db is not whole: it lacks the table heard of"):
            await restore(database, old, CLOCK, told.append)
        assert await questions(database) == ["first", "second"]

    async def test_a_backup_of_an_older_version_gets_todays_schema(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        old = tmp_path / "old.db"
        older = Database(at(old).url)
        await older.migrate(lambda connection: upgrade(connection, "0030"))
        await older.close()
        await restore(database, old, CLOCK, told.append)
        store = await open_existing(database, CLOCK)
        await answered(store, ask("m1", "first"))
        await store.close()
        assert await questions(database) == ["first"]
        assert f"schema   0030 of the backup is now {NEWEST}" in told
        with closing(sqlite3.connect(old)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0030",)

    async def test_a_backup_of_a_newer_version_is_refused_in_words(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        with closing(sqlite3.connect(backup)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.commit()
        with pytest.raises(SettingsError, match=r"newer Parley .schema 9999, this one has"):
            await restore(database, backup, CLOCK, told.append)

    async def test_a_database_behind_a_link_is_restored_where_it_is(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        link, real = tmp_path / "data" / "parley.db", tmp_path / "big" / "real.db"
        real.parent.mkdir()
        link.rename(real)
        link.symlink_to(real)
        await restore(database, backup, CLOCK, told.append)
        assert link.readlink() == real
        assert await questions(at(real)) == ["first"]
        [kept] = real.parent.glob("real.db.before-restore-*[0-9]")
        assert await questions(at(kept)) == ["first", "second"]
        assert str(kept) in told[-1]
        with pytest.raises(SettingsError, match="belongs to the database itself"):
            make_backup(database, tmp_path / "big" / "real.db-wal", told.append, force=True)

    async def test_a_database_that_is_no_regular_file_is_not_replaced(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        with pytest.raises(SettingsError, match="is no regular file"):
            await restore(at(Path("/dev/null")), backup, CLOCK, told.append)

    async def test_it_makes_the_database_where_there_is_none_only_when_told(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        backup = await self.backed_up(database, tmp_path)
        elsewhere = at(tmp_path / "new" / "folder" / "parley.db")
        with pytest.raises(SettingsError, match=r"new/folder/parley.db: there is no database .* say --force"):
            await restore(elsewhere, backup, CLOCK, told.append)
        assert not (tmp_path / "new").exists()
        await restore(elsewhere, backup, CLOCK, told.append, force=True)
        assert await questions(elsewhere) == ["first"]
        assert not any("before" in line for line in told)


class TestSince:
    """A restored database learns from the one that it replaces."""

    async def test_who_was_forgotten_since_the_backup_is_forgotten_in_it_too(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        store = await open_store(database, CLOCK)
        await answered(store, ask("m1", RARE))
        await answered(store, ask("m2", "another's", by=BEN))
        make_backup(database, tmp_path / "b.db", told.append, force=False)
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(days=1))
        await store.close()
        await restore(database, tmp_path / "b.db", CLOCK, told.append)
        assert await questions(database) == ["", "another's"]
        store = await open_existing(database, CLOCK)
        assert await store.messages_by_person("slack", "T1", ANN.id) == []
        await store.close()
        assert any(line.startswith("people   1 who were forgotten") for line in told)
        assert RARE.encode() not in (tmp_path / "data" / "parley.db").read_bytes()

    async def test_without_the_database_of_today_nobody_is_known_to_be_forgotten(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        store = await open_store(database, CLOCK)
        await answered(store, ask("m1", RARE))
        make_backup(database, tmp_path / "b.db", told.append, force=False)
        await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(days=1))
        await store.close()
        (tmp_path / "data" / "parley.db").write_bytes(b"damaged" * 999)
        await restore(database, tmp_path / "b.db", CLOCK, told.append)
        assert await questions(database) == [RARE]

    async def test_the_times_up_to_which_platforms_were_heard_stay(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        store = await open_store(database, CLOCK)
        await store.advance_watermark("slack", "T1", NOON)
        make_backup(database, tmp_path / "b.db", told.append, force=False)
        later = NOON + timedelta(hours=1)
        await store.advance_watermark("slack", "T1", later)
        await store.close()
        await restore(database, tmp_path / "b.db", CLOCK, told.append)
        store = await open_existing(database, CLOCK)
        assert await store.watermark("slack", "T1") == later + OVERLAP
        await store.close()

    async def test_what_was_asked_since_the_backup_is_not_read_again(
        self, database: DatabaseSettings, tmp_path: Path, told: list[str]
    ) -> None:
        store = await open_store(database, CLOCK)
        await store.advance_watermark("slack", "T1", NOON)
        make_backup(database, tmp_path / "b.db", told.append, force=False)
        late = replace(ask("m2", "late"), at=NOON + timedelta(minutes=9))  # behind the last watermark
        assert await store.accept(late) is not None
        await store.close()
        await restore(database, tmp_path / "b.db", CLOCK, told.append)
        store = await open_existing(database, CLOCK)
        watermark = await store.watermark("slack", "T1")
        await store.close()
        assert watermark is not None
        assert watermark - OVERLAP >= late.at, "a backfill begins there"


async def test_an_export_replaces_no_file_of_the_database(database: DatabaseSettings, store: SqlStore) -> None:
    file = database.file
    assert file is not None
    before = file.read_bytes()
    for name in (file, file.with_name("parley.db-wal"), file.with_name("parley.db.lock")):
        with pytest.raises(SettingsError, match="belongs to the database itself"):
            await export(database, CORE, CLOCK, name, print, force=True)
    assert file.read_bytes() == before
