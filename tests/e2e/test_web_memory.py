"""The memory on the page: what is older than it is kept, opinions of sources, and answers found by their meaning."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from core.i18n import phrase, variant
from tests.bots.web.pages import thread_of
from tests.bots.web.test_uploads import form
from tests.e2e.browser import CHROMIUM, NO_BROWSER, window
from tests.e2e.conftest import model_endpoint, model_settings
from tests.e2e.program import Program
from tests.e2e.sides import Web, web_reader
from tests.e2e.test_asked_before import CITED, QUESTION, WORDS, answered_once, offered
from tests.e2e.test_embeddings import EMBEDDED, PARAPHRASE, TRIES, answered
from tests.e2e.test_embeddings import QUESTION as IN_OTHER_WORDS
from tests.e2e.test_retention import RARE, made_older
from tests.e2e.test_slack_content import png
from tests.fakes.completions import Citing, FakeCompletions, Words, hashed
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
in_both_languages = pytest.mark.parametrize("language", ["en", "zh"])

NEWER = "the code is wombat"
LOST = "I lost the workshop key"


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[FakeCompletions]:
    """On the loop of the browser's tests."""
    async with model_endpoint() as endpoint:
        yield endpoint


async def until_gone(folder: Path, words: str) -> None:
    """Neither a message nor an answer in the database has these words any more."""
    has = "SELECT EXISTS (SELECT 1 FROM {} WHERE instr(text, ?))"
    async with asyncio.timeout(HANG_S):
        while True:
            with closing(sqlite3.connect(folder / "data" / "parley.db")) as database:
                found = [
                    database.execute(has.format(table), (words,)).fetchone() for table in ("messages", "turns")
                ]
            if found == [(0,), (0,)]:
                return
            await asyncio.sleep(0.02)  # another process's file


async def messages(web: Web) -> list[dict[str, Any]]:
    """The thread as the page is given it when it is opened."""
    return await thread_of(web.client, web, web.thread)


@in_both_languages
async def test_old_lines_go_from_the_page_and_their_thread_goes_on(
    tmp_path: Path, language: str, endpoint: FakeCompletions
) -> None:
    async with web_reader(language) as web:
        settings = web.settings | model_settings(endpoint)
        async with Program(tmp_path, **settings):
            await web.ask(RARE)
            await web.answered(RARE)
            [button, *_] = (await messages(web))[-1]["buttons"]
        made_older(tmp_path, 40)
        async with Program(tmp_path, **settings):
            await web.ask(NEWER)
            await web.answered(NEWER, count=2)
            assert RARE in str(await messages(web))
            assert RARE in str(endpoint.requests[-1].body["messages"]), "without a limit nothing goes"
        async with Program(tmp_path, **settings, PARLEY_KEEP_DAYS="30"):
            await until_gone(tmp_path, RARE)
            assert [one["text"] for one in await messages(web)] == [NEWER, f"You said: {NEWER}"]
            pressed = {"action": button["action"], "turn_id": button["turn_id"], "thread": web.thread}
            async with web.client.post(f"{web.url}/api/presses", json=pressed) as response:
                told = (await response.json())["told"]
            await web.ask("which code?")
            await web.answered("which code?", count=2)
    assert told["text"] == phrase("pressed_late", language)
    said = [one["content"] for one in endpoint.requests[-1].body["messages"][1:]]
    assert said == [NEWER, f"You said: {NEWER}", "which code?"]
    assert len(endpoint.requests) == 3, "the old button asks nobody"
    folder = tmp_path / "data"
    assert [file.name for file in folder.iterdir() if RARE.encode() in file.read_bytes()] == []


@in_both_languages
async def test_a_limit_that_is_set_on_the_page_says_when_and_what_it_removes(
    tmp_path: Path, language: str, endpoint: FakeCompletions
) -> None:
    async with web_reader(language) as web:
        settings = web.settings | model_settings(endpoint)
        async with Program(tmp_path, **settings):
            await web.ask(RARE)
            await web.answered(RARE)
            told = await web.settings_told("keep_days 30")
            assert phrase("keep_days_changed", variant(language, "web")) in told
            assert RARE in str(await messages(web)), "it is not old"
        made_older(tmp_path, 40)
        async with Program(tmp_path, **settings):
            await until_gone(tmp_path, RARE)
            async with web.client.get(f"{web.url}/api/threads") as response:
                assert await response.json() == {"threads": []}
            await web.ask("and now?")
            await web.answered("and now?")
            assert RARE not in str(await messages(web))


@pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)
@in_both_languages
async def test_an_opinion_of_sources_counts_until_the_same_button_takes_it_back(
    chromium: Browser, tmp_path: Path, language: str, endpoint: FakeCompletions
) -> None:
    before, *opinions = WORDS[language][:3]
    async with (
        web_reader(language) as web,
        Program(tmp_path, **web.settings, **model_settings(endpoint)),
        window(chromium, locale=language) as page,
    ):

        async def offered_now() -> list[object]:
            for _ in range(TRIES):  # an answer waits for no slow search
                again = web.elsewhere()
                endpoint.script(Words("No idea."))
                await again.ask(LOST)
                await again.answered("No idea.")
                if found := [one["question"] for one in offered(endpoint)]:
                    return found
            raise AssertionError("nothing was offered")

        await answered_once(web, endpoint)
        later = web.elsewhere()
        endpoint.script(Citing(CITED))
        await later.ask(LOST)
        await later.answered(before)
        assert QUESTION in await offered_now()

        await page.goto(f"{web.url}/#{later.thread}")
        right, wrong = (page.get_by_role("button", name=name, exact=True) for name in opinions)
        told = page.locator(".told")
        await wrong.click()
        await expect(told.last).to_have_text(phrase("thanks_cited_down", language))
        assert QUESTION not in await offered_now()
        await wrong.click()
        await expect(told.last).to_have_text(phrase("cited_taken_back", language))
        assert QUESTION in await offered_now()
        await right.click()
        await expect(told.last).to_have_text(phrase("thanks_cited_up", language))
        await right.click()
        await expect(told.last).to_have_text(phrase("cited_taken_back", language))


SEES_AND_DOES_NOT = """
models = ["blind", "sees"]
[endpoints.one]
base_url = "{url}"
accounts = [{{ name = "first", key = "sk-test" }}]
[endpoints.one.models.blind]
images = false
[endpoints.one.models.sees]
images = true
"""
DESCRIBED = "A quokka before a red door."


@in_both_languages
async def test_nothing_of_the_description_of_a_picture_is_used_or_stored_after_its_thread_is_forgotten(
    tmp_path: Path, language: str, endpoint: FakeCompletions
) -> None:
    (tmp_path / "parley.toml").write_text(SEES_AND_DOES_NOT.format(url=endpoint.base_url))
    endpoint.reply_by(lambda body: Words(DESCRIBED if body["model"] == "sees" else "Noted."))
    async with (
        web_reader(language) as web,
        Program(tmp_path, **web.settings, PARLEY_DESCRIBE_PICTURES="true"),
    ):
        await web.ask("hello")
        await web.answered("Noted.")
        sent = form(("dot.png", "image/png", png()), text="What is it?", thread=web.thread)
        async with web.client.post(f"{web.url}/api/asks", data=sent) as response:
            assert response.status == 202
        await web.answered("Noted.", count=2)
        assert DESCRIBED in str(endpoint.requests[-1].body["messages"])
        await web.forget_thread()
        await until_gone(tmp_path, "What is it?")
        await web.ask("and now?")
        await until(lambda: "and now?" in str(endpoint.requests[-1].body["messages"]))
        await web.answered("Noted.")
    assert [one.body["model"] for one in endpoint.requests] == ["blind", "sees", "blind", "blind"]
    assert DESCRIBED not in str(endpoint.requests[-1].body["messages"])
    folder = tmp_path / "data"
    assert [file.name for file in folder.iterdir() if DESCRIBED.encode() in file.read_bytes()] == []


@in_both_languages
async def test_an_answer_to_other_words_is_found_by_its_meaning_and_linked(
    tmp_path: Path, language: str, endpoint: FakeCompletions
) -> None:
    endpoint.embeddings = hashed
    before = WORDS[language][0]
    async with (
        web_reader(language) as web,
        Program(tmp_path, **web.settings, **model_settings(endpoint), **EMBEDDED),
    ):
        await answered(web, endpoint, IN_OTHER_WORDS, "Ask Ben for a new one.")
        for _ in range(TRIES):  # an answer waits for no slow search
            later = web.elsewhere()
            endpoint.script(Citing("Ben has one [1]."))
            await later.ask(PARAPHRASE)
            answer = await later.answered("Ben has one")
            numbers = {one["question"]: one["n"] for one in offered(endpoint)}
            if numbers.get(IN_OTHER_WORDS) == 1:
                break
        assert numbers.get(IN_OTHER_WORDS) == 1
        answer = await later.answered(before)
    assert IN_OTHER_WORDS in answer.text.partition(before)[2]
