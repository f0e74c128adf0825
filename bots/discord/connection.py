"""One shard's connection to the gateway: begun, kept, given up and begun again with growing pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import discord
import structlog

from bots.discord import commands
from bots.discord.client import Client
from bots.discord.errors import FOREIGN, translate
from bots.discord.limiter import Limited
from bots.discord.sessions import REFUSALS, SessionStarts, error_to_close_code
from core.clock import Clock
from core.errors import Code, PlatformError
from core.ports.connector import Inbox

log = structlog.get_logger(platform="discord")

_CLOSE_WITHIN_S, _CANCEL_AGAIN_S = 0.8, 0.05
_LOST_S = 60.0
"""Seconds without the gateway after which a new session is begun: the library's own pauses grow to 17
minutes."""
_BACKOFF_S, _BACKOFF_MAX_S = 1.0, 30.0

Create = Callable[[Inbox, bool], Client]
"""Make a client for one life; with False it does not ask for the content of messages."""
LogIn = Callable[[Inbox], AbstractAsyncContextManager[Client]]
"""Log a client in that makes calls and has no connection to the gateway; with as many tries as it takes."""


@asynccontextmanager
async def logged_in(token: str, clock: Clock, create: Callable[[], Client]) -> AsyncIterator[Client]:
    """`LogIn`, with a client that `create` makes."""
    pause_s = _BACKOFF_S
    while True:
        client = create()
        try:
            await client.login(token)
            break
        except FOREIGN as error:
            log.info("not_logged_in", **translate(error).log_keys)
            await _close(client)
        except BaseException:
            await _close(client)
            raise
        await clock.sleep(pause_s)
        pause_s = min(_BACKOFF_MAX_S, pause_s * 2)
    try:
        yield client
    finally:
        await _close(client)


class MoreShards(Exception):  # noqa: N818, as it is no failure
    """Discord asks for `count` shards, more than there are."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} shards")
        self.count = count


class Registration:
    """The registration of the application's commands, made once for all shards."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy = asyncio.Lock()
        self.done = False

    async def make(self, client: Client) -> None:
        """Register until it has succeeded."""
        pause_s = _BACKOFF_S
        async with self._busy:
            while not self.done:
                try:
                    if await commands.register(client):
                        log.info("commands_registered")
                    self.done = True
                except FOREIGN as error:
                    log.warning("commands_not_registered", **translate(error).log_keys)
                    await self._clock.sleep(pause_s)
                    pause_s = min(_BACKOFF_MAX_S, pause_s * 2)


class Connection:
    """Makes a client for each life of the connection. `run` may be called again after it has ended."""

    def __init__(
        self,
        token: str,
        clock: Clock,
        starts: SessionStarts,
        create: Create,
        registration: Registration,
        beat_s: float,
        divides: Callable[[], bool] = lambda: False,
    ) -> None:
        self._token = token
        self._clock = clock
        self._starts = starts
        self._create = create
        self._beat_s = beat_s
        self._registration = registration
        self._divides = divides
        self._reads_content = True
        self.client: Client | None = None
        self.failure: Exception | None = None
        """The error that ended the last life of the connection; where it also ended `run`, what `run` raised."""

    def ready(self) -> bool:
        return self._registration.done and self.client is not None and self.client.up

    async def run(self, inbox: Inbox) -> None:
        """Be connected until cancelled. Raises MoreShards where Discord recommends several and `divides` allows that.

        Raises PlatformError where an operator has to change something, or Discord says to stay away for longer than
        a short pause: with `retry_after_s`, before which running again raises the same without a call.
        """
        failures = 0
        while True:
            await self._allowed()
            client = self._create(inbox, self._reads_content)
            try:
                await self._live(client)
                pause_s, failures = _BACKOFF_S, 0
            except MoreShards:
                raise
            except Exception as error:
                failures = 0 if client.was_up else failures + 1
                try:
                    wait_s = self._pause_s(error)
                except PlatformError as refusal:
                    self.failure = refusal
                    raise
                self.failure = error
                pause_s = max(wait_s, min(_BACKOFF_MAX_S, _BACKOFF_S * 2 ** min(failures, 10)))
                log.warning("connection_failed", error=type(error).__name__, failures=failures)
            finally:
                self.client = None
                self._starts.give_up_turn()
                await _close(client)
            await self._clock.sleep(pause_s)

    async def _live(self, client: Client) -> None:
        """One client's life: until it fails, or has been without a gateway for too long."""
        await client.login(self._token)
        self.client = client
        recommended = await client.read_session_limit()
        if recommended > 1 and self._divides():
            raise MoreShards(recommended)
        self._starts.check()
        await self._starts.take_turn()
        client.connects()
        connected = asyncio.create_task(client.connect())
        lost = asyncio.create_task(self._lost(client))
        registered = asyncio.create_task(self._registration.make(client))
        try:
            ended, _ = await asyncio.wait({connected, lost}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            await _cancel(connected, lost, registered)

    async def _allowed(self) -> None:
        """Wait for a short pause. Raises PlatformError where it is a long one."""
        while error := self._starts.refusal():
            await self._clock.sleep(self._pause_s(error))

    def _pause_s(self, error: Exception) -> float:
        """Seconds until the next attempt after `error`. Raises PlatformError where the caller of `run` has to
        handle it."""
        if isinstance(error, PlatformError):
            if error.retry_after_s is None or error.retry_after_s > _BACKOFF_MAX_S:
                raise error
            return error.retry_after_s
        if code := error_to_close_code(error):
            return self._closed(code)
        if not isinstance(error, FOREIGN):
            return 0.0
        refused = translate(error)
        if refused.code is Code.BAD_TOKEN:
            raise PlatformError(Code.BAD_TOKEN, REFUSALS[4004].meaning) from None
        if isinstance(error, Limited) and error.retry_after > _BACKOFF_MAX_S:
            detail = f"Discord refuses the log-in and says to come back in {round(error.retry_after)} s"
            raise PlatformError(Code.SLOW_DOWN, detail, retry_after_s=error.retry_after) from None
        return refused.retry_after_s or 0.0

    def _closed(self, code: int) -> float:
        """Discord closed the gateway with `code`, for good. Raises PlatformError if that ends the run."""
        refusal = REFUSALS.get(code)
        if refusal is None:
            return 0.0
        log.error("gateway_refused", close_code=code, meaning=refusal.meaning, todo=refusal.todo)
        error = self._starts.refused(code)
        if code == 4014 and self._reads_content:
            log.warning("message_content_unavailable", effect="follow-ups without a mention are not received")
            self._reads_content = False
            self._starts.without_pause()
            return 0.0
        raise error

    async def _lost(self, client: Client) -> None:
        while client.down_s <= _LOST_S:
            await self._clock.sleep(self._beat_s)
            await client.beat()


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    """Cancel the tasks until they have ended: asyncio.wait_for of Python 3.11 may swallow a cancellation, and
    discord.py goes on.

    https://github.com/python/cpython/issues/86296
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(client: discord.Client) -> None:
    """Say good-bye if Discord listens; never wait long for it."""
    with suppress(Exception):
        await asyncio.wait_for(client.close(), _CLOSE_WITHIN_S)
    with suppress(Exception):
        await client.http.close()
