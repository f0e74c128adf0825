"""Every command and button through the whole program, by the web page's own door, in both languages."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from bots.web import TRAITS
from core.commands import COMMANDS, example
from core.i18n import phrase, variant
from core.settings.channel import settings_on
from tests.e2e.conftest import model_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Words
from tests.waiting import HANG_S

Json = dict[str, Any]


class Visitor:
    """A person with the page open."""

    def __init__(self, session: aiohttp.ClientSession, url: str, language: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Accept-Language": language}
        self.language = language
        self.thread: str | None = None

    async def say(self, text: str, *, status: int = 202) -> Json:
        body: Json = {"text": text, "client_id": str(uuid4())} | (
            {"thread": self.thread} if self.thread else {}
        )
        return await self._post("/api/asks", body, status)

    async def told(self, text: str) -> str:
        answer = await self.say(text)
        found: str = answer["told"]["text"]
        return found

    async def ask(self, text: str, count: int = 1) -> Json:
        """Say it and wait for the `count`th answer in the thread, whole."""
        self.thread = (await self.say(text))["thread"]
        return (await self.answers(count))[-1]

    async def answers(self, count: int = 1, words: str = "", *, whole: bool = True) -> list[Json]:
        """All answers, once there are `count` and the last of them, with `words` in it, is whole: it has buttons that
        act on it. Those that have none are taken at once where `whole` is False."""
        async with asyncio.timeout(HANG_S):
            while True:
                url = f"{self._url}/api/threads/{self.thread}"
                async with self._session.get(url, headers=self._headers) as response:
                    messages = (await response.json()).get("messages", ())
                found = [message for message in messages if message["mine"]]
                actions = [button["action"] for button in found[-1]["buttons"]] if found else []
                ended = "stop" not in actions and (actions or not whole)
                if len(found) >= count and ended and words in found[-1]["text"]:
                    return found
                await asyncio.sleep(0.02)

    async def gone(self) -> None:
        """The thread is not there any more."""
        async with self._session.get(f"{self._url}/api/threads/{self.thread}") as response:
            assert response.status == 404

    async def press(self, answer: Json, action: str, text: str = "") -> Json:
        (turn_id,) = {button["turn_id"] for button in answer["buttons"]}
        body = {"action": action, "turn_id": turn_id, "thread": self.thread, "text": text}
        return await self._post("/api/presses", body, 202)

    async def _post(self, path: str, body: Json, status: int) -> Json:
        async with self._session.post(self._url + path, json=body, headers=self._headers) as response:
            answer: Json = await response.json()
            assert response.status == status, answer
            return answer


@asynccontextmanager
async def visiting(
    folder: Path, endpoint: FakeCompletions, language: str, **settings: str
) -> AsyncIterator[Visitor]:
    async with (
        Program(folder, **model_settings(endpoint), **settings) as program,
        aiohttp.ClientSession() as session,
    ):
        yield Visitor(session, program.url, language)


def system(request: Json) -> str:
    content: str = request["messages"][0]["content"]
    return content


async def test_every_command_in_one_visit(tmp_path: Path, endpoint: FakeCompletions, language: str) -> None:
    endpoint.script(*(Words(f"Answer {number}.") for number in range(1, 6)))
    async with visiting(tmp_path, endpoint, language, PARLEY_PRICE_INPUT="1") as you:

        def words(key: str, **values: str | int) -> str:
            return phrase(key, variant(language, "web"), **values)

        help_text = await you.told(f"/{words('command_help')}")
        assert all(words(f"{spec.key}_about") in help_text for spec in COMMANDS.values())

        await you.ask("/ask What is a parley?")
        assert endpoint.requests[0].body["messages"][-1]["content"] == "What is a parley?"
        await you.ask("/summarize", 2)
        assert (
            '"by": "You", "text": "What is a parley?"' in endpoint.requests[1].body["messages"][-1]["content"]
        )
        assert ("Simplified Chinese" in system(endpoint.requests[1].body)) is (language == "zh")

        overview = await you.told("/settings")
        there = list(settings_on(TRAITS))
        assert all(words(f"setting_{name}") in overview for name in there)
        assert words("origin_default") in overview
        assert words("origin_channel") in await you.told("/model other-model")
        await you.told("/prompt Answer like a pirate.")
        await you.told("/settings temperature 0.5")
        await you.told(f"/settings {words('setting_max_tokens') if language == 'zh' else 'max_tokens'} 77")
        await you.ask("again?", 3)
        request = endpoint.requests[2].body
        assert (request["model"], request["temperature"]) == ("other-model", 0.5)
        assert 77 in (request.get("max_tokens"), request.get("max_completion_tokens"))
        assert "Answer like a pirate." in system(request)
        assert "other-model" in await you.told("/model")
        assert "> Answer like a pirate." in await you.told("/prompt")

        assert words("usage_questions", n=3) in await you.told("/usage")
        assert words("usage_workspace") in await you.told("/usage workspace day")
        assert words("budget_none") in await you.told("/budget")

        assert await you.told("/reset") == words("reset_done")
        await you.ask("afresh", 4)
        assert [message["role"] for message in endpoint.requests[3].body["messages"]] == ["system", "user"]

        told = (await you.say("/export"))["told"]
        assert told["file"]["name"] == "thread.md"
        assert "What is a parley?" in base64.b64decode(told["file"]["base64"]).decode()
        mine = json.loads(base64.b64decode((await you.say("/export me"))["told"]["file"]["base64"]))
        assert len(mine["lines"]) == 8

        assert words("forget_thread_done", n=8) in await you.told("/forget thread")
        await you.gone()
        asked = (await you.say("/forget me"))["told"]
        assert words("forget_me_asks", n=0, prefix="/") in asked["text"]
        assert words("forget_me_done", n=0) in (await you.press(asked, "forget_me"))["told"]["text"]
        assert words("forget_me_done", n=0) in await you.told("/forget me confirm")
        assert await you.told("/export") == words("export_nothing")
        assert words("usage_quiet_me") in await you.told("/usage")


async def test_buttons_of_a_whole_answer(tmp_path: Path, endpoint: FakeCompletions, language: str) -> None:
    endpoint.script(Words("First."), Words("Second."), Words("Third."))
    async with visiting(tmp_path, endpoint, language) as you:
        answer = await you.ask("hello")
        assert [button["label"] for button in answer["buttons"]] == [phrase("regenerate", language), "👍", "👎"]
        assert (await you.press(answer, "up"))["told"]["text"] == phrase("thanks", language)
        down = (await you.press(answer, "down"))["told"]
        assert [button["label"] for button in down["buttons"]] == [phrase("reason", language)]
        assert (await you.press(answer, "reason", "wrong"))["told"]["text"] == phrase("thanks", language)
        await you.press(answer, "regenerate")
        await you.answers(words="Second.")
        again = await you.press(answer, "regenerate")
        assert again["told"]["text"] == phrase("pressed_already", language)
        await you.say("and?")
        await you.answers(words="Third.")
    said = [message["content"] for message in endpoint.requests[2].body["messages"][1:]]
    assert said == ["hello", "Second.", "and?"]


async def test_settings_stay_over_a_restart_and_what_does_not_fit_is_told(
    tmp_path: Path, endpoint: FakeCompletions, language: str
) -> None:
    endpoint.script(Words("One."))
    async with visiting(tmp_path, endpoint, language) as you:
        bad = await you.told("/settings temperature 9")
        assert phrase("setting_temperature_about", language) in bad
        spec = COMMANDS["summarize"]
        goes = {
            "prefix": "/",
            "command": phrase(spec.key, language),
            "example": example(spec, variant(language, "web")),
        }
        assert await you.told("/summarize all") == phrase("misread_word", language, word="all", **goes)
        await you.told("/settings language zh")
    async with visiting(tmp_path, endpoint, language, PARLEY_RATE="1") as you:
        assert phrase("help_title", "zh") in await you.told("/help")
        await you.ask("one")
        refused = await you.say("two")
        assert not refused["taken"]
        assert refused["told"]["text"].startswith("一下子问得有点多")


async def test_who_may_not_ask_is_refused_in_words(tmp_path: Path, endpoint: FakeCompletions) -> None:
    async with visiting(tmp_path, endpoint, "en", PARLEY_DENY="web:you") as you:
        assert (await you.say("hello"))["told"]["text"] == phrase("refused_denied", variant("en", "web"))
        assert await you.told("/usage") == phrase("refused_denied", variant("en", "web"))
        assert (await you.say("hello again"))["told"]["text"] == phrase("refused_denied", variant("en", "web"))
    assert endpoint.requests == []


async def test_switched_off_it_only_takes_commands(tmp_path: Path, endpoint: FakeCompletions) -> None:
    endpoint.script(Words("Back."))
    async with visiting(tmp_path, endpoint, "en") as you:
        await you.told("/settings listen off")
        assert (await you.say("hello"))["told"]["text"] == phrase("refused_off", variant("en", "web"))
        await you.told("/settings listen default")
        assert (await you.ask("hello"))["text"] == "Back."
