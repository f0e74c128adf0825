"""Installations and their tokens, on every store; their encryption, on every database."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Table, select, text

from bots.ended_installations import EVERY_S, remove_expired
from bots.key_rotation import rewrite_tokens
from core.clock import SystemClock
from core.errors import SettingsError, StoreError
from core.ports.store import Store
from core.settings.secret_key import new_secret_key, secret_key_bytes
from core.values.conversation import TurnState
from core.values.installations import REMOVED, Credentials, InstallationKey, StoredInstallation
from core.values.places import Place
from storage import DatabaseSettings, SqlStore, open_store
from storage.encryption import SecretKeys
from storage.engine import Database
from storage.tables import Row
from tests.contract.stored import NOON, accepted, ask
from tests.contract.test_retention import old_values
from tests.fakes.clock import FakeClock
from tests.waiting import until

KEY = InstallationKey("slack", "", "T1")
ORG = InstallationKey("slack", "E1", "")
OF_ORG = InstallationKey("slack", "E1", "T2")
ONE = StoredInstallation(
    KEY, "Loom & Co 猫", "https://loom.slack.com/", "A1", "U0", "B0", ("chat:write", "commands"), "U1"
)
TOKENS = Credentials("xoxe.xoxb-1-first", "xoxe-1-refresh", NOON + timedelta(hours=12))
FIRST, SECOND = new_secret_key(), secret_key_bytes(new_secret_key()).hex()


async def opened(url: str, key: str | None = FIRST, before: str | None = None) -> SqlStore:
    settings = DatabaseSettings(
        database_url=url, parley_secret_key=key or None, parley_secret_key_before=before
    )
    return await open_store(settings, SystemClock())


class TestInstallations:
    async def test_an_installation_comes_back_with_its_tokens(self, store: Store) -> None:
        stored = await store.install(ONE, TOKENS, NOON)
        assert stored == replace(ONE, installed_at=NOON, has_tokens=True, version=1)
        assert await store.installations("slack") == [stored]
        assert await store.installation(KEY) == stored
        assert await store.credentials(KEY) == replace(TOKENS, version=1)
        assert await store.installations("discord") == []
        assert await store.credentials(ORG) is None

    async def test_installing_again_replaces_the_tokens_and_takes_back_the_end(self, store: Store) -> None:
        await store.install(ONE, TOKENS, NOON)
        assert await store.end_installation(KEY, "uninstalled", NOON + timedelta(hours=1))
        later = NOON + timedelta(hours=2)
        stored = await store.install(replace(ONE, name="Loom"), Credentials("xoxb-new"), later)
        assert stored == replace(ONE, name="Loom", installed_at=later, has_tokens=True, version=2)
        assert await store.credentials(KEY) == Credentials("xoxb-new", version=2)

    async def test_an_end_takes_the_tokens_at_once_and_keeps_the_reason(self, store: Store) -> None:
        await store.install(ONE, TOKENS, NOON)
        assert await store.end_installation(KEY, "uninstalled", NOON)
        assert not await store.end_installation(KEY, "revoked", NOON + timedelta(hours=1))
        (ended,) = await store.installations("slack")
        assert (ended.ended_at, ended.reason, ended.has_tokens) == (NOON, "uninstalled", False)
        assert await store.credentials(KEY) is None
        assert not await store.claim_refresh(KEY, 1, NOON, NOON + timedelta(minutes=1))
        assert not await store.replace_credentials(KEY, 1, TOKENS)

    async def test_an_end_of_former_tokens_leaves_the_new_ones(self, store: Store) -> None:
        former = await store.install(ONE, TOKENS, NOON)
        await store.install(ONE, Credentials("xoxb-new"), NOON)
        assert not await store.end_installation(KEY, "revoked", NOON, former.version)
        assert await store.credentials(KEY) == Credentials("xoxb-new", version=2)
        assert await store.end_installation(KEY, "revoked", NOON, 2)

    async def test_the_end_of_an_organisation_ends_the_teams_that_use_its_tokens_alone(
        self, store: Store
    ) -> None:
        own = InstallationKey("slack", "E1", "T3")
        await store.install(StoredInstallation(ORG), TOKENS, NOON)
        await store.install(StoredInstallation(OF_ORG), None, NOON)
        await store.install(StoredInstallation(own), TOKENS, NOON)
        await store.install(ONE, TOKENS, NOON)
        assert await store.end_installation(ORG, "uninstalled", NOON)
        running = {one.key for one in await store.installations("slack") if one.ended_at is None}
        assert running == {own, KEY}

    async def test_of_several_that_want_to_exchange_the_tokens_exactly_one_may(self, store: Store) -> None:
        await store.install(ONE, TOKENS, NOON)
        until = NOON + timedelta(minutes=1)
        claims = [store.claim_refresh(KEY, 1, NOON, until) for _ in range(5)]
        assert sorted(await asyncio.gather(*claims)) == [False, False, False, False, True]
        new = Credentials("xoxe.xoxb-1-second", "xoxe-1-other", until)
        assert await store.replace_credentials(KEY, 1, new)
        assert not await store.replace_credentials(KEY, 1, TOKENS)
        assert not await store.claim_refresh(KEY, 1, until, until + timedelta(minutes=1))
        assert await store.credentials(KEY) == replace(new, version=2)

    async def test_a_claim_that_nobody_fulfilled_is_another_ones_when_its_time_is_over(
        self, store: Store
    ) -> None:
        await store.install(ONE, TOKENS, NOON)
        until = NOON + timedelta(minutes=1)
        assert await store.claim_refresh(KEY, 1, NOON, until)
        assert not await store.claim_refresh(KEY, 1, NOON + timedelta(seconds=59), until)
        assert await store.claim_refresh(KEY, 1, until, until + timedelta(minutes=1))


class TestTheDataOfATeam:
    async def test_the_end_of_an_installation_ends_its_open_turns_with_the_reason(
        self, sql_store: SqlStore
    ) -> None:
        store = sql_store
        await store.install(ONE, TOKENS, NOON)
        waiting, other = await accepted(store, ask("m1")), await accepted(store, ask("m2", place=OTHER))
        assert await store.end_installation(KEY, "account_inactive", NOON)
        ended, untouched = await store.turn(waiting.id), await store.turn(other.id)
        assert ended is not None
        assert ended.state is TurnState.FAILED
        (failure,) = await store.failures()
        assert failure.failure.detail == "the installation has ended: account_inactive"
        assert untouched is not None
        assert untouched.state is TurnState.WAITING

    async def test_all_rows_of_a_team_go_and_no_row_of_another(
        self, sql_store: SqlStore, database: Database
    ) -> None:
        """Each table has a row of either team; those without a team belong to a turn."""
        tables = [table for table in Row.metadata.sorted_tables if "team" in table.c or "turn_id" in table.c]
        await database.write(lambda connection: _fill(connection, tables))
        while await sql_store.remove_team("slack", "T1"):
            pass
        left = await database.read(lambda connection: _teams_left(connection, tables))
        assert left == {table.name: {"T2"} for table in tables} | {"installations": {"T1", "T2"}}

    async def test_only_what_ended_long_ago_and_runs_nowhere_is_removed(self, store: Store) -> None:
        await store.install(ONE, TOKENS, NOON)
        assert await store.ended_installations(NOON + timedelta(days=31)) == []
        await store.end_installation(KEY, "uninstalled", NOON)
        assert await store.ended_installations(NOON) == []
        (ended,) = await store.ended_installations(NOON + timedelta(days=31))
        assert ended.key == KEY
        moved = InstallationKey("slack", "E1", "T1")
        await store.install(StoredInstallation(moved), TOKENS, NOON)
        assert await store.ended_installations(NOON + timedelta(days=31)) == []
        assert not await store.forget_installation(moved)
        assert await store.forget_installation(KEY)

    async def test_after_thirty_days_the_data_of_an_ended_team_goes(self, sql_store: SqlStore) -> None:
        store = sql_store
        clock = FakeClock(NOON, jumps=True)
        await store.install(ONE, TOKENS, NOON)
        await accepted(store, ask("m1"))
        await store.end_installation(KEY, "uninstalled", NOON)
        await clock.sleep(30 * 86_400)
        assert await remove_expired(store, timedelta(days=30), clock) == 0
        await clock.sleep(1)
        assert await remove_expired(store, timedelta(days=30), clock) == 1
        assert await store.installations("slack") == []
        assert await store.open_turns() == []
        assert await store.channels(None) == []

    async def test_what_is_stored_after_the_operator_removed_a_team_goes_within_the_hour(
        self, sql_store: SqlStore
    ) -> None:
        """A program serves it until it looks at the installations again."""
        store, clock = sql_store, FakeClock(NOON, jumps=True)
        await store.install(ONE, TOKENS, NOON)
        await store.end_installation(KEY, REMOVED, NOON)
        await accepted(store, ask("m1"))
        assert await remove_expired(store, timedelta(days=30), clock) == 0
        await clock.sleep(EVERY_S)
        assert await remove_expired(store, timedelta(days=30), clock) == 1
        assert await store.installations("slack") == []
        assert await store.open_turns() == []

    async def test_a_team_that_installs_again_while_others_are_removed_keeps_its_data(
        self, sql_store: SqlStore
    ) -> None:
        store, gone = sql_store, replace(ONE, key=InstallationKey("slack", "", "T2"))
        for one, at in ((gone, NOON), (ONE, NOON + timedelta(hours=1))):
            await store.install(one, TOKENS, NOON)
            await accepted(store, ask("m1", place=Place("slack", one.key.team, "C1", "100.1")))
            await store.end_installation(one.key, "uninstalled", at)

        class Clock(FakeClock):
            """The team installs the app again in the first pause."""

            async def sleep(self, seconds: float) -> None:
                if not self.slept_s:
                    await store.install(ONE, TOKENS, self.now())
                await super().sleep(seconds)

        await remove_expired(store, timedelta(days=30), Clock(NOON + timedelta(days=40), jumps=True))
        assert [one.key for one in await store.installations("slack")] == [KEY]
        assert [place.team for place in await store.channels(None)] == ["T1"]


OTHER = Place("slack", "T2", "C1", "100.1")


def _fill(connection: Connection, tables: list[Table]) -> None:
    for number, team in enumerate(("T1", "T2"), start=1):
        for table in tables:
            values = old_values(table) | {
                column.name: number for column in table.c if column.foreign_keys or column.name == "id"
            }
            values |= {"again_of": None} if "again_of" in table.c else {}
            values |= {
                name: given for name, given in (("platform", "slack"), ("team", team)) if name in table.c
            }
            connection.execute(table.insert().values(values))


def _teams_left(connection: Connection, tables: list[Table]) -> dict[str, set[str]]:
    """The teams whose rows are in each table; of those without a team that of their turn."""
    teams = {1: "T1", 2: "T2"}
    found: dict[str, set[str]] = {}
    for table in tables:
        column = table.c.team if "team" in table.c else table.c.turn_id
        rows = connection.execute(select(column)).scalars()
        found[table.name] = {row if "team" in table.c else teams[row] for row in rows}
    return found


class TestEncryption:
    async def test_no_token_is_in_the_database_as_it_is(self, database_url: str) -> None:
        opened_store = await opened(database_url)
        await opened_store.install(ONE, TOKENS, NOON)
        await opened_store.close()
        beside = Database(DatabaseSettings(database_url=database_url).url)
        row = await beside.read(
            lambda connection: connection.execute(text("SELECT * FROM installations")).one()
        )
        await beside.close()
        whole = repr(tuple(row))
        assert "first" not in whole
        assert "refresh" not in whole
        assert "xoxe" not in whole

    async def test_a_key_is_changed_by_naming_the_former_one_until_all_is_rewritten(
        self, database_url: str
    ) -> None:
        first = await opened(database_url, FIRST)
        await first.install(ONE, TOKENS, NOON)
        await first.install(StoredInstallation(ORG), Credentials("xoxb-org"), NOON)
        await first.close()
        both = await opened(database_url, SECOND, FIRST)
        assert await both.credentials(KEY) == replace(TOKENS, version=1)
        assert [await both.rewrite_tokens(1) for _ in range(3)] == [1, 1, 0]
        await both.close()
        second = await opened(database_url, SECOND)
        assert await second.credentials(KEY) == replace(TOKENS, version=1)
        assert await second.credentials(ORG) == Credentials("xoxb-org", version=1)
        await second.close()

    async def test_the_tokens_are_rewritten_while_parley_runs(self, database_url: str) -> None:
        first = await opened(database_url, FIRST)
        await first.install(ONE, TOKENS, NOON)
        await first.close()
        both, clock = await opened(database_url, SECOND, FIRST), FakeClock(jumps=True)
        running = asyncio.create_task(rewrite_tokens(both, clock))
        await until(lambda: clock.slept_s[-1:] == [3_600.0])
        running.cancel()
        await both.close()
        second = await opened(database_url, SECOND)
        assert await second.credentials(KEY) == replace(TOKENS, version=1)
        await second.close()

    @pytest.mark.parametrize("key", [SECOND, None], ids=["wrong", "missing"])
    async def test_a_wrong_or_missing_key_ends_a_start_with_one_line(
        self, database_url: str, key: str | None
    ) -> None:
        first = await opened(database_url, FIRST)
        await first.install(ONE, TOKENS, NOON)
        await first.close()
        with pytest.raises(SettingsError) as refused:
            await opened(database_url, key)
        assert str(refused.value) == (
            "PARLEY_SECRET_KEY: is not the key by which tokens in this database are encrypted: set that one, or set "
            "it as PARLEY_SECRET_KEY_BEFORE beside a new one"
        )

    async def test_without_a_key_nothing_is_installed(self, database_url: str) -> None:
        store = await opened(database_url, None)
        with pytest.raises(StoreError) as refused:
            await store.install(ONE, TOKENS, NOON)
        assert not refused.value.retryable
        assert await store.installations("slack") == []
        await store.close()

    def test_a_token_that_is_moved_to_another_row_or_changed_is_refused(self) -> None:
        keys = SecretKeys(secret_key_bytes(FIRST))
        stored = keys.encrypt("xoxb-secret", "token", "slack", "", "T1")
        assert keys.decrypt(stored, "token", "slack", "", "T1") == "xoxb-secret"
        changed = stored[:-6] + ("A" if stored[-6] != "A" else "B") + stored[-5:]
        for text_, place in ((stored, ("token", "slack", "", "T2")), (changed, ("token", "slack", "", "T1"))):
            with pytest.raises(StoreError) as refused:
                keys.decrypt(text_, *place)
            assert "xoxb" not in str(refused.value)

    def test_the_same_token_is_encrypted_differently_each_time(self) -> None:
        keys = SecretKeys(secret_key_bytes(FIRST))
        assert keys.encrypt("a", "x") != keys.encrypt("a", "x")


class TestKey:
    def test_a_key_is_read_in_base64_and_in_hexadecimal_digits(self) -> None:
        key = bytes(range(224, 256))
        plain = base64.b64encode(key).decode()
        for written in (
            plain,
            plain.rstrip("="),
            base64.urlsafe_b64encode(key).decode(),
            key.hex(),
            key.hex().upper(),
        ):
            assert secret_key_bytes(written) == key

    @pytest.mark.parametrize("written", ["", "secret", "ab" * 31, "zz" * 32, "é" * 44])
    def test_another_value_is_refused_in_words_without_the_value(self, written: str) -> None:
        with pytest.raises(ValueError) as refused:
            secret_key_bytes(written)
        assert str(refused.value).startswith("must be 32 bytes, in base64 or as 64 hexadecimal digits")
        assert not written or written not in str(refused.value)
