"""What one replica tells the others reaches their connectors: two on one PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bots.replicas import Replicas, SharedParts
from core.clock import SystemClock
from core.errors import StoreError
from core.values.installations import Credentials, InstallationKey, StoredInstallation
from storage import DatabaseSettings, open_store
from storage.replicas.notices import Notices
from storage.replicas.ownership import SharedOwnership
from tests.contract.stored import NOON
from tests.waiting import until

KEY = InstallationKey("slack", "", "T1")


class Connector:
    """Counts how often it is told. `fails`: its store is away then."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.name = name
        self.told = 0
        self._fails = fails

    async def installation_ended(self) -> None:
        self.told += 1
        if self._fails:
            raise StoreError("away", retryable=True)


@pytest.mark.parametrize("fails", [False, True])
async def test_an_installation_that_ends_at_one_replica_ends_at_the_others_without_a_wait(
    emptied_postgres: str, fails: bool
) -> None:
    settings = DatabaseSettings(database_url=emptied_postgres, parley_secret_key="ab" * 32)
    here, there = [await open_store(settings, SystemClock()) for _ in range(2)]
    there.share(Notices("there", lambda _place: True))
    slack, discord = Connector("slack", fails=fails), Connector("discord")
    replicas = Replicas(settings, here, SystemClock())
    parts: dict[str, Any] = {"place_queues": SimpleNamespace(busy=set()), "recovery": SimpleNamespace()}
    parts |= {"inbox": SimpleNamespace(), "connectors": [slack, discord]}
    parts |= {"hold": lambda: None, "doubt": lambda: None}
    replicas.connect(cast(SharedParts, SimpleNamespace(**parts)))
    running = asyncio.create_task(replicas.run())
    await until(lambda: bool(cast(SharedOwnership, replicas.ownership).partitions))
    for number in range(1, 3):  # one that fails does not end the hearing
        await there.install(StoredInstallation(KEY), Credentials("xoxb-first"), NOON)
        await there.end_installation(KEY, "app_uninstalled", NOON)
        await until(lambda number=number: slack.told == number)  # type: ignore[misc]
    assert discord.told == 0
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await replicas.close()
    for store in (here, there):
        await store.close()
