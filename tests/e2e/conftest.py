from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zlib import crc32

import pytest

from tests.e2e.program import free_port
from tests.e2e.sides import Discord, Side, Slack, Talk, web_reader
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack

SPOKEN = ("en", "zh")
"""The languages of the people in the fakes."""


@pytest.fixture
def language(request: pytest.FixtureRequest) -> str:
    """The language of a journey, by the test's name: tests/core/test_i18n.py holds each phrase in all of them."""
    return SPOKEN[crc32(request.function.__name__.encode()) % len(SPOKEN)]


@asynccontextmanager
async def model_endpoint() -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions() as endpoint:
        yield endpoint
    assert endpoint.problems == []


@pytest.fixture
async def endpoint() -> AsyncIterator[FakeCompletions]:
    async with model_endpoint() as endpoint:
        yield endpoint


@asynccontextmanager
async def slack_workspace() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack
    assert slack.client_errors == []


@asynccontextmanager
async def discord_guild() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as discord:
        yield discord
    assert discord.spec_problems == []
    assert discord.pinged == []


BOTH_WAYS = pytest.mark.parametrize("slack", ["socket", "http"], indirect=True)
"""For a journey in Slack over Socket Mode, and over HTTP."""


@pytest.fixture
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[FakeSlack]:
    async with slack_workspace() as slack:
        if getattr(request, "param", "socket") == "http":
            slack.send_to(f"http://127.0.0.1:{free_port()}")
        yield slack


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with discord_guild() as discord:
        yield discord


@pytest.fixture(params=["slack", "discord"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    """A thread on each platform in turn."""
    if request.param == "slack":
        async with slack_workspace() as slack:
            yield Slack(slack, slack_settings(slack))
    else:
        async with discord_guild() as discord:
            yield Discord(discord, discord_settings(discord))


@asynccontextmanager
async def talk_on(platform: str, language: str) -> AsyncIterator[Talk]:
    """A thread of somebody who reads this language: on Slack, on Discord, where the bot's own language counts, or on
    the page."""
    if platform == "slack":
        async with slack_workspace() as slack:
            yield Slack(slack, slack_settings(slack), {"en": "U1", "zh": "U2"}[language])
    elif platform == "discord":
        async with discord_guild() as discord:
            yield Discord(discord, discord_settings(discord) | {"PARLEY_LANGUAGE": language})
    else:
        async with web_reader(language) as web:
            yield web


def model_settings(endpoint: FakeCompletions) -> dict[str, str]:
    return {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-test", "PARLEY_RETRY_LIMIT_S": "2"}


def slack_settings(slack: FakeSlack) -> dict[str, str]:
    known = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_API_URL": slack.api_url}
    if (requests := slack.sockets.requests) is None:
        return known | {"SLACK_APP_TOKEN": slack.app_token}
    port = requests.url.rpartition(":")[2]
    return known | {"SLACK_SIGNING_SECRET": slack.signing_secret, "PARLEY_HTTP_PORT": port}


def discord_settings(discord: FakeDiscord) -> dict[str, str]:
    return {
        "DISCORD_BOT_TOKEN": discord.bot_token,
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
    }
