"""Debian's Chromium, driven by Playwright, for tests and pictures of the running program."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.waiting import HANG_S

_INSTALLED = [
    path for path in map(Path, ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")) if path.exists()
]
"""The shell is the same browser without what a desktop needs, and costs a third of the processor's time."""
CHROMIUM = Path(os.environ.get("CHROMIUM", "") or (_INSTALLED or [Path("/usr/bin/chromium")])[0])
NO_BROWSER = f"no browser: {CHROMIUM} is not there (apt-get install chromium-headless-shell, or set CHROMIUM)"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WAIT_MS = 1000 * HANG_S
expect.set_options(timeout=WAIT_MS)


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    """A Chromium of its own. It costs two seconds of the processor: tests share one (the fixture `chromium`)."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def window(chromium: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page in a fresh browser window: no cookie, no storage, no cache of another."""
    context = await chromium.new_context(**{"locale": "en-GB", **options})
    context.set_default_timeout(WAIT_MS)
    try:
        yield await context.new_page()
    finally:
        await context.close()
