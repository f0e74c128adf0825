"""The calls that post, edit and delete messages: each made once, by the bot or with the token of an interaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import discord
from cachetools import FIFOCache

from bots.discord import history
from bots.discord.client import Client
from bots.discord.errors import FOREIGN, NO_MORE_FOLLOW_UPS, translate
from bots.discord.forum_posts import find_post, forum_of, message_to_post
from bots.discord.limiter import Limited, Priority
from bots.discord.outgoing import (
    call_to_attachments,
    call_to_body,
    call_to_form,
    interaction_token_of,
    key_to_nonce,
)
from bots.discord.rate_limits import channel_rate_limits, scope_of, webhook_rate_limits
from bots.discord.rest import Wire
from bots.discord.shards import Shards
from bots.discord.thread_locations import ThreadLocations, may
from core.errors import Code, PlatformError
from core.values.outgoing import DeleteMessage, EditMessage, OutgoingCall, PostMessage, RateLimit, UploadFile
from core.values.places import Place

_REMEMBERED = 10_000
_CALL_WITHIN_S = 60.0

_THREAD_IS_ARCHIVED = 50083
_LOADING, _TAKEN = "", "by an earlier process"
_THINKING = discord.MessageFlags(loading=True).value


def connected(client: Client | None) -> Client:
    """Raises PlatformError where there is none."""
    if client is None:
        raise PlatformError(Code.UNAVAILABLE, "not connected to Discord", retryable=True)
    return client


class MessageCalls:
    """Posts, edits and deletes messages, and finds those that may have been posted. Raises PlatformError. `account`
    returns the id of the bot's account."""

    def __init__(
        self, shards: Shards, wire: Wire, locations: ThreadLocations, account: Callable[[], str]
    ) -> None:
        self._shards = shards
        self._wire = wire
        self._locations = locations
        self._account = account
        # The content of each interaction's deferred reply: the key of a post, _TAKEN, or _LOADING ("is thinking").
        self._originals: FIFOCache[str, str] = FIFOCache(_REMEMBERED)
        self._dead_tickets: FIFOCache[str, bool] = FIFOCache(_REMEMBERED)

    def at(self, place: Place) -> Client:
        """The client that hears of the place. Raises PlatformError where there is no connection."""
        return connected(self._shards.client_of(place.team))

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        if self._by_ticket(call):
            return webhook_rate_limits(self._account(), interaction_token_of(call))
        kind = {EditMessage: "edit", DeleteMessage: "delete"}.get(type(call), "post")
        opens = kind == "post" and self._locations.opens(call)
        channel = self._locations.of_call(call)
        return channel_rate_limits(
            self._account(), kind, channel, opens=opens, part=self._shards.part, shared=self._shards.shared
        )

    async def perform(self, call: OutgoingCall) -> str:
        posting = isinstance(call, PostMessage | UploadFile)
        scope = self.rate_limits(call)[0].scope
        with self.translated(posting=posting, interaction_token=self._by_ticket(call), scope=scope):
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
        here = self.at(post.place)
        location = await self._locations.take(here, post)
        body = call_to_body(post) | {"nonce": key_to_nonce(post.key), "enforce_nonce": True}
        replies = self._locations.shared(post.place, location) and post.answers.isdecimal()
        if replies and may(here, location, "read_message_history"):
            answered = {"message_id": post.answers, "channel_id": location, "fail_if_not_exists": False}
            body["message_reference"] = answered
        forum = forum_of(here, post.place)
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
        if likely == edit.place.channel and forum_of(self.at(edit.place), edit.place) is not None:
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
            await self._unarchive(self.at(edit.place), location)
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
        self.at(call.place)  # raises where there is no connection
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

    @staticmethod
    async def _unarchive(client: Client, thread_id: str) -> None:
        thread = client.get_channel(int(thread_id)) or await client.fetch_channel(int(thread_id))
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
        path = f"/webhooks/{self.at(call.place).application_id}/{interaction_token_of(call)}{tail}"
        body = None if method in ("GET", "DELETE") else call_to_body(call)
        if isinstance(call, UploadFile) and method == "PATCH":
            body = call_to_attachments(call)
        return await self._call(call, method, path, body, by_bot=False)

    # Finding what may have been posted.

    async def find(self, call: OutgoingCall) -> str | None:
        if not isinstance(call, PostMessage | UploadFile):
            return None
        with self.translated(interaction_token=bool(call.interaction_token)):
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
            here = self.at(call.place)
            forum = forum_of(here, call.place)
            if forum is None or self._locations.of(call.place, call.answers) != call.place.channel:
                return await history.find(here, self._locations, call)
            found = await find_post(here, forum, call)
            if found is not None:
                self._locations.made_post(call.place, call.answers, found)
            return found

    @contextmanager
    def translated(
        self, *, posting: bool = False, interaction_token: bool = False, scope: str = ""
    ) -> Iterator[None]:
        """Raise PlatformError in place of the errors of discord.py and aiohttp."""
        try:
            yield
        except FOREIGN as error:
            refused = translate(error, posting=posting, interaction_token=interaction_token)
            everywhere = isinstance(error, Limited) and error.everywhere
            refused.scope = scope_of(self._account(), "bot") if everywhere else scope
            raise refused from error
