"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from core.values.conversation import Ask, TurnState
from core.values.events import Outcome, Receipt
from core.values.outgoing import Page as Shown
from core.values.outgoing import PostMessage
from core.values.tasks import ContinueAnswer
from core.values.turn_ends import Finish
from core.values.ui import Button, ImmediateReply
from tests.bots.web.rig import serving_page
from tests.bots.web.windows import answers, ask, window
from tests.e2e.browser import CHROMIUM, NO_BROWSER
from tests.fakes.memory import MemoryStore

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]


async def test_a_question_is_answered_word_by_word(chromium: Browser) -> None:
    async with serving_page(gap_s=0.05) as home, window(chromium) as (_, page):
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
        async with serving_page(store) as home:
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
        async with serving_page(store, port=port):
            await expect(page.locator("#line")).to_be_hidden()
            await expect(page.locator("[role=log] article")).to_have_count(2)
            await ask(page, "And after the restart")
            await expect(answers(page)).to_have_text(
                ["You said: Second thread", "You said: And after the restart"]
            )


async def test_a_broken_connection_loses_and_doubles_nothing(chromium: Browser) -> None:
    async with serving_page(gap_s=0.1) as home, window(chromium) as (context, page):
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
    async with serving_page() as home, window(chromium) as (_, page):
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
    async with serving_page() as home, window(chromium) as (_, page):
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
    async with serving_page(gap_s=0.05) as home, window(chromium) as (_, page):
        home.inbox.answers["Long"] = Shown(" ".join(f"w{n}" for n in range(200)), notice="Stopped.")
        await page.goto(home.url)
        await page.keyboard.type("Long")
        await page.keyboard.press("Enter")
        stop = answers(page).get_by_role("button", name="Stop")  # not that of the thinking before
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
    async with serving_page() as home, window(chromium) as (_, page):
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
    async with serving_page() as home, window(chromium) as (context, page):
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


