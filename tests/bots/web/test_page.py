"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from core.i18n import phrase
from core.values.conversation import Ask, TurnState
from core.values.outgoing import Page as Shown
from core.values.outgoing import PostMessage
from core.values.tasks import ContinueAnswer
from core.values.turn_ends import Finish
from core.values.ui import Button, Choice, Field, Form, ImmediateReply
from tests.bots.web.rig import house
from tests.bots.web.windows import answers, ask, window
from tests.e2e.browser import CHROMIUM, NO_BROWSER
from tests.fakes.memory import MemoryStore

PHONE = {"width": 360, "height": 740}
MARKDOWN = """# Title
A **bold**, *slanted*, ~~struck~~, `coded <b>` word and **中文：**后面
with a [link](https://example.com/a_(b)), a [bad one](javascript:alert(1)) and https://example.org/x.

- one
  - nested
- two

3. three

```python
print("<i>&amp;</i>")
```

| a | b |
|---|--:|
| `x\\|y` | 2 |

> quoted

---
<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script> 2 * 3 * 4 snake_case_name"""

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        not CHROMIUM.exists(),
        reason=NO_BROWSER,
    ),
]


async def test_a_question_is_answered_word_by_word(chromium: Browser) -> None:
    async with house(gap_s=0.05) as home, window(chromium) as (_, page):
        await page.goto(home.url)
        words = " ".join(f"word{n}" for n in range(40))
        await ask(page, words)
        await expect(page.get_by_role("log")).to_contain_text(words)
        await expect(page.get_by_label("Your message")).to_have_value("")
        answer = answers(page).first
        await expect(answer).to_contain_text("You said: word0")
        assert "word39" not in await answer.locator(".body").inner_text()
        assert await answer.get_attribute("aria-busy") == "true"
        await expect(answer).to_contain_text("word38 word39")
        await expect(answer).to_have_attribute("aria-busy", "false")
        await expect(page.locator("#thinking")).to_be_hidden()
        await expect(page.locator("[role=log] article")).to_have_count(2)


async def test_a_thread_is_there_after_a_reload_a_restart_and_going_back(chromium: Browser) -> None:
    store = MemoryStore()
    async with window(chromium) as (_, page):
        async with house(store) as home:
            await page.goto(home.url)
            await ask(page, "First thread")
            await expect(answers(page)).to_have_text(["You said: First thread"])
            await page.reload()
            await expect(answers(page)).to_have_text(["You said: First thread"])
            await page.get_by_role("link", name="New thread").click()
            await expect(page.locator("[role=log] article")).to_have_count(0)
            await ask(page, "Second thread")
            await expect(answers(page)).to_have_text(["You said: Second thread"])
            await expect(page.locator("#list li span")).to_have_text(["Second thread", "First thread"])
            await page.get_by_role("link", name="First thread").click()
            await expect(answers(page)).to_have_text(["You said: First thread"])
            await page.go_back()
            await expect(answers(page)).to_have_text(["You said: Second thread"])
            port = int(home.url.rpartition(":")[2])
        line = page.locator("#line")
        await expect(line).to_contain_text("connection is lost")
        await page.get_by_role("link", name="New thread").click()
        await expect(line).to_be_hidden()  # a new thread has no connection yet
        await page.go_back()
        await expect(line).to_contain_text("connection is lost")
        async with house(store, port=port):
            await expect(page.locator("#line")).to_be_hidden()
            await expect(page.locator("[role=log] article")).to_have_count(2)
            await ask(page, "And after the restart")
            await expect(answers(page)).to_have_text(
                ["You said: Second thread", "You said: And after the restart"]
            )


async def test_a_broken_connection_loses_and_doubles_nothing(chromium: Browser) -> None:
    async with house(gap_s=0.1) as home, window(chromium) as (context, page):
        await page.goto(home.url)
        text = " ".join(f"word{n}" for n in range(20))
        await ask(page, text)
        await expect(answers(page)).to_contain_text("word2")
        await context.set_offline(True)
        await page.evaluate("dispatchEvent(new Event('online'))")  # the stream that was open is cut with it
        await expect(page.locator("#line")).to_contain_text("connection is lost")
        await context.set_offline(False)
        await expect(page.locator("#line")).to_be_hidden()
        await expect(answers(page)).to_have_text([f"You said: {text}"])
        await expect(page.locator("[role=log] article")).to_have_count(2)


