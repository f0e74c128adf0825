"""One workspace: performs its calls, reads its messages and looks up its people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from cachetools import FIFOCache

from bots.slack import LIMITS, TRAITS, files, history
from bots.slack.authors import with_known
from bots.slack.calls import outgoing_to_api_call, rate_limits
from bots.slack.errors import blocks_refused, reason_of
from bots.slack.interactions import SlackInteractions
from bots.slack.outgoing import Content, aside, page_to_content, page_to_plain
from bots.slack.read_limits import ReadLimits
from bots.slack.search import WorkspaceSearch, permalink
from bots.slack.sources import WorkspaceSources
from bots.slack.uploads import BlockPictures, share
from bots.slack.users import People, user_to_person
from bots.slack.web import Web
from core.clock import Clock
from core.errors import Code, PlatformError
from core.i18n import language_of, phrase
from core.ports.files import FileContent
from core.values.conversation import Ask, History
from core.values.events import Deleted, Edited, Event
from core.values.memory import EarlierAnswer, FoundMessage
from core.values.outgoing import (
    EditMessage,
    Limits,
    OutgoingCall,
    PostMessage,
    RateLimit,
    StartStream,
    StopStream,
    UploadFile,
)
from core.values.parts import File
from core.values.places import Person, Place
from core.values.platform import PlatformTraits
from core.values.ui import ImmediateReply

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

_NO_GROWTH = {"unknown_method", "missing_scope", "method_deprecated", "deprecated_endpoint", "no_permission"}
_NO_GROWTH |= {"not_allowed_token_type", "feature_not_enabled", "access_denied", "team_access_not_granted"}
_NOT_FOR_READER = {"team_not_found", "user_not_found", "missing_recipient_team_id", "missing_recipient_user_id"}
_NAMES_S = 1.0
_STATUS_S = 2.0
_GROWING = 1_000
_REMEMBERED = 5_000


class SlackInstallation:
    """One workspace, by its bot token. `connected`: whether its events come in; `heard_since`: since when all did.
    `revocable`: a team has made it itself and may end it, which concerns no other one."""

    name = "slack"
    traits: PlatformTraits
    limits: Limits

    def __init__(
        self,
        web: Web,
        clock: Clock,
        connected: Callable[[], bool],
        traits: PlatformTraits = TRAITS,
        heard_since: Callable[[], datetime | None] = lambda: None,
        *,
        revocable: bool = False,
    ) -> None:
        self.revocable = revocable
        self.traits = traits
        self.limits = LIMITS
        self.web = web
        web.reads = ReadLimits(clock)
        self.people = People(self._person, clock)
        self.sources = WorkspaceSources(web, self._person, clock)
        self.searches = WorkspaceSearch(web, clock)
        self.interactions: SlackInteractions | None = None
        """Set while events come in, from the first one on."""
        self.attach: Callable[[], None] = lambda: None
        """Called to have `interactions` set, if events come in."""
        self.growing: FIFOCache[str, int] = FIFOCache(_GROWING)
        """The turn that streams into a message, by the message's id."""
        self._connected = connected
        self._heard_since = heard_since
        self._pictures = BlockPictures(web, clock)
        self._no_hints: set[str] = set()
        self._processing: set[str] = set()
        self._homes: FIFOCache[str, str] = FIFOCache(_REMEMBERED)  # external person -> their own workspace
        self._askers: FIFOCache[str, Person] = FIFOCache(_REMEMBERED)  # place -> last asker

    @property
    def id(self) -> str:
        return self.web.team

    def ready(self) -> bool:
        return self._connected()

    async def look_up(self, person: Person, within_s: float) -> Person:
        known = await self.people.find(person.id, within_s)
        with suppress(PlatformError):
            return with_known(person, known, (await self.web.identify()).home)
        return person

    async def tell(self, reply: ImmediateReply, ask: Ask) -> None:
        if self.interactions is None:
            self.attach()
        if self.interactions is None:
            log.warning("reply_not_delivered", place=ask.place.key, detail="not connected")
        else:
            self.interactions.tell(reply, ask)

    async def history(self, place: Place, before: Ask) -> History:
        return await history.read(self.web, self.people, place, before)

    async def fetch(self, place: Place, message_id: str, file: File, limit: int) -> FileContent:
        return await files.fetch(self.web, file, limit)

    def channels(self) -> list[Place]:
        """None: to list them takes scopes that the bot does not ask for. Those with turns are known to the store."""
        return []

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        return await history.recent(self.web, self.people, place, limit, since)

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        return await history.missed(self.web, self.people, place, after)

    def message_link(self, place: Place, message_id: str) -> str:
        return permalink(self.web.url, place.channel, message_id, place.thread)

    def channel_mention(self, place: Place) -> str:
        """https://docs.slack.dev/messaging/formatting-message-text#linking-channels"""
        return f"<#{place.channel}>"

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        return await self.sources.eligible_channels(place, reader, alone=alone, channels=channels)

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        return await self.sources.may_cite(place, reader, source, alone=alone)

    async def search(
        self, place: Place, message_id: str, words: str, *, here: bool
    ) -> list[FoundMessage] | None:
        return await self.searches.search(place, message_id, words, here=here)

    async def question_exists(self, ask: Ask) -> bool:
        return await history.question_exists(self.web, ask)

    @property
    def heard_since(self) -> datetime | None:
        return self._heard_since()

    async def reread(self, source: EarlierAnswer) -> Edited | Deleted | None:
        return await history.reread(self.web, self.people, source)

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        return rate_limits(call)

    async def perform(self, call: OutgoingCall) -> str:
        if isinstance(call, UploadFile):
            return await share(self.web, call)
        ends = call.place.key in self._processing and _is_last(call)
        method, arguments = outgoing_to_api_call(call, await self._with_picture(call))
        if isinstance(call, StartStream):
            arguments["recipient_team_id"] = await self._home(call)
        if ends and isinstance(call, StopStream):
            arguments |= {"session_status": "active"}
        try:
            message_id = await self._call(method, arguments)
        except PlatformError as error:
            if isinstance(call, StartStream):
                raise self._grows_not(error) from error
            if isinstance(call, PostMessage) and error.code is Code.NOT_ALLOWED:
                await self._tell_asker(call.place)
            if (
                not isinstance(call, PostMessage | EditMessage)
                or not blocks_refused(error)
                or call.page.picture
            ):
                raise
            log.warning("blocks_refused", **error.log_keys)
        else:
            self._remember(call, message_id)
            if ends and isinstance(call, StopStream):
                self._processing.discard(call.place.key)
            elif ends:
                await self._session(call.place, "active")
            return message_id
        return await self._call(*outgoing_to_api_call(call, page_to_plain(call.page)))

    async def _with_picture(self, call: OutgoingCall) -> Content | None:
        """The content of a page that has a picture; None for other calls."""
        if not isinstance(call, PostMessage | EditMessage) or call.page.picture is None:
            return None
        return page_to_content(call.page, await self._pictures.file_id(call.page.picture))

    def _remember(self, call: OutgoingCall, message_id: str) -> None:
        """Record which turn streams into which message, until the stream stops."""
        if isinstance(call, StartStream) and call.turn_id is not None:
            self.growing[message_id] = call.turn_id
        elif isinstance(call, StopStream):
            self.growing.pop(message_id, None)

    async def _home(self, start: StartStream) -> str:
        """The workspace of the person for whom a message is streamed; in a shared channel it may be another one.

        https://docs.slack.dev/reference/methods/chat.startStream
        """
        await self.people.get({start.reader}, _NAMES_S)
        return self._homes.get(start.reader, start.place.team)

    async def _tell_asker(self, place: Place) -> None:
        """Send the asker a direct message: their question can't be answered in the place where they asked
        it."""
        asker = self._askers.pop(place.key, None)
        if asker is None or place.direct:
            return
        words = phrase("may_not_write", language_of(asker.locale), channel=f"<#{place.channel}>")
        with suppress(PlatformError):
            await self.web.call("chat.postMessage", {"channel": asker.id, "text": words} | aside())

    async def find(self, call: OutgoingCall) -> str | None:
        return await history.find(self.web, call)

    async def typing(self, place: Place, language: str = "en") -> None:
        """The status line, and Slack's own Stop button: a session has it while it is processing.

        https://docs.slack.dev/ai/agent-sessions
        """
        if place.thread:
            await self._session(place, "processing")
            where = {"channel_id": place.channel, "thread_ts": place.thread}
            await self._hint(
                "assistant.threads.setStatus", where | {"status": phrase("slack_thinking", language)}
            )

    async def _session(self, place: Place, status: str) -> None:
        self._processing.add(place.key)  # before it is certain: a session is never left processing
        where = {"channel_id": place.channel, "thread_ts": place.thread, "status": status}
        if not await self._hint("agents.sessions.setStatus", where) or status != "processing":
            self._processing.discard(place.key)

    async def _hint(self, method: str, arguments: Json) -> bool:
        """Make a call whose refusal does not matter."""
        if method in self._no_hints:
            return False
        try:
            async with asyncio.timeout(_STATUS_S):
                await self.web.call(method, arguments)
        except TimeoutError:
            return False
        except PlatformError as error:
            if reason_of(error) in ("unknown_method", "missing_scope"):
                self._no_hints.add(method)  # not in this workspace, or not with these scopes: nor later
            return False
        return True

    async def channel(self, channel: str) -> Place:
        me = await self.web.identify()
        return Place(self.name, me.team, channel)

    async def close(self) -> None:
        """Let go of the connections. `run` does it too; a later call opens new ones."""
        await self.people.close()
        await self.sources.close()
        await self.web.close()

    def note_home(self, event: Event) -> None:
        """Remember the workspace that an external author's message names."""
        if isinstance(event, Ask) and event.author.external and event.author.roles:
            self._homes[event.author.id] = event.author.roles[0]

    def note_asker(self, ask: Ask) -> None:
        """Remember who asked last in a place."""
        self._askers[ask.place.key] = ask.author

    async def _call(self, method: str, arguments: Json) -> str:
        return str((await self.web.call(method, arguments))["ts"])

    def _grows_not(self, error: PlatformError) -> PlatformError:
        """Remember that messages can't grow: for good where the workspace or the app has no streams, for this
        answer where its reader has none."""
        if reason_of(error) in _NOT_FOR_READER:
            return PlatformError(Code.UNSUPPORTED, error.detail)
        if reason_of(error) not in _NO_GROWTH:
            return error
        log.info("streaming_unavailable", **error.log_keys)
        self.limits = replace(self.limits, growth=None)
        return PlatformError(Code.UNSUPPORTED, error.detail)

    async def _person(self, user: str) -> Person:
        """https://docs.slack.dev/reference/methods/users.info"""
        response = await self.web.read("users.info", {"user": user, "include_locale": True})
        person = user_to_person(response["user"], (await self.web.identify()).team)
        if person.external and response["user"].get("team_id"):
            self._homes[user] = str(response["user"]["team_id"])
        return person


def _is_last(call: OutgoingCall) -> bool:
    """True if nothing grows any more once this is done: pages that still do have a Stop button."""
    if isinstance(call, PostMessage | EditMessage):
        return not any(button.action == "stop" for button in call.page.buttons)
    return isinstance(call, StopStream)
