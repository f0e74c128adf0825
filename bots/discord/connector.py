"""Discord: one application with one gateway connection, and one installation for all of its servers."""

from __future__ import annotations

from base64 import urlsafe_b64decode

from bots.discord import TRAITS
from bots.discord.client import BEAT_S, Client
from bots.discord.connection import Connection
from bots.discord.installation import DiscordInstallation
from bots.discord.rest import Wire
from bots.discord.sessions import SessionStarts
from bots.discord.thread_locations import ThreadLocations
from core.clock import Clock
from core.ports.connector import Inbox
from core.values.places import Place


class DiscordConnector:
    """One bot, by its token. `beat_s`: seconds between two heartbeats that Discord is made to answer."""

    name = "discord"
    traits = TRAITS

    def __init__(self, token: str, clock: Clock, *, beat_s: float = BEAT_S) -> None:
        self._clock = clock
        self._beat_s = beat_s
        self._locations = ThreadLocations()
        self._wire = Wire(token, clock)
        self._starts = SessionStarts(clock)
        self._connection = Connection(token, clock, self._wire, self._starts, self._create_client, beat_s)
        account = token_to_account(token)
        self.installation = DiscordInstallation(self._connection, self._wire, self._locations, account, clock)

    @property
    def installations(self) -> tuple[DiscordInstallation, ...]:
        return (self.installation,)

    def serving(self, place: Place) -> DiscordInstallation:
        """The one installation: it spans all servers."""
        return self.installation

    async def run(self, inbox: Inbox) -> None:
        await self._connection.run(inbox)

    def ready(self) -> bool:
        return self._connection.ready()

    def _create_client(self, inbox: Inbox, reads_content: bool) -> Client:
        return Client(
            inbox,
            self._clock,
            self._wire,
            self._starts,
            reads_content=reads_content,
            on_deferred=self.installation.deferred,
            locations=self._locations,
            files=self.installation.files,
            people=self.installation.people,
            beat_s=self._beat_s,
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
