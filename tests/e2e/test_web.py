"""The web page, whole: the real program in a real browser."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from core.i18n import phrase
from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Status, Words
from tests.waiting import HANG_S

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
SQUARE = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGNUaEhgwAaYsIoOWgkAzMgBEJE9FRMAAAAASUVORK5CYII="
)
NO_KEY = Status(401, '{"error":{"message":"no"}}')


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    """On the loop of the browser's tests."""
    async with model_endpoint() as endpoint:
        yield endpoint


def composer(page: Page) -> Locator:
    return page.get_by_label(re.compile("^(Your message|你的消息)$"))


async def ask(page: Page, text: str) -> None:
    await composer(page).fill(text)
    await page.keyboard.press("Enter")


def answers(page: Page) -> Locator:
    return page.get_by_role("log").get_by_role("article", name="Parley")


async def fits(page: Page) -> bool:
    """Nothing is wider than the window."""
    wide: bool = await page.evaluate(
        """[document.documentElement, document.body, ...document.querySelectorAll("#scroll, dialog, form")]
           .some((e) => e.scrollWidth > Math.min(e.clientWidth, innerWidth))"""
    )
    return not wide


async def focus_is_seen(page: Page) -> bool:
    """The element with the focus shows it: a line around it, or around the box that it is in."""
    seen: bool = await page.evaluate(
        """(() => {
          const lined = (e) => getComputedStyle(e).outlineStyle !== "none" || getComputedStyle(e).boxShadow !== "none";
          const focused = document.activeElement;
          return focused !== document.body && (lined(focused) || lined(focused.closest(".box") ?? focused));
        })()"""
    )
    return seen


async def test_with_nothing_configured_the_page_answers_and_says_what_to_set(
    chromium: Browser, tmp_path: Path
) -> None:
    async with Program(tmp_path) as program, window(chromium) as page:
        await page.goto(program.url)
        await ask(page, "hello?")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("built-in offline model")
        await expect(log).to_contain_text("OPENAI_API_KEY")


