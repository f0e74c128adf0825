"""The platform over real HTTP, with an aiohttp client as the browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession

from bots import web
from bots.web.answer_streams import KEPT, AnswerStreams, News, ThinkingNews
from bots.web.guard import Hosts, names_of
from bots.web.outgoing import MessageView
from core.errors import Code, PlatformError
from core.values.conversation import Ask, History
from core.values.events import ButtonPress, Command
from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.tasks import ANSWER, ContinueAnswer, Task
from core.values.ui import Button, ImmediateReply
from tests.bots.web.rig import App, house
from tests.fakes.memory import MemoryStore
from tests.waiting import HANG_S

Client = ClientSession


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with ClientSession() as session:
        yield session


async def ask(client: Client, home: App, text: str = "Hello", **fields: object) -> dict[str, str]:
    body = {"text": text, "client_id": str(uuid4()), **fields}
    async with client.post(f"{home.url}/api/asks", json=body) as response:
        assert response.status == 202, await response.text()
        answer: dict[str, str] = await response.json()
        return answer


async def thread_of(client: Client, home: App, thread: str) -> list[dict[str, Any]]:
    async with client.get(f"{home.url}/api/threads/{thread}") as response:
        assert response.status == 200
        messages: list[dict[str, Any]] = (await response.json())["messages"]
        return messages


class Stream:
    """The events of one thread, as a browser's EventSource reads them."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.comments = 0

    async def next(self) -> tuple[str, Any]:
        name = ""
        async with asyncio.timeout(HANG_S):
            while line := (await self.response.content.readline()).decode():
                if line.startswith(":"):
                    self.comments += 1
                elif line.startswith("event: "):
                    name = line.removeprefix("event: ").strip()
                elif line.startswith("data: "):
                    return name, json.loads(line.removeprefix("data: "))
        raise EOFError

    async def until(self, text: str) -> list[str]:
        """The texts of the answer up to `text`."""
        texts: list[str] = []
        while not texts or texts[-1] != text:
            name, data = await self.next()
            views = data["messages"] if name == "state" else [data] if name == "message" else []
            texts += [view["text"] for view in views if view["mine"]]
        return texts


@asynccontextmanager
async def events(client: Client, home: App, thread: str) -> AsyncIterator[Stream]:
    async with client.get(f"{home.url}/api/threads/{thread}/events", read_bufsize=1 << 20) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Stream(response)


async def error(response: ClientResponse) -> tuple[int, str]:
    body = await response.json()
    assert body["error"]["message"]
    return response.status, body["error"]["code"]


# Asking.


async def test_a_question_is_answered_in_a_thread_of_its_own(client: Client) -> None:
    async with house() as home:
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
    async with house() as home:
        first = await ask(client, home, "One")
        again = await ask(client, home, "Two", thread=first["thread"])
        await home.inbox.settled()
        assert again["thread"] == first["thread"]
        texts = [view["text"] for view in await thread_of(client, home, first["thread"])]
        assert texts == ["One", "You said: One", "Two", "You said: Two"]


async def test_the_ask_says_who_where_and_in_which_language(client: Client) -> None:
    async with house() as home:
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
    async with house() as home:
        client_id = str(uuid4())
        answers = await asyncio.gather(*(ask(client, home, "Once", client_id=client_id) for _ in range(5)))
        await home.inbox.settled()
        assert len({answer["thread"] for answer in answers}) == 1
        shown = await thread_of(client, home, answers[0]["thread"])
        assert [view["text"] for view in shown] == ["Once", "You said: Once"]


async def test_a_retry_after_a_restart_is_the_same_question(client: Client) -> None:
    store, client_id = MemoryStore(), str(uuid4())
    async with house(store) as home:
        before = await ask(client, home, "Once", client_id=client_id)
        await home.inbox.settled()
    async with house(store) as home:
        assert await ask(client, home, "Once", client_id=client_id) == before
        assert len(await thread_of(client, home, before["thread"])) == 2


# Watching.


async def test_words_reach_an_open_page_as_they_come(client: Client) -> None:
    async with house(gap_s=0.02) as home:
        asked = await ask(client, home, "one two three")
        async with events(client, home, asked["thread"]) as stream:
            texts = await stream.until("You said: one two three")
        assert len(texts) >= 4
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


