"""Immediate replies: shown to one person, or to all, in the place of their action.

A response URL takes 5 messages within 30 minutes:
https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import structlog

from bots.slack.mrkdwn import markdown_to_mrkdwn
from bots.slack.outgoing import aside, reply_to_content
from bots.slack.uploads import BlockPictures
from core.clock import Clock
from core.errors import BotError, PlatformError
from core.i18n import error_text, phrase
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Halted
from core.values.places import Person, Place
from core.values.ui import ImmediateReply

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]
Replied = Ask | Command | ButtonPress | Halted


class ReplyCalls(Protocol):
    """The calls that replies need. All raise PlatformError."""

    async def call(self, method: str, arguments: Json) -> Json: ...
    async def respond(self, url: str, body: Json) -> None: ...
    async def read(self, method: str, arguments: Json) -> Json: ...
    async def upload(self, name: str, content: bytes, where: Json, title: str = "", alt: str = "") -> str: ...


class ReplySender:
    """Sends immediate replies in one workspace. `failed`: as in `Inbox`."""

    def __init__(self, slack: ReplyCalls, clock: Clock, failed: Callable[[BotError, Place], None]) -> None:
        self._slack = slack
        self._failed = failed
        self._pictures = BlockPictures(slack, clock)

    async def send(self, reply: ImmediateReply, event: Replied, language: str, url: str = "") -> None:
        """Show `reply` to the author of `event`, or to all, in its place. `url`: a response URL, if any.

        A failure is logged.
        """
        place, author = event.place, event.author
        try:
            if reply.file is not None:
                reply = await self._send_file(reply, place, author, language)
            if reply.text:
                await self._show(reply, event, url, language)
        except PlatformError as error:
            log.warning("reply_not_delivered", place=place.key, **error.log_keys)

    async def _show(self, reply: ImmediateReply, event: Replied, url: str, language: str) -> None:
        place = event.place
        # A thread without replies shows no ephemeral message:
        # https://docs.slack.dev/reference/methods/chat.postEphemeral
        whisper = reply.whisper and not place.direct
        bare = isinstance(event, Halted) or (isinstance(event, Ask) and event.id == place.thread)
        unseen = whisper and bare  # nor may a thread have replies before its first answer
        thread = {"thread_ts": place.thread} if place.thread and not unseen else {}
        if reply.picture is not None and await self._show_picture(
            reply, event, language, thread, whisper=whisper
        ):
            return
        content = reply_to_content(reply, language)
        if url:
            kind = "ephemeral" if reply.whisper else "in_channel"
            body = content | thread | {"response_type": kind, "replace_original": False}
            try:
                return await self._slack.respond(url, body)
            except PlatformError as error:
                log.info("response_url_expired", **error.log_keys)
        await self._post(event, content | thread, whisper=whisper)

    async def _show_picture(
        self, reply: ImmediateReply, event: Replied, language: str, thread: Json, *, whisper: bool
    ) -> bool:
        """Show the reply with its picture, which a response URL can't. False where that is refused."""
        assert reply.picture is not None
        try:
            file = await self._pictures.file_id(reply.picture)
            await self._post(event, reply_to_content(reply, language, file) | thread, whisper=whisper)
        except PlatformError as error:
            log.warning("picture_not_delivered", place=event.place.key, **error.log_keys)
            return False
        return True

    async def _post(self, event: Replied, content: Json, *, whisper: bool) -> None:
        place = event.place
        if whisper:
            reader = {"channel": place.channel, "user": event.author.id}
            await self._slack.call("chat.postEphemeral", reader | content)
        else:
            where = place.channel or event.author.id
            await self._slack.call("chat.postMessage", {"channel": where} | content | aside())

    async def _send_file(
        self, reply: ImmediateReply, place: Place, author: Person, language: str
    ) -> ImmediateReply:
        """Send a file in the direct conversation with its reader. Returns the reply to show in the place itself."""
        assert reply.file is not None
        try:
            # A direct channel may be one of two people, where the bot is not a member.
            opened = await self._slack.call("conversations.open", {"users": author.id})
            channel = str(opened["channel"]["id"])
            here = channel == place.channel
            where: Json = {"channel_id": channel, "initial_comment": markdown_to_mrkdwn(reply.text)}
            where |= {"thread_ts": place.thread} if here and place.thread else {}
            await self._slack.upload(reply.file.name, reply.file.content, where)
        except PlatformError as error:
            log.warning("file_not_delivered", place=place.key, **error.log_keys)
            self._failed(error, place)
            return ImmediateReply(error_text(error, language))
        return ImmediateReply("" if here else phrase("slack_file_sent", language))
