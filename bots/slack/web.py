"""Calls of Slack's Web API, each made once: no retries, no pacing. All raise PlatformError.

https://docs.slack.dev/apis/web-api/
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.downloads import allow_list, download
from bots.fenced_requests import FencedRequest
from bots.slack.errors import to_platform_error
from bots.slack.incoming import Identity
from bots.slack.manifest import OWN_NAMES, AppNames
from bots.slack.read_limits import METHODS, ReadLimits
from bots.slack.socket import SDK_LOG, proxy_for
from core.call_fence import NotSentError
from core.errors import Code, PlatformError

Json = dict[str, Any]

_CONNECT_S, _TOTAL_S = 5.0, 20.0
_OF_A_TEAM = frozenset({"users.conversations", "users.list", "conversations.list", "assistant.search.context"})
"""The methods that need a `team_id` with the token of an organisation.

https://docs.slack.dev/enterprise/developing-for-enterprise-orgs
"""


class TokenSource(Protocol):
    """The bot's token in a workspace. `named`: the setting that holds it, or another name of it."""

    named: str

    async def get(self) -> str:
        """The token. Raises PlatformError."""
        ...

    async def renewed(self, refused: str) -> str | None:
        """Another token in place of one that Slack has just refused, if there is one. Raises PlatformError."""
        ...


class FixedToken:
    """A token of the settings."""

    named = "SLACK_BOT_TOKEN"

    def __init__(self, token: str) -> None:
        self._token = token

    async def get(self) -> str:
        return self._token

    async def renewed(self, refused: str) -> None:
        return None


class ApiConnections:
    """The connections to Slack's Web API, which all workspaces share: opened with the first call, those that are idle
    closed after 15 s."""

    def __init__(self, api_url: str) -> None:
        self.client = AsyncWebClient(base_url=api_url, logger=SDK_LOG, retry_handlers=[])
        self.client.proxy = proxy_for(api_url)
        self.holds_files = allow_list("slack.com", ".slack.com", also=api_url)
        self._session: aiohttp.ClientSession | None = None

    def connect(self) -> aiohttp.ClientSession:
        """The session of the connections."""
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=_TOTAL_S, connect=_CONNECT_S)
            self._session = aiohttp.ClientSession(timeout=timeout, request_class=FencedRequest)
            self.client.session = self._session
        return self._session

    async def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()


