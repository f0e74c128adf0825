"""The actions of people on Discord, and the replies to them.

Bo reads English and Chen Chinese; neither may do anything special. Ada owns the server.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

from core.i18n import SPOKEN, variant
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.test_discord import answers
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import BO, CHEN, GENERAL, FakeDiscord, Message

IN = {"en": BO, "zh": CHEN}
OTHER = {"en": "zh", "zh": "en"}

EMPTY = "\u200b"
"""A deferred reply that is about to go: the reply in its place is for the asker alone."""


class Discord:
    """The actions of people, and the replies to them."""

    def __init__(self, fake: FakeDiscord) -> None:
        self.fake = fake

    async def told(self, interaction: int) -> Message:
        """The reply to an interaction, once it is there: the deferred reply, or its follow-up."""

        def shown() -> Message | None:
            happened = self.fake.interaction(interaction)
            if happened.followups:
                return happened.followups[0]
            reply = happened.response
            if reply is None or reply.loading or reply is happened.source or reply.text == EMPTY:
                return None
            return reply

        return await self.fake.wait_for(shown)

    async def slash(self, by: int, command: str, channel: int = GENERAL, **options: Any) -> Message:
        return await self.told(await self.fake.slash(by, channel, command, **options))

    async def whispered(self, by: int, command: str, channel: int = GENERAL, **options: Any) -> str:
        """The text of the reply, which only `by` sees."""
        told = await self.slash(by, command, channel, **options)
        assert told.ephemeral_to == by, told.text
        return told.text

    async def press(self, by: int, message: Message, label: str) -> int:
        button = next(button for button in message.buttons if label in str(button.label))
        return await self.fake.press(by, message.channel_id, message.id, str(button.custom_id))

    async def pressed(self, by: int, message: Message, label: str) -> str:
        """The text of the reply to a press, which only `by` sees."""
        told = await self.told(await self.press(by, message, label))
        assert told.ephemeral_to == by, told.text
        return told.text

    async def modal(self, interaction: int) -> dict[str, Any]:
        return await self.fake.wait_for(lambda: self.fake.interaction(interaction).modal)

    async def choices(self, by: int, command: str, option: str, **options: Any) -> dict[str, str]:
        """The suggestions: value to label."""
        interaction = await self.fake.autocomplete(by, GENERAL, command, option, **options)
        await self.fake.wait_for(lambda: self.fake.interaction(interaction).answered)
        return {choice["value"]: choice["name"] for choice in self.fake.interaction(interaction).choices or ()}


def settings(discord: FakeDiscord, endpoint: FakeCompletions, **more: str) -> dict[str, str]:
    return discord_settings(discord) | model_settings(endpoint) | more


def says(key: str, language: str, text: str) -> bool:
    """True if `text` has the phrase `key` in it, as it is said on Discord, whatever is filled in."""
    phrase = SPOKEN[variant(language, "discord")][key]
    forms = [phrase] if isinstance(phrase, str) else list(phrase.values())
    return any(re.search(re.sub(r"\\\{\w+\\\}", ".*", re.escape(form)), text, re.DOTALL) for form in forms)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "data" / "parley.db") as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def for_all(discord: FakeDiscord, channel: int) -> list[Message]:
    """The bot's messages there for all people, without deferred replies."""
    said_to_all = [message for message in answers(discord, channel) if message.ephemeral_to is None]
    return [message for message in said_to_all if message.text not in ("", EMPTY)]


async def told_all(discord: FakeDiscord, channel: int, words: str, count: int) -> Message:
    """The `count`th message there for everybody, once it says `words`."""

    def shown() -> Message | None:
        found = for_all(discord, channel)
        return found[-1] if len(found) == count and words in found[-1].text else None

    return await discord.wait_for(shown)