async def test_an_answer_streams_survives_reloads_and_a_restart_and_is_followed_up(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    settings = model_settings(endpoint)
    endpoint.script(
        Words("One two three four five six seven eight nine ten eleven twelve.", per_s=0.5),
        Words("Twelve, I said."),
        Words("Seven."),
    )
    first = Program(tmp_path, **settings)
    await first.start()
    await first.ready()
    async with window(chromium) as page:
        await page.goto(first.url)
        await ask(page, "count")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("One two")
        assert "twelve" not in await log.inner_text(), "it did not stream"
        await expect(answers(page)).to_have_attribute("aria-busy", "true")
        await page.reload()
        await expect(log).to_contain_text("One two")
        assert "twelve" not in await log.inner_text(), "it was over before it could be reloaded"
        endpoint.hurry()
        await expect(log).to_contain_text("eleven twelve.")
        await expect(answers(page)).to_have_attribute("aria-busy", "false")
        await page.reload()
        await expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
        assert await first.stop() == 0
        async with Program(tmp_path, **settings, PARLEY_HTTP_PORT=str(first.port)) as again:
            await page.goto(again.url)
            await page.get_by_role("link", name="count").first.click()
            await expect(log).to_contain_text("eleven twelve.")
            await page.get_by_role("button", name="Regenerate").click()
            await expect(log).to_contain_text("Twelve, I said.")
            await expect(page.get_by_role("button", name="Regenerate")).to_have_count(1)
            await ask(page, "and?")
            await expect(log).to_contain_text("Seven.")
    said = [message["content"] for message in endpoint.requests[2].body["messages"][1:]]
    assert said == ["count", "Twelve, I said.", "and?"]


async def test_stop_errors_and_what_was_cut_keep_their_buttons_over_a_restart(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    settings = model_settings(endpoint)
    endpoint.script(Words("word " * 400, per_s=20), NO_KEY, Words("Half.", finish="length"))
    endpoint.script(Words("Whole."), Words("The rest."))
    first = Program(tmp_path, **settings)
    await first.start()
    await first.ready()
    async with window(chromium) as page:
        await page.goto(first.url)
        await ask(page, "at length")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("word word")
        await page.get_by_role("button", name="Stop").click()
        await expect(log).to_contain_text("Stopped.")
        await ask(page, "again?")
        await expect(log).to_contain_text("I can't reach the AI service right now.")
        await ask(page, "and half?")
        await expect(page.get_by_role("button", name="Continue")).to_be_visible()
        before = await log.inner_text()
        address = page.url
        assert await first.stop() == 0
        async with Program(tmp_path, **settings, PARLEY_HTTP_PORT=str(first.port)):
            await page.goto("about:blank")
            await page.goto(address)
            await expect(page.get_by_role("button", name="Continue")).to_be_visible()
            assert await log.inner_text() == before
            await page.get_by_role("button", name="Try again").last.click()
            await expect(log).to_contain_text("Whole.")
            await page.get_by_role("button", name="Continue").click()
            await expect(log).to_contain_text("The rest.")
            await expect(page.get_by_role("button", name="Try again")).to_have_count(1)


async def test_a_slow_endpoint_can_be_stopped_before_its_first_word(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(*(Words("Too late.", first_after_s=HANG_S) for _ in range(2)), Words("At last."))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window(chromium) as page:
        await page.goto(program.url)
        stop, again = (page.get_by_role("button", name=name) for name in ("Stop", "Try again"))
        await ask(page, "why?")
        await expect(stop).to_be_visible()
        await page.reload()
        await stop.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice")).to_have_text("Stopped.")
        await expect(stop).to_be_hidden()
        await expect(composer(page)).to_be_focused()
        await again.click()
        await stop.click()
        await expect(again).to_be_visible()
        await again.click()
        await expect(page.locator(".mine > .body")).to_have_text(["At last."])


async def test_an_answer_anew_replaces_the_old_one_unless_no_word_of_it_comes(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(
        Words("Old words."), Words("New words."), NO_KEY, NO_KEY, Words("At last.", finish="length")
    )
    endpoint.script(Words("And on."), Words("Whole."))
    async with Program(tmp_path, **model_settings(endpoint)) as program, window(chromium) as page:
        await page.goto(program.url)
        regenerate, again = (page.get_by_role("button", name=name) for name in ("Regenerate", "Try again"))
        notice = page.locator(".notice").filter(has_text="I can't reach the AI service")
        await ask(page, "why?")
        await page.get_by_role("button", name="Bad answer").click()
        await expect(page.locator(".told")).to_have_count(1)
        await regenerate.click()
        await expect(page.locator(".mine > .body")).to_have_text(
            ["New words."]
        )  # what was told has gone with the old
        await regenerate.click()
        await expect(notice).to_be_visible()
        await expect(answers(page)).to_have_count(2)
        await expect(page.locator(".fading")).to_have_count(0)
        ref = await notice.text_content()
        await again.click()
        await expect(notice).not_to_have_text(str(ref))
        await expect(notice).to_have_count(1)
        await page.reload()
        await expect(page.locator(".mine > .body")).to_have_text(["New words.", ""])
        await again.click()
        await expect(page.locator(".mine > .body")).to_have_text(["At last."])
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator(".mine > .body")).to_have_text(["At last.", "And on."])
        await expect(regenerate).to_be_visible()
        shown = await page.get_by_role("log").inner_text()
        await page.reload()
        await expect(regenerate).to_be_visible()
        assert await page.get_by_role("log").inner_text() == shown
        await regenerate.click()
        await expect(page.locator(".mine > .body")).to_have_text(["Whole."])


async def test_the_keyboard_alone_is_enough(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("An answer."))
    settings = model_settings(endpoint) | {"PARLEY_MODELS": "small, large"}
    async with Program(tmp_path, **settings) as program, window(chromium) as page:
        await page.goto(program.url)
        box, offers = composer(page), page.get_by_role("listbox", name="Commands")
        await expect(box).to_be_focused()
        await page.keyboard.type("/")
        await expect(offers.get_by_role("option")).to_have_count(12)
        await page.keyboard.press("Escape")
        await expect(offers).to_be_hidden()
        await page.keyboard.type("mod")
        await page.keyboard.press("Enter")
        await expect(box).to_have_value("/model ")
        await page.keyboard.type("la")
        await expect(offers.get_by_role("option")).to_have_count(1)
        await page.keyboard.press("ArrowDown")
        await expect(offers.get_by_role("option", selected=True)).to_contain_text("large")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("log")).to_contain_text("Model: large")
        await page.keyboard.type("/model ")
        await expect(offers.get_by_role("option")).to_have_count(4)
        await page.route("**/api/suggestions?*", lambda _: None)  # never answered
        await page.keyboard.type("sm")
        await expect(offers.get_by_role("option")).to_have_count(1)
        await page.keyboard.press("Tab")  # a word that is begun becomes the first that is offered
        await expect(box).to_have_value("/model small ")
        await page.unroute_all()
        await box.fill("/usage ")
        await expect(offers.get_by_role("option")).to_have_count(3)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("log")).to_contain_text("Your usage")
        await expect(offers).to_be_hidden()  # what has been sent becomes nothing else
        await page.keyboard.type("one")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("two")
        await expect(box).to_have_value("one\ntwo")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Regenerate")).to_be_visible()
        back: list[str] = []
        while "New thread" not in back and len(back) < 20:
            await page.keyboard.press("Shift+Tab")
            assert await focus_is_seen(page), back
            back.append(
                await page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent")
            )
        under_the_answer = ["More", "Bad answer", "Good answer", "Regenerate"]
        assert back[:8] == [*under_the_answer, "More", "Help", "Usage", "Settings"]
        assert len(back) == 10, back
        await box.focus()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Your question")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Ask about this")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="More").last).to_be_focused()
    assert endpoint.requests[0].body["model"] == "large"


