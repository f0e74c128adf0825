"""Commands, menus, settings and opinions, on the page, in a real browser."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings
from tests.e2e.program import Program
from tests.e2e.test_web import ask, composer
from tests.fakes.completions import FakeCompletions, Words

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]

TOLD = {
    "en-GB": {
        "/help": "What I can do",
        "/model": "The model here is GPT-5.5",
        "/prompt": "The model's instructions here",
        "/settings": "Settings here",
        "/usage": "1 question",
        "/budget": "No budget is set.",
        "/export": "This thread, 2 messages.",
        "/export me": "All your data, 2 messages.",
        "/reset": "We start over here",
        "/forget thread": "messages of this thread (2) are deleted.",
        "/forget": "/forget thread",
    },
    "zh-CN": {
        "/帮助": "我能做什么",
        "/模型": "这里的模型是 GPT-5.5",
        "/提示词": "这里的提示词",
        "/设置": "这里的设置",
        "/用量": "1 个问题",
        "/预算": "没有设置预算",
        "/导出": "这个话题，共 2 条",
        "/导出 me": "你的全部数据，共 2 条",
        "/重置": "从头开始",
        "/忘记 thread": "2 条",
        "/忘记": "/忘记 话题",
    },
}
"""Typed commands, and words of their replies, in the language of the browser."""

EXPORTED = {
    words for told in TOLD.values() for typed, words in told.items() if typed.startswith(("/export", "/导出"))
}


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    """On the loop of the browser's tests."""
    async with model_endpoint() as endpoint:
        yield endpoint


def kept(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "data" / "parley.db") as database:
        return database.execute(query).fetchall()


async def open_settings(page: Page) -> Any:
    await page.get_by_role("button", name="Settings", exact=True).click()
    return page.get_by_role("dialog", name="Settings")


@pytest.mark.parametrize("locale", TOLD)
async def test_every_command_is_told_in_the_browsers_language_and_leaves_no_message(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions, locale: str
) -> None:
    endpoint.script(Words("An answer."))
    async with (
        Program(tmp_path, **model_settings(endpoint)) as program,
        window(chromium, locale=locale) as page,
    ):
        await page.goto(program.url)
        await ask(page, "hello")
        await expect(page.get_by_role("log")).to_contain_text("An answer.")
        for typed, words in TOLD[locale].items():
            await composer(page).fill(typed)
            await page.keyboard.press("Escape")
            await page.keyboard.press("Enter")
            await expect(page.locator(".told").last).to_contain_text(words)
            if typed in ("/usage", "/用量"):
                await expect(page.locator(".told img")).to_have_js_property("naturalWidth", 1_080)
            if words in EXPORTED:
                async with page.expect_download() as download:
                    await page.locator(".told").last.get_by_role("link").click()
                exported = (await (await download.value).path()).read_text()
                assert "hello" in exported
                assert "An answer." in exported
            if typed not in ("/forget", "/忘记"):
                await expect(composer(page)).to_have_value("")
        await expect(page.get_by_role("log")).not_to_contain_text("An answer.")
        await expect(page.get_by_role("navigation").get_by_role("listitem")).to_have_count(0)
        await expect(composer(page)).to_have_value(typed)  # what was refused can be mended
        await expect(page.locator(".told")).to_have_count(len(TOLD[locale]))


