"""Slack over Socket Mode, HTTP or both: one app, whose events go to the installation of their workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse

from bots.slack import TRAITS
from bots.slack.addressee import Addressee
from bots.slack.doubted_tokens import DoubtedTokens
from bots.slack.http import PATHS, SignedRequests
from bots.slack.installation import SlackInstallation
from bots.slack.installations import SlackInstallations
from bots.slack.intake import EventIntake
from bots.slack.manifest import INSTALL_PATH, OWN_NAMES, REDIRECT_PATH, AppNames
from bots.slack.oauth import OAuthApp, stored_to_identity
from bots.slack.oauth_routes import OAuthRoutes
from bots.slack.receiver import PayloadReceiver, log_not_accepted
from bots.slack.socket import SDK_LOG, Socket
from bots.slack.team_access import REVOKED_REASON, TeamAccess
from bots.slack.tokens import StoredToken, StoredTokens
from bots.slack.web import Web
from core.clock import Clock
from core.connection_problems import connection_trouble
from core.errors import Code, PlatformError, StoreError
from core.ports.connector import Inbox
from core.values.events import Moved
from core.values.installations import StoredInstallation
from core.values.places import Place
from core.values.platform import PlatformTraits

log = structlog.get_logger(platform="slack")

Json = dict[str, Any]

_SOCKETS = 2  # Slack renews a connection every few hours; the other one covers the gap. At most 10.
_TOKEN_PAUSE_S = 2.0
_LOOK_S = 30.0
_FAREWELL_S = 0.4
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0


async def _ignore(_about: object) -> None: ...


class SlackConnector:
    """One app: in the workspace of `bot_token`, and in all that have installed it themselves (`oauth`), or in either
    alone. `app_token` opens Socket Mode, `signing_secret` the routes for signed requests; with both, events are taken
    over either.

    `ping_interval_s`: a dead connection is noticed within about two. `distributed`: as in `PlatformTraits`; Slack does
    not tell it. `names`: those of the app's manifest."""

    name = "slack"
    traits: PlatformTraits
    signed_paths: tuple[str, ...]

    def __init__(
        self,
        *,
        bot_token: str,
        app_token: str = "",
        signing_secret: str = "",
        api_url: str,
        clock: Clock,
        ping_interval_s: float = 5.0,
        distributed: bool = False,
        names: AppNames = OWN_NAMES,
        oauth: OAuthApp | None = None,
    ) -> None:
        self.traits = replace(TRAITS, distributed=distributed, typed_prefix=names.typed_prefix)
        self._bot_token = bot_token
        self._app_token = app_token
        self._api_url = api_url
        self._names = names
        self._clock = clock
        self._ping_interval_s = ping_interval_s
        self._sockets: tuple[Socket, ...] = ()
        self.on_acknowledged: Callable[[float], None] = lambda _seconds: None
        self.on_ended: Callable[[str], Awaitable[None]] = _ignore
        """Receives the id of a workspace whose installation has ended."""
        self.on_moved: Callable[[Moved], Awaitable[None]] = _ignore
        self._receiver: PayloadReceiver | None = None
        self._inbox: Inbox | None = None
        self._requests = SignedRequests(signing_secret, self._receive, clock, self) if signing_secret else None
        self._takes_requests = False
        self._failure: PlatformError | None = None
        self._oauth = oauth
        self.signed_paths = PATHS if oauth is None else (*PATHS, INSTALL_PATH, REDIRECT_PATH)
        self._web = Web(bot_token, api_url, names)
        self._connections = self._web.connections
        self._intakes: dict[str, EventIntake] = {}
        self._dropping = asyncio.Lock()
        own = (
            SlackInstallation(self._web, clock, self.ready, self.traits, self.heard_since)
            if bot_token
            else None
        )
        self.teams = SlackInstallations(own, self._create, oauth.store if oauth else None, clock)
        self.doubted = DoubtedTokens(clock, self._version, self._end)
        self._tokens = (
            None if oauth is None else StoredTokens(oauth.store, oauth.exchange(self._connections), clock)
        )

    @property
    def installation(self) -> SlackInstallation:
        """The installation of the settings' token."""
        assert self.teams.own is not None
        return self.teams.own

    @property
    def installations(self) -> tuple[SlackInstallation, ...]:
        return self.teams.all

    def serving(self, place: Place) -> SlackInstallation | None:
        return self.teams.serving(place)

    async def load(self) -> None:
        """Read the installations that teams have made. Raises StoreError."""
        await self.teams.load()

    async def look_up(self, place: Place) -> None:
        """Serve the workspace of `place` if another process has stored its installation. Raises StoreError."""
        await self.teams.look_up(place.team)

    def routes(self) -> list[web.RouteDef]:
        routes = [] if self._requests is None else self._requests.routes()
        return routes if self._oauth is None else routes + self._oauth_routes(self._oauth).routes()

    def _oauth_routes(self, oauth: OAuthApp) -> OAuthRoutes:
        return OAuthRoutes(oauth, self._install, f"@{self._names.bot}")

    async def _install(self, code: str) -> StoredInstallation:
        """Redeem a code, and serve the workspace from now on. Raises PlatformError and StoreError."""
        assert self._oauth is not None
        assert self._tokens is not None
        stored = await self._oauth.install(self._connections, code, self._names)
        self._tokens.forget(stored.key)
        if stored.key.team:
            self.teams.add(stored)
        return stored

    def shown_at(self, address: str) -> str:
        """The connections over which events come, for the lines of the start."""
        urls = f"{address}{PATHS[0]}, {', '.join(PATHS[1:])}"
        over_http = f"taking signed requests at {urls}" if self._requests else ""
        ways = " and ".join(filter(None, ("connecting" if self._app_token else "", over_http)))
        if self._oauth is None:
            return ways
        installed = len(self.teams.stored)
        count = "1 workspace has" if installed == 1 else f"{installed} workspaces have"
        return f"{ways}; {count} installed it at {self._oauth.public_url}{INSTALL_PATH}"

    async def run(self, inbox: Inbox) -> None:
        """Run as `Connector.run` says; may be called again once it has ended."""
        self._web.forget()
        self._inbox = inbox
        receiver = self._receiver = PayloadReceiver(
            self._intake_for, self._clock, self.on_acknowledged, self._access_changed
        )
        self._sockets = self._create_sockets(receiver)
        kept = [asyncio.create_task(self._keep(socket)) for socket in self._sockets]
        kept += [asyncio.create_task(self.doubted.run()), asyncio.create_task(self._watch_store())]
        if self._bot_token:
            self._intake(self.installation)
            pause = partial(self._clock.sleep, _TOKEN_PAUSE_S)
            kept.append(asyncio.create_task(self._web.watch_token(pause)))
        if not self._sockets:
            kept.append(asyncio.create_task(self._take_requests()))
        try:
            ended, _ = await asyncio.wait(kept, return_when=asyncio.FIRST_COMPLETED)
            await ended.pop()  # which only ever ends by raising
        finally:
            await receiver.finish(_FAREWELL_S)
            self._receiver = self._inbox = None
            self._takes_requests = False
            for task in kept:
                task.cancel()
            await asyncio.gather(*kept, return_exceptions=True)
            self._sockets = ()
            await asyncio.gather(*(intake.close(_FAREWELL_S) for intake in self._intakes.values()))
            self._intakes.clear()
            for installation in self.installations:
                await installation.close()
            await self._connections.close()

    def ready(self) -> bool:
        return self._takes_requests or any(socket.connected for socket in self._sockets)

    @property
    def trouble(self) -> str:
        """The reason why the last attempt to connect has failed, in words."""
        failures = [*(socket.failure for socket in self._sockets), self._failure]
        error = next((failure for failure in failures if failure is not None), None)
        return connection_trouble(error, error.detail) if error is not None else ""

    def heard_since(self) -> datetime | None:
        """The time since when one of the connections at least has been there; None where none is.

        None over HTTP: nothing tells that a request did not arrive, and Slack gives up after three more.
        """
        since = [socket.connected_at for socket in self._sockets if socket.connected and socket.connected_at]
        return min(since, default=None)

    @property
    def connections(self) -> int:
        """Connections of Socket Mode. Requests count as one."""
        return sum(socket.connected for socket in self._sockets) or int(self._takes_requests)

    def _create_sockets(self, receiver: PayloadReceiver) -> tuple[Socket, ...]:
        if not self._app_token:
            return ()
        app = self._bolt(receiver)
        open_url = partial(self._web.open_url, self._app_token, identifies=bool(self._bot_token))
        return tuple(
            Socket(app, self._app_token, open_url, self._clock, self._ping_interval_s) for _ in range(_SOCKETS)
        )

    async def _keep(self, socket: Socket) -> None:
        """Be connected until cancelled. Where Slack refuses Socket Mode, signed requests alone are taken, if they can
        be; else raises PlatformError(BAD_TOKEN)."""
        try:
            await socket.keep()
        except PlatformError as error:
            if self._requests is None:
                raise
            log.error("socket_mode_refused", **error.log_keys)
        await self._take_requests()

    async def _take_requests(self) -> None:
        """Be ready for signed requests until cancelled. Raises PlatformError(BAD_TOKEN)."""
        pause_s = _FIRST_PAUSE_S
        while not self._takes_requests:
            try:
                if self._bot_token:
                    await self._web.identify()
                self._takes_requests = True
            except PlatformError as error:
                if error.code is Code.BAD_TOKEN:
                    raise
                self._failure = error
                log.warning("connection_failed", **error.log_keys)
                await self._clock.sleep(max(pause_s, error.retry_after_s or 0.0))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        await asyncio.Event().wait()

    async def _receive(self, body: Json) -> Json | None:
        """Take the payload of a signed request. Raises BotError."""
        if self._receiver is None:
            raise PlatformError(Code.UNAVAILABLE, "not started, or down")
        return await self._receiver.receive(body)

    async def take_request(self, key: str) -> bool:
        """As in `Inbox`. Raises BotError."""
        return await self._known_inbox().take_request(key)

    async def give_back_request(self, key: str) -> None:
        """As in `Inbox`. Raises BotError."""
        await self._known_inbox().give_back_request(key)

    def _known_inbox(self) -> Inbox:
        if self._inbox is None:
            raise PlatformError(Code.UNAVAILABLE, "not started, or down")
        return self._inbox

    async def _intake_for(self, addressee: Addressee) -> EventIntake | None:
        """The intake of the workspace that an event is for. Raises StoreError and PlatformError."""
        found = await self.teams.find(addressee)
        return None if found is None else self._intake(found)

    def _intake(self, installation: SlackInstallation) -> EventIntake | None:
        """The intake of an installation; None while no events come in."""
        key = "" if installation is self.teams.own else installation.id
        if key not in self._intakes and self._inbox is not None:
            self._intakes[key] = EventIntake(installation, self._inbox, self._clock, self._moved)
        return self._intakes.get(key)

    async def moved(self, moved: Moved) -> None:
        if (installation := self.serving(moved.place)) is not None:
            await installation.sources.moved(moved)

    async def _moved(self, moved: Moved) -> None:
        """Someone has joined or left a channel, as an event says. A distributed app needs no readers."""
        await self.moved(moved)
        if not self.traits.distributed:
            await self.on_moved(moved)

    def _create(self, stored: StoredInstallation) -> SlackInstallation:
        """The installation of a workspace that has made it itself."""
        assert self._tokens is not None
        assert self._oauth is not None
        key = stored.key if stored.has_tokens else replace(stored.key, team="")
        me = stored_to_identity(stored, self._names)
        web = Web(
            StoredToken(self._tokens, key),
            self._api_url,
            self._names,
            connections=self._connections,
            me=me,
            team_id="" if stored.has_tokens else me.team,
        )
        traits = replace(self.traits, distributed=self.traits.distributed or not self._oauth.is_own(stored.key))
        created = SlackInstallation(web, self._clock, self.ready, traits, self.heard_since, revocable=True)
        web.on_refused = partial(self.doubted.add, me.team, web.check_token)
        created.attach = lambda: self._attach(created)
        return created

    def _attach(self, installation: SlackInstallation) -> None:
        self._intake(installation)

    async def _version(self, team: str) -> int:
        """The version of the tokens that a workspace has now. Raises StoreError."""
        key = self.teams.key_of(team)
        stored = await self._oauth.store.installation(key) if self._oauth and key else None
        return 0 if stored is None else stored.version

    async def _end(self, team: str, reason: str, version: int) -> None:
        """End the installation that has the token of a workspace: Slack refuses that of `version`. Raises
        StoreError."""
        key = self.teams.key_of(team)
        if key is None or self._oauth is None or self._tokens is None:
            return
        self._tokens.forget(key)
        if not await self._oauth.store.end_installation(key, reason, self._clock.now(), version):
            stored = await self._oauth.store.installation(key)
            if stored is not None and stored.ended_at is None:
                return  # installed anew meanwhile
        for one in [team] if key.team else self.teams.of_enterprise(key.enterprise):
            await self._drop(one, reason)

    async def _access_changed(self, access: TeamAccess) -> None:
        """End, or begin again, the installations of workspaces that use the tokens of their organisation. Raises
        StoreError."""
        for team in access.teams:
            if access.granted:
                await self.teams.grant(access.enterprise, team)
            elif await self.teams.revoke(access.enterprise, team, REVOKED_REASON):
                await self._drop(team, REVOKED_REASON)

    async def _drop(self, team: str, reason: str) -> None:
        """Serve a workspace no longer, whose installation has ended."""
        if (intake := self._intakes.pop(team, None)) is not None:
            await intake.close(0)
        self.teams.remove(team)
        log.warning("installation_ended", team=team, reason=reason)
        await self.on_ended(team)

    async def installation_ended(self) -> None:
        """Drop what another process has ended. Raises StoreError."""
        async with self._dropping:
            for team, reason in await self.teams.ended_elsewhere():
                if self._tokens is not None and (key := self.teams.key_of(team)) is not None:
                    self._tokens.forget(key)
                await self._drop(team, reason)

    async def _watch_store(self) -> None:
        """Drop what another process has ended, also where it could not be told, until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_S)
            try:
                await self.installation_ended()
            except StoreError as error:
                log.warning("installations_not_read", **error.log_keys)

    def _bolt(self, receiver: PayloadReceiver) -> AsyncApp:
        async def authorize() -> AuthorizeResult:
            # No call is made through bolt: `receiver` finds the installation, and its token.
            return AuthorizeResult(enterprise_id=None, team_id=None, bot_token="")

        async def take(body: Json, next: Callable[[], Awaitable[BoltResponse | None]]) -> BoltResponse:
            answer = await receiver.receive(body)
            return BoltResponse(status=200, body=answer or "")  # this is the acknowledgement

        async def refuse(error: Exception, body: Json) -> None:
            log_not_accepted(body, error)

        app = AsyncApp(
            name="parley",
            logger=SDK_LOG,
            client=self._connections.client,
            signing_secret="",
            authorize=authorize,
            ignoring_self_events_enabled=False,  # `incoming` recognises our own messages
        )
        app.use(take)
        app.error(refuse)
        return app