async def test_what_could_not_be_sent_stays_in_the_box_and_is_then_sent_once(chromium: Browser) -> None:
    async with house() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        home.store.failing = True
        await ask(page, "Keep me")
        await expect(page.get_by_role("alert")).to_contain_text("could not be saved")
        await expect(page.get_by_label("Your message")).to_have_value("Keep me")
        await expect(page.locator("[role=log] article")).to_have_count(0)
        home.store.failing = False

        async def lose_the_answer(route: Any) -> None:
            await route.fetch()
            await route.abort()

        await page.route("**/api/asks", lose_the_answer, times=1)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("still in the box")
        await page.keyboard.press("Enter")
        await expect(page.locator("[role=log] article")).to_have_count(2)
        await expect(answers(page)).to_have_text(["You said: Keep me"])
        await expect(page.locator("#fault")).to_be_hidden()


async def test_a_line_break_and_a_composition_do_not_send(chromium: Browser) -> None:
    async with house() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        await page.keyboard.type("one")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("two")
        await page.evaluate(
            """document.getElementById("box").dispatchEvent(
                 new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))"""
        )
        await expect(page.get_by_label("Your message")).to_have_value("one\ntwo")
        assert home.inbox.events == []
        await page.keyboard.press("Enter")
        await expect(answers(page)).to_have_count(1)


async def test_the_keyboard_alone_is_enough(chromium: Browser) -> None:
    async with house(gap_s=0.05) as home, window(chromium) as (_, page):
        home.inbox.answers["Long"] = Shown(" ".join(f"w{n}" for n in range(200)), notice="Stopped.")
        await page.goto(home.url)
        await page.keyboard.type("Long")
        await page.keyboard.press("Enter")
        stop = page.get_by_role("button", name="Stop")
        await expect(stop).to_be_visible()
        await page.keyboard.press("Shift+Tab")
        await expect(stop).to_be_focused()
        assert await stop.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice")).to_have_text("Stopped.")
        await expect(stop).to_have_count(0)
        await expect(page.get_by_label("Your message")).to_be_focused()
        more = page.get_by_role("button", name="More")
        for above in (more.last, more.first, *(page.get_by_role("button", name=n) for n in ("Help", "Usage"))):
            await page.keyboard.press("Shift+Tab")
            await expect(above).to_be_focused()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Shift+Tab")
        await expect(page.get_by_role("link", name="Long")).to_be_focused()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("New thread")


async def test_buttons_and_notices_are_shown_and_refusals_are_said(chromium: Browser) -> None:
    async with house() as home, window(chromium) as (_, page):
        home.inbox.answers["Break"] = Shown(
            "It was **going", "The answer broke off.", (Button("again", "Try again", 99),)
        )
        await page.goto(home.url)
        await ask(page, "Break")
        await expect(page.locator("article [role=status]")).to_have_text("The answer broke off.")
        await expect(answers(page).locator("strong")).to_have_text("going")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("alert")).to_contain_text("can no longer be done")


