"""The page in a real browser for phones, for readers of Chinese, and for screen readers."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Browser, Page, expect

from core.i18n import phrase
from core.values.outgoing import Page as Shown
from core.values.ui import Button, Choice, Field, Form, ImmediateReply
from tests.bots.web.rig import serving_page
from tests.bots.web.windows import MARKDOWN, answers, ask, window
from tests.e2e.browser import CHROMIUM, NO_BROWSER

PHONE = {"width": 360, "height": 740}

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]


async def test_a_phone_shows_all_and_folds_the_threads_away(chromium: Browser) -> None:
    async with (
        serving_page() as home,
        window(chromium, viewport=PHONE, has_touch=True, is_mobile=True) as (_, page),
    ):
        home.inbox.answers["Wide"] = Shown(MARKDOWN + "\n\n```\n" + "x" * 300 + "\n```\n" + "y" * 300)
        await page.goto(home.url)
        await ask(page, "Wide")
        await expect(answers(page)).to_contain_text("yyy")
        widths = await page.evaluate(
            "[document.documentElement.scrollWidth, document.querySelector('#scroll').scrollWidth]"
        )
        assert max(widths) <= PHONE["width"]
        threads = page.get_by_role("navigation")
        await expect(threads).to_be_hidden()
        await page.get_by_role("button", name="Threads").click()
        await expect(threads).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(threads).to_be_hidden()
        await page.get_by_role("button", name="Threads").click()
        await page.get_by_role("link", name="New thread").click()
        await expect(threads).to_be_hidden()
        await expect(page.locator("[role=log] article")).to_have_count(0)


async def test_the_pages_own_words_are_complete_and_those_of_the_core(chromium: Browser) -> None:
    known = {}
    for language, locale in (("en", "en-GB"), ("zh", "zh-CN")):
        async with serving_page() as home, window(chromium, locale=locale) as (_, page):
            await page.goto(home.url)
            words = await page.evaluate(
                """import("/static/words.js").then(({ SAY }) => Object.fromEntries(
                     Object.entries(SAY).map(([key, words]) => [key, words])))"""
            )
        known[language] = set(words)
        assert all(words.values())
        for ours, theirs in {
            "ask": "menu_ask",
            "stop": "stop",
            "summarize": "menu_summarize",
            "question": "menu_ask_question",
            "meaning": "about_default",
        }.items():
            assert words[ours] == phrase(theirs, language)
    assert known["en"] == known["zh"]


async def test_the_page_speaks_chinese(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium, locale="zh-CN") as (_, page):
        await page.goto(home.url)
        assert await page.locator("html").get_attribute("lang") == "zh-Hans"
        await ask(page, "你好")
        await expect(answers(page)).to_contain_text("You said: 你好")
        assert home.inbox.events[0].author.locale == "zh-CN"  # type: ignore[union-attr]
        english = await page.evaluate("[...document.querySelectorAll('[data-say]')].map(e => e.textContent)")
        assert all(re.search(r"[\u4e00-\u9fff]", words) for words in english)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_has_a_name_and_can_be_read(chromium: Browser, scheme: str) -> None:
    async with (
        serving_page() as home,
        window(chromium, color_scheme=scheme, reduced_motion="reduce") as (_, page),
    ):
        home.inbox.answers["Look"] = Shown(MARKDOWN, "A notice.", (Button("again", "Try again", 1),))
        await page.goto(home.url)
        await ask(page, "Look")
        await expect(page.locator(".notice")).to_be_visible()
        box = page.get_by_role("textbox", name="Your message", exact=True)
        await expect(box).to_be_visible()
        await expect(page.locator("label[for=box]")).to_be_visible()
        await expect(page.get_by_role("log", name="Conversation")).to_have_attribute("aria-live", "polite")
        await expect(page.get_by_role("main")).to_have_count(1)
        await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        await expect(page.get_by_role("navigation", name="Threads")).to_be_visible()
        await audit(page)
        await box.fill("/")
        await expect(page.get_by_role("listbox", name="Commands")).to_be_visible()
        await page.keyboard.press("ArrowDown")
        await audit(page)
        await box.fill("")
        fields = tuple(
            Field(f"set_{kind}", kind, kind, "", "as it is", (Choice("a", "A"),))
            for kind in ("line", "text", "choice")
        )
        form = Form("settings", "Settings of this channel", "Save", fields, {"scope": "channel"})
        home.inbox.told["settings"] = ImmediateReply("No such “x”.", refused=True, form=form)
        await page.get_by_role("button", name="Settings").click()
        dialog = page.get_by_role("dialog", name="Settings of this channel")
        await dialog.get_by_label("line").fill("x")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("alert")).to_be_visible()
        await expect(dialog.get_by_label("line")).to_have_accessible_description("as it is")
        await audit(page)


async def audit(page: Page) -> None:
    """Everything that can be worked has a name, ids are unique, words stand out, and nothing moves."""
    found = json.loads(await page.evaluate(AUDIT))
    assert found["unnamed"] == []
    assert found["twice"] == []
    assert found["pale"] == []
    assert found["moving"] == 0


AUDIT = """(() => {
  const seen = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility());
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colours) => {  // the colour that these make, laid one over the other
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (e) => {
    const grounds = [];
    for (let p = e; p; p = p.parentElement) grounds.unshift(getComputedStyle(p).backgroundColor);
    const [a, b] = [light(over(grounds)), light(over([...grounds, getComputedStyle(e).color]))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const named = (e) => {
    const by = document.getElementById(e.getAttribute("aria-labelledby"));
    return (e.ariaLabel || by?.textContent || e.labels?.[0]?.textContent || e.textContent).trim();
  };
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  const worded = seen.filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return JSON.stringify({
    unnamed: seen.filter((e) => e.matches("a, button, textarea, input, select, dialog"))
      .filter((e) => !named(e)).map((e) => e.outerHTML),
    twice: ids.filter((id, i) => ids.indexOf(id) !== i),
    pale: worded.map((e) => [e.outerHTML.slice(0, 60), contrast(e)]).filter(([, c]) => c < 4.5),
    moving: document.getAnimations().length,
  });
})()"""
