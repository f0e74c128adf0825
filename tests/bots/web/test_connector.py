"""Questions to the web page, restarts, and the calls of its installation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from bots.web.answer_streams import KEPT
from core.errors import Code, PlatformError
from core.values.conversation import Ask, History, Turn, TurnState, announcement
from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.tasks import ANSWER, Alert, ContinueAnswer, Task
from core.values.turn_ends import Finish
from core.values.ui import Button
from tests.bots.web.pages import Client, ask, thread_of
from tests.bots.web.rig import App, serving_page
from tests.fakes.memory import MemoryStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

# Asking.


async def test_a_question_is_answered_in_a_thread_of_its_own(client: Client) -> None:
    async with serving_page() as home:
        first = await ask(client, home, "One")
        second = await ask(client, home, "Two")
        await home.inbox.settled()
        assert first["thread"] != second["thread"]
        shown = await thread_of(client, home, first["thread"])
        assert [(view["text"], view["mine"]) for view in shown] == [("One", False), ("You said: One", True)]
        async with client.get(f"{home.url}/api/threads") as response:
            threads = (await response.json())["threads"]
        assert [thread["id"] for thread in threads] == [second["thread"], first["thread"]]
        assert [thread["title"] for thread in threads] == ["Two", "One"]


async def test_a_follow_up_stays_in_its_thread(client: Client) -> None:
    async with serving_page() as home:
        first = await ask(client, home, "One")
        again = await ask(client, home, "Two", thread=first["thread"])
        await home.inbox.settled()
        assert again["thread"] == first["thread"]
        texts = [view["text"] for view in await thread_of(client, home, first["thread"])]
        assert texts == ["One", "You said: One", "Two", "You said: Two"]


async def test_the_ask_says_who_where_and_in_which_language(client: Client) -> None:
    async with serving_page() as home:
        client_id = str(uuid4())
        headers = {"Accept-Language": "zh-CN,en;q=0.5"}
        async with client.post(
            f"{home.url}/api/asks", json={"text": "你好", "client_id": client_id}, headers=headers
        ) as response:
            assert response.status == 202
        (received,) = home.inbox.events
        assert isinstance(received, Ask)
        assert (received.id, received.text, received.author.locale) == (client_id, "你好", "zh-CN")
        assert received.addressed
        assert received.place.direct


async def test_a_double_click_is_one_question(client: Client) -> None:
    async with serving_page() as home:
        client_id = str(uuid4())
        answers = await asyncio.gather(*(ask(client, home, "Once", client_id=client_id) for _ in range(5)))
        await home.inbox.settled()
        assert len({answer["thread"] for answer in answers}) == 1
        shown = await thread_of(client, home, answers[0]["thread"])
        assert [view["text"] for view in shown] == ["Once", "You said: Once"]


async def test_a_retry_after_a_restart_is_the_same_question(client: Client) -> None:
    store, client_id = MemoryStore(), str(uuid4())
    async with serving_page(store) as home:
        before = await ask(client, home, "Once", client_id=client_id)
        await home.inbox.settled()
    async with serving_page(store) as home:
        assert await ask(client, home, "Once", client_id=client_id) == before
        assert len(await thread_of(client, home, before["thread"])) == 2


# Restarts.


async def test_threads_are_there_after_a_restart(client: Client) -> None:
    store = MemoryStore()
    async with serving_page(store) as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        before = await thread_of(client, home, asked["thread"])
    async with serving_page(store) as home:
        after = await thread_of(client, home, asked["thread"])
        assert [(view["id"], view["text"]) for view in after] == [(view["id"], view["text"]) for view in before]


async def test_an_edit_after_a_restart_finds_its_place_again(client: Client) -> None:
    store = MemoryStore()
    async with serving_page(store) as home:
        first = await ask(client, home, "One")
        await ask(client, home, "Two", thread=first["thread"])
        place = home.inbox.events[0].place
        half = await home.platform.installation.perform(
            PostMessage(place, Page("Ha"), "turn-9-0", answers=first["id"])
        )
        await home.inbox.settled()
    async with serving_page(store) as home:
        assert (
            await home.platform.installation.perform(EditMessage(place, half, Page("Half an answer"))) == half
        )
        texts = [view["text"] for view in await thread_of(client, home, first["thread"])]
        assert texts == ["One", "You said: One", "Half an answer", "Two", "You said: Two"]


@pytest.mark.parametrize(
    ("task", "words", "texts"),
    [
        (ANSWER, "Anew", ["One", "Anew"]),
        (ANSWER, "", ["One", "You said: One", ""]),
        (ContinueAnswer(), "And on", ["One", "You said: One", "And on"]),
    ],
)
async def test_words_of_an_answer_anew_take_the_place_of_the_old_ones_after_a_restart_too(
    client: Client, task: Task, words: str, texts: list[str]
) -> None:
    store = MemoryStore()
    async with serving_page(store) as home:
        first = await ask(client, home, "One")
        await home.inbox.settled()
        place = home.inbox.events[0].place
    again = await store.retry_turn(1, task)
    assert again is not None
    stop = Button("stop", "Stop", again.id)
    async with serving_page(store) as home:
        shown = Page(words, buttons=(stop,))
        await home.platform.installation.perform(PostMessage(place, shown, "k", first["id"], turn_id=again.id))
        assert [view["text"] for view in await thread_of(client, home, first["thread"])] == texts


async def test_what_had_been_written_is_seen_after_a_restart_before_it_goes_on(client: Client) -> None:
    store = MemoryStore()
    async with serving_page(store) as home:
        first = await ask(client, home, "One")
        await home.inbox.settled()
    again = await store.retry_turn(1, ANSWER)
    assert again is not None
    await store.begin(again.id)
    await store.checkpoint([(again.id, "Half of", (f"{first['id']}.aa",))])
    async with serving_page(store) as home:
        shown = await thread_of(client, home, first["thread"])
        assert [view["text"] for view in shown] == ["One", "Half of"]
        assert shown[1]["buttons"] == [{"action": "stop", "label": "Stop", "turn_id": again.id}]


# The port.


async def test_calls_are_shown_and_found_again(client: Client) -> None:
    async with serving_page() as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        place = home.inbox.events[0].place
        post = PostMessage(
            place, Page("Words", "A notice.", (Button("again", "Try again", 7),)), "turn-7-0", asked["id"]
        )
        assert await home.platform.installation.find(post) is None
        message_id = await home.platform.installation.perform(post)
        assert await home.platform.installation.find(post) == message_id
        await home.platform.installation.perform(EditMessage(place, message_id, Page("Other words")))
        assert await home.platform.installation.find(post) == message_id
        shown = (await thread_of(client, home, asked["thread"]))[-1]
        assert (shown["text"], shown["notice"], shown["buttons"]) == ("Other words", "", [])


async def test_what_the_page_cannot_show_is_refused() -> None:
    async with serving_page() as home:
        place = await home.platform.installation.channel("web")
        long = Page("x" * (home.platform.installation.limits.page_size + 1))
        with pytest.raises(PlatformError) as rejected:
            await home.platform.installation.perform(PostMessage(place, long, "k"))
        assert rejected.value.code is Code.REJECTED
        with pytest.raises(PlatformError) as gone:
            await home.platform.installation.perform(
                PostMessage(replace(place, channel="elsewhere"), Page("x"), "k")
            )
        assert gone.value.code is Code.GONE
        with pytest.raises(PlatformError):
            await home.platform.installation.channel("general")


async def test_a_summary_stands_in_the_channels_own_thread(client: Client) -> None:
    async with serving_page() as home:
        place = await home.platform.installation.channel("web")
        await home.platform.installation.perform(
            PostMessage(place, Page("12 questions"), "turn-1-0", "digest-2026-01-02")
        )
        assert [view["text"] for view in await thread_of(client, home, "board")] == ["12 questions"]
        async with client.get(f"{home.url}/api/threads") as response:
            assert [thread["id"] for thread in (await response.json())["threads"]] == ["board"]
        await ask(client, home, "What cost so much?", thread="board")
        await home.inbox.settled()
        texts = [view["text"] for view in await thread_of(client, home, "board")]
        assert texts == ["12 questions", "What cost so much?", "You said: What cost so much?"]


async def announced(home: App, id: str, text: str) -> Turn:
    """An alert that is shown and has not ended."""
    place = await home.platform.installation.channel("web")
    turn = await home.store.accept(announcement(id, place, Alert("account a", Code.BAD_KEY), NOON, text))
    assert turn is not None
    turn = await home.store.begin(turn.id)
    call = PostMessage(place, Page(text), f"turn-{turn.id}-0", id, turn_id=turn.id)
    return replace(turn, posted=(await home.platform.installation.perform(call),))


async def ended(home: App, turn: Turn) -> None:
    await home.store.finish(Finish(turn, TurnState.DONE, turn.ask.text, posted=turn.posted))


async def noticed(client: Client, home: App) -> list[str]:
    """The notices; none where the list of threads names none."""
    async with client.get(f"{home.url}/api/threads") as response:
        listed = [thread["id"] for thread in (await response.json())["threads"]]
    return [view["text"] for view in await thread_of(client, home, "board")] if "board" in listed else []


async def test_notices_are_shown_once_while_they_are_posted_afterwards_and_after_a_restart(
    client: Client,
) -> None:
    store = MemoryStore()
    async with serving_page(store) as home:
        first, second = await announced(home, "alert:1", "One."), await announced(home, "alert:2", "Two.")
        assert await noticed(client, home) == ["One.", "Two."]
        await ended(home, first)
        assert await noticed(client, home) == ["Two.", "One."], "each has the time of its end"
        await ended(home, second)
        assert await noticed(client, home) == ["One.", "Two."]
        elsewhere = replace(first.ask.place, thread="abcdefgh2345")
        for number in range(KEPT):
            call = PostMessage(elsewhere, Page("An answer."), f"turn-9-{number}")
            await home.platform.installation.perform(call)
        assert await noticed(client, home) == ["One.", "Two."]
    async with serving_page(store) as home:
        assert await noticed(client, home) == ["One.", "Two."]


async def test_an_alert_that_the_database_refused_is_shown_too(client: Client) -> None:
    async with serving_page() as home:
        place = await home.platform.installation.channel("web")
        await home.platform.installation.perform(PostMessage(place, Page("No database."), "alert"))
        await ended(home, await announced(home, "alert:1", "One."))
        assert await noticed(client, home) == ["No database.", "One."]


async def test_notices_that_are_forgotten_leave_the_page(client: Client) -> None:
    async with serving_page() as home:
        first, second = await announced(home, "alert:1", "One."), await announced(home, "alert:2", "Two.")
        await ended(home, first)
        await home.store.forget_thread(first.ask.place, NOON)
        assert await noticed(client, home) == []
        await ended(home, second)
        assert await noticed(client, home) == []


async def test_the_store_has_all_history_and_threads_do_not_share_a_budget() -> None:
    async with serving_page() as home:
        place = await home.platform.installation.channel("web")
        other = replace(place, thread="abcdefgh2345")
        (one,), (two,) = (
            home.platform.installation.rate_limits(PostMessage(where, Page(""), "k"))
            for where in (place, other)
        )
        assert one.scope != two.scope
        assert (one.burst, one.per_s) == (30, 30)
        assert await home.platform.installation.history(place, before=None) == History()  # type: ignore[arg-type]