async def test_a_reconnection_begins_with_the_complete_view(client: Client) -> None:
    async with house(gap_s=0.02) as home:
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
    async with house() as home:
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
    async with house() as home:
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
    async with house() as home:

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
    async with house(heartbeat_s=0.01) as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        async with events(client, home, asked["thread"]) as stream:
            await stream.next()
            await asyncio.sleep(0.05)
            await home.platform.installation.typing(home.inbox.events[0].place)
            await stream.next()
            assert stream.comments >= 1


async def test_a_page_that_leaves_is_forgotten(client: Client) -> None:
    async with house(heartbeat_s=0.01) as home:
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
        live.paint("t", MessageView("m", True, "word " * n))
    live.paint("t", MessageView("other", True, "x"))
    views = (await watcher.news(1)).views
    assert [view.id for view in views] == ["m", "other"]
    assert views[0].text == "word " * 9_999
    assert await watcher.news(0) == News()


async def test_words_of_an_answer_end_the_thinking_that_a_slow_page_has_not_been_given_yet() -> None:
    live = AnswerStreams()
    watcher = live.watch("t")
    live.think("t", 0.0, 1_000)
    live.tell("t", MessageView("q", False, "a question"))
    live.paint("t", MessageView("m", True, "word"))
    assert (await watcher.news(1)).thinking is None
    live.think("t", 0.0, 1_000)
    assert (await watcher.news(1)).thinking == ThinkingNews(1_000)


def test_what_is_remembered_is_bounded() -> None:
    live = AnswerStreams()
    for n in range(KEPT + 5):
        live.paint("t", MessageView(str(n), True, ""), key=f"k{n}")
    assert len(live.views("t")) == KEPT
    assert live.find("k0") is None
    assert live.find(f"k{KEPT}") == str(KEPT)


async def test_streams_end_when_the_platform_is_stopped(client: Client) -> None:
    async with house() as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        async with events(client, home, asked["thread"]) as stream:
            await stream.next()
            home.running.cancel()
            with pytest.raises(EOFError):
                await stream.next()
        assert not home.platform.ready()


# Restarts.


async def test_threads_are_there_after_a_restart(client: Client) -> None:
    store = MemoryStore()
    async with house(store) as home:
        asked = await ask(client, home)
        await home.inbox.settled()
        before = await thread_of(client, home, asked["thread"])
    async with house(store) as home:
        after = await thread_of(client, home, asked["thread"])
        assert [(view["id"], view["text"]) for view in after] == [(view["id"], view["text"]) for view in before]


async def test_an_edit_after_a_restart_finds_its_place_again(client: Client) -> None:
    store = MemoryStore()
    async with house(store) as home:
        first = await ask(client, home, "One")
        await ask(client, home, "Two", thread=first["thread"])
        place = home.inbox.events[0].place
        half = await home.platform.installation.perform(
            PostMessage(place, Page("Ha"), "turn-9-0", answers=first["id"])
        )
        await home.inbox.settled()
    async with house(store) as home:
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
    async with house(store) as home:
        first = await ask(client, home, "One")
        await home.inbox.settled()
        place = home.inbox.events[0].place
    again = await store.retry_turn(1, task)
    assert again is not None
    stop = Button("stop", "Stop", again.id)
    async with house(store) as home:
        shown = Page(words, buttons=(stop,))
        await home.platform.installation.perform(PostMessage(place, shown, "k", first["id"], turn_id=again.id))
        assert [view["text"] for view in await thread_of(client, home, first["thread"])] == texts


async def test_what_had_been_written_is_seen_after_a_restart_before_it_goes_on(client: Client) -> None:
    store = MemoryStore()
    async with house(store) as home:
        first = await ask(client, home, "One")
        await home.inbox.settled()
    again = await store.retry_turn(1, ANSWER)
    assert again is not None
    await store.begin(again.id)
    await store.checkpoint([(again.id, "Half of", (f"{first['id']}.aa",))])
    async with house(store) as home:
        shown = await thread_of(client, home, first["thread"])
        assert [view["text"] for view in shown] == ["One", "Half of"]
        assert shown[1]["buttons"] == [{"action": "stop", "label": "Stop", "turn_id": again.id}]


# The port.


async def test_strokes_are_shown_and_found_again(client: Client) -> None:
    async with house() as home:
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
    async with house() as home:
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
    async with house() as home:
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


