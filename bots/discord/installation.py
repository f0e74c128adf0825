"""The bot's account: its calls on Discord, each made once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import discord
from cachetools import FIFOCache

from bots.discord import TRAITS, history, posts, sources
from bots.discord.client import Client
from bots.discord.connection import Connection
from bots.discord.errors import FOREIGN, NO_MORE_FOLLOW_UPS, translate
from bots.discord.files import AttachmentFiles
from bots.discord.forum_posts import find_post, forum_of, message_to_post
from bots.discord.http import calls
from bots.discord.incoming import channel_to_place
from bots.discord.limiter import Limited, Priority
from bots.discord.members import GuildMembers
from bots.discord.mentioned_people import MentionedPeople
from bots.discord.outgoing import (
    LIMITS,
    call_to_attachments,
    call_to_body,
    call_to_form,
    interaction_token_of,
    key_to_nonce,
)
from bots.discord.rate_limits import channel_rate_limits, scope_of, webhook_rate_limits
from bots.discord.rest import Wire
from bots.discord.thread_locations import ThreadLocations, is_open, may
from core.clock import Clock
from core.errors import Code, PlatformError
from core.ports.files import FileContent
from core.values.conversation import Ask, History
from core.values.outgoing import (
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    PostMessage,
    RateLimit,
    RateLimitStatus,
    UploadFile,
)
from core.values.parts import File
from core.values.places import Person, Place
from core.values.report import UnansweredPosts

_NO_FILES = "the bot lacks the permission Attach Files there"
_REMEMBERED = 10_000
_CALL_WITHIN_S, _HINT_WITHIN_S = 60.0, 5.0

_THREAD_IS_ARCHIVED = 50083
_LOADING, _TAKEN = "", "by an earlier process"
_THINKING = discord.MessageFlags(loading=True).value


class DiscordInstallation:
    """The bot's account in all of its servers: performs its calls, reads messages and looks people up.

    `connection` has the client while there is one; `account` is the account's id, if the token contains it.
    """

    name = "discord"
    limits = LIMITS
    traits = TRAITS

    def __init__(
        self, connection: Connection, wire: Wire, locations: ThreadLocations, account: str, clock: Clock
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._locations = locations
        self._id = account
        self._members = GuildMembers(clock)
        self.people = MentionedPeople(self._members)
        self.files = AttachmentFiles(wire, clock)
        # The content of each interaction's deferred reply: the key of a post, _TAKEN, or _LOADING ("is thinking").
        self._originals: FIFOCache[str, str] = FIFOCache(_REMEMBERED)
        self._dead_tickets: FIFOCache[str, bool] = FIFOCache(_REMEMBERED)

    @property
    def id(self) -> str:
        """The id of the bot's account: to it belong the direct messages, and the rate limit of all calls."""
        if self._client is not None and self._client.user is not None:
            self._id = str(self._client.user.id)
        return self._id

    def ready(self) -> bool:
        return self._connection.ready()

    @property
    def _client(self) -> Client | None:
        return self._connection.client

    @property
    def _here(self) -> Client:
        if self._client is None:
            raise PlatformError(Code.UNAVAILABLE, "not connected to Discord", retryable=True)
        return self._client

    # Calls.

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        if self._by_ticket(call):
            return webhook_rate_limits(self.id, interaction_token_of(call))
        kind = {EditMessage: "edit", DeleteMessage: "delete"}.get(type(call), "post")
        opens = kind == "post" and self._locations.opens(call)
        return channel_rate_limits(self.id, kind, self._locations.of_call(call), opens=opens)

    def rate_limit_status(self, scope: str) -> RateLimitStatus | None:
        return self._wire.rate_limit_status(scope)

    async def perform(self, call: OutgoingCall) -> str:
        try:
            return await self._perform(call)
        except PlatformError as error:
            if isinstance(call, UploadFile) and error.code is Code.NOT_ALLOWED:
                raise PlatformError(Code.APP_SETUP, f"{_NO_FILES} ({error.detail})") from error
            refused = (
                isinstance(call, PostMessage)
                and not (call.interaction_token or call.page.picture)
                and error.code is Code.NOT_ALLOWED
            )
            if refused and self._client is not None:
                await self._client.tell_asker(call.place)
            raise

    async def _perform(self, call: OutgoingCall) -> str:
        posting = isinstance(call, PostMessage | UploadFile)
        scope = self.rate_limits(call)[0].scope
        with self._translated(posting=posting, interaction_token=self._by_ticket(call), scope=scope):
            async with asyncio.timeout(_CALL_WITHIN_S):
                match call:
                    case PostMessage(interaction_token="") | UploadFile(interaction_token=""):
                        return await self._post(call)
                    case PostMessage() | UploadFile():
                        return await self._post_by_ticket(call)
                    case EditMessage() | DeleteMessage() if self._by_ticket(call):
                        return await self._edit_by_ticket(call)
                    case EditMessage() | DeleteMessage():
                        return await self._edit(call)
        raise PlatformError(Code.UNSUPPORTED, f"Discord has no {type(call).__name__}")

    async def _post(self, post: PostMessage | UploadFile) -> str:
        location = await self._locations.take(self._here, post)
        body = call_to_body(post) | {"nonce": key_to_nonce(post.key), "enforce_nonce": True}
        replies = self._locations.shared(post.place, location) and post.answers.isdecimal()
        if replies and may(self._here, location, "read_message_history"):
            answered = {"message_id": post.answers, "channel_id": location, "fail_if_not_exists": False}
            body["message_reference"] = answered
        forum = forum_of(self._here, post.place)
        if forum is not None and location == post.place.channel:
            return await self._make_post(forum, post, body)
        sent = await self._call(post, "POST", f"/channels/{location}/messages", body)
        self._locations.posted(post.place, sent["id"], location)
        if isinstance(post, PostMessage) and sent["content"].strip() != body["content"].strip():
            # Discord knew the nonce: the message exists with an older text.
            await self._patch(location, EditMessage(post.place, sent["id"], post.page))
        return str(sent["id"])

    async def _make_post(
        self, forum: discord.ForumChannel, post: PostMessage | UploadFile, body: dict[str, Any]
    ) -> str:
        """Its first message has the id of the post. What follows of the same answer goes into it."""
        made = await self._call(
            post, "POST", f"/channels/{forum.id}/threads", message_to_post(forum, post, body)
        )
        self._locations.made_post(post.place, post.answers, made["id"])
        self._locations.posted(post.place, made["id"], made["id"])
        return str(made["id"])

    async def _edit(self, edit: EditMessage | DeleteMessage) -> str:
        likely, *others = self._locations.of_message(edit.place, edit.message_id)
        if likely == edit.place.channel and forum_of(self._here, edit.place) is not None:
            likely = edit.message_id  # an earlier process made the post
        try:
            location = await self._edit_at(likely, edit)
        except discord.NotFound:
            if not others:
                raise
            location = await self._edit_at(others[0], edit)
        self._locations.posted(edit.place, edit.message_id, location)
        return edit.message_id

    async def _edit_at(self, location: str, edit: EditMessage | DeleteMessage) -> str:
        try:
            await self._patch(location, edit)
        except discord.HTTPException as error:
            if error.code != _THREAD_IS_ARCHIVED:
                raise
            await self._unarchive(location)
            await self._patch(location, edit)
        return location

    async def _patch(self, location: str, edit: EditMessage | DeleteMessage) -> None:
        path = f"/channels/{location}/messages/{edit.message_id}"
        if isinstance(edit, DeleteMessage):
            await self._call(edit, "DELETE", path)
        else:
            await self._call(edit, "PATCH", path, call_to_body(edit))

    async def _call(
        self,
        call: OutgoingCall,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        by_bot: bool = True,
    ) -> Any:
        assert self._here  # raises where there is no connection
        scope = self.rate_limits(call)[0].scope
        return await self._wire.call(
            scope,
            method,
            path,
            body,
            form=call_to_form(call, body),
            by_bot=by_bot,
            priority=Priority.FIRST if isinstance(call, PostMessage | UploadFile) else Priority.EDIT,
        )

    async def _unarchive(self, thread_id: str) -> None:
        thread = self._here.get_channel(int(thread_id)) or await self._here.fetch_channel(int(thread_id))
        if isinstance(thread, discord.Thread):
            await thread.edit(archived=False)

    # Interaction tokens: for 15 minutes the only way to post where the bot is not a member.

    def deferred(self, interaction_token: str) -> None:
        self._originals[interaction_token] = _LOADING

    def _by_ticket(self, call: OutgoingCall) -> bool:
        interaction_token = interaction_token_of(call)
        return bool(interaction_token) and not (
            isinstance(call, EditMessage | DeleteMessage) and interaction_token in self._dead_tickets
        )

    async def _post_by_ticket(self, post: PostMessage | UploadFile) -> str:
        """The deferred reply first, follow-ups behind it.

        After a restart it is not known which; right after a deferral Discord takes a follow-up as the reply:
        https://docs.discord.com/developers/interactions/receiving-and-responding#create-followup-message
        """
        if post.interaction_token in self._dead_tickets:
            raise PlatformError(Code.EXPIRED, "the interaction's token is dead")
        if isinstance(post, PostMessage) and self._originals.get(post.interaction_token) in (
            _LOADING,
            post.key,
        ):
            sent = await self._webhook(post, "PATCH", "/messages/@original")
            self._originals[post.interaction_token] = post.key
        else:
            try:
                sent = await self._webhook(post, "POST", "?wait=true")
            except discord.HTTPException as error:
                if error.code != NO_MORE_FOLLOW_UPS or isinstance(post, PostMessage) or post.under:
                    raise
                sent = await self._webhook(post, "PATCH", "/messages/@original")  # it takes a file, too
            self._originals.setdefault(post.interaction_token, _TAKEN)
        return str(sent["id"])

    async def _edit_by_ticket(self, edit: EditMessage | DeleteMessage) -> str:
        """Edit with the interaction token while it is valid, then as the bot."""
        self._originals.setdefault(edit.interaction_token, _TAKEN)
        try:
            method = "DELETE" if isinstance(edit, DeleteMessage) else "PATCH"
            await self._webhook(edit, method, f"/messages/{edit.message_id}")
        except discord.HTTPException as error:
            if translate(error, interaction_token=True).code is not Code.EXPIRED:
                raise
            self._dead_tickets[edit.interaction_token] = True
            try:
                await self._edit(edit)
            except (discord.Forbidden, discord.NotFound):
                raise error from None
        return edit.message_id

    async def _webhook(self, call: OutgoingCall, method: str, tail: str) -> Any:
        path = f"/webhooks/{self._here.application_id}/{interaction_token_of(call)}{tail}"
        body = None if method in ("GET", "DELETE") else call_to_body(call)
        if isinstance(call, UploadFile) and method == "PATCH":
            body = call_to_attachments(call)
        return await self._call(call, method, path, body, by_bot=False)

    # Finding what may have been posted.

    async def find(self, call: OutgoingCall) -> str | None:
        if not isinstance(call, PostMessage | UploadFile):
            return None
        with self._translated(interaction_token=bool(call.interaction_token)):
            posting = isinstance(call, PostMessage) and bool(call.interaction_token)
            if posting and self._originals.get(call.interaction_token, call.key) in (
                _LOADING,
                call.key,
            ):
                original = await self._webhook(call, "GET", "/messages/@original")
                if original.get("flags", 0) & _THINKING:
                    return None
                self._originals[call.interaction_token] = call.key
                return str(original["id"])
            forum = forum_of(self._here, call.place)
            if forum is None or self._locations.of(call.place, call.answers) != call.place.channel:
                return await history.find(self._here, self._locations, call)
            found = await find_post(self._here, forum, call)
            if found is not None:
                self._locations.made_post(call.place, call.answers, found)
            return found

    # Reading, and hints.

    async def history(self, place: Place, before: Ask) -> History:
        with self._translated():
            in_channel = self._locations.of(place, before.id) == place.channel
            return await history.read(self._here, self.people, place, before, in_channel=in_channel)

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        with self._translated():
            location = self._locations.of(place)
            return await history.recent(self._here, self.people, place, location, limit, since)

    def channels(self) -> list[Place]:
        """The channels and the open threads: a new post of a forum is a thread, and may be one without an
        earlier question."""
        return [] if self._client is None else history.readable(self._client)

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        location = self._locations.of(place)
        if self._locations.shared(place, location):
            return []  # it is held in the channel, which is read by itself
        # Of a forum: its newest post.
        last_id = getattr(self._here.get_channel(int(location)), "last_message_id", None)
        if last_id is not None and last_id < discord.utils.time_snowflake(after):
            return []
        with self._translated(), calls(priority=Priority.READ):
            try:
                asks = await history.missed(
                    self._here, self._members, self.people, self._here.concerns, place, location, after
                )
            except discord.NotFound:
                return []  # the thread does not exist, or not yet
        for ask in asks:
            self._locations.asked(ask.id, location if ask.place.channel == place.channel else ask.place.thread)
        return asks

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        return await self.files.fetch(self._client, file, limit)

    async def question_exists(self, ask: Ask) -> bool:
        if ask.interaction_token or not ask.id.isdecimal():
            return True
        with self._translated():
            return await history.question_exists(self._here, ask)

    async def is_open(self, place: Place) -> bool:
        with self._translated(), calls(priority=Priority.READ):
            return await is_open(self._here, place)

    async def unanswered_posts(
        self, scope: Place, reader: Place, since: datetime, until: datetime
    ) -> UnansweredPosts:
        if reader.direct or reader.team != scope.team or not scope.team.isdecimal():
            return UnansweredPosts()
        guild = self._here.get_guild(int(scope.team))
        if guild is None:
            raise PlatformError(Code.UNAVAILABLE, f"server {scope.team} is not available", retryable=True)
        with self._translated(), calls(priority=Priority.READ):
            return await posts.unanswered(guild, scope, reader, since, until)

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        with self._translated(), calls(priority=Priority.READ):
            return await sources.eligible_channels(
                self._up_to_date, self._members, place, reader, alone=alone, channels=channels
            )

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        with self._translated(), calls(priority=Priority.READ):
            return await sources.may_cite(self._up_to_date, self._members, place, reader, source, alone=alone)

    @property
    def _up_to_date(self) -> Client | None:
        """The client while its roles and overwrites are those of now."""
        return self._client if self.ready() else None

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
        return self._client is None or self._client.get_guild(int(place.team)) is not None

    async def roles_in(self, person: str, teams: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        with self._translated():
            return await self._members.roles_in(self._here, person, teams)

    async def typing(self, place: Place, language: str = "en") -> None:
        if self._client is None:
            return
        location = self._locations.of(place)
        opened = self._locations.certain(place) or isinstance(
            self._client.get_channel(int(location)), discord.Thread
        )
        path = f"/channels/{location if opened else place.channel}/typing"
        with suppress(*FOREIGN):
            async with asyncio.timeout(_HINT_WITHIN_S):
                await self._wire.call(scope_of(self.id, "typing"), "POST", path, priority=Priority.HINT)

    async def channel(self, channel: str) -> Place:
        if not channel.isdecimal():
            raise PlatformError(Code.GONE, f"{channel!r} is not a Discord channel id")
        with self._translated():
            place = channel_to_place(await self._here.fetch_channel(int(channel)))
        if place is None:
            raise PlatformError(Code.NOT_ALLOWED, f"channel {channel} holds no messages")
        return place

    @contextmanager
    def _translated(
        self, *, posting: bool = False, interaction_token: bool = False, scope: str = ""
    ) -> Iterator[None]:
        try:
            yield
        except FOREIGN as error:
            refused = translate(error, posting=posting, interaction_token=interaction_token)
            everywhere = isinstance(error, Limited) and error.everywhere
            refused.scope = scope_of(self.id, "bot") if everywhere else scope
            raise refused from error
