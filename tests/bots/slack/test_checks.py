"""The checks of the Slack app, through the real slack-sdk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from bots.slack import SlackSettings
from bots.slack.checks import slack_checks, slack_hosts
from core.values.checks import CheckStatus, Finding
from tests.fakes.slack import FakeSlack

FAILED, OK, WARNING = CheckStatus.FAILED, CheckStatus.OK, CheckStatus.WARNING


def settings(slack: FakeSlack, **changes: Any) -> SlackSettings:
    given = {"slack_bot_token": "xoxb-test", "slack_app_token": "xapp-test", "slack_api_url": slack.api_url}
    return SlackSettings(_env_file=None, **(given | changes))


async def findings(
    slack: FakeSlack, channels: dict[str, str] | None = None, admins: Iterable[str] = (), **changes: Any
) -> dict[str, Finding]:
    checks = slack_checks(settings(slack, **changes), channels or {}, admins)
    found = [one for run in await asyncio.gather(*(check.run() for check in checks)) for one in run]
    assert not any("xoxb" in one.detail or "xapp" in one.detail for one in found)
    return {one.check: one for one in found}


async def test_an_app_that_is_set_up_is_well_but_for_what_slack_does_not_tell(slack: FakeSlack) -> None:
    found = await findings(slack)
    assert {name: one.status for name, one in found.items()} == {
        "slack token": OK,
        "slack scopes": OK,
        "slack socket mode": OK,
        "slack events": WARNING,
    }
    assert found["slack token"].detail == "bot parley in Fake (T1)"


async def test_no_socket_is_opened_so_that_a_running_parley_keeps_its_events(slack: FakeSlack) -> None:
    await findings(slack)
    assert len(slack.called("apps.connections.open")) == 1
    assert slack.sockets.open == []


@pytest.mark.parametrize("reason", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_a_token_that_slack_refuses_fails_with_the_place_of_a_new_one(
    slack: FakeSlack, reason: str
) -> None:
    slack.revoke(reason)
    found = await findings(slack)
    assert (found["slack token"].status, found["slack token"].detail) == (FAILED, f"Slack refuses it: {reason}")
    assert "SLACK_BOT_TOKEN" in found["slack token"].todo
    assert "slack scopes" not in found


async def test_an_app_level_token_that_slack_refuses_fails_alone(slack: FakeSlack) -> None:
    slack.bad_app_token = True
    found = await findings(slack)
    assert (found["slack token"].status, found["slack socket mode"].status) == (OK, FAILED)
    assert "connections:write" in found["slack socket mode"].todo


async def test_each_missing_scope_says_what_is_missing_with_it(slack: FakeSlack) -> None:
    kept = [one for one in slack.web.scopes.split(",") if one not in ("chat:write", "files:read", "mpim:read")]
    slack.web.scopes = ",".join(kept)
    found = await findings(slack)
    assert found["slack scope chat:write"].status is FAILED
    assert found["slack scope files:read"].status is WARNING
    assert found["slack scope files:read"].detail == "missing. Files are named to the model and not read."
    assert "install the app again" in found["slack scope mpim:read"].todo
    assert "slack scopes" not in found


async def test_the_search_is_missed_only_where_others_install_the_app(slack: FakeSlack) -> None:
    slack.web.scopes = slack.web.scopes.replace("search:read.public,", "")
    assert (await findings(slack))["slack scopes"].status is OK
    found = await findings(slack, slack_distributed=True)
    assert found["slack scope search:read.public"].status is WARNING


async def test_a_slack_that_cannot_be_reached_fails_and_one_that_limits_is_not_verified(
    slack: FakeSlack,
) -> None:
    slack.fail("auth.test", retry_after=30)
    assert (await findings(slack))["slack token"].status is WARNING
    await slack.stop()
    found = await findings(slack)
    assert found["slack token"].status is FAILED
    assert found["slack token"].detail == "Slack can't be reached: the connection is refused"
    assert found["slack token"].unreached == (slack.api_url.split("/")[2],)


async def test_the_token_of_a_person_is_no_bot(slack: FakeSlack) -> None:
    slack.fail("auth.test", error="not_authed")
    assert (await findings(slack))["slack token"].detail == "Slack refuses it: not_authed"


@pytest.mark.parametrize(
    ("secret", "status"), [("8f742231b10e8888abcd99yyyzzz85a5", FAILED), ("8" * 32, WARNING)]
)
async def test_a_signing_secret_can_only_be_verified_by_its_form(
    slack: FakeSlack, secret: str, status: CheckStatus
) -> None:
    found = await findings(slack, slack_signing_secret=secret)
    assert found["slack signing secret"].status is status
    assert secret not in found["slack signing secret"].detail


async def test_slack_that_is_off_is_neither_checked_nor_reached(slack: FakeSlack) -> None:
    off = settings(slack, slack_bot_token=None, slack_app_token=None)
    assert (slack_checks(off, {}), slack_hosts(off)) == ([], [])


def test_files_and_sockets_have_hosts_of_their_own() -> None:
    given: dict[str, Any] = {"slack_bot_token": "xoxb-test", "slack_app_token": "xapp-test"}
    urls = [host.url for host in slack_hosts(SlackSettings(_env_file=None, **given))]
    assert urls == ["https://slack.com/api/", "https://files.slack.com/", "wss://wss-primary.slack.com/"]


async def test_channels_that_settings_name_are_looked_up(slack: FakeSlack) -> None:
    slack.space.channels["C3"].archived = True
    named = dict.fromkeys(("C1", "C3", "C9", "C404"), "PARLEY_ALERT_CHANNEL")
    found = await findings(slack, named)
    assert found["slack channel C1"].detail == "the bot is in #general (for PARLEY_ALERT_CHANNEL)"
    assert "is archived" in found["slack channel C3"].detail
    assert found["slack channel C9"].detail == "the bot is not in #elsewhere (for PARLEY_ALERT_CHANNEL)"
    assert "there is none" in found["slack channel C404"].detail
    assert [found[f"slack channel {id_}"].status for id_ in named] == [OK, FAILED, FAILED, FAILED]
    slack.web.scopes = "chat:write"
    assert (await findings(slack, named))["slack channel C1"].status is WARNING


async def test_admins_that_slack_does_not_know_are_warnings(slack: FakeSlack) -> None:
    slack.space.people["U2"].deleted = True
    found = await findings(slack, admins=["U1", "U2", "U404"])
    assert [found[f"slack admin {id_}"].status for id_ in ("U1", "U2", "U404")] == [OK, WARNING, WARNING]
    assert "is deactivated" in found["slack admin U2"].detail
    assert found["slack admin U404"].detail == "Slack knows no such person (PARLEY_ADMINS)"
    assert "Copy member ID" in found["slack admin U404"].todo
    slack.web.scopes = "chat:write"
    unread = (await findings(slack, admins=["U1"]))["slack admin U1"]
    assert (unread.status, "could not be looked up" in unread.detail) == (WARNING, True)


async def test_tokens_of_two_apps_are_told(slack: FakeSlack) -> None:
    slack.app_token = slack.web.tokens["app"] = "xapp-1-A0OTHER-2-abc"
    slack.space.app_id = "A0PARLEY"
    found = await findings(slack, slack_app_token="xapp-1-A0OTHER-2-abc")
    assert found["slack token"].detail == "it is of another app than SLACK_APP_TOKEN, which is of A0OTHER"
    slack.space.app_id = "A0OTHER"
    assert (await findings(slack, slack_app_token="xapp-1-A0OTHER-2-abc"))["slack token"].status is OK