async def test_the_store_has_all_history_and_threads_do_not_share_a_budget() -> None:
    async with house() as home:
        place = await home.platform.installation.channel("web")
        other = replace(place, thread="abcdefgh2345")
        (one,), (two,) = (
            home.platform.installation.rate_limits(PostMessage(where, Page(""), "k"))
            for where in (place, other)
        )
        assert one.scope != two.scope
        assert (one.burst, one.per_s) == (30, 30)
        assert await home.platform.installation.history(place, before=None) == History()  # type: ignore[arg-type]


# Buttons.


async def test_a_press_reaches_the_inbox_and_stops_the_answer(client: Client) -> None:
    async with house(gap_s=0.02) as home:
        asked = await ask(client, home, "one two three four five six seven eight")
        async with events(client, home, asked["thread"]) as stream:
            await stream.until("You said: one")
        press = {"action": "stop", "turn_id": 1, "thread": asked["thread"]}
        async with client.post(f"{home.url}/api/presses", json=press) as response:
            assert response.status == 202
        await home.inbox.settled()
        received = home.inbox.events[-1]
        assert isinstance(received, ButtonPress)
        assert (received.action, received.turn_id, received.place.thread) == ("stop", 1, asked["thread"])
        text = (await thread_of(client, home, asked["thread"]))[-1]["text"]
        assert text.startswith("You said: one")
        assert not text.endswith("eight")


async def test_a_button_out_of_date_is_refused_in_words(client: Client) -> None:
    async with house() as home:
        press = {"action": "stop", "turn_id": 99, "thread": "board"}
        async with client.post(f"{home.url}/api/presses", json=press) as response:
            assert await error(response) == (409, "out_of_date")


async def test_what_is_done_about_an_answer_can_be_done_after_a_restart_and_once(client: Client) -> None:
    store, again = MemoryStore(), Button("again", "Try again", 1)
    async with house(store) as home:
        home.inbox.answers["One"] = Page("Half", "Cut.", (again,))
        asked = await ask(client, home, "One")
        await home.inbox.settled()
        before = await thread_of(client, home, asked["thread"])
    async with house(store) as home:
        shown = await thread_of(client, home, asked["thread"])
        assert [view | {"at": ""} for view in shown] == [view | {"at": ""} for view in before]
        assert shown[1]["buttons"] == [{"action": "again", "label": "Try again", "turn_id": 1}]
        press = {"action": "again", "turn_id": 1, "thread": asked["thread"]}
        async with client.post(f"{home.url}/api/presses", json=press) as response:
            assert await response.json() == {"again": True}
        await home.inbox.settled()
        shown = await thread_of(client, home, asked["thread"])
        assert [(view["text"], view["buttons"]) for view in shown[1:]] == [("You said: One", [])]


async def test_of_an_answer_that_is_taken_up_again_the_words_are_left_on_every_page(client: Client) -> None:
    async with house() as home:
        home.inbox.answers["One"] = Page("Half", "Cut.", (Button("again", "Try again", 1),))
        asked = await ask(client, home, "One")
        await home.inbox.settled()
        async with events(client, home, asked["thread"]) as stream:
            _, state = await stream.next()
            assert state["messages"][1]["buttons"]
            press = {"action": "again", "turn_id": 1, "thread": asked["thread"]}
            async with client.post(f"{home.url}/api/presses", json=press) as response:
                assert response.status == 202
            while True:
                name, view = await stream.next()
                if name == "message" and view["id"] == state["messages"][1]["id"]:
                    break
            assert (view["text"], view["notice"], view["buttons"]) == ("Half", "", [])


# Commands.


async def command(client: Client, home: App, name: str, **fields: object) -> dict[str, Any]:
    body = {"name": name, "client_id": str(uuid4()), **fields}
    async with client.post(f"{home.url}/api/commands", json=body) as response:
        assert response.status == 202, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def test_a_command_is_told_to_whoever_gave_it(client: Client) -> None:
    async with house() as home:
        home.inbox.told["settings"] = ImmediateReply("As it is.")
        answer = await command(client, home, "settings", options={"scope": "workspace"})
        assert answer["told"]["text"] == "As it is."
        (received,) = home.inbox.events
        assert isinstance(received, Command)
        assert dict(received.options) == {"scope": "workspace"}
        async with client.get(f"{home.url}/api/threads") as response:
            assert (await response.json())["threads"] == [], "nothing was said"


