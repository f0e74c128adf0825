"""Slack as the core's Platform: calls performed, events delivered, each call made once."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import structlog
from cachetools import FIFOCache, TTLCache
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse

from bots.slack import LIMITS, TRAITS, history
from bots.slack.author_lookup import is_command
from bots.slack.authors import is_known, is_ours, with_known
from bots.slack.calls import outgoing_to_api_call, rate_limits, upload_to_title
from bots.slack.commands import EVENTS, kind_of, stopped_to_presses
from bots.slack.errors import blocks_refused, reason_of
from bots.slack.event_order import Order
from bots.slack.incoming import (
    Identity,
    Payload,
    author_in,
    channel_of,
    happened_at,
    named_in,
    payload_to_event,
)
from bots.slack.interactions import SlackInteractions
from bots.slack.outgoing import aside, page_to_plain
from bots.slack.socket import SDK_LOG, Socket
from bots.slack.users import People, user_to_person
from bots.slack.web import Web
from core.clock import Clock
from core.errors import BotError, Code, PlatformError, StoreError
from core.i18n import language_of, phrase
from core.ports.connector import Inbox
from core.values.conversation import Ask, History
from core.values.events import ButtonPress, Edited, Event, Outcome
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
from core.values.places import Person, Place
from core.values.ui import ImmediateReply

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]
Kept = TypeVar("Kept")

_NO_GROWTH = {"unknown_method", "missing_scope", "method_deprecated", "deprecated_endpoint", "no_permission"}
_NO_GROWTH |= {"not_allowed_token_type", "feature_not_enabled", "access_denied", "team_access_not_granted"}
_NOT_FOR_READER = {"team_not_found", "user_not_found", "missing_recipient_team_id", "missing_recipient_user_id"}
_SOCKETS = 2  # Slack renews a connection every few hours; the other one covers the gap. At most 10.
# Of the 3 s within which an event has to be acknowledged, and before the people of its channel notice a pause. What is
# still not known then is looked up afterwards. https://docs.slack.dev/apis/events-api/#responding
_AUTHOR_BY_S, _NAMES_BY_S, _RIGHTS_BY_S = 1.2, 1.4, 1.6
_NAMES_S = 1.0
_STATUS_S = 2.0
_TOKEN_PAUSE_S = 2.0
_FAREWELL_S = 0.4
_GROWING = 1_000
_OF_A_TEAM = {"event_callback", "slash_command", *EVENTS}
_REMEMBERED = 5_000
_APOLOGY_S = 60.0


class SlackPlatform:
    """One workspace, by its bot token. `ping_interval_s`: a dead connection is noticed within about two of them."""

    name = "slack"
    limits: Limits
    traits = TRAITS

    def __init__(
        self, *, bot_token: str, app_token: str, api_url: str, clock: Clock, ping_interval_s: float = 5.0
    ) -> None:
        self.limits = LIMITS
        self._bot_token = bot_token
        self._app_token = app_token
        self._clock = clock
        self._ping_interval_s = ping_interval_s
        self._web = Web(bot_token, app_token, api_url)
        self._people = People(self._person, clock)
        self._sockets: tuple[Socket, ...] = ()
        self._receiving: set[asyncio.Task[Any]] = set()
        self._order = Order()
        self._no_hints: set[str] = set()
        self._processing: set[str] = set()
        self._growing: FIFOCache[str, int] = FIFOCache(_GROWING)  # message -> turn
        self._homes: FIFOCache[str, str] = FIFOCache(_REMEMBERED)  # stranger -> their own workspace
        self._askers: FIFOCache[str, Person] = FIFOCache(_REMEMBERED)  # place -> who asked last
        # Channel and person.
        self._apologised: TTLCache[str, bool] = TTLCache(_REMEMBERED, _APOLOGY_S, clock.monotonic)
        self._interactions: SlackInteractions | None = None  # while it runs

    # -- the port

    async def run(self, inbox: Inbox) -> None:
        """As `Platform.run`; may be called again once it has ended."""
        self._web.forget()
        interactions = self._interactions = SlackInteractions(self._web, inbox, self._people, self._clock)
        app = self._bolt(inbox, interactions)
        self._sockets = tuple(
            Socket(app, self._app_token, self._web.open_url, self._clock, self._ping_interval_s)
            for _ in range(_SOCKETS)
        )
        kept = [asyncio.create_task(socket.keep()) for socket in self._sockets]
        kept.append(asyncio.create_task(self._web.watch_token(lambda: self._clock.sleep(_TOKEN_PAUSE_S))))
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
            self._interactions = None
            await interactions.close(_FAREWELL_S)
            await self.close()

    @property
    def id(self) -> str:
        return self._web.team

    def ready(self) -> bool:
        return any(socket.connected for socket in self._sockets)

    async def look_up(self, person: Person, within_s: float) -> Person:
        known = await self._people.find(person.id, within_s)
        with suppress(PlatformError):
            return with_known(person, known, (await self._web.identify()).home)
        return person

    async def tell(self, told: ImmediateReply, ask: Ask) -> None:
        if self._interactions is None:
            log.warning("reply_not_delivered", place=ask.place.key, detail="not connected")
        else:
            self._interactions.tell(told, ask)

    async def history(self, place: Place, before: Ask) -> History:
        return await history.read(self._web, self._people, place, before)

    def channels(self) -> list[Place]:
        """None: to list them takes scopes that the bot does not ask for. Those with turns are known to the store."""
        return []

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        return await history.recent(self._web, self._people, place, limit, since)

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        return await history.missed(self._web, self._people, place, after)

    async def stands(self, ask: Ask) -> bool:
        return await history.stands(self._web, ask)

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        return rate_limits(call)

    async def perform(self, call: OutgoingCall) -> str:
        if isinstance(call, UploadFile):
            return await self._upload(call)
        ends = call.place.key in self._processing and _is_last(call)
        method, arguments = outgoing_to_api_call(call)
        if isinstance(call, StartStream):
            arguments["recipient_team_id"] = await self._home(call)
        if ends and isinstance(call, StopStream):
            arguments |= {"session_status": "active"}
        try:
            message_id = await self._paint(method, arguments)
        except PlatformError as error:
            if isinstance(call, StartStream):
                raise self._grows_not(error) from error
            if isinstance(call, PostMessage) and error.code is Code.NOT_ALLOWED:
                await self._tell_asker(call.place)
            if not isinstance(call, PostMessage | EditMessage) or not blocks_refused(error):
                raise
            log.warning("blocks_refused", **error.log_keys)
        else:
            self._remember(call, message_id)
            if ends and isinstance(call, StopStream):
                self._processing.discard(call.place.key)
            elif ends:
                await self._session(call.place, "active")
            return message_id
        return await self._paint(*outgoing_to_api_call(call, page_to_plain(call.page)))

    def _remember(self, call: OutgoingCall, message_id: str) -> None:
        """Record which turn streams into which message, until the stream stops."""
        if isinstance(call, StartStream) and call.turn_id is not None:
            self._growing[message_id] = call.turn_id
        elif isinstance(call, StopStream):
            self._growing.pop(message_id, None)

    async def _home(self, start: StartStream) -> str:
        """The workspace of whoever a message grows for: in a shared channel, maybe another one.

        https://docs.slack.dev/reference/methods/chat.startStream
        """
        await self._people.get({start.reader}, _NAMES_S)
        return self._homes.get(start.reader, start.place.team)

    async def _tell_asker(self, place: Place) -> None:
        """Tell the asker in a direct message that their question can't be answered where it was asked."""
        asker = self._askers.pop(place.key, None)
        if asker is None or place.direct:
            return
        words = phrase("may_not_write", language_of(asker.locale), channel=f"<#{place.channel}>")
        with suppress(PlatformError):
            await self._web.call("chat.postMessage", {"channel": asker.id, "text": words} | aside())

    async def find(self, call: OutgoingCall) -> str | None:
        return await history.find(self._web, call)

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
                await self._web.call(method, arguments)
        except TimeoutError:
            return False
        except PlatformError as error:
            if reason_of(error) in ("unknown_method", "missing_scope"):
                self._no_hints.add(method)  # not in this workspace, or not with these scopes: nor later
            return False
        return True

    async def channel(self, channel: str) -> Place:
        me = await self._web.identify()
        return Place(self.name, me.team, channel)

    async def close(self) -> None:
        """Let go of the connections. `run` does it too; a later call opens new ones."""
        await self._people.close()
        await self._web.close()

    # -- what comes in

    def _bolt(self, inbox: Inbox, interactions: SlackInteractions) -> AsyncApp:
        async def authorize() -> AuthorizeResult:
            me = await self._web.identify()
            return AuthorizeResult(
                enterprise_id=None,
                team_id=me.team,
                bot_user_id=me.user_id,
                bot_id=me.bot_id,
                bot_token=self._bot_token,
            )

        async def take(body: Json, next: Callable[[], Awaitable[BoltResponse | None]]) -> BoltResponse | None:
            if (kind := _kind_of(body)) is None:
                return await next()
            task = asyncio.current_task()
            assert task is not None
            self._receiving.add(task)
            try:
                answer = await self._guarded(kind, body, inbox, interactions)
            finally:
                self._receiving.discard(task)
            return BoltResponse(status=200, body=answer or "")  # this is the acknowledgement

        async def refuse(error: Exception) -> None:
            failure = error if isinstance(error, BotError) else BotError(Code.INTERNAL, repr(error))
            log.warning("event_not_accepted", acknowledged=False, **failure.log_keys)

        app = AsyncApp(
            name="parley",
            logger=SDK_LOG,
            client=self._web.client,
            signing_secret="",
            authorize=authorize,
            ignoring_self_events_enabled=False,  # `incoming` tells our own messages from others
        )
        app.use(take)
        app.error(refuse)
        return app

    def _apologise_once(self, body: Json, error: StoreError, interactions: SlackInteractions) -> None:
        """Tell the author of a question that can't be stored, at most once in `_APOLOGY_S`: Slack sends it again."""
        event = body.get("event") or {}
        who = f"{event.get('channel')}/{event.get('user')}"
        if event.get("type") != "app_mention" and event.get("channel_type") != "im":
            return
        if who not in self._apologised:
            self._apologised[who] = True
            interactions.apologise(body, error)

    async def _guarded(
        self, kind: str, body: Json, inbox: Inbox, interactions: SlackInteractions
    ) -> Json | None:
        """`_take`, where a mistake of ours costs this event alone: sent again it would fail again, so it is
        acknowledged, and whoever waits for an answer is told. Raises BotError for what may succeed later."""
        try:
            if kind in _OF_A_TEAM and not is_ours(body, (await self._web.identify()).home):
                log.debug("event_ignored", kind=kind, reason="another workspace")
                return None
            return await self._take(kind, body, inbox, interactions)
        except StoreError as error:
            self._apologise_once(body, error, interactions)
            raise
        except BotError:
            raise
        except Exception as error:
            failure = BotError(Code.INTERNAL, type(error).__name__)
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{at.filename}:{at.lineno}"
            log.error("event_failed", kind=kind, at=where, **failure.log_keys)
            interactions.apologise(body, failure)
            return None

    async def _take(self, kind: str, body: Json, inbox: Inbox, interactions: SlackInteractions) -> Json | None:
        """Returns once it may be acknowledged, with what Slack is to be answered."""
        match kind:
            case "slash_command":
                await interactions.slash(body)
            case "message_action":
                await interactions.shortcut(body)
            case "view_submission":
                return await interactions.submit(body)
            case "change":
                await interactions.change(body)
            case "app_home_opened":
                await interactions.opened(body["event"])
            case "unreadable":
                pass
            case "agent_session_stopped":
                await self._stopped(body["event"], inbox, interactions)
            case _:
                await self._receive(body, inbox, interactions)
        return None

    async def _receive(self, payload: Payload, inbox: Inbox, interactions: SlackInteractions) -> None:
        """Returns once the event is stored or rightly ignored. One channel's events are taken in order."""
        me = await self._web.identify()
        bare = payload_to_event(payload, me, {})
        if bare is None:
            return
        arrived_s = self._clock.monotonic()
        unasked = isinstance(bare, Edited) or (isinstance(bare, Ask) and not bare.addressed)
        if not unasked:
            self._people.ask(author_in(payload))
        async with self._order.turn(channel_of(payload), happened_at(payload)):
            if isinstance(bare, Ask | Edited) and unasked and not await inbox.concerns(bare):
                return  # no look-up of its author is needed
            names = await self._names(payload, me, arrived_s)
            event = payload_to_event(payload, me, names)
            if event is None or (isinstance(event, ButtonPress) and await interactions.press(payload, event)):
                return
            self._note_home(event)
            if is_command(event) and not is_known(event.author):
                interactions.tasks.start(self._deliver_late(event, payload, inbox, interactions))
                return
            left_s = arrived_s + _RIGHTS_BY_S - self._clock.monotonic()
            await self._deliver(
                await interactions.authors.entitled(event, left_s), payload, inbox, interactions
            )

    async def _deliver(
        self, event: Event, payload: Payload, inbox: Inbox, interactions: SlackInteractions
    ) -> None:
        receipt = await inbox.receive(event)
        if isinstance(event, Ask) and receipt.outcome in (Outcome.TURN, Outcome.HELD):
            self._askers[event.place.key] = event.author
        if receipt.told is not None:
            interactions.tell(receipt.told, event, str(payload.get("response_url", "")))

    async def _deliver_late(
        self, event: Ask | ButtonPress, payload: Payload, inbox: Inbox, interactions: SlackInteractions
    ) -> None:
        """Commands and buttons are not stored: they are done once it is known who gave them, or can't be."""
        try:
            await self._deliver(await interactions.authors.identified(event), payload, inbox, interactions)
        except BotError as error:
            log.warning("event_not_accepted", **error.log_keys)
            interactions.apologise(payload, error)

    async def _names(self, payload: Payload, me: Identity, arrived_s: float) -> dict[str, Person]:
        """The author first, whom rights depend on; then those who are only mentioned."""
        author = author_in(payload)
        known = await self._people.get(author, arrived_s + _AUTHOR_BY_S - self._clock.monotonic())
        left_s = min(_NAMES_S, arrived_s + _NAMES_BY_S - self._clock.monotonic())
        named = [id_ for id_ in dict.fromkeys(named_in(payload)) if id_ not in {*author, me.user_id}]
        return await self._people.names(named, left_s) | known

    def _note_home(self, event: Event) -> None:
        """Where a stranger belongs, as their message says."""
        if isinstance(event, Ask) and event.author.external and event.author.roles:
            self._homes[event.author.id] = event.author.roles[0]

    async def _stopped(self, event: Payload, inbox: Inbox, interactions: SlackInteractions) -> None:
        """Slack's own stop button: https://docs.slack.dev/reference/events/agent_session_stopped"""
        names = await self._people.get({str(event.get("user"))}, _AUTHOR_BY_S)
        for press in stopped_to_presses(event, await self._web.identify(), names, self._growing):
            if (told := (await inbox.receive(press)).told) is not None:
                interactions.tell(told, press)

    # -- what goes out

    async def _paint(self, method: str, arguments: Json) -> str:
        return str((await self._web.call(method, arguments))["ts"])

    def _grows_not(self, error: PlatformError) -> PlatformError:
        """Where messages can't grow in this workspace, or for this app, that is so for good; where not for this
        reader, for their answer."""
        if reason_of(error) in _NOT_FOR_READER:
            return PlatformError(Code.UNSUPPORTED, error.detail)
        if reason_of(error) not in _NO_GROWTH:
            return error
        log.info("streaming_unavailable", **error.log_keys)
        self.limits = replace(self.limits, growth=None)
        return PlatformError(Code.UNSUPPORTED, error.detail)

    async def _upload(self, upload: UploadFile) -> str:
        where: Json = {"channel_id": upload.place.channel}
        where |= {"thread_ts": upload.place.thread} if upload.place.thread else {}
        content = upload.text.encode("utf-8", "replace")
        return await self._web.upload(upload.name, content, where, upload_to_title(upload))

    async def _person(self, user: str) -> Person:
        """https://docs.slack.dev/reference/methods/users.info"""
        told = await self._web.read("users.info", {"user": user, "include_locale": True})
        person = user_to_person(told["user"], (await self._web.identify()).team)
        if person.external and told["user"].get("team_id"):
            self._homes[user] = str(told["user"]["team_id"])
        return person


def _kind_of(body: Json) -> str | None:
    """As `kind_of`. A payload of unknown shape is acknowledged: a redelivery would be the same."""
    try:
        return kind_of(body)
    except (AttributeError, TypeError, ValueError) as error:
        log.error("event_unreadable", error=type(error).__name__)
        return "unreadable"


def _is_last(call: OutgoingCall) -> bool:
    """Whether nothing grows any more once this is done: pages that still do have a Stop button."""
    if isinstance(call, PostMessage | EditMessage):
        return not any(button.action == "stop" for button in call.page.buttons)
    return isinstance(call, StopStream)