class Web:
    """One workspace, by the bot's token there. `connections` are shared with others, else its own. `me`: the bot's
    identity, where that is known without a call; `team_id` is named in calls that need it of a token that is good for
    all workspaces of an organisation."""

    def __init__(
        self,
        token: str | TokenSource,
        api_url: str,
        names: AppNames = OWN_NAMES,
        *,
        connections: ApiConnections | None = None,
        me: Identity | None = None,
        team_id: str = "",
    ) -> None:
        self._names = names
        self._tokens = FixedToken(token) if isinstance(token, str) else token
        self._own = connections is None
        self.connections = connections or ApiConnections(api_url)
        self._known = self._me = me
        self._team_id = team_id
        self._team, self._url = (me.team, me.url) if me is not None else ("", "")
        self._meeting = asyncio.Lock()
        self._doubted = asyncio.Event()
        self.reads: ReadLimits | None = None
        self.on_refused: Callable[[], None] = self._doubted.set
        """Called where the token may be none any more: a call is refused for it, or Slack says so."""

    async def close(self) -> None:
        """Let go of the connections that are its own; a later call opens new ones."""
        if self._own:
            await self.connections.close()

    async def call(self, method: str, arguments: Json) -> Json:
        return await self._ask(method, "POST", json=dict(arguments))

    async def read(self, method: str, arguments: Json) -> Json:
        """A call that changes nothing; of messages at the rate of `reads`."""
        if self.reads is None or method not in METHODS:
            return await self._read(method, arguments)
        return await self.reads.read(method, arguments, lambda asked: self._read(method, asked))

    async def _read(self, method: str, arguments: Json) -> Json:
        return await self._ask(method, "GET", params=dict(arguments))  # these take no JSON

    async def upload(self, name: str, content: bytes, where: Json, title: str = "", alt: str = "") -> str:
        """Share a file; `where` are the arguments that say with whom, `alt` describes a picture. Its id.

        https://docs.slack.dev/messaging/working-with-files/#upload
        """
        described = {"alt_txt": alt} if alt else {}
        asked = {"filename": name, "length": len(content)} | described
        response = await self.read("files.getUploadURLExternal", asked)
        await self._post(str(response["upload_url"]), "upload", data=content)
        files = [{"id": response["file_id"], "title": title or name}]
        await self.call("files.completeUploadExternal", where | {"files": files})
        return str(response["file_id"])

    async def download(self, url: str, limit: int, *, size: int = 0, page: bool = False) -> bytes:
        """The content of a private URL, as `bots.downloads.download`. Raises FileError and nothing else.

        https://docs.slack.dev/messaging/working-with-files/#private_urls
        """
        return await download(
            self.connections.connect(),
            url,
            allows=self.connections.holds_files,
            limit=limit,
            expected_size=size,
            headers={"Authorization": f"Bearer {await self._token_for_files()}"},
            page=page,
            proxy=self.connections.client.proxy,
        )

    async def respond(self, url: str, body: Json) -> None:
        """Answer an interaction where it happened.

        https://docs.slack.dev/interactivity/handling-user-interaction/#message_responses
        """
        await self._post(url, "response_url", json=body)

    async def identify(self) -> Identity:
        """The bot's identity, requested once. Raises PlatformError(BAD_TOKEN)."""
        async with self._meeting:
            if self._me is None:
                response = await self._with_token(self._tokens.named, self.call("auth.test", {}))
                self._me = answer_to_identity(response, self._names)
                self._team, self._url = self._me.team, self._me.url
            return self._me

    async def identity_and_scopes(self) -> tuple[Json, frozenset[str] | None]:
        """The answer of auth.test, and the scopes that the token has; None where Slack does not say.

        https://docs.slack.dev/reference/scopes#headers
        """
        self.connections.connect()
        try:
            asked = {"token": await self._tokens.get()}
            response = await self.connections.client.api_call("auth.test", json=asked)
        except Exception as error:
            raise to_platform_error(error, "auth.test") from error
        assert isinstance(response.data, dict)
        by_name = {name.lower(): value for name, value in response.headers.items()}
        said = by_name.get("x-oauth-scopes")
        scopes = None if said is None else frozenset(filter(None, map(str.strip, said.split(","))))
        return response.data, scopes

    @property
    def team(self) -> str:
        """The workspace's id; empty before `identify` has found it out for the first time."""
        return self._team

    @property
    def url(self) -> str:
        """The workspace's URL with a slash at its end; empty before `identify` has found it out."""
        return self._url

    def forget(self) -> None:
        """Have `identify` ask again: the token may have been revoked, or work again."""
        self._me = self._known
        self._doubted.clear()

    async def watch_token(self, pause: Callable[[], Awaitable[None]]) -> None:
        """Check the bot's token whenever a call is refused for it, while sockets may stay open on the app's token.
        Pauses after each check. Raises PlatformError(BAD_TOKEN) when the token is refused."""
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            try:
                await self.check_token()
            except PlatformError as error:
                if error.code is Code.BAD_TOKEN:
                    raise
                self._doubted.set()
            await pause()

    async def check_token(self) -> None:
        """Raises PlatformError(BAD_TOKEN) where Slack refuses the bot's token, others where it can't be told."""
        await self._with_token(self._tokens.named, self.call("auth.test", {}))

    async def open_url(self, app_token: str, *, identifies: bool = True) -> str:
        """The URL for a Socket Mode connection, once the bot's identity is known. Raises PlatformError(BAD_TOKEN)."""
        if identifies:
            await self.identify()
        asked = self.call("apps.connections.open", {"token": app_token})
        return str((await self._with_token("SLACK_APP_TOKEN", asked))["url"])

    async def _with_token(self, variable: str, asked: Awaitable[Json]) -> Json:
        """`asked`, where being refused for lack of rights means that the token is the wrong one."""
        try:
            return await asked
        except PlatformError as error:
            if error.code not in (Code.BAD_TOKEN, Code.NOT_ALLOWED):
                raise
            raise PlatformError(Code.BAD_TOKEN, f"{variable}: Slack refuses it ({error.detail})") from error

    async def _ask(self, method: str, verb: str, **arguments: Json) -> Json:
        ((kind, asked),) = arguments.items()
        if self._team_id and method in _OF_A_TEAM:
            asked = asked | {"team_id": self._team_id}
        own = "token" not in asked
        token = await self._token() if own else str(asked["token"])
        try:
            return await self._asked(method, verb, kind, asked, token)
        except PlatformError as error:
            if error.code is not Code.BAD_TOKEN:
                raise
            other = await self._tokens.renewed(token) if own else None
            if other is None:
                self.on_refused()
                raise
        return await self._asked(method, verb, kind, asked, other)  # a refused call had no effect

    async def _asked(self, method: str, verb: str, kind: str, asked: Json, token: str) -> Json:
        self.connections.connect()
        try:
            response = await self.connections.client.api_call(
                method, http_verb=verb, **{kind: asked | {"token": token}}
            )
        except NotSentError:
            raise
        except Exception as error:
            raise to_platform_error(error, method) from error
        assert isinstance(response.data, dict)
        return response.data

    async def _token(self) -> str:
        try:
            return await self._tokens.get()
        except PlatformError as error:
            if error.code is Code.BAD_TOKEN:
                self.on_refused()
            raise

    async def _token_for_files(self) -> str:
        """The token for a private URL. Slack answers with a form to sign in where it is none."""
        try:
            return await self._tokens.get()
        except PlatformError:
            return ""

    async def _post(self, url: str, what: str, **body: Any) -> None:
        """Send a POST request to a URL of Slack's. The URL holds a secret, so no error names it."""
        try:
            session, proxy = self.connections.connect(), self.connections.client.proxy
            async with session.post(url, proxy=proxy, **body) as response:
                if response.status != 200:
                    raise PlatformError(Code.UNAVAILABLE, f"{what}: HTTP {response.status}", retryable=True)
        except (aiohttp.ClientError, TimeoutError) as error:  # bytes without their completion are no file
            raise PlatformError(Code.UNAVAILABLE, f"{what}: {type(error).__name__}", retryable=True) from error


def answer_to_identity(response: Json, names: AppNames) -> Identity:
    """The bot's identity in an answer of auth.test.

    https://docs.slack.dev/reference/methods/auth.test
    """
    return Identity(
        response["team_id"],
        response["user_id"],
        response.get("bot_id") or "",
        response.get("user") or "",
        response.get("app_id") or "",
        response.get("enterprise_id") or "",
        response.get("url") or "",
        names,
    )