async def test_a_thread_that_is_not_there_is_said_so(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(f"{home.url}/#nowhere")
        await expect(page.get_by_role("alert")).to_contain_text("no such thread")
        await expect(page.get_by_role("heading", level=1)).to_have_text("New thread")
        await ask(page, "Hello")
        await expect(answers(page)).to_have_count(1)


async def test_the_reader_who_went_up_is_left_alone(chromium: Browser) -> None:
    async with (
        serving_page(gap_s=0.02) as home,
        window(chromium, viewport={"width": 900, "height": 400}) as (_, page),
    ):
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


async def test_a_view_of_the_thread_that_is_older_than_a_receipt_removes_no_question(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        shown = await page.evaluate(
            """import("/static/messages.js").then(({ arrived, put, reconcile, sending }) => {
              const shown = () => [...document.querySelectorAll("[role=log] .theirs")].map(({ dataset }) => dataset.id);
              const [first, third] = [{ id: "1", mine: false, text: "one" }, { id: "3", mine: false, text: "three" }];
              const seen = [];
              put(first);
              arrived(sending("3", "three", []));
              sending("4", "four", []);
              for (const views of [[first], [first, third], [first], [first]]) {
                reconcile(views);
                seen.push(shown());
              }
              return seen;
            })"""
        )
    assert shown == [["1", "3", "4"], ["1", "3", "4"], ["1", "4"], ["1", "4"]]


async def held_back(page: Page) -> asyncio.Event:
    """Hold the next question back until the event is set."""
    sent = asyncio.Event()

    async def slowly(route: Route) -> None:
        await sent.wait()
        await route.continue_()

    await page.route("**/api/asks", slowly, times=1)
    return sent


async def test_a_note_stands_under_its_question_and_the_answer_follows(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        home.inbox.notes |= {text: ImmediateReply(f"Note of {text}.") for text in ("one", "two", "/summarize")}
        shown = page.locator("[role=log] article")
        await page.goto(home.url)
        await ask(page, "one")
        await expect(shown).to_contain_text(["one", "Note of one.", "You said: one"])
        await expect(shown).to_have_count(3)
        await expect(page).to_have_url(re.compile("#[a-z2-7]{12}$"))
        await expect(page.get_by_role("heading", level=1)).to_have_text("one")
        await ask(page, "two")
        await expect(shown).to_contain_text(
            ["one", "Note of one.", "You said: one", "two", "Note of two.", "You said: two"]
        )
        await expect(shown).to_have_count(6)
        await expect(page.get_by_label("Your message")).to_have_value("")
        await page.get_by_role("link", name="New thread").click()
        await ask(page, "/summarize")
        await expect(shown).to_contain_text(["/summarize", "Note of /summarize.", "You said: /summarize"])
        await expect(shown).to_have_count(3)


async def test_a_question_sent_at_once_behind_a_click_goes_to_the_thread_clicked(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        shown = page.locator("[role=log] article")
        await page.goto(home.url)
        await ask(page, "one")
        await expect(shown).to_contain_text(["one", "You said: one"])
        await expect(page).to_have_url(re.compile("#[a-z2-7]{12}$"))
        first = page.url
        await page.evaluate(CLICK_AND_SEND, ["a.new", "two"])
        await expect(shown).to_contain_text(["two", "You said: two"])
        await expect(shown).to_have_count(2)
        await expect(page).to_have_url(re.compile("#[a-z2-7]{12}$"))
        second = page.url
        assert second != first
        await page.evaluate(CLICK_AND_SEND, [f"a[href='#{first.partition('#')[2]}']", "three"])
        await expect(shown).to_contain_text(["one", "You said: one", "three", "You said: three"])
        await expect(shown).to_have_count(4)
        assert page.url == first
        await page.go_back()
        await expect(shown).to_contain_text(["two", "You said: two"])
        assert page.url == second


# In one task of the browser: before hashchange is dispatched.
CLICK_AND_SEND = """([link, text]) => {
  document.querySelector(link).click();
  document.getElementById("box").value = text;
  document.getElementById("form").requestSubmit();
}"""


async def test_a_note_about_an_answer_anew_does_not_go_with_the_old_answer(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        home.inbox.answers["why?"] = Shown("Because.", buttons=(Button("again", "Try again", 1),))
        await page.goto(home.url)
        await ask(page, "why?")
        await expect(answers(page)).to_contain_text(["Because."])
        home.inbox.notes["why?"] = ImmediateReply("Nearly used up.")
        home.inbox.answers["why?"] = Shown("Therefore.")
        await page.get_by_role("button", name="Try again").click()
        shown = page.locator("[role=log] article")
        await expect(shown.last).to_contain_text("Therefore.")
        await expect(shown).to_contain_text(["why?", "Nearly used up.", "Therefore."])
        await expect(shown).to_have_count(3)


async def test_a_note_is_read_by_who_opens_another_thread_meanwhile(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        home.inbox.notes["slow"] = ImmediateReply("Nearly used up.")
        await page.goto(home.url)
        await ask(page, "first")
        await expect(answers(page)).to_have_text(["You said: first"])
        sent = await held_back(page)
        await page.get_by_role("link", name="New thread").click()
        await ask(page, "slow")
        await page.get_by_role("link", name="first").click()
        await expect(answers(page)).to_have_text(["You said: first"])
        sent.set()
        await expect(page.locator("[role=log] article").last).to_have_text("Nearly used up.")
        await expect(page.locator(".theirs")).to_have_text(["first"])


async def test_a_refused_question_is_in_the_box_and_its_reason_is_last(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        box, shown = page.get_by_label("Your message"), page.locator("[role=log] article")
        await page.goto(home.url)
        await ask(page, "one")
        await expect(answers(page)).to_have_text(["You said: one"])
        for reason in ("Used up.", "Still used up."):
            home.inbox.refused = Receipt(Outcome.BUDGET, reply=ImmediateReply(reason, refused=True))
            await ask(page, "two")
            await expect(shown).to_contain_text(["one", "You said: one", reason])
            await expect(shown).to_have_count(3)
            await expect(box).to_have_value("two")
        home.inbox.refused = None
        await page.keyboard.press("Enter")
        await expect(shown).to_contain_text(["one", "You said: one", "two", "You said: two"])
        await expect(shown).to_have_count(4)
        await expect(box).to_have_value("")


async def test_the_reason_of_a_refusal_goes_once_another_thread_is_opened(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        box, shown = page.get_by_label("Your message"), page.locator("[role=log] article")
        await page.goto(home.url)
        await ask(page, "one")
        await expect(answers(page)).to_have_text(["You said: one"])
        home.inbox.refused = Receipt(Outcome.BUDGET, reply=ImmediateReply("Used up.", refused=True))
        await ask(page, "two")
        await expect(shown).to_have_count(3)
        for _ in range(2):  # the second time the page is blank already
            await page.get_by_role("link", name="New thread").click()
            await expect(shown).to_have_count(0)
            await expect(box).to_have_value("two")
            await page.keyboard.press("Enter")
            await expect(shown).to_have_text(["Used up."])
        home.inbox.refused = Receipt(Outcome.REFUSED)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).not_to_be_empty()
        await page.go_back()
        await expect(answers(page)).to_have_text(["You said: one"])
        await expect(page.locator("#fault")).to_be_empty()


async def test_words_that_were_typed_meanwhile_follow_those_that_come_back(chromium: Browser) -> None:
    async with serving_page() as home, window(chromium) as (_, page):
        await page.goto(home.url)
        sent = await held_back(page)
        home.inbox.refused = Receipt(Outcome.LIMITED, reply=ImmediateReply("Too fast.", refused=True))
        await ask(page, "one")
        await page.keyboard.type("two")
        sent.set()
        await expect(page.get_by_label("Your message")).to_have_value("one\n\ntwo")
