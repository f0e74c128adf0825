"""An HTTP client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.bots.web.pages import Client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with ClientSession() as session:
        yield session
