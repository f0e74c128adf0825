"""Notices in a real browser: replies that are shown to the reader alone, and the thread of alerts and reports."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from bots.web import WebConnector
from bots.web.incoming import TOP, thread_to_place
from core.i18n import phrase
from core.spend.chart_child import HEIGHT, WIDTH, picture
from core.spend.charts import Chart
from core.values.outgoing import AnswerPicture, PostMessage
from core.values.outgoing import Page as Shown
from core.values.ui import ImmediateReply
from tests.bots.web.rig import serving_page
from tests.bots.web.windows import answers, ask, window
from tests.e2e.browser import CHROMIUM, NO_BROWSER
from tests.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]

PHONE = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
CHART = AnswerPicture(
    "report-1.png", "A chart.", "image/png", picture(Chart(("1",), (1,), (1.0,), "USD")), "_Picture._"
)


async def post(platform: WebConnector, text: str, chart: AnswerPicture | None = None) -> str:
    """An alert or a report."""
    place = thread_to_place(TOP)
    return await platform.installation.perform(PostMessage(place, Shown(text, picture=chart), text, text))


async def width(page: Page, image: str) -> float:
    found: float = await page.locator(image).evaluate("e => e.getBoundingClientRect().width")
    return found


async def test_the_picture_of_a_notice_has_its_height_before_it_is_loaded(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium, **PHONE) as (_, page):
        told = ImmediateReply("Your usage\n\n" + "- a line\n" * 3, picture=CHART)
        home.inbox.told["usage"] = told
        await page.goto(home.url)
        await page.evaluate(
            """new MutationObserver(() => {
                 const image = document.querySelector(".drawn");
                 if (image) window.early ??= [image.complete, image.offsetHeight];
               }).observe(document.getElementById("log"), { childList: true })"""
        )
        await page.evaluate(
            "import('/static/commands.js').then(({ command }) => command('usage'))",
        )
        image = page.locator(".drawn")
        await expect(image).to_have_js_property("naturalWidth", WIDTH)
        loaded, early = await page.evaluate("window.early")
        assert (loaded, early) == (False, await image.evaluate("e => e.offsetHeight"))
        assert early == pytest.approx(await width(page, ".drawn") * HEIGHT / WIDTH, abs=1)
        await expect(image).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("options", [{}, PHONE])
async def test_the_picture_of_a_report_is_as_wide_as_that_of_usage_and_seen_whole(
    chromium: Browser, options: dict[str, Any]
) -> None:
    async with serving_page() as home, window(chromium, **options) as (_, page):
        home.inbox.told["usage"] = ImmediateReply("Your usage", picture=CHART)
        await post(home.platform, "A report.\n\n" + "A line.\n\n" * 40, CHART)
        await page.goto(f"{home.url}/#{TOP}")
        image = page.locator(".picture img")
        await expect(image).to_have_js_property("naturalWidth", WIDTH)
        await expect(image).to_be_in_viewport(ratio=1)
        await page.evaluate("import('/static/commands.js').then(({ command }) => command('usage'))")
        await expect(page.locator(".drawn")).to_be_visible()
        assert await width(page, ".picture img") == pytest.approx(await width(page, ".drawn"), abs=16)


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
async def test_an_alert_lists_the_notices_at_once_and_names_them(chromium: Browser, locale: str) -> None:
    named, listed = phrase("page_board", locale[:2]), "#list li span"
    async with serving_page() as home, window(chromium, locale=locale) as (_, page):
        await page.goto(home.url)
        await ask(page, "Hello")
        await expect(answers(page)).to_have_count(1)
        await expect(page.locator(listed)).to_have_text(["Hello"])
        await post(home.platform, "The first alert.")
        await expect(page.locator(listed)).to_have_text([named, "Hello"])
        await page.locator(listed).first.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(named)
        await post(home.platform, "The second alert.")
        await expect(answers(page)).to_have_count(2)
        assert await page.title() == f"{named} · Parley"


async def test_an_alert_lists_the_notices_on_the_blank_page_too(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await until(lambda: home.platform.watchers)
        await post(home.platform, "An alert.")
        await expect(page.locator("#list li span")).to_have_text(["Notices"])
        await expect(page.locator("[role=log] article")).to_have_count(0)


async def test_the_notices_have_their_name_before_the_list_is_there(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await post(home.platform, "An alert.")
        await page.route("**/api/threads", lambda route: route.abort())
        await page.goto(f"{home.url}/#{TOP}")
        await expect(answers(page)).to_have_text(["An alert."])
        await expect(page.get_by_role("heading", level=1)).to_have_text("Notices")


async def test_what_everybody_should_see_stays_under_its_message_and_other_notices_replace_each_other(
    chromium: Browser,
) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await post(home.platform, "An alert.")
        await page.goto(f"{home.url}/#{TOP}")
        await expect(answers(page)).to_have_count(1)
        await page.evaluate(
            """import("/static/notices.js").then(({ tell }) => {
                 const { id } = document.querySelector("[role=log] article").dataset;
                 const told = (text, whisper, under) =>
                   tell({ text, whisper, html: [text], buttons: [] }, under ? id : "");
                 told("of the page", true, false);
                 told("denied", true, true);
                 told("allowed", false, true);
                 told("already", true, true);
                 told("already again", true, true);
               })"""
        )
        await expect(page.locator(".told")).to_have_text(["allowed", "already again", "of the page"])
