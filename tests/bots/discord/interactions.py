"""Steps of a person who uses commands on Discord."""

from __future__ import annotations

import re
from typing import Any

from core.values.events import Command
from core.values.ui import Choice, Field, Form
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import (
    GENERAL,
    Message,
)
from tests.waiting import until

NAME = re.compile(r"[-_'\w]{1,32}")
"""https://docs.discord.com/developers/interactions/application-commands#application-command-object-application-command-naming"""

FORM = Form(
    "settings",
    "Settings",
    "Save",
    (
        Field("set_model", "Model", value="m1", hint="m1 · default"),
        Field("set_prompt", "Instructions", "text"),
        Field(
            "set_language", "Language", "choice", "zh", choices=(Choice("en", "English"), Choice("zh", "中文"))
        ),
        Field("set_temperature", "Temperature"),
        Field("set_max_tokens", "Longest answer"),
        Field("set_tools", "Tools", "choice", "", choices=(Choice("on", "on"), Choice("off", "off"))),
        Field("set_deny", "Too long", value="x" * 4_001),
    ),
    {"scope": "channel"},
)


async def took(bot: Bot, name: str) -> Command:
    return await until(lambda: next((one for one in bot.inbox.of(Command) if one.name == name), None))


async def answer(bot: Bot, interaction: int) -> Message:
    """The content of the deferred reply."""
    happened = bot.fake.interaction(interaction)
    return await until(
        lambda: happened.response if happened.response and not happened.response.loading else None
    )


async def follow_up(bot: Bot, interaction: int) -> Message:
    return (await until(lambda: bot.fake.interaction(interaction).followups))[0]


async def left(bot: Bot, interaction: int) -> list[int]:
    """The bot's messages in the channel once the deferred reply is gone."""
    happened = bot.fake.interaction(interaction)
    await until(lambda: happened.response is not None and happened.response.deleted)
    return [message.id for message in bot.fake.from_bot(GENERAL)]


async def modal(bot: Bot, interaction: int) -> dict[str, Any]:
    return await until(lambda: bot.fake.interaction(interaction).modal)
