"""Discord, on discord.py.

    shards            the gateway connections of the shards that this process holds
    connection        the gateway connection of a shard: begun, kept, begun again with pauses
    sessions          limits on new sessions, and Discord's refusals
    client            receives gateway events and delivers them to the inbox
    lenient           an unreadable message costs itself alone
    incoming          events -> Ask, Edited, Deleted, Command, ButtonPress      pure
    message_parts, message_text   the parts of a message: text, quotes, files   pure
    files             the content of attachments
    mentions, names   ids as names; the name of a thread                        pure
    members, mentioned_people   the servers of a person; the names of people by their ids
    interactions      commands, menus, buttons and forms
    acknowledge       the acknowledgement, due within 3 s
    commands, forms, replies   registration, modals, immediate replies          pure
    connector         `Connector`: the application and its connections
    installation      `Installation`: the bot's account, its calls and reads
    message_calls     the calls that post, edit and delete messages
    rate_limits       the rate limits of an outgoing call                       pure
    outgoing          a page as a Discord message                               pure
    rest, http        calls of ours and of discord.py on Discord's REST API
    limiter           50 calls a second for the whole bot
    sources           which channels and threads may be sources of an answer
    thread_locations  the channel in which a place is
    history           earlier and missed messages
    forum_posts       messages of the bot at the top level of a forum
    posts             posts of forums that nobody has answered
    readers           the people who may read a channel                         pure
    invite            the link that invites the bot: its rights, with reasons   pure
    checks            the checks of `parley doctor`: token, intent, rights in each server
    guide             the steps of `parley init` in Discord's portal; kinds of tokens   pure
    errors            exceptions of discord.py and aiohttp -> PlatformError
    private           names of discord.py that are not part of its public interface

A thread is a place. A mention in a channel opens the thread of that message, which has the message's id, so the place
is known before the thread exists. Where no thread can be made, the answer is a reply in the channel. A direct message
channel is one place. `/ask` outside a thread, and a reply to the bot's message in a channel, are places whose thread
begins with `ask-`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, SecretStr, field_validator

from core.clock import Clock
from core.settings.environment import Settings
from core.settings.urls import http_url
from core.values.platform import Feature, PlatformTraits

if TYPE_CHECKING:
    from bots.discord.connector import DiscordConnector

TRAITS = PlatformTraits(
    frozenset({Feature.CHANNELS, Feature.FORUMS}), spans_teams=True, former_ids=("", "@me"), label="Discord"
)


class DiscordSettings(Settings):
    """The Discord settings: a token is required. The URLs are for tests and proxies."""

    discord_bot_token: SecretStr | None = Field(
        None, description="The bot's token, from the Bot page of the Discord developer portal."
    )
    discord_api_url: str = Field(
        "https://discord.com/api/v10", description="Discord's REST API, with its /api/v10."
    )
    discord_shards: int | None = Field(
        None,
        ge=1,
        le=64,
        description="The number of gateway connections (shards) among which the bot's servers are divided: one for "
        "each 1,000 servers. Without it the number follows what Discord recommends. Several `parley run` on one "
        "database share the shards: there it has to be set, the same for all; stop all of them to change it.",
    )
    discord_gateway_url: str = Field("wss://gateway.discord.gg/", description="Discord's gateway.")

    @field_validator("discord_api_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return http_url(value)

    @field_validator("discord_gateway_url")
    @classmethod
    def _ws(cls, value: str) -> str:
        if not value.startswith(("ws://", "wss://")):
            raise ValueError("must begin with ws:// or wss://")
        return value


def create(settings: DiscordSettings, clock: Clock) -> DiscordConnector | None:
    """The platform, or None where `why_not` says why. Points discord.py, process-wide, at the set URLs."""
    if settings.discord_bot_token is None:
        return None
    # Loads the SDK, which programs without Discord need not.
    from bots.discord.connector import DiscordConnector
    from bots.discord.private import aim

    aim(settings.discord_api_url, settings.discord_gateway_url)
    token = settings.discord_bot_token.get_secret_value()
    return DiscordConnector(token, clock, shards=settings.discord_shards)


def why_not(settings: DiscordSettings) -> str:
    """The reason why Discord is not started, in a few words; empty where it is."""
    return "" if settings.discord_bot_token else "DISCORD_BOT_TOKEN is not set"
