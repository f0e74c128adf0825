from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack


@pytest.fixture
async def endpoint() -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions() as endpoint:
        yield endpoint
    assert endpoint.problems == []


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack
    assert slack.client_errors == []


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as discord:
        yield discord
    assert discord.spec_problems == []
    assert discord.pinged == []


def model_settings(endpoint: FakeCompletions) -> dict[str, str]:
    return {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-test", "PARLEY_RETRY_LIMIT_S": "2"}


def slack_settings(slack: FakeSlack) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.api_url,
    }


def discord_settings(discord: FakeDiscord) -> dict[str, str]:
    return {
        "DISCORD_BOT_TOKEN": discord.bot_token,
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
    }
