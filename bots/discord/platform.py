"""Discord as the core's `Platform`: one connection, and strokes performed one by one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bots.discord import commands, history
from bots.discord.client import Client
from bots.discord.faults import FOREIGN, translate
from bots.discord.incoming import channel_to_place
from bots.discord.outgoing import LIMITS, key_to_nonce, page_to_content, page_to_view, page_to_webhook
from bots.discord.recent import Recent
from bots.discord.seats import UNKNOWN_CHANNEL, Seats, channel_at
from core.clock import Clock
from core.errors import Code, PlatformError
from core.ports import Inbox
from core.types import Ask, Budget, Edit, History, Place, Post, Stroke

log = structlog.get_logger()

_FIND_PAGE = 50
_STROKE_WITHIN_S = 60.0
_CLOSE_WITHIN_S = 0.8
_LOST_S = 60.0
"""After this long without the gateway a new session is begun: the library's own pauses grow to 17 minutes."""
_WATCH_S = 5.0
_BACKOFF_S, _BACKOFF_MAX_S = 1.0, 30.0

# Messages: 5 at once and 1 a second, seen by many, not promised. The bot: 50 a second, documented.
# https://docs.discord.com/developers/topics/rate-limits, https://github.com/discord/discord-api-docs/issues/2761
_BURST, _PER_S, _BOT_PER_S = 5.0, 1 / 1.05, 50.0

_THREAD_IS_ARCHIVED = 50083
_LOADING, _TAKEN = "", "by an earlier process"


def aim(api_url: str, gateway_url: str) -> None:
    """Point discord.py at these hosts, for the whole process: it has no setting for that.

    The library sets the gateway's query itself.
    """
    Route.BASE = api_url.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url).with_query(None)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # we never speak


