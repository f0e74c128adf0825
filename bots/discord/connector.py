"""Discord: one application with a gateway connection for each shard, and one installation for all of its servers."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from bots.discord import TRAITS
from bots.discord.client import BEAT_S, Client
from bots.discord.connection import Connection, Registration, logged_in
from bots.discord.installation import DiscordInstallation
from bots.discord.rest import Wire
from bots.discord.sessions import ALONE, APART_S, SessionLimit, SessionStarts, Shard
from bots.discord.shards import Shards
from bots.discord.thread_locations import ThreadLocations
from core.clock import Clock
from core.ports.connections import Turns
from core.ports.connector import Inbox
from core.values.places import Place


class DiscordConnector:
    """One bot, by its token. `shards`: the number of its gateway shards, where it is set. `beat_s`: seconds between two
    heartbeats that Discord is made to answer."""

    name = "discord"
    traits = TRAITS
    start_apart_s = APART_S

    def __init__(self, token: str, clock: Clock, *, shards: int | None = None, beat_s: float = BEAT_S) -> None:
        self._token = token
        self._clock = clock
        self._beat_s = beat_s
        self._speaks: Callable[[int], bool] = lambda _shard: True
        self._locations = ThreadLocations()
        self._wire = Wire(token, clock)
        self.session_limit = SessionLimit(clock)
        self._registration = Registration(clock)
        self.shards = Shards(self._connect, self._log_in, shards)
        self._wire.limiter.part = lambda: self.shards.part
        account = token_to_account(token)
        self.installation = DiscordInstallation(self.shards, self._wire, self._locations, account, clock)

    @property
    def installations(self) -> tuple[DiscordInstallation, ...]:
        return (self.installation,)

    def serving(self, place: Place) -> DiscordInstallation:
        """The one installation: it spans all servers."""
        return self.installation

    async def run(self, inbox: Inbox) -> None:
        try:
            await self.shards.run(inbox)
        finally:
            await self._wire.close()

    def ready(self) -> bool:
        return self.shards.ready()

    def share(self, turns: Turns, speaks: Callable[[int], bool] = lambda _shard: True) -> None:
        self.session_limit.turns = turns
        self._speaks = speaks
        self.shards.shared = True
        self.shards.hold(frozenset())

    def hold(self, shards: frozenset[int]) -> None:
        self.shards.hold(shards)

    @property
    def trouble(self) -> str:
        """The reason why the last attempt to connect has failed, in words."""
        return self.shards.trouble

    def _connect(self, shard: Shard) -> Connection:
        """The connection of a shard, which is not begun yet."""
        starts = SessionStarts(self._clock, self.session_limit, shard.number)
        return Connection(
            self._token,
            self._clock,
            starts,
            partial(self._create_client, shard, starts),
            self._registration,
            self._beat_s,
            self.shards.divides,
        )

    def _log_in(self, inbox: Inbox) -> AbstractAsyncContextManager[Client]:
        starts = SessionStarts(self._clock, self.session_limit)
        create = partial(self._create_client, ALONE, starts, inbox, reads_content=False)
        return logged_in(self._token, self._clock, create)

    def _create_client(self, shard: Shard, starts: SessionStarts, inbox: Inbox, reads_content: bool) -> Client:
        return Client(
            inbox,
            self._clock,
            self._wire,
            starts,
            reads_content=reads_content,
            on_deferred=self.installation.deferred,
            locations=self._locations,
            files=self.installation.files,
            people=self.installation.people,
            shard=shard,
            beat_s=self._beat_s,
            speaks=lambda: self._speaks(shard.number),
        )


def token_to_account(token: str) -> str:
    """The id of a bot's account, which its token begins with in base64. Empty where a token has another form.

    An application has the id of its bot's account, unless it is of the first years:
    https://docs.discord.com/developers/reference#snowflakes
    """
    try:
        account = urlsafe_b64decode(token.partition(".")[0] + "==").decode()
    except ValueError:
        return ""
    return account if account.isdecimal() else ""
