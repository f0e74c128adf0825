"""What a replica tells the others, and what they do: two stores on one PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]
import pytest

from core.clock import SystemClock
from core.values.conversation import ThreadMessage
from core.values.events import Deleted, InstallationEnded, Moved
from core.values.installations import Credentials, InstallationKey, StoredInstallation
from core.values.model_accounts import ModelAccount
from storage import DatabaseSettings, SqlStore, open_store
from storage.replicas.notices import Heard, Notices, heard
from tests.contract.stored import ANN, NOON, PLACE, accepted, ask
from tests.contract.test_vectors import found, plans


class Two:
    """Two stores that share a database. What one tells, the other learns when it is told to."""

    def __init__(self, url: str, here: SqlStore, there: SqlStore) -> None:
        self.url, self.here, self.there = url, here, there
        self._known = set[int]()
        for name, store in (("here", here), ("there", there)):
            store.share(Notices(name, lambda _place: True))

    async def learn(self) -> None:
        """Have the store there learn what it has not learnt yet."""
        for number, notice in await self.there.told(None):
            if number not in self._known:
                self._known.add(number)
                await self.there.learn(notice)


@pytest.fixture
async def two(emptied_postgres: str) -> AsyncIterator[Two]:
    settings = DatabaseSettings(database_url=emptied_postgres)
    stores = [await open_store(settings, SystemClock()) for _ in range(2)]
    yield Two(emptied_postgres, *stores)
    for store in stores:
        await store.close()


async def words(store: SqlStore) -> list[ThreadMessage]:
    return await store.lines(PLACE)


async def test_what_was_stored_elsewhere_while_its_author_was_forgotten_goes_as_that_is_told(two: Two) -> None:
    await two.here.forget_person("slack", "T1", ANN.id, NOON.replace(year=NOON.year + 1))
    await accepted(two.there, ask())
    assert await words(two.there)
    await two.learn()
    assert not await words(two.there)
    assert not await two.there.open_turns()


async def test_what_was_stored_elsewhere_while_it_was_deleted_goes_as_that_is_told(two: Two) -> None:
    deleted = Deleted(PLACE, ask().id)
    await two.here.delete(deleted)
    await two.here.tell(deleted)
    await accepted(two.there, ask())
    await two.learn()
    assert not await words(two.there)


async def test_a_model_account_that_is_set_or_removed_elsewhere_counts_here_as_that_is_told(
    emptied_postgres: str,
) -> None:
    settings = DatabaseSettings(database_url=emptied_postgres, parley_secret_key="ab" * 32)
    stores = [await open_store(settings, SystemClock()) for _ in range(2)]
    two = Two(emptied_postgres, *stores)
    assert (await two.there.stored_settings(PLACE)).account is None
    account = ModelAccount("slack", "T1", "https://models.example/v1", ("large",), "4321")
    put = await two.here.put_model_account(account, "sk-of-the-workspace-4321", ANN, NOON)
    await two.learn()
    assert (await two.there.stored_settings(PLACE)).account == put
    await two.here.remove_model_account("slack", "T1", ANN, NOON)
    await two.learn()
    assert (await two.there.stored_settings(PLACE)).account is None
    for store in stores:
        await store.close()


async def test_the_end_of_an_installation_is_told_where_there_was_one(emptied_postgres: str) -> None:
    settings = DatabaseSettings(database_url=emptied_postgres, parley_secret_key="ab" * 32)
    two = Two(emptied_postgres, *[await open_store(settings, SystemClock()) for _ in range(2)])
    key = InstallationKey("slack", "", "T1")
    await two.here.install(StoredInstallation(key), Credentials("xoxb-first"), NOON)
    assert not await two.here.end_installation(key, "revoked", NOON, version=7)
    assert await two.there.told(None) == []
    assert await two.here.end_installation(key, "revoked", NOON)
    assert [notice for _, notice in await two.there.told(None)] == [InstallationEnded("slack")]
    await two.here.close()
    await two.there.close()


async def test_a_notice_that_only_a_newer_version_knows_is_passed_over(two: Two) -> None:
    connection = await asyncpg.connect(two.url)
    await connection.execute(
        "INSERT INTO replica_notices (at_us, sender, kind, content) "
        "VALUES (extract(epoch FROM now())::BIGINT * 1000000, 'newer', 'unheard of', '{}')"
    )
    await connection.close()
    moved = Moved(PLACE, "U1", joined=True)
    await two.here.tell(moved)
    assert [notice for _, notice in await two.there.told(None)] == [moved]


async def test_an_answer_that_is_indexed_elsewhere_is_found_here_by_its_meaning(two: Two) -> None:
    await plans(two.here, 30.0)
    assert len(await found(two.there, "C1")) == 1, "these are in memory now"
    await plans(two.here, 10.0, channel="C2")
    assert len(await found(two.there, "C1", "C2")) == 1
    await two.learn()
    assert len(await found(two.there, "C1", "C2")) == 2


def test_a_notification_names_its_sender_and_what_is_counted_and_a_newer_one_is_none() -> None:
    assert heard("turn 7 a1") == Heard("a1", turn=7)
    assert heard('counts a1 [["U1", "slack/T1/C1/1 2"]]') == Heard("a1", counts=(("U1", "slack/T1/C1/1 2"),))
    assert heard("unheard of") is None
