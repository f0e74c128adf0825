"""Fixtures of the tests of Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.slack.connector import SlackConnector
from tests.bots.slack.rig import connecting
from tests.fakes.slack import FakeSlack


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack


@pytest.fixture
async def platform(slack: FakeSlack) -> AsyncIterator[SlackConnector]:
    platform = connecting(slack)
    yield platform
    await platform.installation.close()
