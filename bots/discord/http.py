"""discord.py's own REST calls, sent over our wire.

The library's rate limiter refuses a call in a window that is longer than `max_ratelimit_timeout`, though calls are
left in it, and lets the call that takes the last one sleep until the window ends, with the answer in hand. Here a
call waits only where Discord has said that none is left, and never for long.

https://docs.discord.com/developers/topics/rate-limits#header-format
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
from cachetools import FIFOCache
from discord.http import HTTPClient, Route

from bots.discord.limiter import Limited, Priority
from bots.discord.rest import Wire, is_ban
from core.clock import Clock
from core.values.outgoing import RateLimitStatus

_REMEMBERED = 10_000
_SAME_WINDOW_S = 0.1
"""Two answers that name the end of a window this close to each other speak of the same one."""
_SHARED_S = {"GET /users/@me": 60.0, "GET /oauth2/applications/@me": 60.0, "GET /gateway/bot": 2.0}
"""The calls with which each connection begins, and the seconds for which those that begin then use their answers, as of
a process that takes over shards."""
_PAUSES_S = (0.5, 1.5)
"""Seconds between the tries of a call that Discord failed to serve and that may be made twice."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """The terms of a call: its priority, and how long it may wait for its limits, all tries together."""

    priority: Priority = Priority.FIRST
    patience_s: float = 10.0


_ORDINARY = _Terms()
_terms: ContextVar[_Terms] = ContextVar("terms", default=_ORDINARY)


@contextmanager
def calls(**terms: Any) -> Iterator[None]:
    """Every call of the library that is made inside has these `priority` and `patience_s`."""
    token = _terms.set(replace(_terms.get(), **terms))
    try:
        yield
    finally:
        _terms.reset(token)


@dataclass(slots=True)
class _Window:
    """The remainder of one route's limit until its window closes, by Discord's last headers; infinite before
    the first."""

    limit: float = math.inf
    left: float = math.inf
    closes_at: float = -math.inf
    width_s: float = 0.05
    under_way: int = 0

    def take(self, now: float) -> float:
        """0 where a call may be sent, which is then under way; else the seconds until the window closes."""
        if now >= self.closes_at:
            self.left, self.closes_at = self.limit - self.under_way, now + self.width_s
        if self.left < 1:
            return self.closes_at - now
        self.left -= 1
        self.under_way += 1
        return 0.0

    def end(self, now: float, status: RateLimitStatus | None) -> None:
        """A call was answered, or failed. Answers may come in another order than their calls."""
        self.under_way -= 1
        if status is not None:
            closes_at = now + status.for_s
            known = self.left if abs(closes_at - self.closes_at) < _SAME_WINDOW_S else math.inf
            self.limit, self.width_s = status.limit, max(self.width_s, status.for_s)
            self.left, self.closes_at = min(known, status.left - self.under_way), closes_at


class Http(HTTPClient):
    """The library's client of the REST API, with another transport below it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wire: Wire, clock: Clock) -> None:
        super().__init__(loop, http_trace=_trace(wire))
        self._wire = wire
        self._clock = clock
        self._windows: FIFOCache[str, _Window] = FIFOCache(_REMEMBERED)

    async def request(
        self,
        route: Route,
        *,
        files: Sequence[discord.File] | None = None,
        form: Iterable[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Make a call and return Discord's answer. Raises Limited where that would take too long,
        discord.HTTPException, and the errors of aiohttp. Only calls that may be made twice are tried again: no
        POST."""
        if (for_s := _SHARED_S.get(route.key)) is not None:
            return await self._wire.once(route.key, lambda: self._request(route, files, form, kwargs), for_s)
        return await self._request(route, files, form, kwargs)

    async def _request(
        self,
        route: Route,
        files: Sequence[discord.File] | None,
        form: Iterable[dict[str, Any]] | None,
        kwargs: dict[str, Any],
    ) -> Any:
        scope = f"{route.key} {route.major_parameters}"
        patient_until = self._clock.monotonic() + _terms.get().patience_s
        pauses = iter(() if route.method == "POST" else _PAUSES_S)
        while True:
            try:
                return await self._try(scope, route, files, form, kwargs, patient_until)
            except Limited as refusal:
                pause_s = refusal.retry_after
                if self._clock.monotonic() + pause_s > patient_until:
                    raise
            except (discord.DiscordServerError, aiohttp.ClientError):
                pause_s = next(pauses, math.inf)
                if math.isinf(pause_s):
                    raise
            await self._clock.sleep(pause_s)

    async def _try(
        self,
        scope: str,
        route: Route,
        files: Sequence[discord.File] | None,
        form: Iterable[dict[str, Any]] | None,
        kwargs: dict[str, Any],
        patient_until: float,
    ) -> Any:
        window = await self._open(scope, patient_until)
        for file in files or ():
            file.reset()
        try:
            return await self._wire.call(
                scope,
                route.method,
                route.url.removeprefix(Route.BASE),
                kwargs.get("json"),
                form=list(form or ()),
                params=kwargs.get("params"),
                reason=kwargs.get("reason"),
                priority=_terms.get().priority,
            )
        finally:
            window.end(self._clock.monotonic(), self._wire.rate_limit_status(scope))

    async def _open(self, scope: str, patient_until: float) -> _Window:
        """Take a call out of the route's window, when there is one left. Raises Limited."""
        window = self._windows.get(scope)
        if window is None:
            window = self._windows[scope] = _Window()
        while (wait_s := window.take(now := self._clock.monotonic())) > 0:
            if now + wait_s > patient_until:
                raise Limited(wait_s, everywhere=False)
            await self._clock.sleep(wait_s)
        return window


def _trace(wire: Wire) -> aiohttp.TraceConfig:
    """The library sends what belongs to an interaction by itself: a ban of the address is seen and kept there too."""

    async def started(
        _: aiohttp.ClientSession, __: SimpleNamespace, call: aiohttp.TraceRequestStartParams
    ) -> None:
        if str(call.url).startswith(Route.BASE):
            wire.limiter.check(by_bot=False)

    async def ended(_: aiohttp.ClientSession, __: SimpleNamespace, call: aiohttp.TraceRequestEndParams) -> None:
        if str(call.url).startswith(Route.BASE) and is_ban(call.response):
            wire.banned(call.response)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(started)
    trace.on_request_end.append(ended)
    return trace
