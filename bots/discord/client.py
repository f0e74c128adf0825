"""The Gateway connection: discord.py's client with error handling. It passes events to the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import discord
import structlog
from cachetools import FIFOCache

from bots.discord import lenient, private
from bots.discord.errors import FOREIGN, translate
from bots.discord.files import AttachmentFiles
from bots.discord.http import Http
from bots.discord.incoming import (
    channel_to_place,
    deletion_to_deleted,
    message_to_ask,
    update_to_ask,
    update_to_edited,
)
from bots.discord.interactions import DiscordInteractions
from bots.discord.limiter import Limited
from bots.discord.mentioned_people import MentionedPeople, is_unnamed
from bots.discord.message_parts import message_to_attachments
from bots.discord.replies import (
    FILE_LIMIT_BYTES,
    reply_to_contents,
    reply_to_files,
    reply_to_view,
    send_directly,
    with_file,
    without_file,
)
from bots.discord.rest import Wire
from bots.discord.sessions import ALONE, SessionStarts, Shard
from bots.discord.thread_locations import ThreadLocations, may
from core.call_fence import Fence, NotSentError
from core.clock import Clock
from core.errors import BotError
from core.i18n import error_text, language_of, phrase
from core.ports.connector import Inbox
from core.values.conversation import Ask
from core.values.events import ASKED_LATER, Edited, Event, Outcome, PlaceClosed
from core.values.places import Place
from core.values.ui import ImmediateReply

log = structlog.get_logger(platform="discord")

CACHED_MESSAGES = 100
_REMEMBERED = 10_000
GUILD_WAIT_S = 0.1
"""Seconds that the library waits after READY for one more server, before it reports that it is ready. Later
ones count too."""
_INVALID_S = 1.0
"""Seconds between the loss of a session and the start of the next, 1 to 5:
https://docs.discord.com/developers/events/gateway#resuming"""
BEAT_S = 10.0
SILENT_BEATS = 2.5
"""Seconds between heartbeats, and the number of them without an answer after which a connection counts as dead.
With Discord's own interval of 41 s a dead one would be noticed only after a minute:
https://docs.discord.com/developers/events/gateway#sending-heartbeats"""


Said = TypeVar("Said", Ask, Edited)
Asker = tuple[discord.Object, str]
"""The last person who asked, of whom only the id is kept, and their language."""


