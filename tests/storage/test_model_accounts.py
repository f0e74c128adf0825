"""Model accounts that two processes change at once on one PostgreSQL database."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from core.settings.secret_key import secret_key_bytes
from core.values.model_accounts import ModelAccount
from core.values.places import Person
from storage import DatabaseSettings, model_accounts
from storage.encryption import SecretKeys
from storage.engine import Database
from storage.tables import to_us
from tests.contract.stored import NOON
from tests.contract.test_installations import FIRST, SECOND, opened
from tests.storage.test_reservations import WAITING

ADA = Person("U1", "Ada")


def account(base_url: str, key: str) -> ModelAccount:
    return ModelAccount("slack", "T1", base_url, ("large",), key[-4:])


@pytest.mark.parametrize("base_url", ["https://a.example/v1", "https://b.example/v1"])
async def test_a_key_that_is_changed_while_keys_are_encrypted_anew_stays_changed(
    emptied_postgres: str, base_url: str
) -> None:
    first = await opened(emptied_postgres, FIRST)
    await first.put_model_account(account("https://a.example/v1", "sk-old-0001"), "sk-old-0001", ADA, NOON)
    both = await opened(emptied_postgres, SECOND, FIRST)
    database = Database(DatabaseSettings(database_url=emptied_postgres).url)
    replaced, may_commit = asyncio.Event(), asyncio.Event()

    def change(connection: Connection) -> None:
        keys, new = SecretKeys(secret_key_bytes(FIRST)), account(base_url, "sk-new-0002")
        model_accounts.put(connection, keys, new, "sk-new-0002", ADA, to_us(NOON) + 1)
        replaced.set()
        await_only(may_commit.wait())

    changing = asyncio.create_task(database.write(change))
    await replaced.wait()
    rewriting = asyncio.create_task(both.rewrite_tokens(5))
    while not await database.read(lambda connection: connection.scalar(text(WAITING))):
        pass
    may_commit.set()
    await changing
    assert await rewriting == 1
    found = await both.model_account_key("slack", "T1")
    assert found is not None
    assert (found[0].base_url, found[1]) == (base_url, "sk-new-0002")
    for store in (first, both, database):
        await store.close()
