"""One thread on either platform, in the same words: what people do in it, and what they read there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tests.fakes.discord import ADA, BOT, GENERAL, RANDOM, FakeDiscord
from tests.fakes.discord import Message as DiscordMessage
from tests.fakes.discord.guild import Button
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.fakes.slack import Message as SlackMessage


@dataclass(frozen=True, slots=True)
class Read:
    """One answer as it can be read now, and the labels of its buttons."""

    text: str
    buttons: tuple[str, ...]


class Side(Protocol):
    """Ada's thread: the first question opens it by a mention. `settings` are the platform's, `operators` is the
    channel of the people who run the bot, whose messages `alerted` waits for."""

    settings: dict[str, str]
    operators: str
    nowhere: str
    """A channel that is not there."""
    knows_language: bool
    """True if its messages tell whose language is which; Ada's is English."""

    async def ask(self, text: str) -> None: ...
    async def edit(self, text: str) -> None: ...
    async def delete(self) -> None: ...
    async def press(self, label: str) -> None: ...
    async def answered(self, words: str, count: int = 1) -> Read: ...
    async def alerted(self, count: int) -> list[str]: ...
    def answers(self) -> list[Read]: ...


class Slack:
    operators = "slack:C2"
    nowhere = "slack:C404"
    knows_language = True
    _ACTIONS = {"Stop": "stop", "Try again": "again", "Continue": "continue"}

    def __init__(self, slack: FakeSlack, settings: dict[str, str]) -> None:
        self.slack = slack
        self.settings = settings
        self.thread = ""
        self._question = ""

    async def ask(self, text: str) -> None:
        thread = self.thread or None
        self._question = await self.slack.say("U1", "C1", text if thread else f"<@{BOT_USER}> {text}", thread)
        self.thread = self.thread or self._question

    async def edit(self, text: str) -> None:
        await self.slack.edit("U1", "C1", self._question, f"<@{BOT_USER}> {text}")

    async def delete(self) -> None:
        await self.slack.delete("U1", "C1", self._question)

    async def press(self, label: str) -> None:
        last = self._found()[-1]
        await self.slack.press("U1", "C1", last.ts, f"parley:{self._ACTIONS[label]}")

    async def answered(self, words: str, count: int = 1) -> Read:
        def there() -> bool:
            found = self.answers()
            return len(found) >= count and words in found[-1].text

        await self.slack.wait_for(there)
        return self.answers()[-1]

    async def alerted(self, count: int) -> list[str]:
        await self.slack.wait_for(lambda: len(self.slack.messages("C2")) >= count)
        return [message.visible for message in self.slack.messages("C2")]

    def answers(self) -> list[Read]:
        return [Read(message.visible, tuple(message.buttons)) for message in self._found()]

    def _found(self) -> list[SlackMessage]:
        return [message for message in self.slack.thread("C1", self.thread) if message.user == BOT_USER]


class Discord:
    operators = f"discord:{RANDOM}"
    nowhere = "discord:404"
    knows_language = False

    def __init__(self, discord: FakeDiscord, settings: dict[str, str]) -> None:
        self.discord = discord
        self.settings = settings
        self.thread = 0
        self._question = 0

    async def ask(self, text: str) -> None:
        where, words = (self.thread, text) if self.thread else (GENERAL, f"<@{BOT}> {text}")
        self._question = await self.discord.say(ADA, where, words)
        self.thread = self.thread or self._question

    async def edit(self, text: str) -> None:
        await self.discord.edit(self._question, f"<@{BOT}> {text}")

    async def delete(self) -> None:
        await self.discord.delete(self._question)

    async def press(self, label: str) -> None:
        last = self._found()[-1]
        [button] = [button for button in last.buttons if button.label == label]
        await self.discord.press(ADA, self.thread, last.id, str(button.custom_id))

    async def answered(self, words: str, count: int = 1) -> Read:
        def there() -> bool:
            found = self.answers()
            return len(found) >= count and words in found[-1].text

        await self.discord.wait_for(there)
        return self.answers()[-1]

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


def _label(button: Button) -> str:
    return " ".join(filter(None, (button.emoji, button.label)))