async def test_an_answer_anew_takes_the_place_of_the_old_one_with_its_first_words(chromium: Browser) -> None:
    async with house() as home, window(chromium) as (context, page):
        home.inbox.answers["Again"] = Shown("Old words.")
        await page.goto(home.url)
        await ask(page, "Again")
        await expect(answers(page)).to_have_text(["Old words."])
        asked, further = home.inbox.events[0], await home.store.retry_turn(1, ContinueAnswer())
        assert isinstance(asked, Ask)
        assert further is not None
        more = Shown("And more.", buttons=(Button("again", "Regenerate", further.id),))
        posted = await home.platform.installation.perform(
            PostMessage(asked.place, more, "turn-2-0", asked.id, turn_id=2)
        )
        await home.store.finish(Finish(further, TurnState.DONE, more.text, "", more.buttons, (posted,)))
        beside = await context.new_page()
        await beside.goto(page.url)
        await expect(answers(beside)).to_have_text(["Old words.", "And more.Regenerate"])
        home.inbox.begins.clear()
        home.inbox.answers["Again"] = Shown("New words.")
        await page.get_by_role("button", name="Regenerate").click()
        await expect(page.locator(".mine.fading .body")).to_have_text(["Old words.", "And more."])
        await expect(page.locator("#thinking")).to_be_visible()
        await expect(beside.get_by_role("button", name="Regenerate")).to_have_count(0)
        home.inbox.begins.set()
        for one in (page, beside):
            await expect(answers(one)).to_have_text(["New words."])
            await expect(one.locator("#thinking")).to_be_hidden()


async def test_markdown_becomes_elements_and_html_stays_text(chromium: Browser) -> None:
    async with house() as home, window(chromium) as (_, page):
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
        house() as home,
        window(chromium, permissions=["clipboard-read", "clipboard-write"]) as (_, page),
    ):
        home.inbox.answers["Code"] = Shown("```\na = 1\nb = 2\n```")
        await page.goto(home.url)
        await ask(page, "Code")
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "a = 1\nb = 2"


async def test_what_is_settled_stays_while_an_answer_grows_and_formulas_are_drawn(chromium: Browser) -> None:
    async with house(gap_s=0.05) as home, window(chromium) as (_, page):
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


async def test_a_phone_shows_all_and_folds_the_threads_away(chromium: Browser) -> None:
    async with house() as home, window(chromium, viewport=PHONE, has_touch=True, is_mobile=True) as (_, page):
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
        async with house() as home, window(chromium, locale=locale) as (_, page):
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
    async with house() as home, window(chromium, locale="zh-CN") as (_, page):
        await page.goto(home.url)
        assert await page.locator("html").get_attribute("lang") == "zh-Hans"
        await ask(page, "你好")
        await expect(answers(page)).to_contain_text("You said: 你好")
        assert home.inbox.events[0].author.locale == "zh-CN"  # type: ignore[union-attr]
        english = await page.evaluate("[...document.querySelectorAll('[data-say]')].map(e => e.textContent)")
        assert all(re.search(r"[\u4e00-\u9fff]", words) for words in english)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_has_a_name_and_can_be_read(chromium: Browser, scheme: str) -> None:
    async with house() as home, window(chromium, color_scheme=scheme, reduced_motion="reduce") as (_, page):
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


async def test_a_thread_that_is_not_there_is_said_so(chromium: Browser) -> None:
    async with house() as home, window(chromium) as (_, page):
        await page.goto(f"{home.url}/#nowhere")
        await expect(page.get_by_role("alert")).to_contain_text("no such thread")
        await expect(page.get_by_role("heading", level=1)).to_have_text("New thread")
        await ask(page, "Hello")
        await expect(answers(page)).to_have_count(1)


async def test_the_reader_who_went_up_is_left_alone(chromium: Browser) -> None:
    async with house(gap_s=0.02) as home, window(chromium, viewport={"width": 900, "height": 400}) as (_, page):
        home.inbox.answers["Long"] = Shown("\n\n".join(f"Paragraph {n}" for n in range(60)))
        await page.goto(home.url)
        await ask(page, "Long")
        await expect(answers(page)).to_contain_text("Paragraph 20")
        await page.locator("#scroll").hover()
        await page.mouse.wheel(0, -400)
        await expect(page.locator("#latest")).to_be_visible()
        await asyncio.sleep(0.1)
        before = await page.locator("#scroll").evaluate("e => e.scrollTop")
        await expect(answers(page)).to_contain_text("Paragraph 59")
        assert await page.locator("#scroll").evaluate("e => e.scrollTop") == before
        await page.locator("#latest").click()
        await expect(page.locator("#latest")).to_be_hidden()
        await expect(page.get_by_text("Paragraph 59")).to_be_in_viewport()
