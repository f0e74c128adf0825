"""A browser for the tests of a module (Debian's Chromium, driven by Playwright), and an HTTP client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, async_playwright

from tests.bots.web.pages import Client
from tests.e2e.browser import CHROMIUM, FLAGS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with ClientSession() as session:
        yield session