class DiscordPlatform:
    name = "discord"
    limits = LIMITS

    def __init__(self, token: str, clock: Clock) -> None:
        self._token = token
        self._clock = clock
        self._client: Client | None = None
        self._registered = False
        self._seats = Seats()
        # What each ticket's deferred reply holds: the key of a post, _TAKEN, or _LOADING ("is thinking").
        self._originals: Recent[str] = Recent()
        self._dead_tickets: Recent[bool] = Recent()

    # Connection.

    async def run(self, inbox: Inbox) -> None:
        reads_content, failures = True, 0
        while True:
            client = Client(inbox, self._clock, reads_content=reads_content, on_ticket=self._deferred)
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
                    detail = "DISCORD_BOT_TOKEN: Discord does not accept it"
                    raise PlatformError(Code.BAD_TOKEN, detail) from None
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
        lost = asyncio.create_task(self._lost(client))
        registered = asyncio.create_task(self._register(client))
        try:
            await asyncio.wait({connected, lost}, return_when=asyncio.FIRST_COMPLETED)
            if connected.done():
                await connected
        finally:
            await _cancel(connected, lost, registered)

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

    @property
    def _here(self) -> Client:
        if self._client is None:
            raise PlatformError(Code.UNAVAILABLE, "not connected to Discord", retryable=True)
        return self._client

    # Strokes.

    def budgets(self, stroke: Stroke) -> tuple[Budget, ...]:
        """An interaction's webhook is a scope of its own; else the channel's posts or edits, and the bot."""
        if self._by_ticket(stroke):
            ticket = hashlib.blake2s(stroke.ticket.encode(), digest_size=8).hexdigest()
            return (Budget(f"discord/webhook/{ticket}", _BURST, _PER_S),)
        kind = "post" if isinstance(stroke, Post) else "edit"
        return (
            Budget(f"discord/{kind}/{self._seats.of(stroke.place)}", _BURST, _PER_S),
            Budget("discord/bot", _BOT_PER_S, _BOT_PER_S),
        )

    async def perform(self, stroke: Stroke) -> str:
        with _translated(posting=isinstance(stroke, Post), ticket=self._by_ticket(stroke)):
            async with asyncio.timeout(_STROKE_WITHIN_S):
                match stroke:
                    case Post(ticket=""):
                        return await self._post(stroke)
                    case Post():
                        return await self._post_by_ticket(stroke)
                    case Edit() if self._by_ticket(stroke):
                        return await self._edit_by_ticket(stroke)
                    case Edit():
                        return await self._edit(stroke)

    async def _post(self, post: Post) -> str:
        seat = await self._seats.take(self._here, post)
        content = page_to_content(post.page)
        extra: dict[str, Any] = {}
        if self._seats.shared(post.place, seat) and post.answers.isdecimal():
            extra["reference"] = discord.MessageReference(
                message_id=int(post.answers), channel_id=int(seat), fail_if_not_exists=False
            )
        if view := page_to_view(post.page):
            extra["view"] = view
        sent = await channel_at(self._here, seat, post.place).send(
            content, nonce=key_to_nonce(post.key), suppress_embeds=True, **extra
        )
        if sent.content.strip() != content.strip():  # the nonce was known: it stands there with older words
            await self._patch(seat, Edit(post.place, str(sent.id), post.page))
        return str(sent.id)

    async def _edit(self, edit: Edit) -> str:
        seat = self._seats.of(edit.place)
        try:
            await self._patch(seat, edit)
        except discord.HTTPException as error:
            if error.code == _THREAD_IS_ARCHIVED:
                await self._unarchive(seat)
            elif error.code == UNKNOWN_CHANNEL and not self._seats.certain(edit.place):
                seat = edit.place.channel  # it may have been answered there before a restart
            else:
                raise
            await self._patch(seat, edit)
            self._seats.settle(edit.place, seat)
        return edit.message_id

    async def _patch(self, seat: str, edit: Edit) -> None:
        """Through a partial message: `Message.edit` of discord.py 2.7 brings suppressed embeds back."""
        partial = channel_at(self._here, seat, edit.place).get_partial_message(int(edit.message_id))
        await partial.edit(content=page_to_content(edit.page), view=page_to_view(edit.page))

    async def _unarchive(self, thread_id: str) -> None:
        thread = self._here.get_channel(int(thread_id)) or await self._here.fetch_channel(int(thread_id))
        if isinstance(thread, discord.Thread):
            await thread.edit(archived=False)

    # Tickets: an interaction's webhook, for 15 minutes the only way where the bot is not a member.

    def _deferred(self, ticket: str) -> None:
        self._originals[ticket] = _LOADING

    def _by_ticket(self, stroke: Stroke) -> bool:
        return bool(stroke.ticket) and not (isinstance(stroke, Edit) and stroke.ticket in self._dead_tickets)

    async def _post_by_ticket(self, post: Post) -> str:
        """The deferred reply first, follow-ups behind it.

        After a restart it is not known which; right after a deferral Discord takes a follow-up as the reply:
        https://docs.discord.com/developers/interactions/receiving-and-responding#create-followup-message
        """
        if post.ticket in self._dead_tickets:
            raise PlatformError(Code.EXPIRED, "the interaction's token is dead")
        body = page_to_webhook(post.page)
        if self._originals.get(post.ticket) in (_LOADING, post.key):
            sent = await self._webhook("PATCH", post.ticket, "/messages/@original", body)
            self._originals[post.ticket] = post.key
        else:
            sent = await self._webhook("POST", post.ticket, "?wait=true", body)
            self._originals.setdefault(post.ticket, _TAKEN)
        return str(sent["id"])

    async def _edit_by_ticket(self, edit: Edit) -> str:
        """By the ticket while it lives, then as the bot."""
        self._originals.setdefault(edit.ticket, _TAKEN)
        try:
            await self._webhook(
                "PATCH", edit.ticket, f"/messages/{edit.message_id}", page_to_webhook(edit.page)
            )
        except discord.HTTPException as error:
            if translate(error, ticket=True).code is not Code.EXPIRED:
                raise
            self._dead_tickets[edit.ticket] = True
            try:
                await self._edit(edit)
            except (discord.Forbidden, discord.NotFound):
                raise error from None
        return edit.message_id

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

    # Finding what may have been posted.

    async def find(self, stroke: Stroke) -> str | None:
        if not isinstance(stroke, Post):
            return stroke.message_id
        with _translated(ticket=bool(stroke.ticket)):
            if stroke.ticket and self._originals.get(stroke.ticket, stroke.key) in (_LOADING, stroke.key):
                original = await self._webhook("GET", stroke.ticket, "/messages/@original")
                if discord.MessageFlags._from_value(original.get("flags", 0)).loading:
                    return None
                self._originals[stroke.ticket] = stroke.key
                return str(original["id"])
            return await self._find_in_channel(stroke)

    async def _find_in_channel(self, post: Post) -> str | None:
        place, seats = post.place, [self._seats.of(post.place)]
        if not self._seats.certain(place):
            seats.append(place.channel)  # it may have been answered there before a restart
        after = discord.Object(int(post.answers)) if post.answers.isdecimal() else None
        for seat in seats:
            page = channel_at(self._here, seat, place).history(limit=_FIND_PAGE, after=after)
            try:
                async for message in page:
                    if self._is_left_by(post, message, shared=self._seats.shared(place, seat)):
                        return str(message.id)
            except discord.NotFound as error:
                if error.code != UNKNOWN_CHANNEL:
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
        if message.content.strip() != page_to_content(post.page).strip():
            return False
        if post.ticket:
            asked = message.interaction_metadata
            return asked is not None and str(asked.id) == post.answers
        reference = message.reference
        return not shared or (reference is not None and str(reference.message_id) == post.answers)

    # Reading, and hints.

    async def history(self, place: Place, before: Ask) -> History:
        with _translated():
            in_channel = self._seats.of(place) == place.channel
            return await history.read(self._here, place, before, in_channel=in_channel)

    async def typing(self, place: Place) -> None:
        if self._client is None:
            return
        seat = self._seats.of(place)
        opened = self._seats.certain(place) or isinstance(self._client.get_channel(int(seat)), discord.Thread)
        with suppress(*FOREIGN):
            await channel_at(self._client, seat if opened else place.channel, place).typing()

    async def channel(self, channel: str) -> Place:
        if not channel.isdecimal():
            raise PlatformError(Code.GONE, f"{channel!r} is not a Discord channel id")
        with _translated():
            place = channel_to_place(await self._here.fetch_channel(int(channel)))
        if place is None:
            raise PlatformError(Code.NOT_ALLOWED, f"channel {channel} holds no messages")
        return place


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