async def test_on_a_phone_everything_is_in_reach_in_chinese_and_in_the_dark(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("| a | b |\n|---|---|\n| `" + "x" * 200 + "` | 2 |\n\n" + "很长" * 300), NO_KEY)
    async with (
        Program(tmp_path, **model_settings(endpoint)) as program,
        window(chromium, **PHONE, locale="zh-CN", color_scheme="dark", reduced_motion="reduce") as page,
    ):
        await page.goto(program.url)
        await expect(page.get_by_role("heading", level=1)).to_have_text("新话题")
        await ask(page, "你好")
        await expect(page.get_by_role("button", name="重新回答")).to_be_visible()
        assert await page.evaluate("document.getAnimations().length") == 0
        assert await fits(page)
        await ask(page, "还在吗？")
        await expect(page.get_by_text("我现在连不上 AI 服务")).to_be_visible()
        await expect(page.get_by_role("button", name="重试")).to_be_visible()
        await composer(page).fill("/")
        await expect(page.get_by_role("option", name="/usage")).to_contain_text(
            phrase("command_usage_about", "zh")
        )
        assert await fits(page)
        await page.get_by_role("option", name="/help").tap()
        await page.set_viewport_size({"width": 360, "height": 480})  # so that it is long
        await page.get_by_role("button", name="发送").tap()
        told = page.get_by_text("我能做什么", exact=True)
        await expect(told).to_be_in_viewport(ratio=1)  # what is long is read from its beginning
        await expect(page.get_by_role("button", name="最新")).to_be_visible()
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.get_by_role("button", name="话题").tap()
        await page.get_by_role("button", name="设置").tap()
        form = page.get_by_role("dialog", name="设置")
        await form.get_by_label("温度").fill("热")
        assert await fits(page)
        await expect(form.get_by_role("button", name="保存")).to_be_in_viewport(ratio=1)
        await form.get_by_role("button", name="保存").tap()
        await expect(form.get_by_role("alert")).to_contain_text("温度")
        await expect(form.get_by_label("温度")).to_have_value("热")
        await form.get_by_role("button", name="取消").tap()
        await expect(form).to_have_count(0)
        await expect(composer(page)).to_be_in_viewport(ratio=1)


async def test_files_reach_the_model_stay_after_a_restart_and_go_with_their_thread(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    settings = model_settings(endpoint)
    endpoint.script(Words("Seven, and a square."), Words("Still there."), Words("Nothing."))
    first = Program(tmp_path, **settings)
    await first.start()
    await first.ready()
    square: FilePayload = {"name": "square.png", "mimeType": "image/png", "buffer": SQUARE}
    words = "seven boxes 七箱".encode("gb18030")
    notes: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": words}
    broken: FilePayload = {"name": "deed.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 no more"}
    async with window(chromium) as page:
        await page.goto(first.url)
        await page.locator("#files").set_input_files([square, notes, broken])
        await expect(page.get_by_role("button", name="Remove deed.pdf")).to_be_visible()
        await ask(page, "What do you see?")
        log = page.get_by_role("log")
        await expect(log).to_contain_text("Seven, and a square.")
        await expect(log).to_contain_text("I couldn't read deed.pdf")
        asked = endpoint.requests[0].body["messages"][-1]["content"]
        assert "七箱" in str(asked), asked
        assert "deed.pdf" in str(asked)
        pictures = [part["image_url"]["url"] for part in asked if part["type"] == "image_url"]
        assert [url.partition(",")[0] for url in pictures] == ["data:image/png;base64"]
        assert await first.stop() == 0
        async with Program(tmp_path, **settings, PARLEY_HTTP_PORT=str(first.port)) as again:
            await page.goto(again.url)
            await page.get_by_role("link", name="What do you see?").first.click()
            await expect(log.get_by_role("img", name="square.png")).to_have_js_property("naturalWidth", 8)
            picture = await log.get_by_role("link", name="Open square.png").get_attribute("href")
            await ask(page, "And now?")
            await expect(log).to_contain_text("Still there.")
            content = [message["content"] for message in endpoint.requests[1].body["messages"]]
            assert pictures[0] in str(content)
            await ask(page, "/forget thread")
            await expect(page.get_by_role("status").last).to_be_attached()
            await expect(log.get_by_role("img")).to_have_count(0)
            assert (await page.request.get(again.url + str(picture))).status == 404
