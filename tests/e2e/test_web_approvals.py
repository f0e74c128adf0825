"""A tool call that the reader of the page approves, in a real browser, in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from core.i18n import phrase
from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings
from tests.e2e.program import Program
from tests.e2e.test_approvals import LINES, RUN, URL, calling, result
from tests.e2e.test_web import ask
from tests.fakes.completions import FakeCompletions, Words

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    """On the loop of the browser's tests."""
    async with model_endpoint() as endpoint:
        yield endpoint


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_page_asks_its_reader_also_after_a_restart(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions, language: str
) -> None:
    approve, deny, show = (
        phrase(f"approval_{one}", f"{language}-x-web") for one in ("approve", "deny", "arguments")
    )
    endpoint.script(calling(), Words("It can't be read."), calling(2), Words("Never mind, then."))
    settings = model_settings(endpoint)
    killed = Program(tmp_path, **settings)
    await killed.start()
    await killed.ready()
    async with window(chromium, locale={"en": "en-GB", "zh": "zh-CN"}[language]) as page:
        await page.goto(killed.url)
        await ask(page, "/settings read_links on")
        await expect(page.locator(".told").last).to_contain_text(phrase("settings_changed", language))
        await ask(page, f"what does {URL} say?")
        notice = page.locator("article.mine:not(.told) .notice")
        await expect(notice).to_contain_text(LINES[language])
        await expect(page.locator("article.mine:not(.told) .foot .buttons button")).to_have_text(
            [approve, deny, show]
        )
        await killed.kill()
        async with Program(tmp_path, **settings, PARLEY_HTTP_PORT=str(killed.port)) as again:
            await page.goto(again.url)
            await page.get_by_role("navigation").get_by_role("listitem").get_by_role("link").click()
            await expect(notice).to_have_text(f"{phrase('asking', f'{language}-x-web')}\n{LINES[language]}")
            await page.get_by_role("button", name=show, exact=True).click()
            await expect(page.locator(".told").last).to_contain_text(f'"url": "{URL}"')
            await page.get_by_role("button", name=approve, exact=True).click()
            await expect(page.get_by_role("log")).to_contain_text("It can't be read.")
            await expect(notice).to_have_text("")
            assert RUN in result(endpoint, 1)
            await ask(page, "again?")
            await expect(notice.last).to_contain_text(LINES[language])
            await ask(page, "never mind")
            await expect(page.get_by_role("log")).to_contain_text("Never mind, then.")
            await expect(notice.nth(1)).to_have_text(phrase("approval_superseded", language))
            await expect(page.get_by_role("button", name=approve, exact=True)).to_have_count(0)
