"""Event streams of the web page."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bots.web.answer_streams import KEPT, KEPT_LENGTH, AnswerStreams, News, ThinkingNews
from bots.web.outgoing import MessageView
from core.values.outgoing import Page, PostMessage
from tests.bots.web.pages import Client, ask, events
from tests.bots.web.rig import serving_page
from tests.waiting import HANG_S

# Watching.


async def test_words_reach_an_open_page_as_they_come(client: Client) -> None:
    async with serving_page(gap_s=0.02) as home:
        asked = await ask(client, home, "one two three")
        async with events(client, home, asked["thread"]) as stream:
            texts = await stream.until("You said: one two three")
        assert len(texts) >= 4
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


async def test_a_reconnection_begins_with_the_complete_view(client: Client) -> None:
    async with serving_page(gap_s=0.02) as home:
        asked = await ask(client, home, "one two three four")
        async with events(client, home, asked["thread"]) as stream:
            await stream.until("You said: one")
        async with events(client, home, asked["thread"]) as stream:
            name, state = await stream.next()
            assert name == "state"
            assert state["messages"][0]["id"] == asked["id"]
            assert state["messages"][1]["text"].startswith("You said: one")
            assert len(state["messages"]) == 2
            await stream.until("You said: one two three four")


async def test_another_page_sees_the_question_too(client: Client) -> None:
    async with serving_page() as home:
        asked = await ask(client, home, "One")
        await home.inbox.settled()
        async with events(client, home, asked["thread"]) as stream:
            await stream.next()
            await ask(client, home, "Two", thread=asked["thread"])
            name, view = await stream.next()
            assert (name, view["text"], view["mine"]) == ("message", "Two", False)
            name, _ = await stream.next()
            assert name in ("thinking", "message")
            await stream.until("You said: Two")


async def test_thinking_is_shown_until_the_first_word(client: Client) -> None:
    async with serving_page() as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        place = home.inbox.events[0].place
        await home.platform.installation.typing(place)
        async with events(client, home, asked["thread"]) as stream:
            _, state = await stream.next()
            assert state["thinking"]["ms"] > 0
        await home.platform.installation.perform(PostMessage(place, Page("Word"), "k"))
        async with events(client, home, asked["thread"]) as stream:
            _, state = await stream.next()
            assert state["thinking"]["ms"] == 0


async def test_what_is_thought_of_can_be_stopped_in_the_order_in_which_it_was_asked(client: Client) -> None:
    async with serving_page() as home:

        async def thought_of() -> int:
            await home.platform.installation.typing(place)
            async with client.get(f"{home.url}/api/threads/{asked['thread']}") as response:
                turn_id: int = (await response.json())["thinking"]["turn_id"]
                return turn_id

        home.inbox.begins.clear()
        asked = await ask(client, home, "One")
        await ask(client, home, "Two", thread=asked["thread"])
        place = home.inbox.events[0].place
        assert await thought_of() == 1
        await home.platform.installation.perform(
            PostMessage(place, Page("", "Others come first."), "k", asked["id"])
        )
        assert await thought_of() == 1
        await home.platform.installation.perform(PostMessage(place, Page("Word"), "k", asked["id"]))
        assert await thought_of() == 2
        home.inbox.begins.set()
        await home.inbox.settled()
        assert await thought_of() == 0


async def test_a_silent_stream_shows_that_it_lives(client: Client) -> None:
    async with serving_page(heartbeat_s=0.01) as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        async with events(client, home, asked["thread"]) as stream:
            await stream.next()
            await asyncio.sleep(0.05)
            await home.platform.installation.typing(home.inbox.events[0].place)
            await stream.next()
            assert stream.comments >= 1


async def test_a_page_that_leaves_is_forgotten(client: Client) -> None:
    async with serving_page(heartbeat_s=0.01) as home:
        asked = await ask(client, home)
        async with events(client, home, asked["thread"]) as stream:
            await stream.next()
            assert home.platform.watchers == 1
        async with asyncio.timeout(HANG_S):
            while home.platform.watchers:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_slow_page_is_given_only_the_newest_view() -> None:
    live = AnswerStreams()
    watcher = live.watch("t")
    for n in range(10_000):
        live.show("t", MessageView("m", True, "word " * n))
    live.show("t", MessageView("other", True, "x"))
    views = (await watcher.news(1)).views
    assert [view.id for view in views] == ["m", "other"]
    assert views[0].text == "word " * 9_999
    assert await watcher.news(0) == News()


async def test_words_of_an_answer_end_the_thinking_that_a_slow_page_has_not_been_given_yet() -> None:
    live = AnswerStreams()
    watcher = live.watch("t")
    live.think("t", 0.0, 1_000)
    live.tell("t", MessageView("q", False, "a question"))
    live.show("t", MessageView("m", True, "word"))
    assert (await watcher.news(1)).thinking is None
    live.think("t", 0.0, 1_000)
    assert (await watcher.news(1)).thinking == ThinkingNews(1_000)


def test_what_is_remembered_is_bounded() -> None:
    live = AnswerStreams()
    for n in range(KEPT + 5):
        live.show("t", MessageView(str(n), True, ""), key=f"k{n}")
    assert len(live.views("t")) == KEPT
    assert live.find("k0") is None
    assert live.find(f"k{KEPT}") == str(KEPT)
    for n in range(5):
        live.show("long", MessageView(str(n), True, "x" * (KEPT_LENGTH // 4)))
        live.show("long", MessageView(str(n), True, "x" * (KEPT_LENGTH // 2)))
    assert live.views("t") == []
    assert [view.id for view in live.views("long")] == ["3", "4"]


async def test_streams_end_when_the_platform_is_stopped(client: Client) -> None:
    async with serving_page() as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        async with events(client, home, asked["thread"]) as stream:
            await stream.next()
            home.running.cancel()
            with pytest.raises(EOFError):
                await stream.next()
        assert not home.platform.ready()
