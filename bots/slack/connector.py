"""Slack over Socket Mode: one app, whose events go to the installation of their workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse

from bots.slack import TRAITS
from bots.slack.authors import is_ours
from bots.slack.commands import EVENTS, kind_of
from bots.slack.installation import SlackInstallation
from bots.slack.intake import EventIntake
from bots.slack.socket import SDK_LOG, Socket
from bots.slack.web import Web
from core.clock import Clock
from core.errors import BotError, Code
from core.ports.connector import Inbox
from core.values.places import Place
from core.values.platform import PlatformTraits

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

_SOCKETS = 2  # Slack renews a connection every few hours; the other one covers the gap. At most 10.
_TOKEN_PAUSE_S = 2.0
_FAREWELL_S = 0.4
_OF_A_TEAM = {"event_callback", "slash_command", *EVENTS}


class SlackConnector:
    """One app in one workspace, by their tokens. `ping_interval_s`: a dead connection is noticed within about two.
    `distributed`: as in `PlatformTraits`; Slack does not tell it."""

    name = "slack"
    traits: PlatformTraits

    def __init__(
        self,
        *,
        bot_token: str,
        app_token: str,
        api_url: str,
        clock: Clock,
        ping_interval_s: float = 5.0,
        distributed: bool = False,
    ) -> None:
        self.traits = replace(TRAITS, distributed=distributed)
        self._bot_token = bot_token
        self._app_token = app_token
        self._clock = clock
        self._ping_interval_s = ping_interval_s
        self._sockets: tuple[Socket, ...] = ()
        self._receiving: set[asyncio.Task[Any]] = set()
        self._web = Web(bot_token, api_url)
        self.installation = SlackInstallation(self._web, clock, self.ready, self.traits, self.heard_since)

    @property
    def installations(self) -> tuple[SlackInstallation, ...]:
        return (self.installation,)

    def serving(self, place: Place) -> SlackInstallation | None:
        """The installation of the place's workspace; the only one while Slack has not said which that is."""
        return self.installation if self.installation.id in ("", place.team) or not place.team else None

    async def run(self, inbox: Inbox) -> None:
        """Run as `Connector.run` says; may be called again once it has ended."""
        self._web.forget()
        intake = EventIntake(self.installation, inbox, self._clock)
        app = self._bolt(intake)
        open_url = partial(self._web.open_url, self._app_token)
        self._sockets = tuple(
            Socket(app, self._app_token, open_url, self._clock, self._ping_interval_s) for _ in range(_SOCKETS)
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
            await intake.close(_FAREWELL_S)
            await self.installation.close()

    def ready(self) -> bool:
        return any(socket.connected for socket in self._sockets)

    def heard_since(self) -> datetime | None:
        """The time since when one of the connections at least has been there; None where none is."""
        since = [socket.connected_at for socket in self._sockets if socket.connected and socket.connected_at]
        return min(since, default=None)

    def _bolt(self, intake: EventIntake) -> AsyncApp:
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
                answer = await self._take(kind, body, intake)
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
            ignoring_self_events_enabled=False,  # `incoming` recognises our own messages
        )
        app.use(take)
        app.error(refuse)
        return app

    async def _take(self, kind: str, body: Json, intake: EventIntake) -> Json | None:
        if kind in _OF_A_TEAM and not is_ours(body, (await self._web.identify()).home):
            log.debug("event_ignored", kind=kind, reason="another workspace")
            return None
        return await intake.take(kind, body)


def _kind_of(body: Json) -> str | None:
    """The kind of a payload. One of unknown shape is acknowledged: a redelivery would be the same."""
    try:
        return kind_of(body)
    except (AttributeError, TypeError, ValueError) as error:
        log.error("event_unreadable", error=type(error).__name__)
        return "unreadable"
