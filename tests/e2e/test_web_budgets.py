"""Budgets on the page, in a real browser: the note, the refusal, and the alert that an admin answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, expect

from core.clock import SystemClock
from core.i18n import language_of, phrase
from core.spend.chart_child import WIDTH
from core.values.conversation import Ask, TurnState
from core.values.deltas import Usage
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from storage import DatabaseSettings, open_store
from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings
from tests.e2e.program import Program
from tests.e2e.test_budgets import COUNTED, FINE, LIMIT
from tests.e2e.test_web import ask, composer
from tests.e2e.test_web_commands import kept
from tests.fakes.completions import FakeCompletions
from tests.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER),
]

ANSWER = "Here I am."
POSTED = "SELECT count(*) FROM turns WHERE task IN ('usage', 'budget') AND state = 'done'"
LIFT = {"en": "Allow 100 tokens more this month", "zh": "本月再追加 100 个 token"}
NOTES: FilePayload = {"name": "notes.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    """On the loop of the browser's tests."""
    async with model_endpoint() as endpoint:
        endpoint.default = FINE
        yield endpoint


async def answered(page: Page, folder: Path, question: str, number: int) -> None:
    """Ask the question of that number of the page, and wait for its answer and its cost."""
    await ask(page, question)
    await expect(page.locator(".mine:not(.told) .body", has_text=ANSWER).last).to_be_visible()
    await until(lambda: kept(folder, COUNTED) == [(number,)])


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
async def test_the_note_is_under_its_question_and_what_is_refused_is_in_the_box_alone(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions, locale: str
) -> None:
    language = language_of(locale)
    near, used_up = (
        re.compile(re.escape(phrase("budget_of_all", language)) + f".*{how}") for how in ("90", "")
    )
    async with (
        Program(tmp_path, **model_settings(endpoint), **LIMIT) as program,
        window(chromium, locale=locale) as page,
    ):
        shown, listed = page.locator("[role=log] article"), page.locator("#list li")
        await page.goto(program.url)
        await answered(page, tmp_path, "the first one?", 1)
        await page.get_by_role("link", name=phrase("page_new", language)).click()
        await answered(page, tmp_path, "the second one?", 2)
        await expect(shown).to_contain_text(["the second one?", near, ANSWER])
        await expect(shown).to_have_count(3)
        await expect(listed).to_contain_text(["the second one?", "the first one?"])
        for _ in range(2):
            await page.locator("#files").set_input_files([NOTES])
            await ask(page, "the third one?")
            await expect(shown).to_contain_text(["the second one?", near, ANSWER, used_up])
            await expect(shown).to_have_count(4)
            await expect(composer(page)).to_have_value("the third one?")
            await expect(page.locator("#attached li")).to_have_count(1)
            await page.locator("#attached .remove").click()
        await page.reload()
        await expect(shown).to_contain_text(["the second one?", ANSWER])
        await expect(shown).to_have_count(2)
        await expect(listed).to_have_count(2)
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
async def test_what_an_admin_allows_stays_in_sight_and_the_button_of_the_alert_goes(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions, locale: str
) -> None:
    language = language_of(locale)
    settings = model_settings(endpoint) | LIMIT
    settings |= {"PARLEY_ALERT_CHANNEL": "web:web", "PARLEY_LANGUAGE": language}
    notices, now = phrase("page_board", language), phrase("amount_tokens", language, n=200)
    async with Program(tmp_path, **settings) as program, window(chromium, locale=locale) as page:
        await page.goto(program.url)
        for number in (1, 2):
            await answered(page, tmp_path, f"question {number}?", number)
        await ask(page, "question 3?")
        await expect(composer(page)).to_have_value("question 3?")  # it was refused
        await page.get_by_role("link", name=notices).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(notices)
        told, alert = page.locator(".told"), page.locator("[role=log] article.mine:not(.told)")
        lift = page.get_by_role("button", name=LIFT[language])
        await lift.click()
        await expect(alert).to_contain_text(now)
        await expect(told).to_contain_text(now)
        await expect(lift).to_have_count(0)
        await expect(alert).to_have_count(1)
        await page.get_by_role("link", name="question 1?").click()
        await answered(page, tmp_path, "question 3?", 3)


