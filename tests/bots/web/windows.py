"""Windows of a browser that show the page, and what people do in them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from tests.e2e.browser import WAIT_MS


@asynccontextmanager
async def window(chromium: Browser, **options: Any) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """A fresh browser window. Whatever its console complains of fails the test."""
    context = await chromium.new_context(locale=options.pop("locale", "en-GB"), **options)
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
    try:
        yield context, page
    finally:
        await context.close()
    assert complaints == []


async def ask(page: Page, text: str) -> None:
    await page.get_by_label(re.compile("Your message|你的消息")).fill(text)
    await page.keyboard.press("Enter")


def answers(page: Page) -> Any:
    return page.locator("[role=log] article.mine")
