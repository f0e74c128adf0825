"""The bot's account: its calls, its reads, and its people."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import discord

from bots.discord import TRAITS, history, posts, sources
from bots.discord.client import Client
from bots.discord.errors import FOREIGN
from bots.discord.files import AttachmentFiles
from bots.discord.http import calls
from bots.discord.incoming import channel_to_place
from bots.discord.limiter import Priority
from bots.discord.members import GuildMembers
from bots.discord.mentioned_people import MentionedPeople
from bots.discord.message_calls import MessageCalls, connected
from bots.discord.outgoing import LIMITS
from bots.discord.rate_limits import scope_of
from bots.discord.rest import Wire
from bots.discord.sessions import shard_of
from bots.discord.shards import Shards
from bots.discord.thread_locations import ThreadLocations, is_open
from core.clock import Clock
from core.errors import Code, PlatformError
from core.ports.files import FileContent
from core.values.conversation import Ask, History
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer
from core.values.outgoing import OutgoingCall, PostMessage, RateLimit, RateLimitStatus, UploadFile
from core.values.parts import File
from core.values.places import Person, Place
from core.values.report import UnansweredPosts

_NO_FILES = "the bot lacks the permission Attach Files there"
_HINT_WITHIN_S = 5.0


def shard_to_name(number: int) -> str:
    """The name of a shard's connection; empty for the first, which a bot without shards has too."""
    return str(number) if number else ""