def zone_without_monday() -> str:
    """A time zone in which today is not Monday. On Mondays the operators' report of the last week is due, which would
    be one more post about yesterday's answer. Two zones that are 26 hours apart never have the same day."""
    now = datetime.now(UTC)
    return next(
        zone for zone in ("Etc/GMT+12", "Pacific/Kiritimati") if now.astimezone(ZoneInfo(zone)).weekday() != 0
    )


async def asked_yesterday(folder: Path) -> None:
    """Make the database, with an answer that a report of yesterday is about."""
    (folder / "data").mkdir()
    settings = DatabaseSettings(database_url=f"sqlite:///{folder}/data/parley.db")
    store = await open_store(settings, SystemClock())
    at = datetime.now(UTC) - timedelta(days=1)
    place = Place("web", "local", "web", "aaaabbbbcccc")
    turn = await store.accept(Ask("q", place, Person("you", "You"), "why?", at, addressed=True))
    assert turn is not None
    await store.finish(Finish(turn, TurnState.DONE, "because", posted=("q.1",), model="m", usage=Usage(1, 1)))
    await store.close()


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
async def test_an_alert_and_a_report_are_there_after_a_crash_and_the_alerts_button_works_once(
    chromium: Browser, tmp_path: Path, endpoint: FakeCompletions, locale: str
) -> None:
    language = language_of(locale)
    settings = model_settings(endpoint) | LIMIT | {"PARLEY_ALERT_CHANNEL": "web:web"}
    settings |= {"PARLEY_SUMMARY_CHANNELS": "web:web", "PARLEY_SUMMARY_AT": "00:00 UTC"}
    settings |= {"PARLEY_TIME_ZONE": zone_without_monday()}
    notices, now = phrase("page_board", language), phrase("amount_tokens", language, n=200)
    shown, listed = "[role=log] article", "#list li"
    await asked_yesterday(tmp_path)
    async with (
        Program(tmp_path, PARLEY_LANGUAGE=language, **settings) as program,
        window(chromium, locale=locale) as page,
    ):
        posts, picture = page.locator(shown), page.locator(f"{shown} .picture img")
        lift = page.get_by_role("button", name=LIFT[language])
        when = page.locator(listed, has_text=notices).locator("time")

        async def restart() -> None:
            await program.kill()
            await program.start()
            await program.ready()
            await page.goto(f"{program.url}/#board")
            await page.reload()
            await expect(posts).to_have_count(2)

        await page.goto(program.url)
        await page.get_by_role("link", name=notices).click()
        await expect(picture).to_have_js_property("naturalWidth", WIDTH)
        await page.get_by_role("link", name=phrase("page_new", language)).click()
        for number in (2, 3):
            await answered(page, tmp_path, f"question {number}?", number)
        await ask(page, "question 4?")
        await expect(composer(page)).to_have_value("question 4?")  # it was refused
        await page.get_by_role("link", name=notices).click()
        await expect(lift).to_have_count(1)
        await until(lambda: kept(tmp_path, POSTED) == [(2,)])
        await page.reload()
        await expect(posts).to_have_count(2)
        await expect(picture).to_have_js_property("naturalWidth", WIDTH)
        before = await posts.all_inner_texts()
        posted_at = await when.get_attribute("datetime")
        await restart()
        await expect(picture).to_have_js_property("naturalWidth", WIDTH)
        assert await posts.all_inner_texts() == before
        await expect(when).to_have_attribute("datetime", posted_at or "")
        await lift.click()
        await expect(posts.last).to_contain_text(now)
        await expect(lift).to_have_count(0)
        await restart()
        await expect(posts.last).to_contain_text(now)
        await expect(when).to_have_attribute("datetime", posted_at or "")
        await expect(lift).to_have_count(0)
        assert (await posts.all_inner_texts())[0] == before[0]
        await page.get_by_role("link", name="question 2?").click()
        await answered(page, tmp_path, "question 4?", 4)
        await page.get_by_role("link", name=notices).click()
        await expect(posts).to_have_count(2)
        await ask(page, "/forget me confirm")
        more = phrase("amount_tokens", language, n=100)
        lifted = phrase("budget_lifted_by_admin", language, more=more, amount=now, when="|")
        await expect(page.locator(f"{shown}:not(.told)").last).to_contain_text(lifted.partition("|")[0])
        await restart()
        await expect(posts.last).to_contain_text(lifted.partition("|")[0])
        assert (await posts.all_inner_texts())[0] == before[0], "it names and quotes nobody"
