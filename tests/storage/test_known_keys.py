"""Programs with different PARLEY_SECRET_KEY on one database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from core.errors import SettingsError, StoreError
from core.settings.secret_key import secret_key_bytes
from storage import DatabaseSettings, SqlStore
from storage.encryption import SecretKeys
from storage.engine import Database
from storage.known_keys import NO_KEY, OTHER_KEY, STARTING_US
from tests.contract.stored import NOON
from tests.contract.test_installations import FIRST, KEY, ONE, SECOND, TOKENS, opened
from tests.schema import with_schema
from tests.storage.replicas.replica import Replica
from tests.waiting import until


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return with_schema(request, tmp_path)


async def starts(url: str, key: str | None, before: str | None = None) -> None:
    """Start and end a program."""
    await (await opened(url, key, before)).close()


async def refusal(url: str, key: str | None, before: str | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        await starts(url, key, before)
    return str(refused.value)


async def run(url: str, statement: str) -> None:
    database = Database(DatabaseSettings(database_url=url).url)
    await database.write(lambda connection: connection.execute(text(statement)))
    await database.close()


async def known(url: str) -> list[str]:
    database = Database(DatabaseSettings(database_url=url).url)
    query = text("SELECT id FROM secret_keys ORDER BY number")
    found = await database.read(lambda connection: list(connection.scalars(query)))
    await database.close()
    return found


def ids(*keys: str) -> list[str]:
    return list(SecretKeys(*map(secret_key_bytes, keys)).ids)


async def time_passes(url: str) -> None:
    """The last start was so long ago that it has joined the replicas, or has ended."""
    await run(url, f"UPDATE secret_keys SET at_us = at_us - {STARTING_US}")


class TestReplicas:
    """On PostgreSQL."""

    async def test_of_two_that_start_at_once_with_different_keys_one_is_refused_in_one_line(
        self, emptied_postgres: str
    ) -> None:
        starting = (opened(emptied_postgres, FIRST), opened(emptied_postgres, SECOND))
        found = await asyncio.gather(*starting, return_exceptions=True)
        [store] = [one for one in found if isinstance(one, SqlStore)]
        [refused] = [one for one in found if isinstance(one, SettingsError)]
        await store.close()
        assert str(refused) == OTHER_KEY
        assert "\n" not in OTHER_KEY

    async def test_another_key_is_refused_as_long_as_a_replica_runs(self, emptied_postgres: str) -> None:
        await starts(emptied_postgres, FIRST)
        async with Replica(emptied_postgres) as replica:
            await until(lambda: bool(replica.held))
            await time_passes(emptied_postgres)
            assert await refusal(emptied_postgres, SECOND) == OTHER_KEY
            assert await refusal(emptied_postgres, None) == NO_KEY
            await starts(emptied_postgres, FIRST)
            await time_passes(emptied_postgres)
        await starts(emptied_postgres, SECOND)
        assert await known(emptied_postgres) == ids(SECOND)

    async def test_a_key_is_changed_while_replicas_run(self, emptied_postgres: str) -> None:
        await starts(emptied_postgres, FIRST)
        async with Replica(emptied_postgres) as replica:
            await until(lambda: bool(replica.held))
            await starts(emptied_postgres, SECOND, FIRST)
            await starts(emptied_postgres, FIRST)  # one that has not got the new one yet
            assert await known(emptied_postgres) == ids(FIRST, SECOND)
            await starts(emptied_postgres, SECOND)
            assert await known(emptied_postgres) == ids(SECOND)
            assert await refusal(emptied_postgres, FIRST) == OTHER_KEY
            await starts(emptied_postgres, SECOND, FIRST)
            assert await known(emptied_postgres) == ids(SECOND)


class TestOneProgram:
    async def test_the_names_of_keys_are_stored_and_no_key(self, database_url: str) -> None:
        await starts(database_url, FIRST, SECOND)
        assert await known(database_url) == ids(SECOND, FIRST)
        assert all(FIRST not in one and secret_key_bytes(FIRST).hex() not in one for one in ids(FIRST))

    async def test_a_lost_key_that_encrypted_nothing_is_replaced(self, database_url: str) -> None:
        await starts(database_url, FIRST)
        await time_passes(database_url)
        await starts(database_url, SECOND)
        assert await known(database_url) == ids(SECOND)

    async def test_without_a_key_a_database_with_nothing_encrypted_opens(self, database_url: str) -> None:
        await starts(database_url, FIRST)
        await starts(database_url, None)
        assert await known(database_url) == ids(FIRST)

    async def test_the_key_of_tokens_from_before_becomes_known(self, database_url: str) -> None:
        store = await opened(database_url, FIRST)
        await store.install(ONE, TOKENS, NOON)
        await store.close()
        await run(database_url, "DELETE FROM secret_keys")
        await starts(database_url, FIRST)
        assert await known(database_url) == ids(FIRST)

    async def test_a_program_whose_key_is_known_no_more_stores_no_secret(self, database_url: str) -> None:
        former = await opened(database_url, FIRST)
        await starts(database_url, SECOND, FIRST)
        await starts(database_url, SECOND)
        with pytest.raises(StoreError) as refused:
            await former.install(ONE, TOKENS, NOON)
        assert refused.value.detail == OTHER_KEY
        assert await former.installation(KEY) is None
        await former.close()
