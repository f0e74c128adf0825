"""Tokens that two processes change at once on one PostgreSQL database."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from core.settings.secret_key import secret_key_bytes
from core.values.installations import Credentials, InstallationKey, StoredInstallation
from storage import DatabaseSettings, installations
from storage.encryption import SecretKeys
from storage.engine import Database
from tests.contract.stored import NOON
from tests.contract.test_installations import FIRST, SECOND, opened
from tests.storage.test_reservations import WAITING

KEY = InstallationKey("slack", "", "T1")


async def test_tokens_that_are_exchanged_while_they_are_encrypted_anew_are_kept(emptied_postgres: str) -> None:
    first = await opened(emptied_postgres, FIRST)
    await first.install(StoredInstallation(KEY), Credentials("xoxb-old", "xoxe-old"), NOON)
    both = await opened(emptied_postgres, SECOND, FIRST)
    database = Database(DatabaseSettings(database_url=emptied_postgres).url)
    replaced, may_commit = asyncio.Event(), asyncio.Event()

    def exchange(connection: Connection) -> bool:
        keys = SecretKeys(secret_key_bytes(FIRST))
        done = installations.replace(connection, keys, KEY, 1, Credentials("xoxb-new", "xoxe-new"))
        replaced.set()
        await_only(may_commit.wait())
        return done

    exchanging = asyncio.create_task(database.write(exchange))
    await replaced.wait()
    rewriting = asyncio.create_task(both.rewrite_tokens(5))
    while not await database.read(lambda connection: connection.scalar(text(WAITING))):
        pass
    may_commit.set()
    assert await exchanging
    assert await rewriting == 1
    assert await both.credentials(KEY) == Credentials("xoxb-new", "xoxe-new", version=2)
    for store in (first, both, database):
        await store.close()
