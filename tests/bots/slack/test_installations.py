"""Many workspaces in one process: each event, call and token is that of its own workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bots.slack.addressee import Addressee
from bots.slack.team_access import TeamAccess, access_in
from core.clock import SystemClock
from core.errors import Code, PlatformError, StoreError
from core.platform_calls import PerInstallation, PlatformCalls
from core.values.conversation import Ask
from core.values.installations import InstallationKey, StoredInstallation
from core.values.outgoing import Page, PostMessage
from core.values.places import Place
from storage import DatabaseSettings, SqlStore, open_store
from tests.bots.slack.installing import Host
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.slack import Call, FakeSlack
from tests.fakes.slack.teams import FakeSlackApp
from tests.schema import with_schema
from tests.waiting import until

MENTION = "<@U_BOT> what is a monad?"


@pytest.fixture
async def app() -> AsyncIterator[FakeSlackApp]:
    async with FakeSlackApp() as app:
        app.add_team("T1", "Loom")
        app.add_team("T2", "Mill")
        yield app


@pytest.fixture
async def host(app: FakeSlackApp) -> AsyncIterator[Host]:
    async with Host(app).running() as host:
        yield host


def asks(host: Host) -> list[Ask]:
    return host.inbox.of(Ask)


def post(team: str, text: str) -> PostMessage:
    return PostMessage(Place("slack", team, "C1"), Page(text, "", ()), f"turn-{team}/0")


async def ask(host: Host, slack: FakeSlack, text: str = MENTION, count: int = 1) -> Ask:
    """A mention, and the question that came of it."""
    before = len(asks(host))
    await slack.say("U1", "C1", text)
    await until(lambda: len(asks(host)) >= before + count)
    return asks(host)[-1]


async def test_a_process_answers_where_another_one_took_the_installation_and_the_question(
    app: FakeSlackApp,
) -> None:
    store, place = MemoryStore(), Place("slack", "T1", "C1")
    async with Host(app, store).running() as one, Host(app, store).running() as other:
        await one.install("T1")
        calls = PerInstallation([other.connector], PlatformCalls)
        assert calls(place) is None
        await calls.look_up(place)
        found = calls(place)
        assert found is not None
        await found.perform(post("T1", "hello"))
        assert [message.text for message in app.teams["T1"].messages("C1")] == ["hello"]
        await calls.look_up(replace(place, team="T2"))
        assert calls(replace(place, team="T2")) is None


async def test_a_question_that_another_process_took_finds_an_installation_made_just_after_an_event_was_refused(
    app: FakeSlackApp,
) -> None:
    store, place = MemoryStore(), Place("slack", "T1", "C1")
    async with Host(app, store).running() as one, Host(app, store).running() as other:
        assert await other.connector.teams.find(Addressee(("T1",))) is None
        await one.install("T1")
        await PerInstallation([other.connector], PlatformCalls).look_up(place)
        assert other.connector.serving(place) is not None


class AwayStore(MemoryStore):
    """A database that is away for the next `away` look-ups of an installation."""

    away = 0

    async def installation(self, key: InstallationKey) -> StoredInstallation | None:
        if self.away > 0:
            self.away -= 1
            raise StoreError("away")
        return await super().installation(key)


async def test_the_first_events_of_a_workspace_wait_in_their_order_for_a_database_that_is_away(
    app: FakeSlackApp,
) -> None:
    store, clock, went_on = AwayStore(), FakeClock(), list[int]()
    async with Host(app, store).running() as one, Host(app, store, clock).running() as other:
        await one.install("T1")
        store.away = 3

        async def find(number: int) -> None:
            assert await other.connector.teams.find(Addressee(("T1",))) is not None
            went_on.append(number)

        async with asyncio.TaskGroup() as waiting:
            for number in range(4):
                waiting.create_task(find(number))
            await clock.advance(3)
    assert went_on == [0, 1, 2, 3]
    assert store.away == 0


async def test_an_event_is_refused_where_the_database_stays_away(app: FakeSlackApp) -> None:
    store, clock = AwayStore(), FakeClock()
    async with Host(app, store, clock).running() as host:
        store.away = 10_000
        teams = host.connector.teams
        finds = [asyncio.create_task(teams.find(Addressee(("T1",)))) for _ in range(3)]
        await clock.advance(11)
        found = await asyncio.wait_for(asyncio.gather(*finds, return_exceptions=True), 5)
        assert [type(one) for one in found] == [StoreError] * 3


async def test_each_workspace_has_its_own_events_and_calls(host: Host, app: FakeSlackApp) -> None:
    for team in ("T1", "T2"):
        await host.install(team)
        assert (await ask(host, app.teams[team])).place.team == team
        serving = host.connector.serving(Place("slack", team, "C1"))
        assert serving is not None
        await serving.perform(post(team, f"for {team}"))
    for team, other in (("T1", "T2"), ("T2", "T1")):
        texts = [message.visible for message in app.teams[team].messages("C1")]
        assert f"for {team}" in texts
        assert f"for {other}" not in texts


async def test_no_event_costs_a_call_to_find_out_who_we_are(host: Host, app: FakeSlackApp) -> None:
    await host.install("T1")
    slack = app.teams["T1"]
    slack.calls.clear()
    for _ in range(5):
        await ask(host, slack)
    assert slack.called("auth.test") == []


async def test_after_a_restart_the_installations_are_there_without_a_call(app: FakeSlackApp) -> None:
    store = MemoryStore()
    async with Host(app, store).running() as first:
        await first.install("T1")
    app.teams["T1"].calls.clear()
    async with Host(app, store).running() as second:
        assert [one.id for one in second.connector.installations] == ["T1"]
        assert (await ask(second, app.teams["T1"])).place == Place("slack", "T1", "C1", asks(second)[0].id)
    assert app.teams["T1"].called("auth.test") == []


async def test_what_another_process_installs_is_served_here_too(app: FakeSlackApp) -> None:
    store = MemoryStore()
    async with Host(app, store).running() as one, Host(app, store).running() as other:
        await one.install("T1")
        assert (await ask(other, app.teams["T1"])).place.team == "T1"


async def test_over_socket_mode_one_connection_serves_them_all(app: FakeSlackApp) -> None:
    given = {"app_token": app.app_token, "ping_interval_s": 0.2}
    async with Host(app, given=given).running() as host:
        for team in ("T1", "T2"):
            await host.install(team)
            assert (await ask(host, app.teams[team])).place.team == team
        assert host.connector.connections <= 2


async def test_an_event_of_a_workspace_without_an_installation_is_refused_without_its_content(
    host: Host, app: FakeSlackApp
) -> None:
    await host.install("T1")
    with capture_logs() as logs:
        await app.teams["T2"].say("U1", "C1", "<@U_BOT> the launch code is 7")
        await until(lambda: app.sockets.envelopes and all(one.acked for one in app.sockets.envelopes))
    refused = [line for line in logs if line["event"] == "event_refused"]
    assert [(line["team"], line["reason"]) for line in refused] == [("T2", "not installed")]
    assert "launch" not in repr(logs)
    assert asks(host) == []


class TestEnds:
    async def test_a_workspace_that_removes_the_app_is_ended_and_the_other_goes_on(
        self, host: Host, app: FakeSlackApp
    ) -> None:
        ended: list[str] = []

        async def note(team: str) -> None:
            ended.append(team)

        host.connector.on_ended = note
        for team in ("T1", "T2"):
            await host.install(team)
        app.uninstall("T1")
        await until(lambda: ended)
        assert ended == ["T1"]
        stored = await host.store.installation(InstallationKey("slack", "", "T1"))
        assert stored is not None
        assert (stored.reason, stored.has_tokens) == ("account_inactive", False)
        assert host.connector.serving(Place("slack", "T1", "C1")) is None
        assert (await ask(host, app.teams["T2"])).place.team == "T2"

    async def test_a_revoked_token_ends_it_also_where_no_event_tells(
        self, host: Host, app: FakeSlackApp
    ) -> None:
        await host.install("T1")
        app.grants[0].ended = "token_revoked"
        serving = host.connector.serving(Place("slack", "T1", "C1"))
        assert serving is not None
        with pytest.raises(PlatformError) as refused:
            await serving.perform(post("T1", "hello"))
        assert refused.value.code is Code.BAD_TOKEN
        await until(lambda: host.connector.serving(Place("slack", "T1", "C1")) is None)
        stored = await host.store.installation(InstallationKey("slack", "", "T1"))
        assert stored is not None
        assert stored.reason == "token_revoked"

    async def test_an_event_of_an_ended_one_is_refused_with_its_reason(
        self, host: Host, app: FakeSlackApp
    ) -> None:
        await host.install("T1")
        app.uninstall("T1")
        await until(lambda: host.connector.serving(Place("slack", "T1", "C1")) is None)
        with capture_logs() as logs:
            await app.teams["T1"].say("U1", "C1", MENTION)
            await until(lambda: any(line["event"] == "event_refused" for line in logs))
        assert [line["reason"] for line in logs if line["event"] == "event_refused"] == ["account_inactive"]

    async def test_a_late_event_of_the_former_installation_does_not_end_the_new_one(
        self, host: Host, app: FakeSlackApp
    ) -> None:
        await host.install("T1")
        app.teams["T1"].space.emit({"type": "app_uninstalled", "event_ts": "1.0"})
        await until(lambda: app.teams["T1"].called("auth.test")[1:])
        assert (await ask(host, app.teams["T1"])).place.team == "T1"

    async def test_a_refusal_of_the_former_token_does_not_end_an_installation_that_was_made_meanwhile(
        self, host: Host, app: FakeSlackApp
    ) -> None:
        await host.install("T1")
        checking, checked = asyncio.Event(), asyncio.Event()

        async def check() -> None:
            checking.set()
            await checked.wait()
            raise PlatformError(Code.BAD_TOKEN, "refused") from PlatformError(
                Code.BAD_TOKEN, "auth.test: account_inactive"
            )

        ended: list[str] = []

        async def note(team: str) -> None:
            ended.append(team)

        host.connector.on_ended = note
        host.connector.doubted.add("T1", check)
        await checking.wait()
        await host.install("T1")
        checked.set()
        await until(lambda: not host.connector.doubted._doubted)
        stored = await host.store.installation(InstallationKey("slack", "", "T1"))
        assert stored is not None
        assert (stored.ended_at, stored.version, ended) == (None, 2, [])
        assert (await ask(host, app.teams["T1"])).place.team == "T1"

    async def test_installing_again_serves_it_again(self, host: Host, app: FakeSlackApp) -> None:
        await host.install("T1")
        app.uninstall("T1")
        await until(lambda: host.connector.serving(Place("slack", "T1", "C1")) is None)
        await host.install("T1")
        assert (await ask(host, app.teams["T1"])).place.team == "T1"

    async def test_what_another_process_ends_is_served_here_no_longer(self, app: FakeSlackApp) -> None:
        store, clock = MemoryStore(), FakeClock()
        async with Host(app, store, clock).running() as host:
            await host.install("T1")
            await host.install("T2")
            await store.end_installation(
                InstallationKey("slack", "", "T1"), "removed by the operator", clock.now()
            )
            await clock.advance(31)
            assert [one.id for one in host.connector.installations] == ["T2"]

    async def test_what_another_process_tells_that_it_has_ended_is_served_no_longer_at_once(
        self, app: FakeSlackApp
    ) -> None:
        store, clock = MemoryStore(), FakeClock()
        async with Host(app, store, clock).running() as host:
            told: list[str] = []

            async def note(team: str) -> None:
                told.append(team)

            host.connector.on_ended = note
            await host.install("T1")
            await host.install("T2")
            await store.end_installation(InstallationKey("slack", "", "T1"), "app_uninstalled", clock.now())
            await asyncio.gather(*(host.connector.installation_ended() for _ in range(2)))
            assert [one.id for one in host.connector.installations] == ["T2"]
            assert told == ["T1"], "its answers end, once"


class TestOrganisations:
    @pytest.fixture
    async def org(self, app: FakeSlackApp) -> FakeSlackApp:
        for team, name in (("T3", "Weavers"), ("T4", "Dyers")):
            app.add_team(team, name, "E1")
        return app

    async def test_its_workspaces_are_served_as_their_events_come(self, host: Host, org: FakeSlackApp) -> None:
        await host.install("T3", org=True)
        for team in ("T3", "T4"):
            assert (await ask(host, org.teams[team])).place.team == team
        keys = [one.key.team for one in await host.store.installations("slack")]
        assert keys == ["", "T3", "T4"]

    async def test_its_workspaces_are_there_after_a_restart(self, org: FakeSlackApp) -> None:
        store = MemoryStore()
        async with Host(org, store).running() as first:
            await first.install("T3", org=True)
            await ask(first, org.teams["T4"])
        async with Host(org, store).running() as second:
            assert [one.id for one in second.connector.installations] == ["T4"]
            assert (await ask(second, org.teams["T4"])).place.team == "T4"

    async def test_its_end_ends_all_of_them_and_another_beginning_begins_them(
        self, host: Host, org: FakeSlackApp
    ) -> None:
        await host.install("T3", org=True)
        for team in ("T3", "T4"):
            await ask(host, org.teams[team])
        org.uninstall("T3")
        await until(lambda: not host.connector.installations)
        await host.install("T3", org=True)
        assert (await ask(host, org.teams["T4"])).place.team == "T4"

    async def test_a_workspace_that_it_takes_the_app_off_ends_alone_and_begins_again_when_it_is_added(
        self, host: Host, org: FakeSlackApp
    ) -> None:
        await host.install("T3", org=True)
        for team in ("T3", "T4"):
            await ask(host, org.teams[team])
        org.revoke_access("T4")
        await until(lambda: [one.id for one in host.connector.installations] == ["T3"])
        ended = await host.store.installation(InstallationKey("slack", "E1", "T4"))
        assert ended is not None
        assert ended.reason == "access revoked"
        ts = await org.teams["T4"].say("U1", "C1", MENTION)
        await ask(host, org.teams["T3"])
        assert ("T4", ts) not in {(one.place.team, one.id) for one in asks(host)}
        org.grant_access("T4")
        await until(lambda: len(host.connector.installations) == 2)
        assert (await ask(host, org.teams["T4"])).place.team == "T4"

    async def test_a_workspace_with_tokens_of_its_own_does_not_end_by_the_word_of_an_organisation(
        self, host: Host, org: FakeSlackApp
    ) -> None:
        await host.install("T3")
        await host.install("T1")
        org.revoke_access("T3")
        org.teams["T3"].space.emit({"type": "team_access_revoked", "team_ids": ["T1"], "event_ts": "1.0"})
        assert (await ask(host, org.teams["T3"])).place.team == "T3"
        assert [one.id for one in host.connector.installations] == ["T3", "T1"]

    def test_the_event_may_be_in_a_second_wrapper(self) -> None:
        inner = {"type": "team_access_revoked", "team_ids": ["T1", "T2"]}
        wrapped = {"type": "event_callback", "event": {"team_id": None, "enterprise_id": "E1", "event": inner}}
        assert access_in(wrapped) == TeamAccess("E1", ("T1", "T2"), granted=False)
        assert access_in({"type": "event_callback", "event": {"type": "message"}}) is None

    async def test_a_look_up_that_needs_a_workspace_names_it(self, host: Host, org: FakeSlackApp) -> None:
        await host.install("T3", org=True)
        await ask(host, org.teams["T4"])
        serving = host.connector.serving(Place("slack", "T4", "C1"))
        assert serving is not None
        await serving.web.read("users.list", {})
        assert [call.args["team_id"] for call in org.teams["T4"].called("users.list")] == ["T4"]


class TestRotation:
    @pytest.fixture
    def rotating(self, app: FakeSlackApp) -> FakeSlackApp:
        app.rotates = True
        return app

    async def test_a_token_is_exchanged_before_it_expires(self, rotating: FakeSlackApp) -> None:
        clock = FakeClock()
        async with Host(rotating, clock=clock).running() as host:
            await host.install("T1")
            await clock.advance(9 * 3_600)
            rotating.ahead_s += 9 * 3_600
            assert await _called(host) == 0
            await clock.advance(2 * 3_600)
            rotating.ahead_s += 2 * 3_600
            assert await _called(host) == 1
            await clock.advance(2 * 3_600)
            rotating.ahead_s += 2 * 3_600
            assert await _called(host) == 1, "the new one is good for twelve hours more"

    async def test_of_two_processes_with_many_calls_each_exactly_one_exchanges(
        self, rotating: FakeSlackApp, stores: tuple[SqlStore, SqlStore]
    ) -> None:
        clock = FakeClock()
        rotating.latency_s = 0.05
        async with (
            Host(rotating, stores[0], clock).running() as one,
            Host(rotating, stores[1], clock).running() as other,
        ):
            await one.install("T1")
            await other.connector.load()
            await clock.advance(11 * 3_600)
            rotating.ahead_s += 11 * 3_600
            await _while_it_passes(clock, *(_called(host) for host in (one, other) for _ in range(5)))
            assert [call.outcome for call in _exchanges(rotating)] == ["ok"]
            await clock.advance(2 * 3_600)
            rotating.ahead_s += 2 * 3_600
            await _while_it_passes(clock, *(_called(host) for host in (one, other)))
        assert len(_exchanges(rotating)) == 1, "the new token is that of both"

    async def test_a_token_that_is_no_longer_good_is_replaced_by_the_one_that_another_process_stored(
        self, rotating: FakeSlackApp
    ) -> None:
        store, clock = MemoryStore(), FakeClock()
        async with (
            Host(rotating, store, clock).running() as one,
            Host(rotating, store, clock).running() as other,
        ):
            await one.install("T1")
            await other.connector.load()
            await _called(other)
            await one.install("T1")
            rotating.grants[0].ended = "token_revoked"
            await _called(other)
            assert [one.id for one in other.connector.installations] == ["T1"]

    async def test_a_refresh_token_that_slack_refuses_ends_the_installation_with_its_last_token(
        self, rotating: FakeSlackApp
    ) -> None:
        clock = FakeClock()
        async with Host(rotating, clock=clock).running() as host:
            await host.install("T1")
            rotating.grants[0].refresh = "xoxe-1-another"
            await clock.advance(11 * 3_600)
            await _called(host)
            assert host.connector.installations
            await clock.advance(3_600)
            with pytest.raises(PlatformError) as refused:
                await _while_it_passes(clock, _called(host))
            assert refused.value.code is Code.BAD_TOKEN
            await _while_it_passes(clock, until(lambda: not host.connector.installations))

    async def test_while_slack_exchanges_nothing_the_old_token_serves_until_it_expires(
        self, rotating: FakeSlackApp
    ) -> None:
        clock = FakeClock()
        async with Host(rotating, clock=clock).running() as host:
            await host.install("T1")
            rotating.access_error = "internal_error"
            await clock.advance(11 * 3_600)
            await _called(host)
            rotating.access_error = ""
            await clock.advance(31)
            await _called(host)
            assert [call.outcome for call in _exchanges(rotating)] == ["internal_error", "ok"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return with_schema(request, tmp_path)


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """The stores of two processes on one database."""
    settings = DatabaseSettings(database_url=database_url, parley_secret_key="ab" * 32)
    one, other = await open_store(settings, SystemClock()), await open_store(settings, SystemClock())
    yield one, other
    await one.close()
    await other.close()


async def _called(host: Host, team: str = "T1") -> int:
    """Make a call, and return the number of exchanges so far."""
    serving = host.connector.serving(Place("slack", team, "C1"))
    assert serving is not None
    await serving.perform(post(team, "hello"))
    return len(_exchanges(host.app))


async def _while_it_passes(clock: FakeClock, *work: Awaitable[object]) -> None:
    """Await `work` while the time of the clock goes on, a quarter of a second in each step."""
    working = asyncio.gather(*work)
    while not working.done():
        await clock.advance(0.25)
        await asyncio.sleep(0.002)
    await working


def _exchanges(app: FakeSlackApp) -> list[Call]:
    return [call for call in app.calls if call.args.get("grant_type") == "refresh_token"]
