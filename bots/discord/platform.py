"""Discord as the core's `Platform`: one connection, and strokes performed one by one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bots.discord import commands
from bots.discord.client import Client
from bots.discord.faults import FOREIGN, translate
from bots.discord.incoming import ASK, channel_to_place, message_to_ask, message_to_entry
from bots.discord.outgoing import (
    LIMITS,
    key_to_nonce,
    page_to_content,
    page_to_view,
    page_to_webhook,
    question_to_name,
)
from core.clock import Clock
from core.errors import Code, PlatformError
from core.ports import Inbox
from core.types import Ask, Budget, Edit, Entry, History, Place, Post, Stroke

log = structlog.get_logger()

THREAD_PAGE, DM_PAGE, CHAIN = 100, 30, 10
"""How much history one turn may read: messages of a thread, of a DM, replies in a chain."""

_FIND_PAGE = 50
_AUTO_ARCHIVE_MIN: Final = 1440
_OPEN_WITHIN_S = 8.0
"""Opening a thread can be refused for minutes; the answer then goes to the channel:
https://github.com/discord/discord-api-docs/issues/7816"""
_STROKE_WITHIN_S = 60.0
_CLOSE_WITHIN_S = 0.8
_LOST_S = 60.0
"""After this long without the gateway a new session is begun: the library's own pauses grow to 17 minutes."""
_BACKOFF_S, _BACKOFF_MAX_S = 1.0, 30.0
_WATCH_S = 5.0
_REMEMBERED = 10_000
_TAKEN = "by an earlier process"

_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE, _WRONG_CHANNEL = 10003, 10008, 50024
_ARCHIVED, _THREAD_EXISTS = 50083, 160004

# Messages: 5 at once and 1 a second, seen by many, not promised. The bot: 50 a second, documented.
# https://docs.discord.com/developers/topics/rate-limits, https://github.com/discord/discord-api-docs/issues/2761
_BURST, _PER_S, _BOT_PER_S = 5.0, 1 / 1.05, 50.0

V = TypeVar("V")


def aim(api_url: str, gateway_url: str) -> None:
    """Point discord.py at these hosts, for the whole process: it has no setting for that.

    The library sets the gateway's query itself.
    """
    Route.BASE = api_url.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url).with_query(None)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # we never speak


