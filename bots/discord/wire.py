"""Messages on Discord's wire: what a partial message of discord.py sends, and nothing that it adds.

The library keeps posts and edits of a channel in one bucket, though Discord counts them apart; the call that
takes a bucket's last token sleeps until the next window; a refused or failed call is repeated inside. So the
strokes of answers, which the core paces, go past it. What Discord says in its headers is kept for the core.

https://docs.discord.com/developers/topics/rate-limits#header-format
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import discord
from discord.http import Route

from bots.discord.recent import Recent
from core.types import Left

_TOTAL_S, _CONNECT_S = 30.0, 5.0
_DEFAULT_BREAK_S = 1.0


class Limited(discord.RateLimited):
    """A 429. `everywhere`: the limit of the whole bot, not that of one channel."""

    def __init__(self, retry_after: float, *, everywhere: bool) -> None:
        super().__init__(retry_after)
        self.everywhere = everywhere


class Wire:
    """One bot's calls. Nothing is repeated, and nothing waits."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._told: Recent[Left] = Recent()

    def told(self, scope: str) -> Left | None:
        return self._told.pop(scope, None)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        scope: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        file: tuple[str, bytes] | None = None,
        by_bot: bool = True,
    ) -> Any:
        """What Discord answers. Raises Limited, discord.HTTPException, and what aiohttp raises.

        `by_bot` is False where a token in the path is the right to call.
        """
        headers = {"User-Agent": f"DiscordBot (https://github.com/Rapptz/discord.py {discord.__version__})"}
        if by_bot:
            headers["Authorization"] = f"Bot {self._token}"
        data: Any = None
        if file is not None:
            data = aiohttp.FormData(quote_fields=False)
            data.add_field("payload_json", json.dumps(body), content_type="application/json")
            data.add_field("files[0]", file[1], filename=file[0], content_type="text/markdown")
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, separators=(",", ":"))
        async with self._connected().request(method, Route.BASE + path, headers=headers, data=data) as response:
            answer = await _read(response)
            self._note(scope, response)
            if response.status < 300:
                return answer
            raise _refusal(response, answer)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=_TOTAL_S, connect=_CONNECT_S)
            self._session = aiohttp.ClientSession(
                timeout=timeout, connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def _note(self, scope: str, response: aiohttp.ClientResponse) -> None:
        try:
            limit = int(response.headers["X-RateLimit-Limit"])
            left = int(response.headers["X-RateLimit-Remaining"])
            self._told[scope] = Left(limit, left, float(response.headers["X-RateLimit-Reset-After"]))
        except (KeyError, ValueError):
            pass  # not every answer says


async def _read(response: aiohttp.ClientResponse) -> Any:
    text = await response.text(encoding="utf-8", errors="replace")
    if response.content_type != "application/json":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refusal(response: aiohttp.ClientResponse, answer: Any) -> Exception:
    said = answer if isinstance(answer, dict) else {}
    if response.status == 429:
        wait_s = said.get("retry_after") or response.headers.get("Retry-After") or _DEFAULT_BREAK_S
        everywhere = bool(said.get("global")) or response.headers.get("X-RateLimit-Scope") == "global"
        return Limited(float(wait_s), everywhere=everywhere)
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(response.status, discord.HTTPException)
    return (discord.DiscordServerError if response.status >= 500 else kind)(response, answer)