async def test_what_is_typed_ahead_stays_in_one_thread_in_its_order_and_in_sight(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(*(Words(f"Answer {n}.") for n in range(1, 5)))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window(chromium) as page:
        await page.goto(program.url)
        answers = page.locator(".mine:not(.told) .body")
        await page.keyboard.type("one\n/model\ntwo\n/budget\nthree\nfour\n")
        await expect(page.get_by_role("navigation").get_by_role("listitem")).to_have_count(1)
        await expect(answers).to_have_text([f"Answer {n}." for n in range(1, 5)])
        await expect(page.locator(".theirs .body")).to_have_text(["one", "two", "three", "four"])
        await expect(page.get_by_role("button", name="Regenerate")).to_have_count(4)
        await expect(page.locator(".told")).to_have_count(2)


async def test_what_is_forgotten_on_one_page_is_gone_from_the_other(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("An answer."), Words("Another."))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window(chromium) as page:
        await page.goto(program.url)
        await ask(page, "hello")
        await expect(page.get_by_role("log")).to_contain_text("An answer.")
        beside = await page.context.new_page()
        await beside.goto(page.url)
        await expect(beside.get_by_role("log")).to_contain_text("An answer.")
        await ask(page, "/forget thread")
        await expect(page.locator(".told")).to_contain_text("messages of this thread (2) are deleted.")
        for one in (page, beside):
            await expect(one.get_by_role("log")).not_to_contain_text("An answer.")
            await expect(one.get_by_role("navigation").get_by_role("listitem")).to_have_count(0)
        await expect(beside.get_by_text("What would you like to know?")).to_be_visible()
        await ask(beside, "anew")
        await expect(beside.get_by_role("log")).to_contain_text("Another.")


async def test_an_opinion_is_kept_with_its_reason(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("An answer."))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window(chromium) as page:
        await page.goto(program.url)
        log = page.get_by_role("log")
        await ask(page, "hello")
        up, down = (log.get_by_role("button", name=name) for name in ("Good answer", "Bad answer"))
        await up.click()
        await expect(up).to_have_attribute("aria-pressed", "true")
        await down.focus()
        await page.keyboard.press("Enter")
        await expect(up).to_have_attribute("aria-pressed", "false")
        await log.get_by_role("button", name="Say why").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.type("It is wrong.")
        await page.keyboard.press("Enter")
        await expect(log.get_by_text("Thanks, noted.", exact=True)).to_be_visible()
        await expect(log.get_by_role("textbox")).to_have_count(0)
        await expect(page.locator(".told")).to_have_count(1)
    assert kept(tmp_path, "SELECT person, value, reason FROM feedback") == [("you", -1, "It is wrong.")]


async def test_the_menu_of_a_message_asks_about_it_and_sums_up_from_it(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(*(Words(f"Answer {n}.") for n in range(1, 6)))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window(chromium) as page:
        await page.goto(program.url)
        log, more = page.get_by_role("log"), page.get_by_role("button", name="More")
        await ask(page, "one")
        await expect(log).to_contain_text("Answer 1.")
        await ask(page, "two")
        await expect(log).to_contain_text("Answer 2.")
        await more.nth(1).click()
        await page.get_by_role("button", name="Ask about this").click()
        await page.get_by_label("Your question").fill("Are you sure?")
        await page.keyboard.press("Enter")
        await expect(log).to_contain_text("Answer 3.")
        asked = log.get_by_role("article", name="You").last
        await expect(asked.locator("blockquote")).to_have_text("Answer 1.")
        await expect(asked).to_contain_text("Are you sure?")
        await more.nth(2).click()
        await page.get_by_role("button", name="Summarize from here").click()
        await expect(log).to_contain_text("Answer 4.")
        await expect(log.get_by_role("article", name="You").last).to_have_text("Summarize from here")
        await expect(page.get_by_role("button", name="Regenerate")).to_have_count(4)
        shown = await log.inner_text()
        await page.reload()
        await expect(log).to_contain_text("Answer 4.")
        assert await log.inner_text() == shown
        await page.get_by_role("link", name="New thread").click()
        await ask(page, "/summarize channel 24 hours")
        await expect(log).to_contain_text("Answer 5.")
        await expect(page.get_by_role("navigation").get_by_role("listitem")).to_have_count(2)
    about, from_two, all_threads = (
        request.body["messages"][-1]["content"] for request in endpoint.requests[2:]
    )
    assert about == "> Answer 1.\n\nAre you sure?"
    assert "two" in from_two
    assert "one" not in from_two
    assert all(words in all_threads for words in ("one", "Answer 1.", "two", "Answer 3."))


async def test_settings_are_changed_in_a_form_that_keeps_what_was_entered(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("An answer."))
    settings = model_settings(endpoint) | {"PARLEY_MODELS": "small, large"}
    async with Program(tmp_path, **settings) as program, window(chromium) as page:
        await page.goto(program.url)
        form = await open_settings(page)
        await expect(form.get_by_label("Model")).to_be_focused()
        for absent in ("Questions a minute", "Guests", "Who may ask"):
            await expect(form.get_by_label(absent)).to_have_count(0)
        await form.get_by_label("Model").select_option("small")
        await form.get_by_label("Instructions").fill("Answer in rhyme.")
        await form.get_by_label("Temperature").fill("hot")
        await page.keyboard.press("Enter")
        await expect(form.get_by_role("alert")).to_contain_text("Temperature: randomness, a number from 0 to 2")
        await expect(form.get_by_label("Instructions")).to_have_value("Answer in rhyme.")
        await form.get_by_label("Temperature").fill("0.5")
        await form.get_by_role("button", name="Save").click()
        await expect(form).to_have_count(0)
        await expect(page.get_by_role("button", name="Settings", exact=True)).to_be_focused()
        log = page.get_by_role("log")
        await expect(log).to_contain_text("Temperature: 0.5 · set here")
        await ask(page, "/settings")
        # A click misses while the page scrolls.
        await page.get_by_role("button", name="Change settings").press("Enter")
        await form.get_by_label("Language").select_option("zh")
        await form.get_by_role("button", name="Save").click()
        await expect(log).to_contain_text("Language: Chinese · set here")
        await ask(page, "hello")
        await expect(page.get_by_role("button", name="重新回答")).to_be_visible()
    body = endpoint.requests[0].body
    assert (body["model"], body["temperature"]) == ("small", 0.5)
    assert body["messages"][0]["content"].startswith("Answer in rhyme.")
    assert sorted(kept(tmp_path, "SELECT channel, name, old, new, person FROM audit")) == [
        ("web", "language", None, "zh", "you"),
        ("web", "model", None, "small", "you"),
        ("web", "prompt", None, "Answer in rhyme.", "you"),
        ("web", "temperature", None, "0.5", "you"),
    ]


async def test_on_a_page_that_others_can_reach_only_whom_the_operator_names_may_change_settings(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    shared = model_settings(endpoint) | {
        "PARLEY_HTTP_HOST": "127.1"
    }  # loopback, by a name that says nothing of it
    async with window(chromium) as page:
        async with Program(tmp_path, **shared) as program:
            await page.goto(program.url)
            await page.get_by_role("button", name="Settings", exact=True).click()
            await expect(page.get_by_role("log")).to_contain_text("Settings here")
            await expect(page.get_by_role("dialog")).to_have_count(0)
            await expect(page.get_by_role("button", name="Change settings")).to_have_count(0)
            for typed, words in (
                ("/model m", "Only people named in PARLEY_ADMINS can change this here."),
                ("/usage workspace", "Only people named in PARLEY_ADMINS can see that."),
                ("/settings workspace model m", "Only people named in PARLEY_ADMINS can change this here."),
            ):
                await ask(page, typed)
                # The settings above say the same words: the command is answered once it is back in the box.
                await expect(composer(page)).to_have_value(typed)
                await expect(page.locator(".told").last).to_contain_text(words)
        async with Program(tmp_path, **shared, PARLEY_ADMINS="slack:U1,web:you") as program:
            await page.goto(program.url)
            form = await open_settings(page)
            await form.get_by_label("Model").fill("m")
            await form.get_by_role("button", name="Save").click()
            await expect(page.get_by_role("log")).to_contain_text("Model: m · set here")
    assert kept(tmp_path, "SELECT name, value FROM settings") == [("model", "m")]