async def test_what_a_command_had_forgotten_does_not_stay_in_sight_on_any_page(client: Client) -> None:
    async with house() as home:
        asked = await ask(client, home, "One")
        await home.inbox.settled()
        home.inbox.told["forget"] = ImmediateReply("Forgotten.")
        async with events(client, home, asked["thread"]) as stream:
            assert len((await stream.next())[1]["messages"]) == 2
            await home.store.forget_thread(home.inbox.events[0].place, datetime.now(UTC))
            await command(client, home, "forget")  # from another page
            assert await stream.next() == ("state", {"messages": [], "thinking": asdict(ThinkingNews())})


async def test_a_command_that_becomes_a_question_is_seen_and_answered_in_its_thread(client: Client) -> None:
    async with house() as home:
        asked = await ask(client, home, "One")
        await home.inbox.settled()
        async with events(client, home, asked["thread"]) as stream:
            await stream.next()
            answer = await command(client, home, "ask", options={"question": "Two"}, thread=asked["thread"])
            assert answer["thread"] == asked["thread"]
            _, view = await stream.next()
            assert (view["text"], view["mine"]) == ("/ask question:Two", False)
        opened = await command(client, home, "summarize")
        await home.inbox.settled()
        texts = [view["text"] for view in await thread_of(client, home, opened["thread"])]
        assert texts == ["/summarize", "You said: /summarize"]


async def test_what_is_summed_up_of_the_channel_is_what_was_said_in_its_threads(client: Client) -> None:
    async with house() as home:
        for text in ("One", "Two"):
            await ask(client, home, text)
            await home.inbox.settled()
        top = await home.platform.installation.channel("web")
        said = await home.platform.installation.recent(top, 3)
        assert [line.text for line in said.entries] == ["You said: One", "Two", "You said: Two"]
        assert not said.complete


async def test_what_is_being_typed_is_suggested_in_the_browsers_language(client: Client) -> None:
    async with house() as home:
        headers = {"Accept-Language": "zh"}

        async def suggested(text: str) -> list[tuple[str, str]]:
            query = {"text": text}
            async with client.get(f"{home.url}/api/suggestions", params=query, headers=headers) as response:
                found = (await response.json())["suggestions"]
                return [(one["text"], one["about"]) for one in found]

        assert await suggested("/he") == [("/help", "看看我能做什么")]
        assert (await suggested("/model "))[:2] == [("/model small ", "Small"), ("/model large ", "Large")]
        assert await suggested("what is this?") == []


@pytest.mark.parametrize("path", ["commands", "presses"])
async def test_no_other_site_gives_commands_or_presses_buttons(client: Client, path: str) -> None:
    async with house() as home:
        body = {"name": "reset", "client_id": str(uuid4()), "action": "stop", "turn_id": 1, "thread": "board"}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            async with client.post(f"{home.url}/api/{path}", json=body, headers=headers) as response:
                assert await error(response) == (403, "cross_site")
        assert home.inbox.events == []


# Refusals.


@pytest.mark.parametrize(
    ("headers", "body", "refusal"),
    [
        ({"Content-Type": "text/plain"}, b"{}", (415, "not_json")),
        ({"Sec-Fetch-Site": "cross-site"}, b"{}", (403, "cross_site")),
        ({"Sec-Fetch-Site": "same-site"}, b"{}", (403, "cross_site")),
        ({"Origin": "https://evil.example"}, b"{}", (403, "cross_site")),
        ({"Host": "evil.example"}, b"{}", (421, "wrong_host")),
        ({}, b"not json", (400, "malformed")),
        ({}, b" " * 600_000, (413, "too_long")),
    ],
)
async def test_a_request_that_may_not_be_is_refused(
    client: Client, headers: dict[str, str], body: bytes, refusal: tuple[int, str]
) -> None:
    async with house() as home:
        sent = {"Content-Type": "application/json", **headers}
        async with client.post(f"{home.url}/api/asks", data=body, headers=sent) as response:
            assert await error(response) == refusal
        assert home.inbox.events == []


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/threads", "/api/threads/board/events"])
async def test_no_other_name_leads_to_loopback(client: Client, path: str) -> None:
    async with house() as home, client.get(home.url + path, headers={"Host": "evil.example"}) as response:
        assert await error(response) == (421, "wrong_host")


