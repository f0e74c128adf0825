"""REST calls on Discord's wire, each sent once.

discord.py keeps posts and edits of a channel in one bucket, though Discord counts them apart; the call that
takes a bucket's last token sleeps until the next window; a refused or failed call is repeated inside. So no
call goes by the library's own transport: the calls of answers, which the core paces, are sent from here, and so
are the library's calls (`http`). It keeps the limits of Discord's headers.

https://docs.discord.com/developers/topics/rate-limits#header-format
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import discord
import structlog
from cachetools import FIFOCache
from discord.http import Route

from bots.discord.limiter import Limited, Priority, RateLimiter
from bots.fenced_requests import FencedRequest
from core.clock import Clock
from core.retry_after import retry_after_to_s
from core.values.outgoing import RateLimitStatus

log = structlog.get_logger(platform="discord")

_REMEMBERED = 10_000
_TOTAL_S, _CONNECT_S = 30.0, 5.0
_DEFAULT_BREAK_S, _DEFAULT_BAN_S = 1.0, 60.0
_LONGEST_BREAK_S = 86_400.0


class Wire:
    """One bot's calls. Nothing is repeated; a call waits for the bot's global limit and nothing else."""

    def __init__(self, token: str, clock: Clock) -> None:
        self._token = token
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._once: dict[str, tuple[float, asyncio.Future[Any]]] = {}
        self._told: FIFOCache[str, RateLimitStatus] = FIFOCache(_REMEMBERED)
        self.limiter = RateLimiter(clock)

    def rate_limit_status(self, scope: str) -> RateLimitStatus | None:
        return self._told.pop(scope, None)

    async def once(self, key: str, call: Callable[[], Coroutine[Any, Any, Any]], for_s: float) -> Any:
        """The answer of `call`, or that of one with the same key which is under way, or has succeeded less than `for_s`
        seconds ago."""
        began_s, answer = self._once.get(key, (-math.inf, None))
        if answer is not None and answer.done():
            failed = answer.cancelled() or answer.exception() is not None
            answer = None if failed or self._clock.monotonic() - began_s >= for_s else answer
        if answer is None:
            answer = asyncio.ensure_future(call())
            self._once[key] = self._clock.monotonic(), answer
        return await asyncio.shield(answer)

    async def close(self) -> None:
        for _, answer in self._once.values():
            answer.cancel()
        self._once.clear()
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        scope: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        form: Sequence[Mapping[str, Any]] = (),
        params: Mapping[str, Any] | None = None,
        reason: str | None = None,
        by_bot: bool = True,
        priority: Priority = Priority.FIRST,
    ) -> Any:
        """Discord's response. Raises Limited, discord.HTTPException, NotSentError, and aiohttp's exceptions.

        `form`: the fields of a multipart body, instead of the JSON `body`. `by_bot` is False where a token in
        the path is the right to call. `priority`: the order of calls where the bot's limit is short.
        """
        headers = {"User-Agent": f"DiscordBot (https://github.com/Rapptz/discord.py {discord.__version__})"}
        if by_bot:
            headers["Authorization"] = f"Bot {self._token}"
        if reason:
            headers["X-Audit-Log-Reason"] = quote(reason, safe="/ ")
        data: Any = None
        if form:
            data = aiohttp.FormData(quote_fields=False)
            for field in form:
                data.add_field(**field)
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, separators=(",", ":"))
        async with (
            self.limiter.slot(priority, by_bot=by_bot),
            self.session.request(
                method, Route.BASE + path, headers=headers, data=data, params=params
            ) as response,
        ):
            answer = await _read(response)
        self._note(scope, response)
        if response.status < 300:
            return answer
        raise self._refusal(response, answer)

    def banned(self, response: aiohttp.ClientResponse) -> Limited:
        """Cloudflare, before Discord, refuses this machine's address: no call is sent until that is over.

        https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
        """
        said = response.headers.get("Retry-After")
        wait_s = self._wait_s(said, default_s=_DEFAULT_BAN_S)
        known = self.limiter.paused
        self.limiter.pause(wait_s, all_calls=True)
        if known:
            return Limited(wait_s, everywhere=True)
        log.error(
            "address_banned",
            status=response.status,
            retry_after_s=round(wait_s),
            effect="Cloudflare refuses every call from this machine's address; none is sent until then",
            todo="wait; then look for another program at this address, or another use of this bot's token, "
            "that sends Discord many invalid requests",
        )
        return Limited(wait_s, everywhere=True)

    @property
    def session(self) -> aiohttp.ClientSession:
        """Open until `close`; then a new one."""
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=_TOTAL_S, connect=_CONNECT_S)
            self._session = aiohttp.ClientSession(
                timeout=timeout,
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=FencedRequest,
            )
        return self._session

    def _note(self, scope: str, response: aiohttp.ClientResponse) -> None:
        try:
            limit = int(response.headers["X-RateLimit-Limit"])
            left = int(response.headers["X-RateLimit-Remaining"])
            self._told[scope] = RateLimitStatus(limit, left, float(response.headers["X-RateLimit-Reset-After"]))
        except (KeyError, ValueError):
            pass  # not every answer says

    def _refusal(self, response: aiohttp.ClientResponse, answer: Any) -> Exception:
        if is_ban(response):
            return self.banned(response)
        if response.status == 429:
            return self._limited(response, answer if isinstance(answer, dict) else {})
        kind = {403: discord.Forbidden, 404: discord.NotFound}.get(response.status, discord.HTTPException)
        return (discord.DiscordServerError if response.status >= 500 else kind)(response, answer)

    def _limited(self, response: aiohttp.ClientResponse, said: dict[str, Any]) -> Limited:
        retry_after = said.get("retry_after") or response.headers.get("Retry-After")
        wait_s = self._wait_s(retry_after, default_s=_DEFAULT_BREAK_S)
        everywhere = bool(said.get("global")) or response.headers.get("X-RateLimit-Scope") == "global"
        if everywhere:
            self.limiter.pause(wait_s, all_calls=False)
        return Limited(wait_s, everywhere=everywhere)

    def _wait_s(self, said: object, *, default_s: float) -> float:
        """The wait that a `Retry-After` asks for, at most a day; `default_s` where it says nothing."""
        wait_s = retry_after_to_s(said, self._clock.now())
        return default_s if wait_s is None else min(_LONGEST_BREAK_S, wait_s)


def is_ban(response: aiohttp.ClientResponse) -> bool:
    """True if the answer comes from Cloudflare instead of Discord, whose answers are JSON and name a proxy in
    `Via`."""
    foreign = "Via" not in response.headers and response.content_type != "application/json"
    return response.status in (403, 429) and foreign


async def _read(response: aiohttp.ClientResponse) -> Any:
    text = await response.text(encoding="utf-8", errors="replace")
    if response.content_type != "application/json":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
