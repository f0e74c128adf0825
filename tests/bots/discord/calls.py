"""Questions and calls for the tests of a running Discord connector."""

from __future__ import annotations

import asyncio

import pytest

from core.clock import SystemClock
from core.errors import PlatformError
from core.values.conversation import Ask
from core.values.outgoing import EditMessage, Page, PostMessage
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import (
    ADA,
    BOT,
    GENERAL,
)


class HastyClock(SystemClock):
    """Does not wait long before it tries again; `ahead_s` is how far it has been put forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


def post(ask: Ask, text: str = "A machine.", page: int = 0, **fields: object) -> PostMessage:
    fields.setdefault("interaction_token", ask.interaction_token)
    shown = Page(text, **{k: fields.pop(k) for k in ("notice", "buttons") if k in fields})  # type: ignore[arg-type]
    return PostMessage(ask.place, shown, f"{ask.key}#{page}", answers=ask.id, **fields)  # type: ignore[arg-type]


def edit(ask: Ask, message_id: str, text: str) -> EditMessage:
    return EditMessage(ask.place, message_id, Page(text), interaction_token=ask.interaction_token)


async def mention(bot: Bot, text: str = "what is a loom?", channel: int = GENERAL) -> Ask:
    await bot.fake.say(ADA, channel, f"<@{BOT}> {text}")
    return await bot.inbox.ask(text)


async def slash(bot: Bot, channel: int = GENERAL, text: str = "what is a loom?", by: int = ADA) -> Ask:
    await bot.fake.slash(by, channel, "ask", question=text)
    return await bot.inbox.ask(text)


def shown(bot: Bot, channel: int | str) -> list[str]:
    return [message.content for message in bot.fake.from_bot(int(channel))]


async def failure(bot: Bot, call: PostMessage | EditMessage) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        await bot.platform.installation.perform(call)
    return raised.value
