"""One app that many workspaces install by OAuth: each a `FakeSlack`, with tokens of its own, on one address.

    async with FakeSlackApp() as app:
        ada = app.add_team("T1", "Loom")
        location = app.approve(url_that_install_redirects_to, "T1", "U1")

Tokens, codes and refresh tokens are as strict as Slack's:
https://docs.slack.dev/authentication/installing-with-oauth, https://docs.slack.dev/authentication/using-token-rotation,
https://docs.slack.dev/enterprise/developing-for-enterprise-orgs
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web as http

from . import FakeSlack
from .payloads import APP, BOT_USER
from .requests import Requests
from .socket import Sockets
from .web import SCOPES, Call
from .workspace import SlackError

Json = dict[str, Any]

CODE_S = 600.0
TOKEN_S = 43_200
ACTIVE_TOKENS = 2
NEED_TEAM = ("users.list", "users.conversations", "conversations.list", "assistant.search.context")
"""The methods that the token of an organisation has to name a workspace for."""


@dataclass(slots=True)
class Code:
    team: str
    enterprise: str
    user: str
    scopes: str
    redirect_uri: str
    at_s: float
    used: bool = False


@dataclass(slots=True)
class Grant:
    """The tokens of one installation; `ends_at_s` is None for those that do not rotate."""

    team: str
    enterprise: str
    scopes: str
    tokens: dict[str, float | None] = field(default_factory=dict)
    refresh: str = ""
    ended: str = ""


class FakeSlackApp:
    """`rotates`: tokens expire after 12 hours. `latency_s` is that of oauth.v2.access."""

    addresses: tuple[str, ...] = ("127.0.0.1",)
    """All addresses that it listens on, on one port: `Call.host` tells callers apart that use one each."""

    def __init__(self, *, rotates: bool = False, seed: int = 1) -> None:
        self.client_id, self.client_secret = "100.200", "0123456789abcdef0123456789abcdef"
        self.signing_secret, self.app_token = "8f742231b10e8888abcd99edcba85a54", "xapp-test"
        self.redirect_uri = ""  # the one that the app's manifest names; empty: any
        self.rotates, self.latency_s = rotates, 0.0
        self.ahead_s = 0.0
        self.access_error = ""  # the error of every oauth.v2.access
        self.sockets = Sockets(lambda: None, APP, seed)
        self.teams: dict[str, FakeSlack] = {}
        self.grants: list[Grant] = []
        self.codes: dict[str, Code] = {}
        self.calls: list[Call] = []
        self.base_url = ""
        self._sent_to: list[Requests] = []
        self._number = itertools.count(1)
        self._runner: http.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = http.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_get("/link", self.sockets.connect)
        app.router.add_route("*", "/{team}/upload/{file}", self._upload)
        app.router.add_get("/{team}/files/{file}/{name}", self._download)
        app.router.add_post("/{team}/response/{key}", self._respond)
        self._runner = http.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        port = 0
        for address in self.addresses:
            await http.TCPSite(self._runner, address, port).start()
            port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sockets.stop()
        for requests in self._sent_to:
            await requests.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        return f"{self.base_url}/api/"

    def now_s(self) -> float:
        """Seconds that go on by `ahead_s` at once."""
        return time.monotonic() + self.ahead_s

    def send_to(self, url: str) -> Requests:
        """Deliver everything over HTTP from now on, to the app at this URL."""
        self.sockets.requests = Requests(url, self.signing_secret)
        self._sent_to.append(self.sockets.requests)
        return self.sockets.requests

    def add_team(self, team: str, name: str, enterprise: str = "") -> FakeSlack:
        """A workspace, furnished as every `FakeSlack` is: with the same ids of people and channels."""
        fake = self.teams[team] = FakeSlack(team=team, sockets=self.sockets)
        fake.space.team_name, fake.space.enterprise = name, enterprise
        fake.space.base_url = f"{self.base_url}/{team}"
        fake.web.kinds_of = self._kinds_of
        return fake

    # -- what people do

    def approve(self, url: str, team: str, user: str = "U1", *, org: bool = False) -> str:
        """A person installs the app on the page at `url`. The address that Slack leads their browser to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert urlsplit(url).path == "/oauth/v2/authorize", url
        assert asked["client_id"] == self.client_id
        assert not self.redirect_uri or asked["redirect_uri"] == self.redirect_uri, "bad_redirect_uri"
        scopes = asked["scope"].split(",")
        assert set(scopes) <= set(SCOPES.split(",")), set(scopes) - set(SCOPES.split(","))
        enterprise = self.teams[team].space.enterprise
        assert not org or enterprise
        code = f"{next(self._number)}.{next(self._number)}.code"
        self.codes[code] = Code(
            "" if org else team, enterprise, user, asked["scope"], asked["redirect_uri"], self.now_s()
        )
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def deny(self, url: str) -> str:
        """A person cancels on the page at `url`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"

    def uninstall(self, team: str) -> None:
        """An admin removes the app. Both events come, in no certain order."""
        self._end(team, "account_inactive")
        self._tell(team, {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT_USER]}})
        self._tell(team, {"type": "app_uninstalled"})

    def revoke(self, team: str) -> None:
        """The bot's token is revoked, and the app stays installed."""
        self._end(team, "token_revoked")
        self._tell(team, {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT_USER]}})

    def revoke_access(self, team: str) -> None:
        """An admin of the organisation takes the app off one of its workspaces."""
        self._tell(team, {"type": "team_access_revoked", "team_ids": [team]})

    def grant_access(self, team: str) -> None:
        """An admin of the organisation adds one of its workspaces again."""
        self._tell(team, {"type": "team_access_granted", "team_ids": [team]})

    def _tell(self, team: str, event: Json) -> None:
        fake = self.teams[team]
        fake.space.emit(event | {"event_ts": fake.space.new_ts()})

    def _end(self, team: str, why: str) -> None:
        for grant in self.grants:
            enterprise = self.teams[team].space.enterprise
            if grant.team == team or (not grant.team and grant.enterprise == enterprise):
                grant.ended = grant.ended or why

    # -- the Web API

    def _of(self, request: http.Request) -> FakeSlack:
        return self.teams[request.match_info["team"]]

    async def _upload(self, request: http.Request) -> http.StreamResponse:
        return await self._of(request).web.upload(request)

    async def _download(self, request: http.Request) -> http.StreamResponse:
        return await self._of(request).web.download(request)

    async def _respond(self, request: http.Request) -> http.StreamResponse:
        return await self._of(request).web.respond(request)

    def grant_of(self, token: str) -> Grant | None:
        """The installation that a bot's token is of, if any; the newest one."""
        return next((grant for grant in reversed(self.grants) if token in grant.tokens), None)

    def _kinds_of(self, token: str) -> list[str]:
        grant = self.grant_of(token)
        if grant is None:
            return []
        if grant.ended:
            raise SlackError(grant.ended)
        ends_at_s = grant.tokens[token]
        if ends_at_s is not None and self.now_s() >= ends_at_s:
            raise SlackError("token_expired")
        return ["bot"]

    async def _call(self, request: http.Request) -> http.StreamResponse:
        name = request.match_info["method"]
        await request.read()
        if name == "oauth.v2.access":
            return await self._access(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if name == "apps.connections.open":
            self.calls.append(Call(name, {}, time.monotonic(), "ok"))
            if bearer != self.app_token:
                return http.json_response({"ok": False, "error": "invalid_auth"})
            url = f"ws{self.base_url.removeprefix('http')}/link?ticket={self.sockets.ticket()}"
            return http.json_response({"ok": True, "url": url})
        grant = self.grant_of(bearer)
        if grant is None:
            self.calls.append(Call(name, {}, time.monotonic(), "invalid_auth"))
            return http.json_response({"ok": False, "error": "invalid_auth"})
        fake = await self._team_of(request, name, grant)
        if fake is None:
            return http.json_response({"ok": False, "error": "missing_argument"})
        return await fake.web.call(request)

    async def _team_of(self, request: http.Request, name: str, grant: Grant) -> FakeSlack | None:
        """The workspace that a call is of. That of an organisation's token depends on what it names."""
        if grant.team:
            return self.teams[grant.team]
        args: Json = dict(request.query)
        if request.content_type == "application/json":
            args |= await request.json()
        own = {team: one for team, one in self.teams.items() if one.space.enterprise == grant.enterprise}
        if args.get("team_id"):
            return own[str(args["team_id"])]
        if name in NEED_TEAM:
            return None
        channel = str(args.get("channel") or args.get("channel_id") or "")
        holding = [one for one in own.values() if channel in one.space.channels]
        return (holding or list(own.values()))[0]

    async def _access(self, request: http.Request) -> http.Response:
        """https://docs.slack.dev/reference/methods/oauth.v2.access"""
        args: Json = dict(await request.post())
        basic = request.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            args["client_id"], _, args["client_secret"] = base64.b64decode(basic[6:]).decode().partition(":")
        call = Call("oauth.v2.access", args, time.monotonic())
        self.calls.append(call)
        await asyncio.sleep(self.latency_s)
        try:
            answer: Json = {"ok": True} | self._redeemed(args)
        except SlackError as error:
            answer = {"ok": False, "error": error.error}
        call.answer, call.outcome = answer, str(answer.get("error", "ok"))
        return http.json_response(answer)

    def _redeemed(self, args: Json) -> Json:
        if self.access_error:
            raise SlackError(self.access_error)
        if args.get("client_id") != self.client_id:
            raise SlackError("invalid_client_id")
        if args.get("client_secret") != self.client_secret:
            raise SlackError("bad_client_secret")
        if args.get("grant_type") == "refresh_token":
            return self._refreshed(str(args.get("refresh_token", "")))
        code = self.codes.get(str(args.get("code", "")))
        if code is None or self.now_s() - code.at_s > CODE_S:
            raise SlackError("invalid_code")
        if code.used:
            raise SlackError("code_already_used")
        if args.get("redirect_uri") != code.redirect_uri:
            raise SlackError("bad_redirect_uri")
        code.used = True
        enterprise = code.enterprise if not code.team else ""
        for team in self.teams.values():
            if team.space.team == code.team or (enterprise and team.space.enterprise == enterprise):
                team.space.of_org = not code.team
        former = [one for one in self.grants if (one.team, one.enterprise) == (code.team, code.enterprise)]
        grant = Grant(code.team, code.enterprise, code.scopes)
        if former and not former[-1].ended and not self.rotates:
            grant.tokens |= former[
                -1
            ].tokens  # a token that does not rotate is the same after another installation
        self.grants.append(grant)
        return self._answer(grant, code.user)

    def _refreshed(self, refresh: str) -> Json:
        grant = next((one for one in self.grants if refresh and one.refresh == refresh), None)
        if grant is None or grant.ended:
            raise SlackError("invalid_refresh_token")
        return self._answer(grant, "")

    def _answer(self, grant: Grant, user: str) -> Json:
        team = self.teams[grant.team] if grant.team else None
        number = next(self._number)
        token = next(iter(grant.tokens), f"xoxb-{number}-{grant.team or grant.enterprise}-secret")
        more: Json = {}
        if self.rotates:
            token, grant.refresh = f"xoxe.xoxb-1-{number}secretsecret", f"xoxe-1-{number}refreshrefresh"
            more = {"refresh_token": grant.refresh, "expires_in": TOKEN_S}
        grant.tokens[token] = self.now_s() + TOKEN_S if self.rotates else None
        for old in list(grant.tokens)[:-ACTIVE_TOKENS]:
            grant.tokens[old] = 0.0
        enterprise = {"id": grant.enterprise, "name": "Org"} if grant.enterprise else None
        return {
            "access_token": token,
            "token_type": "bot",
            "scope": grant.scopes,
            "bot_user_id": BOT_USER,
            "app_id": APP,
            "team": {"id": grant.team, "name": team.space.team_name} if team else None,
            "enterprise": enterprise,
            "authed_user": {"id": user},
            "is_enterprise_install": team is None,
            **more,
        }