class DiscordInstallation:
    """The bot's account in all of its servers: performs its calls, reads messages and looks people up.

    `shards` have the clients while there are any; `account` is the account's id, if the token contains it.
    """

    name = "discord"
    limits = LIMITS
    traits = TRAITS

    def __init__(
        self, shards: Shards, wire: Wire, locations: ThreadLocations, account: str, clock: Clock
    ) -> None:
        self._shards = shards
        self._wire = wire
        self._locations = locations
        self._id = account
        self._members = GuildMembers(clock)
        self.people = MentionedPeople(self._members)
        self.files = AttachmentFiles(wire, clock)
        self._calls = MessageCalls(shards, wire, locations, lambda: self.id)

    @property
    def id(self) -> str:
        """The id of the bot's account: to it belong the direct messages, and the rate limit of all calls."""
        if self._client is not None and self._client.user is not None:
            self._id = str(self._client.user.id)
        return self._id

    def ready(self) -> bool:
        return self._shards.ready()

    @property
    def _client(self) -> Client | None:
        """A client for what concerns no server."""
        return self._shards.client

    def _at(self, place: Place) -> Client:
        """The client that hears of the place. Raises PlatformError where there is no connection."""
        return self._calls.at(place)

    # Calls.

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        return self._calls.rate_limits(call)

    def rate_limit_status(self, scope: str) -> RateLimitStatus | None:
        return self._wire.rate_limit_status(scope)

    async def perform(self, call: OutgoingCall) -> str:
        try:
            return await self._calls.perform(call)
        except PlatformError as error:
            if isinstance(call, UploadFile) and error.code is Code.NOT_ALLOWED:
                raise PlatformError(Code.APP_SETUP, f"{_NO_FILES} ({error.detail})") from error
            refused = (
                isinstance(call, PostMessage)
                and not (call.interaction_token or call.page.picture)
                and error.code is Code.NOT_ALLOWED
            )
            if refused and (client := self._shards.client_of(call.place.team)) is not None:
                await client.tell_asker(call.place)
            raise

    async def find(self, call: OutgoingCall) -> str | None:
        return await self._calls.find(call)

    def deferred(self, interaction_token: str) -> None:
        self._calls.deferred(interaction_token)

    # Reading, and hints.

    async def history(self, place: Place, before: Ask) -> History:
        with self._calls.translated():
            in_channel = self._locations.of(place, before.id) == place.channel
            return await history.read(self._at(place), self.people, place, before, in_channel=in_channel)

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        with self._calls.translated():
            location = self._locations.of(place)
            return await history.recent(self._at(place), self.people, place, location, limit, since)

    def channels(self) -> list[Place]:
        """The channels and the open threads: a new post of a forum is a thread, and may be one without an
        earlier question."""
        return [place for client in self._shards.clients for place in history.readable(client)]

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        location = self._locations.of(place)
        if self._locations.shared(place, location):
            return []  # it is held in the channel, which is read by itself
        # Of a forum: its newest post.
        here = self._at(place)
        last_id = getattr(here.get_channel(int(location)), "last_message_id", None)
        if last_id is not None and last_id < discord.utils.time_snowflake(after):
            return []
        with self._calls.translated(), calls(priority=Priority.READ):
            try:
                asks = await history.missed(
                    here, self._members, self.people, here.concerns, place, location, after
                )
            except discord.NotFound:
                return []  # the thread does not exist, or not yet
        for ask in asks:
            self._locations.asked(ask.id, location if ask.place.channel == place.channel else ask.place.thread)
        return asks

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        return await self.files.fetch(self._shards.client_of(place.team), file, limit)

    async def question_exists(self, ask: Ask) -> bool:
        if ask.interaction_token or not ask.id.isdecimal():
            return True
        with self._calls.translated():
            return await history.question_exists(self._at(ask.place), ask)

    @property
    def heard_since(self) -> datetime | None:
        since = [client.heard_since for client in self._shards.clients if client.heard_since is not None]
        return max(since) if since and self.ready() else None

    async def reread(self, source: EarlierAnswer) -> Edited | Deleted | None:
        with self._calls.translated(), calls(priority=Priority.READ):
            return await history.reread(self._at(source.place), self.people, source)

    async def is_open(self, place: Place) -> bool:
        with self._calls.translated(), calls(priority=Priority.READ):
            return await is_open(self._at(place), place)

    async def unanswered_posts(
        self, scope: Place, reader: Place, since: datetime, until: datetime
    ) -> UnansweredPosts:
        if reader.direct or reader.team != scope.team or not scope.team.isdecimal():
            return UnansweredPosts()
        guild = self._at(scope).get_guild(int(scope.team))
        if guild is None:
            raise PlatformError(Code.UNAVAILABLE, f"server {scope.team} is not available", retryable=True)
        with self._calls.translated(), calls(priority=Priority.READ):
            return await posts.unanswered(guild, scope, reader, since, until)

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        with self._calls.translated(), calls(priority=Priority.READ):
            return await sources.eligible_channels(
                self._up_to_date(place), self._members, place, reader, alone=alone, channels=channels
            )

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        with self._calls.translated(), calls(priority=Priority.READ):
            client = self._up_to_date(place)
            return await sources.may_cite(client, self._members, place, reader, source, alone=alone)

    def _up_to_date(self, place: Place) -> Client | None:
        """The client of the place while its roles and overwrites are those of now."""
        return self._shards.client_of(place.team) if self.ready() else None

    # The connections, by their shards.

    def connections(self) -> frozenset[str]:
        return frozenset(map(shard_to_name, range(self._shards.count)))

    def holds(self, name: str) -> bool:
        return int(name or 0) in self._shards.held

    def connection_of(self, place: Place) -> str:
        return shard_to_name(0 if place.direct else shard_of(place.team, self._shards.count))

    def is_connected(self, name: str) -> bool:
        return self._shards.is_connected(int(name or 0))

    def message_link(self, place: Place, message_id: str) -> str:
        """https://support.discord.com/hc/articles/206346498"""
        if not message_id.isdecimal():
            return ""
        location = self._locations.of(place)
        return f"https://discord.com/channels/{place.team or '@me'}/{location}/{message_id}"

    def channel_mention(self, place: Place) -> str:
        """https://docs.discord.com/developers/reference#message-formatting"""
        return f"<#{place.channel}>"

    def has_team(self, place: Place) -> bool:
        if place.direct or place.team == self.id or not place.team.isdecimal():
            return False
        return not self._shards.hears(place.team) or self._knows(place.team)

    def _knows(self, team: str) -> bool:
        return any(client.get_guild(int(team)) is not None for client in self._shards.clients)

    async def roles_in(self, person: str, teams: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        with self._calls.translated():
            clients = self._shards.clients or [connected(None)]
            found = [await self._members.roles_in(client, person, teams) for client in clients]
            return {team: roles for known in found for team, roles in known.items()}

    async def typing(self, place: Place, language: str = "en") -> None:
        client = self._shards.client_of(place.team)
        if client is None:
            return
        location = self._locations.of(place)
        opened = self._locations.certain(place) or isinstance(client.get_channel(int(location)), discord.Thread)
        path = f"/channels/{location if opened else place.channel}/typing"
        with suppress(*FOREIGN):
            async with asyncio.timeout(_HINT_WITHIN_S):
                await self._wire.call(scope_of(self.id, "typing"), "POST", path, priority=Priority.HINT)

    async def channel(self, channel: str) -> Place:
        if not channel.isdecimal():
            raise PlatformError(Code.GONE, f"{channel!r} is not a Discord channel id")
        with self._calls.translated():
            place = channel_to_place(await connected(self._client).fetch_channel(int(channel)))
        if place is None:
            raise PlatformError(Code.NOT_ALLOWED, f"channel {channel} holds no messages")
        return place
