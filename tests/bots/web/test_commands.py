"""Buttons and commands of the web page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from bots.web.answer_streams import ThinkingNews
from core.values.events import ButtonPress, Command
from core.values.outgoing import Page
from core.values.ui import Button, ImmediateReply
from tests.bots.web.pages import Client, ask, error, events, thread_of
from tests.bots.web.rig import App, serving_page
from tests.fakes.memory import MemoryStore

# Buttons.


async def test_a_press_reaches_the_inbox_and_stops_the_answer(client: Client) -> None:
    async with serving_page(gap_s=0.02) as home:
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
    async with serving_page() as home:
        press = {"action": "stop", "turn_id": 99, "thread": "board"}
        async with client.post(f"{home.url}/api/presses", json=press) as response:
            assert await error(response) == (409, "out_of_date")


async def test_what_is_done_about_an_answer_can_be_done_after_a_restart_and_once(client: Client) -> None:
    store, again = MemoryStore(), Button("again", "Try again", 1)
    async with serving_page(store) as home:
        home.inbox.answers["One"] = Page("Half", "Cut.", (again,))
        asked = await ask(client, home, "One")
        await home.inbox.settled()
        before = await thread_of(client, home, asked["thread"])
    async with serving_page(store) as home:
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
    async with serving_page() as home:
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
    async with serving_page() as home:
        home.inbox.told["settings"] = ImmediateReply("As it is.")
        answer = await command(client, home, "settings", options={"scope": "workspace"})
        assert answer["told"]["text"] == "As it is."
        (received,) = home.inbox.events
        assert isinstance(received, Command)
        assert dict(received.options) == {"scope": "workspace"}
        async with client.get(f"{home.url}/api/threads") as response:
            assert (await response.json())["threads"] == [], "nothing was said"


async def test_what_a_command_had_forgotten_does_not_stay_in_sight_on_any_page(client: Client) -> None:
    async with serving_page() as home:
        asked = await ask(client, home, "One")
        await home.inbox.settled()
        home.inbox.told["forget"] = ImmediateReply("Forgotten.")
        async with events(client, home, asked["thread"]) as stream:
            assert len((await stream.next())[1]["messages"]) == 2
            await home.store.forget_thread(home.inbox.events[0].place, datetime.now(UTC))
            await command(client, home, "forget")  # from another page
            assert await stream.next() == ("state", {"messages": [], "thinking": asdict(ThinkingNews())})


async def test_a_command_that_becomes_a_question_is_seen_and_answered_in_its_thread(client: Client) -> None:
    async with serving_page() as home:
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
    async with serving_page() as home:
        for text in ("One", "Two"):
            await ask(client, home, text)
            await home.inbox.settled()
        top = await home.platform.installation.channel("web")
        said = await home.platform.installation.recent(top, 3)
        assert [line.text for line in said.entries] == ["You said: One", "Two", "You said: Two"]
        assert not said.complete


async def test_what_is_being_typed_is_suggested_in_the_browsers_language(client: Client) -> None:
    async with serving_page() as home:
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
    async with serving_page() as home:
        body = {"name": "reset", "client_id": str(uuid4()), "action": "stop", "turn_id": 1, "thread": "board"}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            async with client.post(f"{home.url}/api/{path}", json=body, headers=headers) as response:
                assert await error(response) == (403, "cross_site")
        assert home.inbox.events == []
