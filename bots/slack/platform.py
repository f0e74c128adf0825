"""Slack as the core's Platform: every call to Slack is made here, once, and none is repeated by the SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack import LIMITS
from bots.slack.faults import blocks_refused, reason_of, to_platform_error
from bots.slack.incoming import (
    Identity,
    Payload,
    channel_of,
    happened_at,
    message_to_entry,
    payload_to_event,
    people_in,
    people_of,
)
from bots.slack.order import Order
from bots.slack.outgoing import Content, page_to_content, page_to_plain
from bots.slack.people import People
from bots.slack.socket import SDK_LOG, Socket, proxy_for
from core.clock import Clock
from core.errors import BotError, Code, PlatformError
from core.ports import Inbox
from core.types import Ask, Budget, Edit, History, Limits, Person, Place, Post, Stroke

log = structlog.get_logger()

Json = dict[str, Any]

_METADATA = "parley_answer"
_CONNECT_S, _TOTAL_S = 5.0, 20.0
_SOCKETS = 2  # Slack renews a connection every few hours; the other one covers the gap. At most 10.
_NAMES_S = 1.0  # of the 3 s within which an event has to be acknowledged
_HISTORY_NAMES_S = 5.0
_STATUS_S = 2.0
_FAREWELL_S = 0.4
_PAGE, _PAGES = 200, 5


class SlackPlatform:
    """One workspace, by its bot token. `ping_interval_s`: a dead connection is noticed within about two of them."""

    name = "slack"
    limits: Limits = LIMITS

    def __init__(
        self, *, bot_token: str, app_token: str, api_url: str, clock: Clock, ping_interval_s: float = 5.0
    ) -> None:
        self._bot_token = bot_token
        self._app_token = app_token
        self._clock = clock
        self._ping_interval_s = ping_interval_s
        self._client = AsyncWebClient(bot_token, base_url=api_url, logger=SDK_LOG, retry_handlers=[])
        self._client.proxy = proxy_for(api_url)
        self._session: aiohttp.ClientSession | None = None
        self._me: Identity | None = None
        self._meeting = asyncio.Lock()
        self._people = People(self._person, clock)
        self._sockets: tuple[Socket, ...] = ()
        self._receiving: set[asyncio.Task[Any]] = set()
        self._order = Order()
        self._shows_status = True

    # -- the port

    async def run(self, inbox: Inbox) -> None:
        app = self._bolt(inbox)
        self._sockets = tuple(
            Socket(app, self._app_token, self._open_url, self._clock, self._ping_interval_s)
            for _ in range(_SOCKETS)
        )
        kept = [asyncio.create_task(socket.keep()) for socket in self._sockets]
        try:
            ended, _ = await asyncio.wait(kept, return_when=asyncio.FIRST_COMPLETED)
            await ended.pop()  # which only ever ends by raising
        finally:
            if self._receiving:  # what is being stored is still acknowledged
                await asyncio.wait(self._receiving, timeout=_FAREWELL_S)
            for task in kept:
                task.cancel()
            await asyncio.gather(*kept, return_exceptions=True)
            self._sockets = ()
            await self.close()

    def ready(self) -> bool:
        return any(socket.connected for socket in self._sockets)

    async def history(self, place: Place, before: Ask) -> History:
        if not place.thread or before.id == place.thread:
            return History()
        me = await self._identify()
        said, complete = await self._replies(place, before.id)
        ids = {id_ for message in said for id_ in people_of(message) if id_ != me.user_id}
        names = await self._people.get(ids, _HISTORY_NAMES_S)
        entries = {
            entry.id: entry
            for message in said
            if (entry := message_to_entry(message, me, names)) and entry.at < before.at
        }
        return History(tuple(sorted(entries.values(), key=lambda entry: entry.at)), complete)

    def budgets(self, stroke: Stroke) -> tuple[Budget, ...]:
        """https://docs.slack.dev/apis/web-api/rate-limits: one message a second in a channel, "several hundred" a
        minute in a workspace; chat.update is Tier 3, 50 a minute. Bursts are not published."""
        team = f"slack/{stroke.place.team}"
        if isinstance(stroke, Edit):
            return (Budget(f"{team}/chat.update", 10, 50 / 60),)
        posts = f"{team}/chat.postMessage"
        return (Budget(f"{posts}/{stroke.place.channel}", 3, 1), Budget(posts, 20, 5))

    async def perform(self, stroke: Stroke) -> str:
        try:
            return await self._paint(stroke, page_to_content(stroke.page))
        except PlatformError as error:
            if not blocks_refused(error):
                raise
            log.warning("slack: refused the blocks, going on with plain text", cause=error.detail)
        return await self._paint(stroke, page_to_plain(stroke.page))

    async def find(self, stroke: Stroke) -> str | None:
        if not isinstance(stroke, Post):
            return stroke.message_id
        place = stroke.place
        where: Json = {"channel": place.channel, "include_all_metadata": True, "limit": _PAGE}
        if place.thread:
            # Replies come oldest first: what we look for stands behind the question.
            where |= {"ts": place.thread, "oldest": stroke.answers or place.thread}
        page = await self._read("conversations.replies" if place.thread else "conversations.history", where)
        for message in page.get("messages", ()):
            metadata = message.get("metadata") or {}
            key = (metadata.get("event_payload") or {}).get("key")
            if metadata.get("event_type") == _METADATA and key == stroke.key:
                return str(message["ts"])
        return None

    async def typing(self, place: Place) -> None:
        if not self._shows_status or not place.thread:
            return
        try:
            async with asyncio.timeout(_STATUS_S):
                status = {"channel_id": place.channel, "thread_ts": place.thread, "status": "is thinking…"}
                await self._call("assistant.threads.setStatus", status)
        except TimeoutError:
            pass
        except PlatformError as error:
            # Not in this workspace, or not with these scopes: asking again would not help.
            self._shows_status = reason_of(error) not in ("unknown_method", "missing_scope")

    async def channel(self, channel: str) -> Place:
        me = await self._identify()
        return Place(self.name, me.team, channel)

    async def close(self) -> None:
        """Let go of the connections. `run` does it too; a later call opens new ones."""
        await self._people.close()
        if self._session is not None:
            await self._session.close()

    # -- what comes in

    def _bolt(self, inbox: Inbox) -> AsyncApp:
        async def authorize() -> AuthorizeResult:
            me = await self._identify()
            return AuthorizeResult(
                enterprise_id=None,
                team_id=me.team,
                bot_user_id=me.user_id,
                bot_id=me.bot_id,
                bot_token=self._bot_token,
            )

        async def take(body: Json, next: Callable[[], Awaitable[BoltResponse | None]]) -> BoltResponse | None:
            if body.get("type") not in ("event_callback", "block_actions"):
                return await next()
            await self._receive(inbox, body)
            return BoltResponse(status=200, body="")  # this is the acknowledgement

        async def refuse(error: Exception) -> None:
            cause = error.detail if isinstance(error, BotError) else repr(error)
            log.warning("slack: an event was not stored, and not acknowledged", cause=cause)

        app = AsyncApp(
            name="parley",
            logger=SDK_LOG,
            client=self._client,
            signing_secret="",
            authorize=authorize,
            ignoring_self_events_enabled=False,  # `incoming` tells our own messages from others
        )
        app.use(take)
        app.error(refuse)
        return app

    async def _receive(self, inbox: Inbox, payload: Payload) -> None:
        """Returns once the event is stored or rightly ignored. One channel's events are taken in order."""
        me = await self._identify()
        if payload_to_event(payload, me, {}) is None:
            return
        task = asyncio.current_task()
        assert task is not None
        self._receiving.add(task)
        try:
            people = people_in(payload)
            self._people.ask(people)
            until_s = self._clock.monotonic() + _NAMES_S
            async with self._order.turn(channel_of(payload), happened_at(payload)):
                names = await self._people.get(people, until_s - self._clock.monotonic())
                if event := payload_to_event(payload, me, names):
                    await inbox.receive(event)
        finally:
            self._receiving.discard(task)

    # -- what goes out

    async def _paint(self, stroke: Stroke, content: Content) -> str:
        # Only what `outgoing` wrote is to be read as markup: no names, no channels, no previews.
        fixed: Json = {"channel": stroke.place.channel, "parse": "none", "link_names": False}
        if isinstance(stroke, Edit):
            done = await self._call("chat.update", fixed | content | {"ts": stroke.message_id})
        else:
            metadata = {"event_type": _METADATA, "event_payload": {"key": stroke.key}}
            fixed |= {"unfurl_links": False, "unfurl_media": False, "metadata": metadata}
            thread = {"thread_ts": stroke.place.thread} if stroke.place.thread else {}
            done = await self._call("chat.postMessage", fixed | content | thread)
        return str(done["ts"])

    async def _replies(self, place: Place, before: str) -> tuple[list[Json], bool]:
        """What was said in a thread before one of its messages, and whether that is all of it.

        https://docs.slack.dev/reference/methods/conversations.replies. Raises PlatformError only where nothing
        could be read.
        """
        said: list[Json] = []
        where: Json = {"channel": place.channel, "ts": place.thread, "latest": before, "limit": _PAGE}
        for _ in range(_PAGES):
            try:
                page = await self._read("conversations.replies", where)
            except PlatformError:
                if not said:
                    raise
                return said, False
            said += page.get("messages", ())
            where["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
            if not where["cursor"]:
                return said, True
        return said, False

    async def _person(self, user: str) -> Person:
        """https://docs.slack.dev/reference/methods/users.info"""
        found = (await self._read("users.info", {"user": user, "include_locale": True}))["user"]
        profile = found.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or found.get("name") or user
        return Person(user, name, found.get("locale") or "", bool(found.get("is_bot")))

    async def _identify(self) -> Identity:
        async with self._meeting:
            if self._me is None:
                told = await self._with_token("SLACK_BOT_TOKEN", self._call("auth.test", {}))
                self._me = Identity(
                    told["team_id"],
                    told["user_id"],
                    told.get("bot_id") or "",
                    told.get("user") or "",
                    told.get("app_id") or "",
                )
            return self._me

    async def _open_url(self) -> str:
        await self._identify()
        asked = self._call("apps.connections.open", {"token": self._app_token})
        return str((await self._with_token("SLACK_APP_TOKEN", asked))["url"])

    async def _with_token(self, variable: str, asked: Awaitable[Json]) -> Json:
        """`asked`, where being refused for lack of rights means that the token is the wrong one."""
        try:
            return await asked
        except PlatformError as error:
            if error.code not in (Code.BAD_TOKEN, Code.NOT_ALLOWED):
                raise
            raise PlatformError(Code.BAD_TOKEN, f"{variable}: Slack refuses it ({error.detail})") from error

    async def _call(self, method: str, arguments: Json) -> Json:
        return await self._ask_slack(method, "POST", json=dict(arguments))

    async def _read(self, method: str, arguments: Json) -> Json:
        return await self._ask_slack(method, "GET", params=dict(arguments))  # these take no JSON

    async def _ask_slack(self, method: str, verb: str, **arguments: Json) -> Json:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=_TOTAL_S, connect=_CONNECT_S)
            self._session = self._client.session = aiohttp.ClientSession(timeout=timeout)
        try:
            response = await self._client.api_call(method, http_verb=verb, **arguments)
        except Exception as error:
            raise to_platform_error(error, method) from error
        assert isinstance(response.data, dict)
        return response.data
