"""Connections and tokens of Slack: refreshes, failures, proxies and revoked tokens."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from bots.slack.connector import SlackConnector
from bots.slack.socket import proxy_for
from core.errors import Code
from core.values.places import Place
from tests.bots.slack.rig import MENTION, Inbox, connecting, listening, post, refusal
from tests.fakes.slack import FakeSlack
from tests.waiting import AT_ONCE_S, HANG_S, timer_waits, until

# -- connections


async def test_it_is_ready_while_one_connection_stands(slack: FakeSlack, platform: SlackConnector) -> None:
    assert not platform.ready()
    async with listening(slack, platform):
        await until(platform.ready)
        slack.refuse_connections = True
        slack.abort_sockets()
        await until(lambda: not platform.ready())
    assert not platform.ready()


async def test_a_refresh_loses_nothing(slack: FakeSlack, platform: SlackConnector) -> None:
    async with listening(slack, platform) as inbox:
        for number in range(3):
            await slack.disconnect("refresh_requested")
            await slack.say("U1", "C1", str(number))
        await slack.wait_for(lambda: {ask.text for ask in inbox.asks()} == {"0", "1", "2"})


async def test_a_dead_url_does_not_leave_it_deaf(slack: FakeSlack, platform: SlackConnector) -> None:
    async with listening(slack, platform) as inbox:
        slack.refuse_connections = True
        slack.abort_sockets()
        await slack.wait_for(lambda: slack.sockets.refused > 3)
        slack.refuse_connections = False
        await slack.say("U1", "C1", "anyone?")
        await slack.wait_for(lambda: inbox.events)
        await until(platform.ready)


async def test_a_half_open_connection_is_noticed_and_replaced(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        dead = list(slack.sockets.open)
        slack.half_open()
        waited_s = timer_waits()
        await slack.wait_for(lambda: len([s for s in slack.sockets.open if s not in dead]) == 2)
        assert waited_s() < 30 * 0.2 / 5  # 30 s, with pings as far apart as in production
        for socket in dead:
            if socket in slack.sockets.open:
                slack.sockets.open.remove(socket)
        await slack.say("U1", "C1", "anyone?")
        await slack.wait_for(lambda: inbox.events)


async def test_it_ends_at_once_also_when_the_peer_is_dead(slack: FakeSlack) -> None:
    platform = connecting(slack, ping_interval_s=30)
    async with listening(slack, platform):
        slack.half_open()
        waited_s = timer_waits()
    assert waited_s() < AT_ONCE_S


async def test_what_is_being_stored_at_the_end_is_still_acknowledged(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    async with listening(slack, platform) as inbox:
        await slack.say("U1", "C1", "one last thing")
        await until(lambda: platform._receiver is not None and platform._receiver.busy)
        assert inbox.events == []
    assert slack.envelopes[0].acked


@pytest.mark.parametrize(
    ("method", "error", "variable"),
    [
        ("auth.test", "invalid_auth", "SLACK_BOT_TOKEN"),
        ("auth.test", "account_inactive", "SLACK_BOT_TOKEN"),
        ("apps.connections.open", "invalid_auth", "SLACK_APP_TOKEN"),
        ("apps.connections.open", "missing_scope", "SLACK_APP_TOKEN"),
    ],
)
async def test_a_bad_token_ends_the_run_and_is_named(
    slack: FakeSlack, platform: SlackConnector, method: str, error: str, variable: str
) -> None:
    slack.fail(method, None, error=error)
    async with asyncio.timeout(HANG_S):
        refused = await refusal(platform.run(Inbox(slack)))
    assert refused.code is Code.BAD_TOKEN
    assert variable in refused.detail
    assert error in refused.detail
    assert "\n" not in refused.detail
    assert "test" not in refused.detail.replace("auth.test", "")  # the tokens


async def test_trouble_at_the_start_is_waited_out(slack: FakeSlack, platform: SlackConnector) -> None:
    slack.fail("auth.test", 1, drop="before")
    slack.fail("apps.connections.open", 1, status=503)
    async with listening(slack, platform):
        await until(platform.ready)


async def test_it_starts_before_slack_is_there() -> None:
    slack = FakeSlack()
    await slack.start()
    platform = connecting(slack)
    await slack.stop()
    running = asyncio.create_task(platform.run(Inbox(slack)))
    await asyncio.sleep(0.05)
    await slack.start()
    await until(platform.ready)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await slack.stop()


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://127.0.0.1:8000/api/", None),
        ("ws://localhost:8000/link", None),
        ("https://slack.example/api/", None),
        ("https://slack.com/api/", "http://proxy.example:3128"),
    ],
)
def test_a_proxy_is_used_except_for_this_machine_and_no_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "slack.example")
    assert proxy_for(url) == proxy


async def test_loopback_works_with_a_proxy_in_the_environment(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with listening(slack, connecting(slack)) as inbox:
        await slack.disconnect()
        await slack.say("U1", "C1", "anyone?")
        await slack.wait_for(lambda: inbox.events)


# -- tokens that stop working, and work again


@pytest.mark.parametrize("reason", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_a_revoked_token_ends_the_run_and_the_next_one_works_once_the_token_does(
    slack: FakeSlack, platform: SlackConnector, reason: str
) -> None:
    running = asyncio.create_task(platform.run(Inbox(slack)))
    await until(lambda: len(slack.sockets.open) == 2)
    slack.revoke(reason)
    assert (await refusal(running)).code is Code.BAD_TOKEN
    assert not platform.ready()
    assert (await refusal(platform.run(Inbox(slack)))).code is Code.BAD_TOKEN, "asked anew, not remembered"
    slack.revoke("")
    async with listening(slack, platform) as inbox:
        await slack.say("U1", "C1", MENTION)
        await slack.wait_for(lambda: len(inbox.events) == 2)


async def test_a_bots_token_that_is_refused_while_the_sockets_are_open_ends_the_run(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    running = asyncio.create_task(platform.run(Inbox(slack)))
    await until(lambda: len(slack.sockets.open) == 2)
    slack.fail("chat.postMessage", error="account_inactive")
    assert (await refusal(platform.installation.perform(post()))).code is Code.BAD_TOKEN
    await until(lambda: len(slack.called("auth.test")) == 2)
    assert not running.done(), "the token itself is good"
    slack.web.revoked = "account_inactive"
    assert (await refusal(platform.installation.perform(post()))).code is Code.BAD_TOKEN
    assert (await refusal(running)).code is Code.BAD_TOKEN


async def test_catch_up_over_many_channels_looks_a_person_up_once_and_names_who_is_unknown(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    for number in range(100, 140):
        slack.space.add_channel(f"C{number}", f"room-{number}")
        await slack.say("U1", f"C{number}", MENTION)
    slack.fail("users.info", times=None, skip=1, retry_after=30)
    places = [Place("slack", "T1", f"C{number}") for number in range(100, 140)]
    missed = await asyncio.gather(
        *(platform.installation.missed(place, datetime.fromtimestamp(0, UTC)) for place in places)
    )
    assert {ask.author.name for asks in missed for ask in asks} == {"ada"}
    assert sum(call.args["user"] == "U1" for call in slack.called("users.info")) == 1
    await slack.say("U3", "C100", f"{MENTION} <@U2>")
    (_, last) = await platform.installation.missed(places[0], datetime.fromtimestamp(0, UTC))
    assert (last.author.id, last.author.guest, last.author.external) == ("U3", None, False)
    assert last.text.endswith("@U2"), "an id is readable"
