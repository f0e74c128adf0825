"""Calls of Slack's Web API, each made once: no retries, no pacing. All raise PlatformError.

https://docs.slack.dev/apis/web-api/
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.downloads import allow_list, download
from bots.slack.errors import to_platform_error
from bots.slack.incoming import Identity
from bots.slack.manifest import OWN_NAMES, AppNames
from bots.slack.socket import SDK_LOG, proxy_for
from core.errors import Code, PlatformError

Json = dict[str, Any]

_CONNECT_S, _TOTAL_S = 5.0, 20.0


class Web:
    """One workspace, by its bot token."""

    def __init__(self, bot_token: str, api_url: str, names: AppNames = OWN_NAMES) -> None:
        self._names = names
        self.client = AsyncWebClient(bot_token, base_url=api_url, logger=SDK_LOG, retry_handlers=[])
        self.client.proxy = proxy_for(api_url)
        self._holds_files = allow_list("slack.com", ".slack.com", also=api_url)
        self._session: aiohttp.ClientSession | None = None
        self._me: Identity | None = None
        self._team = self._url = ""
        self._meeting = asyncio.Lock()
        self._doubted = asyncio.Event()

    async def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, arguments: Json) -> Json:
        return await self._ask(method, "POST", json=dict(arguments))

    async def read(self, method: str, arguments: Json) -> Json:
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
            self._connect(),
            url,
            allows=self._holds_files,
            limit=limit,
            expected_size=size,
            headers={"Authorization": f"Bearer {self.client.token}"},
            page=page,
            proxy=self.client.proxy,
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
                response = await self._with_token("SLACK_BOT_TOKEN", self.call("auth.test", {}))
                self._me = Identity(
                    response["team_id"],
                    response["user_id"],
                    response.get("bot_id") or "",
                    response.get("user") or "",
                    response.get("app_id") or "",
                    response.get("enterprise_id") or "",
                    response.get("url") or "",
                    self._names,
                )
                self._team, self._url = self._me.team, self._me.url
            return self._me

    async def identity_and_scopes(self) -> tuple[Json, frozenset[str] | None]:
        """The answer of auth.test, and the scopes that the token has; None where Slack does not say.

        https://docs.slack.dev/reference/scopes#headers
        """
        self._connect()
        try:
            response = await self.client.api_call("auth.test")
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
        self._me = None
        self._doubted.clear()

    def doubt_token(self) -> None:
        """Have `watch_token` check the bot's token."""
        self._doubted.set()

    async def watch_token(self, pause: Callable[[], Awaitable[None]]) -> None:
        """Check the bot's token whenever a call is refused for it, while sockets may stay open on the app's token.
        Pauses after each check. Raises PlatformError(BAD_TOKEN) when the token is refused."""
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            try:
                await self._with_token("SLACK_BOT_TOKEN", self.call("auth.test", {}))
            except PlatformError as error:
                if error.code is Code.BAD_TOKEN:
                    raise
                self._doubted.set()
            await pause()

    async def open_url(self, app_token: str) -> str:
        """The URL for a Socket Mode connection. Raises PlatformError(BAD_TOKEN)."""
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
        self._connect()
        try:
            response = await self.client.api_call(method, http_verb=verb, **arguments)
        except Exception as error:
            failure = to_platform_error(error, method)
            if failure.code is Code.BAD_TOKEN:
                self._doubted.set()
            raise failure from error
        assert isinstance(response.data, dict)
        return response.data

    async def _post(self, url: str, what: str, **body: Any) -> None:
        """Send a POST request to a URL of Slack's. The URL holds a secret, so no error names it."""
        try:
            async with self._connect().post(url, proxy=self.client.proxy, **body) as response:
                if response.status != 200:
                    raise PlatformError(Code.UNAVAILABLE, f"{what}: HTTP {response.status}", retryable=True)
        except (aiohttp.ClientError, TimeoutError) as error:  # bytes without their completion are no file
            raise PlatformError(Code.UNAVAILABLE, f"{what}: {type(error).__name__}", retryable=True) from error

    def _connect(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=_TOTAL_S, connect=_CONNECT_S)
            self._session = self.client.session = aiohttp.ClientSession(timeout=timeout)
        return self._session
