"""The tokens of stored installations: read when they are first needed, exchanged before they expire.

A refresh token is good for one exchange, so that of all processes one alone makes it; the others wait for what it
stores. https://docs.slack.dev/authentication/using-token-rotation
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from weakref import WeakValueDictionary

import structlog
from cachetools import TTLCache

from core.clock import Clock
from core.errors import Code, PlatformError, StoreError
from core.ports.store.installations import InstallationStore
from core.values.installations import Credentials, InstallationKey

log = structlog.get_logger(platform="slack")

KEPT, KEPT_S = 500, 3_600.0
"""Tokens in memory, and the seconds after which an unused one goes."""
REFRESH_BEFORE = timedelta(hours=2)
_SPENT = timedelta(seconds=10)
"""A token that expires within this time is not used any more."""
_CLAIM = timedelta(seconds=30)
"""The time within which an exchange ends, or another process may begin one."""
_LOOK_S = 0.25
_STORE_TRIES, _STORE_PAUSE_S = 20, 1.0

Exchange = Callable[[str], Awaitable[Credentials]]
"""Exchanges a refresh token. Raises PlatformError: BAD_TOKEN where Slack refuses it."""


class StoredTokens:
    """The tokens of all stored installations. Methods raise PlatformError: BAD_TOKEN where there is no token."""

    def __init__(self, store: InstallationStore, exchange: Exchange, clock: Clock) -> None:
        self._store = store
        self._exchange = exchange
        self._clock = clock
        self._kept: TTLCache[InstallationKey, Credentials] = TTLCache(KEPT, KEPT_S, clock.monotonic)
        self._locks: WeakValueDictionary[InstallationKey, asyncio.Lock] = WeakValueDictionary()

    def forget(self, key: InstallationKey) -> None:
        """Read the tokens anew for the next call: they were replaced, or are gone."""
        self._kept.pop(key, None)

    async def get(self, key: InstallationKey) -> str:
        """The token for the next call."""
        known = self._kept.get(key)
        if known is not None and not self._is_due(known):
            return known.token
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            known = await self._current(key)
            self._kept[key] = known
            return known.token

    async def renewed(self, key: InstallationKey, refused: str) -> str | None:
        """The token that another process has stored in place of a refused one; None where there is no other."""
        self.forget(key)
        try:
            token = await self.get(key)
        except PlatformError:
            return None
        return None if token == refused else token

    def _is_due(self, known: Credentials, ahead: timedelta = REFRESH_BEFORE) -> bool:
        return known.expires_at is not None and known.expires_at - self._clock.now() <= ahead

    async def _current(self, key: InstallationKey) -> Credentials:
        """The stored tokens, exchanged where that is due."""
        while True:
            known = await self._read(key)
            if not self._is_due(known) or not known.refresh_token:
                return known
            if await self._claimed(key, known):
                return await self._exchanged(key, known)
            if not self._is_due(known, _SPENT):
                return known  # it is good while another process exchanges it
            await self._clock.sleep(_LOOK_S)

    async def _read(self, key: InstallationKey) -> Credentials:
        try:
            known = await self._store.credentials(key)
        except StoreError as error:
            raise PlatformError(Code.UNAVAILABLE, "its token can't be read", retryable=True) from error
        if known is None:
            raise PlatformError(Code.BAD_TOKEN, "the workspace has no token any more")
        return known

    async def _claimed(self, key: InstallationKey, known: Credentials) -> bool:
        now = self._clock.now()
        try:
            return await self._store.claim_refresh(key, known.version, now, now + _CLAIM)
        except StoreError as error:
            raise PlatformError(Code.UNAVAILABLE, "its token can't be exchanged", retryable=True) from error

    async def _exchanged(self, key: InstallationKey, known: Credentials) -> Credentials:
        """The new tokens, stored. Where Slack gives none, the old ones for as long as they are good."""
        try:
            new = await self._exchange(known.refresh_token)
        except PlatformError as error:
            log.warning("token_not_exchanged", team=key.team or key.enterprise, **error.log_keys)
            if self._is_due(known, _SPENT):
                raise
            return known
        await self._put(key, known.version, new)
        log.info("token_exchanged", team=key.team or key.enterprise)
        return await self._read(key)

    async def _put(self, key: InstallationKey, version: int, new: Credentials) -> None:
        """Store new tokens. Slack does not give them again, so the store gets several chances."""
        for tries_left in reversed(range(_STORE_TRIES)):
            try:
                await self._store.replace_credentials(key, version, new)
                return
            except StoreError as error:
                log.error("token_not_stored", team=key.team or key.enterprise, **error.log_keys)
                if not tries_left:
                    raise PlatformError(Code.UNAVAILABLE, "its token can't be stored") from error
            await self._clock.sleep(_STORE_PAUSE_S)


class StoredToken:
    """The `TokenSource` of one installation."""

    named = "the bot's token of the workspace"

    def __init__(self, tokens: StoredTokens, key: InstallationKey) -> None:
        self._tokens = tokens
        self._key = key

    async def get(self) -> str:
        return await self._tokens.get(self._key)

    async def renewed(self, refused: str) -> str | None:
        return await self._tokens.renewed(self._key, refused)
