"""Markdown, code and formulas on the page, in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from core.values.outgoing import Page as Shown
from tests.bots.web.rig import serving_page
from tests.bots.web.windows import MARKDOWN, answers, ask, window
from tests.e2e.browser import CHROMIUM, NO_BROWSER

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]


async def test_markdown_becomes_elements_and_html_stays_text(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        home.inbox.answers["Markdown"] = Shown(MARKDOWN)
        await page.goto(home.url)
        await ask(page, "Markdown")
        body = answers(page).locator(".body")
        await expect(body).to_contain_text("snake_case_name")
        for selector, text in {
            "h2": "Title",
            "p > strong >> nth=0": "bold",
            "p > strong >> nth=1": "中文：",
            "p > em": "slanted",
            "p > del": "struck",
            "p > code": "coded <b>",
            "ul ul li": "nested",
            "ol[start='3'] li": "three",
            ".code pre code": 'print("<i>&amp;</i>")',
            ".code > div > span": "python",
            "td code": "x|y",
            "td.right": "2",
            "blockquote p": "quoted",
        }.items():
            await expect(body.locator(selector)).to_have_text(text)
        links = await body.locator("a").evaluate_all("all => all.map(a => [a.href, a.rel])")
        assert [href for href, _ in links] == ["https://example.com/a_(b)", "https://example.org/x"]
        assert all("noopener" in rel for _, rel in links)
        await expect(body.locator("hr")).to_have_count(1)
        await expect(body.locator("img, script, b, i")).to_have_count(0)
        await expect(body).to_contain_text("[bad one](javascript:alert(1))")
        await expect(body).to_contain_text("2 * 3 * 4")
        assert "hacked" not in await page.title()


async def test_code_is_copied(chromium: Browser) -> None:
    async with (
        serving_page() as home,
        window(chromium, permissions=["clipboard-read", "clipboard-write"]) as (_, page),
    ):
        home.inbox.answers["Code"] = Shown("```\na = 1\nb = 2\n```")
        await page.goto(home.url)
        await ask(page, "Code")
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "a = 1\nb = 2"


async def test_what_is_settled_stays_while_an_answer_grows_and_formulas_are_drawn(chromium: Browser) -> None:
    async with serving_page(gap_s=0.05) as home, window(chromium) as (_, page):
        home.inbox.answers["Grow"] = Shown(
            "A first paragraph.\n\n" + "word " * 40 + "\n\n\\[ x = \\frac{a}{b} \\]\n"
        )
        await page.goto(home.url)
        await ask(page, "Grow")
        body = answers(page).locator(".body")
        await expect(body).to_contain_text("word")
        await body.evaluate("body => { body.firstChild.mark = 1; }")
        fraction = body.locator(".math math[display=block] mfrac")
        await expect(fraction).to_have_text("ab")
        assert await body.evaluate("body => body.firstChild.mark") == 1
        assert await body.evaluate("body => body.childNodes.length") == 3
        heights = await fraction.locator("mi").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().top)"
        )
        assert heights[0] < heights[1]
