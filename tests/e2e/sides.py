"""One thread on either platform or on the page, in the same words: what people do in it, and what they read there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, Self
from uuid import uuid4

from aiohttp import ClientError, ClientSession

from tests.bots.web.pages import events
from tests.e2e.program import free_port
from tests.fakes.discord import ADA, BOT, GENERAL, RANDOM, FakeDiscord
from tests.fakes.discord import Message as DiscordMessage
from tests.fakes.discord.guild import Button
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.fakes.slack import Message as SlackMessage
from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Read:
    """One answer as it can be read now, and the labels of its buttons."""

    text: str
    buttons: tuple[str, ...]


class Talk(Protocol):
    """One person's thread: the first question opens it. `settings` are the platform's."""

    settings: dict[str, str]

    async def ask(self, text: str) -> None: ...
    async def press(self, label: str) -> None: ...
    async def answered(self, words: str, count: int = 1) -> Read: ...
    async def settings_told(self, what: str = "") -> str:
        """The reply to `/settings`, or `/settings history`, which only the person sees."""
        ...

    async def search_told(self, words: str) -> str:
        """The reply to `/search`, which only the person sees."""
        ...

    async def forget_thread(self) -> None:
        """`/forget thread` in the person's thread."""
        ...

    def answers(self) -> list[Read]: ...
    def elsewhere(self) -> Self:
        """A second thread of the person in the same channel."""
        ...


class Side(Talk, Protocol):
    """Ada's thread on a platform: the first question opens it by a mention. `operators` is the channel of the people
    who run the bot, whose messages `alerted` waits for."""

    operators: str
    nowhere: str
    """A channel that is not there."""
    knows_language: bool
    """True if its messages tell whose language is which; Ada's is English."""

    async def edit(self, text: str) -> None: ...
    async def delete(self) -> None: ...
    async def delete_answer(self) -> None:
        """Delete the last answer."""
        ...

    async def alerted(self, count: int) -> list[str]: ...


class Slack:
    operators = "slack:C2"
    nowhere = "slack:C404"
    knows_language = True

    def __init__(self, slack: FakeSlack, settings: dict[str, str], user: str = "U1") -> None:
        self.slack = slack
        self.settings = settings
        self.user = user
        self.thread = ""
        self._question = ""

    async def ask(self, text: str) -> None:
        thread = self.thread or None
        words = text if thread else f"<@{BOT_USER}> {text}"
        self._question = await self.slack.say(self.user, "C1", words, thread)
        self.thread = self.thread or self._question

    async def edit(self, text: str) -> None:
        await self.slack.edit(self.user, "C1", self._question, f"<@{BOT_USER}> {text}")

    async def delete(self) -> None:
        await self.slack.delete(self.user, "C1", self._question)

    async def delete_answer(self) -> None:
        await self.slack.delete(self.user, "C1", self._found()[-1].ts)

    async def press(self, label: str) -> None:
        last = [message for message in self._found() if label in message.buttons][-1]
        buttons = [part for block in last.blocks for part in block.get("elements", ()) if "action_id" in part]
        [action] = [part["action_id"] for part in buttons if part["text"]["text"] == label]
        await self.slack.press(self.user, "C1", last.ts, action)

    async def answered(self, words: str, count: int = 1) -> Read:
        def there() -> bool:
            found = self.answers()
            return len(found) >= count and words in found[-1].text

        await self.slack.wait_for(there)
        return self.answers()[-1]

    async def settings_told(self, what: str = "") -> str:
        before = len(self._told())
        await self.slack.slash(self.user, "C1", "/parley", f"settings {what}".strip())
        return (await self.slack.wait_for(lambda: self._told()[before:]))[-1].visible

    async def search_told(self, words: str) -> str:
        before = len(self._told())
        await self.slack.slash(self.user, "C1", "/parley", f"search {words}")
        return (await self.slack.wait_for(lambda: self._told()[before:]))[-1].visible

    async def forget_thread(self) -> None:
        await self.slack.say(self.user, "C1", f"<@{BOT_USER}> /forget thread", self.thread)

    def elsewhere(self) -> Slack:
        return Slack(self.slack, self.settings, self.user)

    async def alerted(self, count: int) -> list[str]:
        await self.slack.wait_for(lambda: len(self.slack.messages("C2")) >= count)
        return [message.visible for message in self.slack.messages("C2")]

    def answers(self) -> list[Read]:
        return [Read(message.visible, tuple(message.buttons)) for message in self._found()]

    def tasks(self) -> list[tuple[str, str]]:
        """The task cards of the last answer: titles and statuses."""
        cards = [block for block in self._found()[-1].blocks if block["type"] == "task_card"]
        return [(card["title"], card["status"]) for card in cards]

    def _told(self) -> list[SlackMessage]:
        return [message for message in self.slack.messages("C1") if message.ephemeral_to == self.user]

    def _found(self) -> list[SlackMessage]:
        return [message for message in self.slack.thread("C1", self.thread) if message.user == BOT_USER]


