"""Commands and what they tell, on the page, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_settings
from tests.e2e.program import Program
from tests.e2e.test_web import ask
from tests.fakes.completions import FakeCompletions, Words

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)


async def test_a_command_is_told_and_leaves_no_message(tmp_path: Path, endpoint: FakeCompletions) -> None:
    endpoint.script(Words("An answer."))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window() as page:
        await page.goto(program.url)
        log = page.get_by_role("log")
        await ask(page, "/help")
        await expect(log).to_contain_text("What I can do")
        await expect(log.locator("article")).to_have_count(1)
        await expect(page.get_by_label("Your message")).to_have_value("")
        await ask(page, "hello")
        await expect(log).to_contain_text("An answer.")
        async with page.expect_download() as download:
            await ask(page, "/export")
            await log.get_by_role("link", name="thread.md").click()
        assert "An answer." in (await (await download.value).path()).read_text()


async def test_thumbs_down_asks_why_with_the_keyboard_alone(tmp_path: Path, endpoint: FakeCompletions) -> None:
    endpoint.script(Words("An answer."))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window() as page:
        await page.goto(program.url)
        log = page.get_by_role("log")
        await ask(page, "hello")
        down = log.get_by_role("button", name="👎")
        await down.focus()
        await page.keyboard.press("Enter")
        await log.get_by_role("button", name="Say why").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.type("It is wrong.")
        await page.keyboard.press("Enter")
        await expect(log.get_by_text("Thanks, noted.", exact=True)).to_be_visible()
        await expect(log.get_by_role("textbox")).to_have_count(0)