class Client(discord.Client):
    """One connection, of one shard. `on_deferred`: as in DiscordInteractions. `beat_s`: seconds between calls of
    `beat`. `speaks`: False where another process may have the shard, which then replies to its messages."""

    def __init__(
        self,
        inbox: Inbox,
        clock: Clock,
        wire: Wire,
        starts: SessionStarts,
        *,
        reads_content: bool,
        on_deferred: Callable[[str], None],
        locations: ThreadLocations,
        files: AttachmentFiles,
        people: MentionedPeople,
        shard: Shard = ALONE,
        beat_s: float = BEAT_S,
        speaks: Callable[[], bool] = lambda: True,
    ) -> None:
        self._wire, self._clock, self._starts = wire, clock, starts
        intents = discord.Intents.default()
        intents.message_content = reads_content
        super().__init__(
            intents=intents,
            shard_id=shard.number if shard.count > 1 else None,
            shard_count=shard.count if shard.count > 1 else None,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=CACHED_MESSAGES,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=GUILD_WAIT_S,
            heartbeat_timeout=SILENT_BEATS * beat_s,
            enable_debug_events=False,
        )
        self._inbox = inbox
        self._speaks = speaks
        self._locations = locations
        self._files, self._people = files, people
        self._busy: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._interactions = DiscordInteractions(inbox, on_deferred, wire, files, people)
        self._down_since: float | None = clock.monotonic()
        self.was_up = False
        self.heard_since: datetime | None = None
        """The beginning of the session: Discord tells again what was missed within one, not what came before."""
        self._askers: FIFOCache[str, Asker] = FIFOCache(_REMEMBERED)  # by place
        private.use_http(self, Http(self.loop, wire, clock))
        lenient.guard(private.state_of(self))

    @property
    def down_s(self) -> float:
        """Seconds since the gateway was lost; 0 while it is there."""
        return 0.0 if self._down_since is None else self._clock.monotonic() - self._down_since

    @property
    def up(self) -> bool:
        return self._down_since is None

    async def close(self) -> None:
        await private.before_close(self)
        await super().close()

    # The gateway's state.

    async def read_session_limit(self) -> int:
        """Ask how many sessions may be begun. Where Discord does not say, our own pauses bound them. Returns the number
        of shards that Discord recommends; 0 where it does not say. Raises Limited."""
        try:
            shards, _, limit = await self.http.get_bot_gateway()
            self._starts.limit.note(limit)
            return int(shards)
        except Limited:
            raise
        except (*FOREIGN, LookupError, TypeError, ValueError) as error:
            log.warning("session_limit_unknown", error=type(error).__name__)
            return 0

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Count every start. `initial` ones were allowed before the gateway was opened; a session that is lost within
        a connection may have to begin anew. Raises PlatformError."""
        if not initial:
            await self._clock.sleep(_INVALID_S)
            await self._starts.take_turn()
            await self.read_session_limit()
            self._starts.check()
        self._starts.begun()

    async def on_connect(self) -> None:
        """READY has come."""
        self._starts.ready()

    async def on_ready(self) -> None:
        self._down_since, self.was_up = None, True
        self.heard_since = self._clock.now()

    async def on_resumed(self) -> None:
        self._down_since = None

    async def on_disconnect(self) -> None:
        self._starts.lost()
        if self._down_since is None:
            self._down_since = self._clock.monotonic()

    def connects(self) -> None:
        """The wait for the gateway begins now: before, it was for the turn of this shard."""
        self._down_since = self._clock.monotonic()

    async def beat(self) -> None:
        """Have Discord answer. Where nothing comes for `heartbeat_timeout`, the library drops the line and resumes
        on a new one."""
        await private.beat(self)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.exception("event_failed", kind=event_method)

    # Events.

    async def concerns(self, ask: Ask) -> bool:
        """True if the event can have an effect, from any author. Raises StoreError."""
        return await self._inbox.concerns(ask)

    def _in_order(self, channel_id: int) -> asyncio.Lock:
        """A lock that is held while an event of a channel is prepared, so that the inbox gets events as they came.

        Its holder goes on to the inbox, which keeps the order, before the next holder wakes.
        """
        return self._busy.setdefault(channel_id, asyncio.Lock())

    async def on_message(self, message: discord.Message) -> None:
        async with self._in_order(message.channel.id):
            message.channel = await self._known(message.channel)
            here = channel_to_place(message.channel)
            if self.user is None or here is None:
                return
            ask = message_to_ask(message, self.user, here)
            if ask is None:
                return
            ask = await self._named(ask, message)
        await self._take(message, ask, here)

    async def _named(self, said: Said, message: discord.Message) -> Said:
        """`said` with names for the ids that came without, where it can have an effect."""
        try:
            if not (is_unnamed(said) and await self._inbox.concerns(said)):
                return said
        except BotError:
            return said  # receiving it will report that
        return (await self._people.named(self, message.guild, [said]))[0]

    async def _take(self, message: discord.Message, ask: Ask, here: Place) -> None:
        self._heard(ask.id, message.channel, here)
        self._files.remember(message_to_attachments(message))
        try:
            receipt = await self._inbox.receive(ask)
        except BotError as error:
            await self._apologise(
                message, ask, error
            )  # also while the database is away, and no shard is held for sure
        else:
            if receipt.outcome is Outcome.TURN:
                self._askers[ask.place.key] = discord.Object(message.author.id), language_of(ask.author.locale)
            if receipt.reply is not None:
                with self._replying():
                    await self._reply_to(message, ask, receipt.reply)

    @contextmanager
    def _replying(self) -> Iterator[None]:
        """Replies inside are left out while another process may have the shard: it has heard of the messages that came
        in while this one was frozen."""
        with suppress(NotSentError), Fence(self._speaks).around():
            yield

    async def _reply_to(self, message: discord.Message, ask: Ask, reply: ImmediateReply) -> None:
        """Show an immediate reply: a private one directly. Where that fails, a refusal is shown under the message."""
        private = reply.private and not ask.place.direct
        sent = private and await send_directly(message.author, reply)
        if not sent and (reply.refused or not private):
            await self._tell(message, reply, await self._spoken(ask))

    async def on_thread_create(self, thread: discord.Thread) -> None:
        if here := await self._place(thread):
            self._locations.opened(here)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        around, thread = str(payload.parent_id), str(payload.thread_id)
        await self._note(PlaceClosed(Place("discord", str(payload.guild_id), around, thread), gone=True))

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        if here := channel_to_place(channel):
            await self._note(PlaceClosed(here, gone=True))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed from the server, and is in none of its channels any more."""
        for channel in guild.channels:
            if here := channel_to_place(channel):
                await self._note(PlaceClosed(here))

    def _heard(self, message_id: str, channel: object, here: Place) -> None:
        """The place of the message, which is the place of its answer."""
        self._locations.asked(message_id, str(getattr(channel, "id", "")))
        if isinstance(channel, discord.Thread):
            self._locations.opened(here)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        message = payload.message
        async with self._in_order(message.channel.id):
            message.channel = await self._known(message.channel)
            here = channel_to_place(message.channel)
            if self.user is None or here is None:
                return
            edited = update_to_edited(payload, self.user, here)
            edited = await self._named(edited, message) if edited else None
            ask = update_to_ask(payload, self.user, here)
            ask = await self._named(ask, message) if ask else None
        if edited is not None:
            await self._note(edited)
        if ask is not None and self._clock.now() - ask.at <= ASKED_LATER:
            await self._take(message, ask, here)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._deleted(payload.channel_id, payload.guild_id, {payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self._deleted(payload.channel_id, payload.guild_id, payload.message_ids)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        await self._interactions.take(interaction)

    async def _apologise(self, message: discord.Message, ask: Ask, error: BotError) -> None:
        log.warning("event_not_accepted", place=ask.place.key, **error.log_keys)
        if ask.addressed and not ask.author.bot:
            self._inbox.failed(error, ask.place)
            await self._reply(message, error_text(error, language_of(ask.author.locale)))

    async def _spoken(self, ask: Ask) -> str:
        """The language for the author of the message: the channel's, else theirs."""
        try:
            return await self._inbox.language(ask.author, ask.place)
        except BotError as error:
            log.warning("language_unknown", **error.log_keys)
            return language_of(ask.author.locale)

    async def _tell(self, message: discord.Message, reply: ImmediateReply, language: str) -> None:
        """Show the reply to `message` to all: only interactions have replies for one person. A file goes to its
        author in a direct message."""
        reply = await with_file(reply, FILE_LIMIT_BYTES, language)
        first, *more = reply_to_contents(reply)
        extra = reply_to_view(reply)
        try:
            if reply.file is not None and message.guild is not None:
                try:
                    await message.author.send(first, files=reply_to_files(reply))
                    return
                except discord.Forbidden:
                    first, more = phrase("export_no_direct", language), []
            else:
                extra["files"] = reply_to_files(reply)
            await self._reply(message, first, mention_author=False, suppress_embeds=True, **extra)
            for content in more:
                await message.channel.send(content, suppress_embeds=True)
        except FOREIGN as error:
            cause = translate(error)
            log.warning("reply_not_delivered", **cause.log_keys)
            if reply.file is not None:
                await self._tell(message, without_file(reply, language), language)

    async def _reply(self, message: discord.Message, words: str, **extra: Any) -> None:
        """A reply takes the right to read what was said before, a message does not."""
        replies = may(self, str(message.channel.id), "read_message_history")
        await (message.reply if replies else message.channel.send)(words, **extra)

    async def tell_asker(self, place: Place) -> None:
        """Send the asker a direct message: their question can't be answered in the place where they asked
        it."""
        asked = self._askers.pop(place.key, None)
        if asked is not None and not place.direct:
            asker, language = asked
            with suppress(*FOREIGN):
                direct = await self.create_dm(asker)
                await direct.send(phrase("may_not_write", language, channel=f"<#{place.channel}>"))

    async def _note(self, event: Event) -> None:
        try:
            await self._inbox.receive(event)
        except BotError as error:
            log.warning("event_not_accepted", place=event.place.key, **error.log_keys)

    async def _deleted(self, channel_id: int, guild_id: int | None, message_ids: set[int]) -> None:
        async with self._in_order(channel_id):
            if guild_id is not None:
                here = await self._place(self.get_partial_messageable(channel_id, guild_id=guild_id))
            else:
                here = Place("discord", str(self.user.id), str(channel_id), direct=True) if self.user else None
        if here is not None:
            for message_id in sorted(message_ids):
                await self._note(deletion_to_deleted(message_id, here))

    async def _place(self, channel: object) -> Place | None:
        """The place of a channel, or None where Discord does not name it."""
        return channel_to_place(await self._known(channel))

    async def _known(self, channel: object) -> Any:
        """The channel with all that is known of it. One that is not cached, such as an archived thread, is fetched."""
        if not isinstance(channel, discord.PartialMessageable):
            return channel
        try:
            return self.get_channel(channel.id) or await self.fetch_channel(channel.id)
        except FOREIGN as error:
            log.warning("channel_unknown", **translate(error).log_keys)
            return channel