async def test_a_name_that_is_set_leads_to_the_page_and_nobody_who_comes_by_it_runs_parley(
    client: Client,
) -> None:
    async with house(hosts=Hosts("127.0.0.1", names_of("chat.example"))) as home:
        named = {"Host": "chat.example", "Origin": "https://chat.example"}
        async with client.get(f"{home.url}/", headers=named) as response:
            assert response.status == 200
        body = {"text": "hello", "client_id": str(uuid4())}
        async with client.post(f"{home.url}/api/asks", json=body, headers=named) as response:
            assert response.status == 202
        assert not home.inbox.events[0].author.admin  # type: ignore[union-attr]


async def test_an_address_has_so_many_open_pages_and_one_more_once_another_is_closed(client: Client) -> None:
    async with house(streams=2) as home:
        body = {"text": "hello", "client_id": str(uuid4())}
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            thread = (await response.json())["thread"]
        events = f"{home.url}/api/threads/{thread}/events"
        async with client.get(events) as first, client.get(events) as second:
            assert (first.status, second.status) == (200, 200)
            async with client.get(events) as third:
                assert await error(third) == (429, "streams")
            first.close()
            await asyncio.sleep(0.1)  # the server hears of it
            async with client.get(events) as fourth:
                assert fourth.status == 200


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.web.http_messages.BODY_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(HANG_S)

    async with house() as home:
        headers = {"Content-Type": "application/json"}
        async with client.post(f"{home.url}/api/asks", data=slow(), headers=headers) as response:
            assert await error(response) == (408, "too_slow")


async def test_an_unknown_thread_is_refused_in_words(client: Client) -> None:
    async with house() as home:
        for path in ("", "/events"):
            async with client.get(f"{home.url}/api/threads/abcdefgh2345{path}") as response:
                assert await error(response) == (404, "no_thread")
        body = {"text": "x", "client_id": str(uuid4()), "thread": "abcdefgh2345"}
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            assert await error(response) == (404, "no_thread")


async def test_a_question_that_cannot_be_stored_is_not_taken(client: Client) -> None:
    async with house() as home:
        home.store.failing = True
        body = {"text": "x", "client_id": str(uuid4())}
        headers = {"Accept-Language": "zh"}
        async with client.post(f"{home.url}/api/asks", json=body, headers=headers) as response:
            assert response.headers["Retry-After"] == "5"
            assert "保存" in (await response.json())["error"]["message"]
            assert await error(response) == (503, "store")


async def test_a_program_that_is_stopping_says_so(client: Client) -> None:
    async with house() as home:
        body = {"text": "x", "client_id": str(uuid4())}
        home.inbox.draining = True
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            assert response.headers["Retry-After"]
            assert await error(response) == (503, "draining")
        home.running.cancel()
        await asyncio.wait([home.running])
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            assert await error(response) == (503, "starting")


# The page itself.


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/static/page.css", "text/css"),
        ("/static/page.js", "text/javascript"),
        ("/static/markdown.js", "text/javascript"),
        ("/static/form_dialog.js", "text/javascript"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
async def test_files_are_sent_once_and_then_only_when_changed(
    client: Client, path: str, content_type: str
) -> None:
    async with house() as home:
        async with client.get(home.url + path) as response:
            assert (response.status, response.content_type) == (200, content_type)
            assert response.headers["Cache-Control"] == "no-cache"
            policy = response.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            tag = response.headers["ETag"]
        async with client.get(home.url + path, headers={"If-None-Match": tag}) as response:
            assert response.status == 304


async def test_every_file_that_the_page_names_is_served(client: Client) -> None:
    async with house() as home:
        left, seen = ["/"], {"/"}
        while left:
            async with client.get(home.url + left.pop()) as response:
                assert response.status == 200, response.url
                named = set(re.findall(r"/static/[a-z_]+\.[a-z]+", await response.text()))
            left += named - seen
            seen |= named
    folder = Path(web.__file__).parent
    there = {f"/static/{path.name}" for path in folder.iterdir() if path.suffix in (".css", ".js", ".svg")}
    assert seen - {"/"} == there, "every file is named by another, and is there"


@pytest.mark.parametrize("name", ["platform.py", "..%2Fplatform.py", "page.html%00"])
async def test_nothing_else_is_served(client: Client, name: str) -> None:
    async with house() as home, client.get(f"{home.url}/static/{name}") as response:
        assert response.status == 404


async def test_answers_of_the_api_are_never_cached(client: Client) -> None:
    async with house() as home, client.get(f"{home.url}/api/threads") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
