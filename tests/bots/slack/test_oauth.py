"""Teams install the app themselves: the way over Slack's page and back, with all that may go wrong on it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.config import Config
from bots.slack import SlackSettings
from bots.slack.checks import slack_checks
from bots.slack.oauth_routes import MOST_A_MINUTE
from bots.slack.oauth_state import is_valid, new_state
from core.settings.problems import Problems
from core.settings.variables import Variables
from core.values.installations import Credentials, InstallationKey
from tests.bots.slack.installing import Answer, Host
from tests.fakes.clock import FakeClock
from tests.fakes.slack.teams import FakeSlackApp

T1 = InstallationKey("slack", "", "T1")


@pytest.fixture
async def app() -> AsyncIterator[FakeSlackApp]:
    async with FakeSlackApp() as app:
        app.redirect_uri = "https://parley.example/slack/oauth"
        app.add_team("T1", "Loom & Co")
        yield app


@pytest.fixture
async def host(app: FakeSlackApp) -> AsyncIterator[Host]:
    async with Host(app).running() as host:
        yield host


def shown(answer: Answer) -> str:
    """The text of a page."""
    body = re.sub(r"<style>.*?</style>|<title>.*?</title>", "", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


async def test_a_team_installs_the_app_and_its_token_is_stored(host: Host, app: FakeSlackApp) -> None:
    answer = await host.install("T1")
    assert answer.status == 200
    assert shown(answer) == (
        "Parley is installed in Loom &amp; Co Invite it to a channel and mention @Parley there, or send it a direct "
        "message. It reads the threads it is asked in. Removing the app ends that, and its data goes. "
        "Open Loom &amp; Co"
    )
    stored = await host.store.installation(T1)
    assert stored is not None
    assert (stored.name, stored.bot_user, stored.bot, stored.app) == ("Loom & Co", "U_BOT", "B_BOT", "A1")
    assert (stored.installed_by, stored.url) == ("U1", f"{app.base_url}/T1/")
    assert "chat:write" in stored.scopes
    credentials = await host.store.credentials(T1)
    assert credentials is not None
    assert app.grant_of(credentials.token) is app.grants[0]


async def test_the_page_speaks_chinese_to_a_browser_that_does(host: Host) -> None:
    answer = await host.install("T1", language="zh-CN,en;q=0.5")
    assert shown(answer).startswith("Parley 已安装到 Loom &amp; Co 请把它邀请到频道里并在那里提及 @Parley")
    assert '<html lang="zh' in answer.text


async def test_somebody_who_cancels_is_told_that_nothing_was_installed(host: Host, app: FakeSlackApp) -> None:
    answer = await host.browse(app.deny(await host.begin()))
    assert answer.status == 403
    assert shown(answer).startswith("Nothing was installed The app was not allowed.")
    assert 'href="/slack/install"' in answer.text
    assert await host.store.installations("slack") == []


async def test_a_redirect_is_good_once(host: Host, app: FakeSlackApp) -> None:
    location = app.approve(await host.begin(), "T1")
    kept = dict(host.cookies)
    assert (await host.browse(location)).status == 200
    host.cookies = kept
    again = await host.browse(location)
    assert again.status == 400
    assert shown(again).startswith("This link is no longer good")
    assert [call.method for call in app.calls] == ["oauth.v2.access"]


async def test_a_redirect_in_another_browser_installs_nothing(host: Host, app: FakeSlackApp) -> None:
    """Somebody who sends their own redirect to another person would have that one install into a foreign workspace."""
    location = app.approve(await host.begin(), "T1")
    assert (await host.browse(location, cookies=False)).status == 400
    host.cookies = {"parley_slack_install": "A" * 22}
    assert (await host.browse(location)).status == 400
    assert app.calls == []


@pytest.mark.parametrize("wrong", ["", "x", "a.b.c", "é" * 30, f"{'A' * 22}.1.{'0' * 64}"])
async def test_a_state_that_was_not_given_out_installs_nothing(
    host: Host, app: FakeSlackApp, wrong: str
) -> None:
    await host.begin()
    answer = await host.browse(f"https://parley.example/slack/oauth?code=1.2.code&state={wrong}")
    assert answer.status == 400
    assert app.calls == []


async def test_ten_minutes_after_it_was_begun_it_is_too_late(app: FakeSlackApp) -> None:
    clock = FakeClock()
    state = new_state("secret", clock.now().timestamp())
    await clock.advance(600)
    assert is_valid("secret", state.text, state.browser, clock.now().timestamp())
    assert not is_valid("other", state.text, state.browser, clock.now().timestamp())
    await clock.advance(1)
    assert not is_valid("secret", state.text, state.browser, clock.now().timestamp())


async def test_a_code_that_slack_does_not_take_leads_to_a_page_with_a_reference(
    host: Host, app: FakeSlackApp
) -> None:
    location = app.approve(await host.begin(), "T1")
    app.ahead_s += 601
    answer = await host.browse(location)
    assert answer.status == 502
    assert re.search(r"tell the people who run Parley the reference [2-9A-Z]{6}\.", shown(answer))
    assert await host.store.installations("slack") == []


@pytest.mark.parametrize(("language", "words"), [("en", "Too many at once"), ("zh", "同时安装的人太多")])
async def test_no_more_codes_are_redeemed_than_a_minute_permits(
    app: FakeSlackApp, language: str, words: str
) -> None:
    clock = FakeClock(datetime.now(UTC))
    async with Host(app, clock=clock).running() as host:

        async def redeem() -> Answer:
            state = parse_qs(urlsplit(await host.begin()).query)["state"][0]
            return await host.browse(f"https://parley.example/slack/oauth?code=no&state={state}", language)

        for _ in range(MOST_A_MINUTE):
            assert (await redeem()).status == 502
        refused = await redeem()
        assert refused.status == 429
        assert shown(refused).startswith(words)
        assert len(app.calls) == MOST_A_MINUTE
        await clock.advance(60)
        assert (await host.install("T1", language=language)).status == 200


async def test_the_pages_hold_no_secret_and_are_kept_nowhere(host: Host, app: FakeSlackApp) -> None:
    begun = await host.browse("https://parley.example/slack/install")
    assert "client_secret" not in begun.location
    assert app.client_secret not in begun.location
    cookie = begun.headers["Set-Cookie"]
    assert all(
        part in cookie for part in ("HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600", "Path=/slack/oauth")
    )
    answer = await host.browse(app.approve(begun.location, "T1"))
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    token = next(iter(app.grants[0].tokens))
    assert token not in answer.text


async def test_installing_again_replaces_the_token(host: Host, app: FakeSlackApp) -> None:
    await host.install("T1")
    first = await host.store.credentials(T1)
    app.grants[0].ended = "token_revoked"
    await host.install("T1")
    second = await host.store.credentials(T1)
    assert first is not None
    assert second is not None
    assert first.token != second.token
    assert second.version == first.version + 1


async def test_an_organisation_installs_it_for_all_its_workspaces(host: Host, app: FakeSlackApp) -> None:
    app.add_team("T2", "Weavers", "E1")
    answer = await host.install("T2", org=True)
    assert shown(answer).startswith(
        "Parley is installed in Org Your organisation has it now. Add it to workspaces"
    )
    stored = await host.store.installation(InstallationKey("slack", "E1", ""))
    assert stored is not None
    assert stored.has_tokens


async def test_tokens_that_rotate_are_stored_with_their_end(app: FakeSlackApp) -> None:
    app.rotates = True
    clock = FakeClock()
    async with Host(app, clock=clock).running() as host:
        await host.install("T1")
        credentials = await host.store.credentials(T1)
    assert isinstance(credentials, Credentials)
    assert credentials.refresh_token.startswith("xoxe-1-")
    assert credentials.expires_at is not None
    assert (credentials.expires_at - clock.now()).total_seconds() == 43_200


class TestDoctor:
    async def findings(self, app: FakeSlackApp, **given: str) -> list[tuple[str, str]]:
        known: dict[str, Any] = {
            "slack_client_id": app.client_id,
            "slack_client_secret": app.client_secret,
            "slack_signing_secret": app.signing_secret,
            "parley_public_url": "https://parley.example",
            "slack_api_url": app.api_url,
        }
        settings = SlackSettings(_env_file=None, **known | given)
        (check,) = slack_checks(settings, {})
        return [(str(one.status), f"{one.detail}; {one.todo}") for one in await check.run()]

    async def test_an_app_that_slack_knows_is_well_and_no_code_is_redeemed(self, app: FakeSlackApp) -> None:
        ((level, said),) = await self.findings(app)
        assert level == "ok"
        assert "teams install it at https://parley.example/slack/install" in said
        assert [call.outcome for call in app.calls] == ["invalid_code"]

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({"slack_client_id": "1.2"}, "SLACK_CLIENT_ID is none that Slack knows"),
            ({"slack_client_secret": "f" * 32}, "SLACK_CLIENT_SECRET is not the secret of this client ID"),
        ],
    )
    async def test_wrong_credentials_are_named(
        self, app: FakeSlackApp, given: dict[str, str], problem: str
    ) -> None:
        ((level, said),) = await self.findings(app, **given)
        assert level == "failed"
        assert problem in said
        assert "f" * 32 not in said


class TestSettings:
    def problems(self, **given: str) -> list[str]:
        problems = Problems()
        SlackSettings.read(Variables(given), problems)
        return problems.lines

    def test_all_that_installing_needs_is_named_at_once(self) -> None:
        assert self.problems(SLACK_CLIENT_ID="1.2") == [
            f"{name} is missing: no team can install the app without it beside SLACK_CLIENT_ID"
            for name in ("SLACK_CLIENT_SECRET", "PARLEY_PUBLIC_URL", "SLACK_SIGNING_SECRET")
        ]

    def test_a_public_address_has_to_be_https(self) -> None:
        (line,) = self.problems(PARLEY_PUBLIC_URL="http://parley.example")
        assert line.startswith("PARLEY_PUBLIC_URL: must be the https address at which browsers reach Parley")

    def test_own_workspaces_are_ids(self) -> None:
        (line,) = self.problems(SLACK_OWN_TEAMS="T0123, loom")
        assert (
            line
            == "SLACK_OWN_TEAMS: has 'loom', which is no id of a workspace (T...) or an organisation (E...)"
        )

    def test_a_channel_for_alerts_needs_the_token_of_its_workspace(self) -> None:
        problems = Problems()
        given = {
            "SLACK_CLIENT_ID": "1.2",
            "SLACK_CLIENT_SECRET": "s" * 32,
            "SLACK_SIGNING_SECRET": "f" * 32,
            "PARLEY_PUBLIC_URL": "https://parley.example",
            "PARLEY_ALERT_CHANNEL": "slack:C1",
        }
        Config.read(Variables(given), problems)
        assert problems.lines == [
            "PARLEY_ALERT_CHANNEL: names slack:C1, but not in which workspace: SLACK_BOT_TOKEN is not set",
            "PARLEY_SECRET_KEY: is missing. With SLACK_CLIENT_ID the tokens of workspaces are stored, encrypted with "
            "it: `openssl rand -base64 32` makes one. Keep it with your backups",
        ]
