"""The web page, whole: the real program in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Status, Words

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)


async def ask(page: Page, text: str) -> None:
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def test_with_nothing_configured_the_page_answers_and_says_what_to_set(tmp_path: Path) -> None:
    async with Program(tmp_path) as program, window() as page:
        await page.goto(program.url)
        await ask(page, "hello?")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("built-in offline model")
        await expect(log).to_contain_text("OPENAI_API_KEY")


async def test_an_answer_streams_survives_a_restart_and_is_followed_up(
    tmp_path: Path, endpoint: FakeCompletions
) -> None:
    settings = model_settings(endpoint)
    endpoint.script(
        Words("One two three four five six seven eight nine ten eleven twelve.", per_s=5), Words("Seven.")
    )
    first = Program(tmp_path, **settings)
    await first.start()
    await first.ready()
    async with window() as page:
        await page.goto(first.url)
        await ask(page, "count")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("One two")
        assert "twelve" not in await log.inner_text(), "it did not stream"
        await expect(log).to_contain_text("eleven twelve.")
        assert await first.stop() == 0
        async with Program(tmp_path, **settings, PARLEY_HTTP_PORT=str(first.port)) as again:
            await page.goto(again.url)
            await page.get_by_role("link", name="count").first.click()
            await expect(log).to_contain_text("eleven twelve.")
            await ask(page, "and?")
            await expect(log).to_contain_text("Seven.")
    assert [message["role"] for message in endpoint.requests[1].body["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


async def test_stop_and_an_error_with_try_again_on_the_page(tmp_path: Path, endpoint: FakeCompletions) -> None:
    endpoint.script(
        Words("word " * 400, per_s=20), Status(401, '{"error":{"message":"no"}}'), Words("Well then.")
    )
    async with Program(tmp_path, **model_settings(endpoint)) as program, window() as page:
        await page.goto(program.url)
        await ask(page, "at length")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("word word")
        await page.get_by_role("button", name="Stop").click()
        await expect(log).to_contain_text("Stopped.")
        await ask(page, "again?")
        await expect(log).to_contain_text("I can't reach the AI service right now.")
        await page.get_by_role("button", name="Try again").last.click()
        await expect(log).to_contain_text("Well then.")