class _Recent(dict[str, V]):
    """The newest entries only, so that a bot that runs for months does not grow."""

    def __setitem__(self, key: str, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > _REMEMBERED:
            del self[next(iter(self))]


class DiscordPlatform:
    name = "discord"
    limits = LIMITS

    def __init__(self, token: str, clock: Clock) -> None:
        self._token = token
        self._clock = clock
        self._client: Client | None = None
        self._registered = False
        # Where each place's messages go: its own thread ("") or its channel. Found out again after a restart.
        self._seats: _Recent[str] = _Recent()
        # Which stroke's key filled the deferred reply of a ticket; "" while it still shows "is thinking".
        self._originals: _Recent[str] = _Recent()
        self._dead_tickets: _Recent[bool] = _Recent()

    # Connection.

    async def run(self, inbox: Inbox) -> None:
        """Connect and stay connected until cancelled. Raises PlatformError(BAD_TOKEN)."""
        reads_content, failures = True, 0
        while True:
            client = Client(inbox, self._clock, reads_content=reads_content, on_ticket=self._defer)
            try:
                await self._live(client)
                failures = 0
            except discord.PrivilegedIntentsRequired:
                log.warning(
                    "discord_no_message_content",
                    effect="follow-ups without a mention are not heard",
                    todo="developer portal > your application > Bot: switch on Message Content Intent, restart",
                )
                reads_content = False
                continue
            except Exception as error:
                if isinstance(error, FOREIGN) and translate(error).code is Code.BAD_TOKEN:
                    raise PlatformError(
                        Code.BAD_TOKEN, "DISCORD_BOT_TOKEN: Discord does not accept it"
                    ) from None
                failures = 0 if client.was_up else failures + 1
                log.warning("discord_connection_failed", cause=type(error).__name__, failures=failures)
            finally:
                self._client = None
                await _close(client)
            await self._clock.sleep(min(_BACKOFF_MAX_S, _BACKOFF_S * 2 ** min(failures, 10)))

    async def _live(self, client: Client) -> None:
        """One client's life: until it fails, or has been without a gateway for too long."""
        await client.login(self._token)
        self._client = client
        connected = asyncio.create_task(client.connect())
        registered = asyncio.create_task(self._register(client))
        lost = asyncio.create_task(self._lost(client))
        try:
            await asyncio.wait({connected, lost}, return_when=asyncio.FIRST_COMPLETED)
            if connected.done():
                await connected
        finally:
            await _cancel(connected, registered, lost)

    async def _lost(self, client: Client) -> None:
        while client.down_s <= _LOST_S:
            await self._clock.sleep(_WATCH_S)

    async def _register(self, client: Client) -> None:
        pause_s = _BACKOFF_S
        while not self._registered:
            assert client.tree is not None
            try:
                if await commands.register(client, client.tree):
                    log.info("discord_commands_registered")
                self._registered = True
            except FOREIGN as error:
                log.warning("discord_commands_not_registered", cause=str(translate(error)))
                await self._clock.sleep(pause_s)
                pause_s = min(_BACKOFF_MAX_S, pause_s * 2)

    def ready(self) -> bool:
        return self._registered and self._client is not None and self._client.up

    def _defer(self, ticket: str) -> None:
        self._originals[ticket] = ""

    # Strokes.

    def budgets(self, stroke: Stroke) -> tuple[Budget, ...]:
        """An interaction's webhook is a scope of its own; else the channel's posts or edits, and the bot."""
        if self._by_ticket(stroke):
            ticket = hashlib.blake2s(stroke.ticket.encode(), digest_size=8).hexdigest()
            return (Budget(f"discord/webhook/{ticket}", _BURST, _PER_S),)
        kind = "post" if isinstance(stroke, Post) else "edit"
        return (
            Budget(f"discord/{kind}/{self._seat(stroke.place)}", _BURST, _PER_S),
            Budget("discord/bot", _BOT_PER_S, _BOT_PER_S),
        )

    async def perform(self, stroke: Stroke) -> str:
        posting = isinstance(stroke, Post)
        with _translated(posting=posting, ticket=self._by_ticket(stroke)):
            async with asyncio.timeout(_STROKE_WITHIN_S):
                match stroke:
                    case Post(ticket=""):
                        return await self._post(stroke)
                    case Post():
                        return await self._post_by_ticket(stroke)
                    case Edit():
                        return await self._edit(stroke)

    async def find(self, stroke: Stroke) -> str | None:
        if not isinstance(stroke, Post):
            return stroke.message_id
        with _translated(ticket=bool(stroke.ticket)):
            if stroke.ticket and self._originals.get(stroke.ticket, stroke.key) in ("", stroke.key):
                original = await self._webhook("GET", stroke.ticket, "/messages/@original")
                if discord.MessageFlags._from_value(original.get("flags", 0)).loading:
                    return None
                self._originals[stroke.ticket] = stroke.key
                return str(original["id"])
            return await self._find_in_channel(stroke)

    async def _find_in_channel(self, post: Post) -> str | None:
        place, seats = post.place, [self._seat(post.place)]
        if place.thread and place.key not in self._seats and place.channel not in seats:
            seats.append(place.channel)  # it may have been answered there before a restart
        after = discord.Object(int(post.answers)) if post.answers.isdecimal() else None
        for seat in seats:
            page = self._channel(seat, place).history(limit=_FIND_PAGE, after=after)
            shared = bool(place.thread) and seat == place.channel
            try:
                async for message in page:
                    if self._is_left_by(post, message, shared=shared):
                        return str(message.id)
            except discord.NotFound as error:
                if error.code != _UNKNOWN_CHANNEL:
                    raise
            except discord.Forbidden:
                if not post.ticket:
                    raise
        return None

    def _is_left_by(self, post: Post, message: discord.Message, *, shared: bool) -> bool:
        """By the nonce or, where Discord has not kept it, by the words and, where several conversations share
        the channel, by what the message answers."""
        me = self._here.user
        if me is None or message.author.id != me.id:
            return False
        if message.nonce is not None:
            return str(message.nonce) == key_to_nonce(post.key)
        if message.content != page_to_content(post.page):
            return False
        if post.ticket:
            answered = message.interaction_metadata and message.interaction_metadata.id
        else:
            answered = message.reference and message.reference.message_id
        return str(answered) == post.answers or not (shared or post.ticket)

    async def _post(self, post: Post) -> str:
        seat = await self._take_seat(post)
        place = post.place
        extra: dict[str, Any] = {}
        if place.thread and seat == place.channel and post.answers.isdecimal():
            extra["reference"] = discord.MessageReference(
                message_id=int(post.answers), channel_id=int(seat), fail_if_not_exists=False
            )
        if view := page_to_view(post.page):
            extra["view"] = view
        content = page_to_content(post.page)
        sent = await self._channel(seat, place).send(
            content, nonce=key_to_nonce(post.key), suppress_embeds=True, **extra
        )
        if sent.content != content and post.page.text:  # an earlier process posted it, with other words
            await self._patch(seat, Edit(place, str(sent.id), post.page))
        return str(sent.id)

    async def _post_by_ticket(self, post: Post) -> str:
        """The deferred reply first, follow-ups behind it.

        After a restart it is not known which; right after a deferral Discord takes a follow-up as the reply:
        https://docs.discord.com/developers/interactions/receiving-and-responding#create-followup-message
        """
        if post.ticket in self._dead_tickets:
            raise PlatformError(Code.EXPIRED, "the interaction's token is dead")
        body = page_to_webhook(post.page)
        if self._originals.get(post.ticket) in ("", post.key):
            sent = await self._webhook("PATCH", post.ticket, "/messages/@original", body)
            self._originals[post.ticket] = post.key
        else:
            sent = await self._webhook("POST", post.ticket, "?wait=true", body)
            self._originals.setdefault(post.ticket, _TAKEN)
        return str(sent["id"])

    async def _edit(self, edit: Edit) -> str:
        if not self._by_ticket(edit):
            return await self._edit_in_channel(edit)
        try:
            await self._webhook(
                "PATCH", edit.ticket, f"/messages/{edit.message_id}", page_to_webhook(edit.page)
            )
        except discord.HTTPException as error:
            if translate(error, ticket=True).code is not Code.EXPIRED:
                raise
            self._dead_tickets[edit.ticket] = True
            try:
                return await self._edit_in_channel(edit)
            except (discord.Forbidden, discord.NotFound):
                raise error from None  # where only the ticket ever worked
        return edit.message_id

    async def _edit_in_channel(self, edit: Edit) -> str:
        seat = self._seat(edit.place)
        try:
            await self._patch(seat, edit)
        except discord.HTTPException as error:
            if error.code == _ARCHIVED:
                await self._unarchive(seat)
            elif (
                error.code == _UNKNOWN_CHANNEL
                and seat != edit.place.channel
                and edit.place.key not in self._seats
            ):
                seat = edit.place.channel  # the answer may be held in the channel since before a restart
            else:
                raise
            await self._patch(seat, edit)
            self._seats[edit.place.key] = seat
        return edit.message_id

    async def _patch(self, channel_id: str, edit: Edit) -> None:
        """Through a partial message: `Message.edit` of discord.py 2.7 brings suppressed embeds back."""
        partial = self._channel(channel_id, edit.place).get_partial_message(int(edit.message_id))
        await partial.edit(content=page_to_content(edit.page), view=page_to_view(edit.page))

    async def _unarchive(self, thread_id: str) -> None:
        thread = self._here.get_channel(int(thread_id)) or await self._here.fetch_channel(int(thread_id))
        if isinstance(thread, discord.Thread):
            await thread.edit(archived=False)

    # Seats: in which channel the messages of a place are.

    def _seat(self, place: Place) -> str:
        """The channel or thread id, as far as known without asking."""
        if not place.thread or place.thread.startswith(ASK):
            return place.channel
        return self._seats.get(place.key, place.thread)

    async def _take_seat(self, post: Post) -> str:
        """Where to post; opens the thread of a question that has none yet."""
        place, seat = post.place, self._seat(post.place)
        if seat == place.channel or place.key in self._seats:
            return seat
        if isinstance(self._here.get_channel(int(seat)), discord.Thread):
            self._seats[place.key] = seat
        elif place.thread == post.answers:
            self._seats[place.key] = await self._open(post)
        elif not await self._is_thread(seat) and await self._is_in_channel(post):
            self._seats[place.key] = place.channel
        return self._seat(place)

    async def _open(self, post: Post) -> str:
        """The id of the thread of the question, or of its channel where there can be no thread."""
        place, question_id = post.place, int(post.answers)
        channel = self._channel(place.channel, place)
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                name = await self._name(channel, question_id)
                await channel.get_partial_message(question_id).create_thread(
                    name=name, auto_archive_duration=_AUTO_ARCHIVE_MIN
                )
            return place.thread
        except (discord.HTTPException, discord.RateLimited, TimeoutError, ValueError) as error:
            code = error.code if isinstance(error, discord.HTTPException) else 0
            if code == _THREAD_EXISTS:
                return place.thread
            # The first message of a forum post has its thread's id, and no message of its own in the forum.
            if code in (_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE, _WRONG_CHANNEL) and await self._is_thread(
                place.thread
            ):
                return place.thread
            log.info("discord_thread_not_opened", cause=f"{type(error).__name__} {code}", place=place.key)
            return place.channel

    async def _name(self, channel: discord.PartialMessageable, question_id: int) -> str:
        me = self._here.user
        cached = discord.utils.get(self._here.cached_messages, id=question_id)
        message = cached or await channel.fetch_message(question_id)
        here = channel_to_place(message.channel) or Place("discord", "", str(channel.id))
        ask = message_to_ask(message, me, here) if me else None
        return question_to_name(ask.text if ask else message.content, message.author.display_name)

    async def _is_thread(self, thread_id: str) -> bool:
        try:
            return isinstance(await self._here.fetch_channel(int(thread_id)), discord.Thread)
        except (discord.NotFound, discord.Forbidden):
            return False

    async def _is_in_channel(self, post: Post) -> bool:
        """Was it asked in the channel itself? Then there was no thread to ask in, and none to answer in."""
        if not post.answers.isdecimal():
            return False
        try:
            await self._channel(post.place.channel, post.place).fetch_message(int(post.answers))
        except (discord.NotFound, discord.Forbidden):
            return False
        return True

    # Reading.

    async def history(self, place: Place, before: Ask) -> History:
        with _translated():
            if place.direct:
                return self._history(await self._page(place.channel, place, before, DM_PAGE), complete=True)
            if place.thread in ("", before.id) or self._seat(place) == place.channel:
                found = await self._chain(place.channel, place, before.replies_to)
                return self._history(found, complete=True)
            page = await self._page(place.thread, place, before, THREAD_PAGE)
            starter = next((m for m in page if m.type is discord.MessageType.thread_starter_message), None)
            cut = len(page) == THREAD_PAGE
            if starter is not None or cut:
                page = [*await self._chain(place.channel, place, place.thread, limit=2), *page]
            return self._history(page, complete=not cut)

    async def _page(self, channel_id: str, place: Place, before: Ask, limit: int) -> list[discord.Message]:
        channel = self._channel(channel_id, place)
        return [
            message async for message in channel.history(limit=limit, before=discord.Object(int(before.id)))
        ]

    async def _chain(
        self, channel_id: str, place: Place, message_id: str, *, limit: int = CHAIN
    ) -> list[discord.Message]:
        """The message, what it replied to, and so on; ends where one is gone. Each read brings two."""
        channel, found, wanted = self._channel(channel_id, place), list[discord.Message](), message_id
        while wanted and len(found) < limit:
            try:
                message = await channel.fetch_message(int(wanted))
            except discord.NotFound:
                break
            wanted = ""
            for link in (message, message.reference and message.reference.resolved):
                if isinstance(link, discord.Message) and len(found) < limit:
                    found.append(link)
                    reference = link.reference
                    replies = reference is not None and link.type is discord.MessageType.reply
                    wanted = str(reference.message_id or "") if reference and replies else ""
        return found

    def _history(self, messages: list[discord.Message], *, complete: bool) -> History:
        me = self._here.user
        found = (message_to_entry(message, me) for message in messages) if me else ()
        entries = {entry.id: entry for entry in found if entry is not None}
        return History(tuple(sorted(entries.values(), key=_in_order)), complete)

    async def typing(self, place: Place) -> None:
        if self._client is None:
            return
        seat = self._seat(place)
        opened = place.key in self._seats or isinstance(self._client.get_channel(int(seat)), discord.Thread)
        with suppress(*FOREIGN):
            await self._channel(seat if opened else place.channel, place).typing()

    async def channel(self, channel: str) -> Place:
        if not channel.isdecimal():
            raise PlatformError(Code.GONE, f"{channel!r} is not a Discord channel id")
        with _translated():
            place = channel_to_place(await self._here.fetch_channel(int(channel)))
        if place is None:
            raise PlatformError(Code.NOT_ALLOWED, f"channel {channel} holds no messages")
        return place

    # The wire.

    @property
    def _here(self) -> Client:
        if self._client is None:
            raise PlatformError(Code.UNAVAILABLE, "not connected to Discord yet", retryable=True)
        return self._client

    def _channel(self, channel_id: str, place: Place) -> discord.PartialMessageable:
        guild_id = int(place.team) if place.team.isdecimal() else None
        return self._here.get_partial_messageable(int(channel_id), guild_id=guild_id)

    def _by_ticket(self, stroke: Stroke) -> bool:
        return bool(stroke.ticket) and not (isinstance(stroke, Edit) and stroke.ticket in self._dead_tickets)

    async def _webhook(self, method: str, ticket: str, tail: str, body: dict[str, Any] | None = None) -> Any:
        """A call to an interaction's webhook, by the client's own pacing: discord.py's webhooks would wait
        for any rate limit, and cannot suppress embeds in an edit."""
        route = Route(
            method,
            "/webhooks/{webhook_id}/{webhook_token}" + tail,
            webhook_id=self._here.application_id,
            webhook_token=ticket,
        )
        extra: dict[str, Any] = {} if body is None else {"json": body}
        return await self._here.http.request(route, **extra)


def _in_order(entry: Entry) -> int:
    return int(entry.id)


@contextmanager
def _translated(*, posting: bool = False, ticket: bool = False) -> Iterator[None]:
    try:
        yield
    except FOREIGN as error:
        raise translate(error, posting=posting, ticket=ticket) from error


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(client: Client) -> None:
    """Say good-bye if Discord listens; never wait long for it."""
    with suppress(Exception):
        await asyncio.wait_for(client.close(), _CLOSE_WITHIN_S)
    with suppress(Exception):
        await client.http.close()