class Discord:
    operators = f"discord:{RANDOM}"
    nowhere = "discord:404"
    knows_language = False

    def __init__(self, discord: FakeDiscord, settings: dict[str, str], user: int = ADA) -> None:
        self.discord = discord
        self.settings = settings
        self.user = user
        self.thread = 0
        self._question = 0

    async def ask(self, text: str) -> None:
        where, words = (self.thread, text) if self.thread else (GENERAL, f"<@{BOT}> {text}")
        self._question = await self.discord.say(self.user, where, words)
        self.thread = self.thread or self._question

    async def edit(self, text: str) -> None:
        await self.discord.edit(self._question, f"<@{BOT}> {text}")

    async def delete(self) -> None:
        await self.discord.delete(self._question)

    async def delete_answer(self) -> None:
        await self.discord.delete(self._found()[-1].id)

    async def press(self, label: str) -> None:
        last = self._found()[-1]
        [button] = [button for button in last.buttons if button.label == label]
        await self.discord.press(self.user, self.thread, last.id, str(button.custom_id))

    async def answered(self, words: str, count: int = 1) -> Read:
        def there() -> bool:
            found = self.answers()
            return len(found) >= count and words in found[-1].text

        await self.discord.wait_for(there)
        return self.answers()[-1]

    async def settings_told(self, what: str = "") -> str:
        return await self._told("settings", **({"name": what} if what else {}))

    async def search_told(self, words: str) -> str:
        return await self._told("search", words=words)

    async def _told(self, command: str, **options: str) -> str:
        number = await self.discord.slash(self.user, GENERAL, command, **options)

        def there() -> str:
            reply = self.discord.interaction(number).response
            return reply.text if reply is not None and not reply.loading else ""

        return await self.discord.wait_for(there)

    async def forget_thread(self) -> None:
        await self.discord.slash(self.user, self.thread, "forget", what="thread")

    def elsewhere(self) -> Discord:
        return Discord(self.discord, self.settings, self.user)

    async def alerted(self, count: int) -> list[str]:
        await self.discord.wait_for(lambda: len(self.discord.from_bot(RANDOM)) >= count)
        return [message.text for message in self.discord.from_bot(RANDOM)]

    def answers(self) -> list[Read]:
        return [
            Read(message.text, tuple(_label(button) for button in message.buttons)) for message in self._found()
        ]

    def _found(self) -> list[DiscordMessage]:
        """None before the thread is open."""
        return self.discord.from_bot(self.thread) if self.discord.thread_of(self.thread) else []


def _sources(view: dict[str, Any]) -> list[str]:
    """The sources of an answer on the page, a line each."""
    if not view.get("sources"):
        return []
    links = (f"[{one['number']}] {one['title']} · {one['date']}" for one in view["sources"]["links"])
    return [view["sources"]["head"], *links]


class BackgroundTasks:
    """Tasks that run until it is closed."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def create_task(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Web:
    """A reader of the page, by its requests and its event stream, which is opened again where it ends."""

    def __init__(self, client: ClientSession, port: int, readers: BackgroundTasks) -> None:
        self.settings = {"PARLEY_HTTP_PORT": str(port)}
        self.url = f"http://127.0.0.1:{port}"
        self.client = client
        self.thread = ""
        self.told: dict[str, Any] = {}
        """The reply to the last request."""
        self._readers = readers
        self._views: dict[str, dict[str, Any]] = {}

    async def ask(self, text: str) -> None:
        thread = {"thread": self.thread} if self.thread else {}
        await self._post("asks", {"text": text, "client_id": str(uuid4()), **thread})
        if self.told["taken"] and not self.thread:
            self.thread = self.told["thread"]
            self._readers.create_task(self._read())

    async def press(self, label: str) -> None:
        buttons = [button for view in self._found() for button in view["buttons"] if button["label"] == label]
        pressed = {name: buttons[-1][name] for name in ("action", "turn_id")}
        await self._post("presses", {**pressed, "thread": self.thread})

    async def answered(self, words: str, count: int = 1) -> Read:
        await until(lambda: len(found := self.answers()) >= count and words in found[-1].text)
        return self.answers()[-1]

    def answers(self) -> list[Read]:
        return [
            Read(
                "\n".join((view["text"], *_sources(view), view["notice"])),
                tuple(one["label"] for one in view["buttons"]),
            )
            for view in self._found()
        ]

    async def settings_told(self, what: str = "") -> str:
        await self.ask(f"/settings {what}".strip())
        return str(self.told["told"]["text"])

    async def search_told(self, words: str) -> str:
        await self.ask(f"/search {words}")
        return "\n".join((self.told["told"]["text"], *_sources(self.told["told"])))

    async def forget_thread(self) -> None:
        await self.ask("/forget thread")

    def elsewhere(self) -> Web:
        return Web(self.client, int(self.settings["PARLEY_HTTP_PORT"]), self._readers)

    def _found(self) -> list[dict[str, Any]]:
        return [view for view in self._views.values() if view["mine"]]

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        async with self.client.post(f"{self.url}/api/{path}", json=body) as response:
            assert response.status == 202, await response.text()
            self.told = await response.json()

    async def _read(self) -> None:
        while True:
            with suppress(ClientError, EOFError, TimeoutError, AssertionError):  # it is down, or starts
                async with events(self.client, self, self.thread) as stream:
                    while True:
                        name, data = await stream.next()
                        if name == "state":
                            self._views = {view["id"]: view for view in data["messages"]}
                        elif name == "message":
                            self._views[data["id"]] = data
            await asyncio.sleep(0.05)


@asynccontextmanager
async def web_reader(locale: str) -> AsyncIterator[Web]:
    """A reader whose browser wants this language."""
    async with ClientSession(headers={"Accept-Language": locale}) as client:
        readers = BackgroundTasks()
        try:
            yield Web(client, free_port(), readers)
        finally:
            await readers.close()


def _label(button: Button) -> str:
    return " ".join(filter(None, (button.emoji, button.label)))
