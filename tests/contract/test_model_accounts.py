"""The model accounts of workspaces on every store, and their encryption on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.errors import SettingsError, StoreError
from core.ports.store import Store
from core.ports.store.settings import MODEL_ACCOUNT
from core.settings.secret_key import new_secret_key
from core.values.model_accounts import ModelAccount, key_end
from core.values.places import Person, Place
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.records import RECORDS
from tests.contract.stored import NOON
from tests.fakes.clock import FakeClock

KEY = "sk-workspace-of-loom-1234"
OWN = ModelAccount("slack", "T1", "https://models.loom.example/v1", ("large", "small"), key_end(KEY))
ADA = Person("U1", "Ada")
ROOM = Place("slack", "T1", "C1")
FIRST, SECOND = new_secret_key(), new_secret_key()


async def opened(url: str, key: str | None = FIRST, before: str | None = None) -> SqlStore:
    settings = DatabaseSettings(database_url=url, parley_secret_key=key, parley_secret_key_before=before)
    return await open_store(settings, FakeClock(NOON))


class TestModelAccounts:
    async def test_an_account_comes_back_with_its_key_and_among_the_settings(self, store: Store) -> None:
        stored = await store.put_model_account(OWN, KEY, ADA, NOON)
        assert stored == replace(OWN, version=stored.version)
        assert await store.model_account("slack", "T1") == stored
        assert await store.model_account_key("slack", "T1") == (stored, KEY)
        assert (await store.stored_settings(ROOM)).account == stored

    async def test_another_workspace_has_none(self, store: Store) -> None:
        await store.put_model_account(OWN, KEY, ADA, NOON)
        for place in (Place("slack", "T2", "C1"), Place("discord", "T1", "C1")):
            assert await store.model_account(place.platform, place.team) is None
            assert await store.model_account_key(place.platform, place.team) is None
            assert (await store.stored_settings(place)).account is None

    async def test_a_change_replaces_it_and_has_a_higher_version(self, store: Store) -> None:
        first = await store.put_model_account(OWN, KEY, ADA, NOON)
        assert (await store.stored_settings(ROOM)).account == first
        other = replace(OWN, base_url="https://other.example/v1", key_end="4321")
        second = await store.put_model_account(other, "sk-other-4321", ADA, NOON)
        assert second.version > first.version
        assert await store.model_account_key("slack", "T1") == (second, "sk-other-4321")
        assert (await store.stored_settings(ROOM)).account == second

    async def test_a_removed_account_is_gone_with_its_key(self, store: Store) -> None:
        first = await store.put_model_account(OWN, KEY, ADA, NOON)
        assert await store.remove_model_account("slack", "T1", ADA, NOON)
        assert not await store.remove_model_account("slack", "T1", ADA, NOON)
        assert await store.model_account_key("slack", "T1") is None
        assert (await store.stored_settings(ROOM)).account is None
        again = await store.put_model_account(OWN, KEY, ADA, NOON + timedelta(seconds=1))
        assert again.version > first.version


class TestEncryption:
    async def test_neither_a_table_nor_the_audit_nor_an_export_has_the_key(self, database_url: str) -> None:
        store = await opened(database_url)
        await store.put_model_account(OWN, KEY, ADA, NOON)
        await store.remove_model_account("slack", "T1", ADA, NOON)
        await store.put_model_account(OWN, KEY, ADA, NOON)
        audited = [
            (one.old, one.new) for one in await store.audit(ROOM) if one.name == MODEL_ACCOUNT and one.by == ADA
        ]
        records = [(await store.records(record, None))[0] for record in RECORDS]
        await store.close()
        line = "https://models.loom.example/v1 large, small …1234"
        assert audited == [(None, line), (line, None), (None, line)]
        beside = Database(DatabaseSettings(database_url=database_url).url)
        rows = [
            await beside.read(lambda connection, table=table: connection.execute(text(table)).all())  # type: ignore[misc]
            for table in ("SELECT * FROM model_accounts", "SELECT * FROM audit")
        ]
        await beside.close()
        assert len(rows[0]) == 1
        assert KEY not in repr((rows, records))
        assert "sk-workspace" not in repr((rows, records))

    @pytest.mark.parametrize("column", ["team", "base_url"])
    async def test_a_key_of_another_row_or_address_is_refused(self, database_url: str, column: str) -> None:
        """A key that was moved would go to an address that its workspace did not name."""
        store = await opened(database_url)
        await store.put_model_account(OWN, KEY, ADA, NOON)
        beside = Database(DatabaseSettings(database_url=database_url).url)
        values = {"team": "T2", "base_url": "https://elsewhere.example/v1"}
        change = text(f"UPDATE model_accounts SET {column} = :value")
        await beside.write(lambda connection: connection.execute(change, {"value": values[column]}))
        await beside.close()
        with pytest.raises(StoreError) as refused:
            await store.model_account_key("slack", "T2" if column == "team" else "T1")
        await store.close()
        assert KEY not in str(refused.value)

    async def test_a_key_is_rewritten_with_the_operators_newest_one(self, database_url: str) -> None:
        store = await opened(database_url)
        await store.put_model_account(OWN, KEY, ADA, NOON)
        await store.close()
        both = await opened(database_url, SECOND, FIRST)
        assert [await both.rewrite_tokens(5) for _ in range(2)] == [1, 0]
        await both.close()
        second = await opened(database_url, SECOND)
        found = await second.model_account_key("slack", "T1")
        await second.close()
        assert found is not None
        assert found[1] == KEY

    @pytest.mark.parametrize("key", [SECOND, None], ids=["wrong", "missing"])
    async def test_a_wrong_or_missing_key_ends_a_start(self, database_url: str, key: str | None) -> None:
        store = await opened(database_url)
        await store.put_model_account(OWN, KEY, ADA, NOON)
        await store.close()
        with pytest.raises(SettingsError):
            await opened(database_url, key)

    async def test_without_the_operators_key_none_is_stored(self, database_url: str) -> None:
        store = await opened(database_url, None)
        with pytest.raises(StoreError) as refused:
            await store.put_model_account(OWN, KEY, ADA, NOON)
        assert str(refused.value) == "store: PARLEY_SECRET_KEY is not set: secrets of teams can't be stored"
        assert await store.model_account("slack", "T1") is None
        await store.close()
