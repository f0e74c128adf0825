"""The one table from errors of discord.py and aiohttp to `PlatformError`.

Codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
import discord

from core.errors import Code, PlatformError
from core.retry_after import retry_after_to_s, to_date

NO_MORE_FOLLOW_UPS = 40094

BY_JSON_CODE: dict[int, Code] = {
    10003: Code.GONE,  # unknown channel
    10004: Code.GONE,  # unknown guild
    10008: Code.GONE,  # unknown message
    10015: Code.GONE,  # unknown webhook
    10062: Code.EXPIRED,  # unknown interaction
    40060: Code.EXPIRED,  # interaction already acknowledged
    50027: Code.EXPIRED,  # invalid webhook token
    NO_MORE_FOLLOW_UPS: Code.UNSUPPORTED,  # no more than 5 follow-ups where the bot is not installed
    50001: Code.NOT_ALLOWED,  # missing access
    50005: Code.NOT_ALLOWED,  # not the bot's message
    50007: Code.NOT_ALLOWED,  # cannot write to this user
    50008: Code.NOT_ALLOWED,  # no text in this channel
    50013: Code.NOT_ALLOWED,  # missing permissions
    50024: Code.NOT_ALLOWED,  # not in this type of channel
    50083: Code.NOT_ALLOWED,  # thread is archived
    160002: Code.NOT_ALLOWED,  # cannot reply without permission to read the history
    160005: Code.NOT_ALLOWED,  # thread is locked
    50006: Code.REJECTED,  # empty message
    50035: Code.REJECTED,  # invalid form body
    200000: Code.REJECTED,  # blocked by AutoMod
    200001: Code.REJECTED,  # title blocked by AutoMod
    240000: Code.REJECTED,  # harmful link
}

_BY_STATUS: dict[int, Code] = {
    400: Code.REJECTED,
    401: Code.BAD_TOKEN,
    403: Code.NOT_ALLOWED,
    404: Code.GONE,
    413: Code.REJECTED,
    429: Code.SLOW_DOWN,
}

BY_CLASS: tuple[tuple[type[Exception], Code], ...] = (
    # The first that fits. UNCERTAIN is what a call may meet after it was sent.
    (discord.RateLimited, Code.SLOW_DOWN),
    (discord.LoginFailure, Code.BAD_TOKEN),
    (discord.PrivilegedIntentsRequired, Code.NOT_ALLOWED),
    (discord.GatewayNotFound, Code.UNAVAILABLE),
    (discord.ConnectionClosed, Code.UNAVAILABLE),
    (discord.InteractionResponded, Code.EXPIRED),
    (discord.MissingApplicationID, Code.UNAVAILABLE),  # not logged in yet
    (discord.InvalidData, Code.UNCERTAIN),
    (discord.DiscordException, Code.UNCERTAIN),
    (aiohttp.InvalidURL, Code.UNAVAILABLE),
    (aiohttp.ClientConnectorError, Code.UNAVAILABLE),
    (aiohttp.ConnectionTimeoutError, Code.UNAVAILABLE),
    (aiohttp.WSServerHandshakeError, Code.UNAVAILABLE),
    (aiohttp.ClientError, Code.UNCERTAIN),
    (TimeoutError, Code.UNCERTAIN),
    (ConnectionRefusedError, Code.UNAVAILABLE),
    (OSError, Code.UNCERTAIN),
    (RuntimeError, Code.UNAVAILABLE),  # aiohttp: the session is closed
)

FOREIGN = (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError)
"""Exceptions of calls into the library (a TimeoutError is an OSError)."""

_WAIT_S = 5.0
"""Seconds to wait after a 429 without a time."""


def translate(error: Exception, *, posting: bool = False, interaction_token: bool = False) -> PlatformError:
    """`error` as a PlatformError. A 5xx answer to a post (`posting`) leaves open whether it was made.

    With an `interaction_token`, refused credentials and missing webhooks mean that the token has expired:
    EXPIRED.
    """
    code = _code(error, posting=posting, interaction_token=interaction_token)
    return PlatformError(
        code,
        _detail(error),
        retryable=code in (Code.SLOW_DOWN, Code.UNAVAILABLE, Code.UNCERTAIN),
        certain=code is not Code.UNCERTAIN,
        retry_after_s=_retry_after_s(error) if code is Code.SLOW_DOWN else None,
    )


def _code(error: Exception, *, posting: bool, interaction_token: bool) -> Code:
    if isinstance(error, discord.ConnectionClosed) and error.code == 4004:
        return Code.BAD_TOKEN
    if not isinstance(error, discord.HTTPException):
        return next(code for known, code in BY_CLASS if isinstance(error, known))
    if interaction_token and error.code != 10008 and error.status in (401, 404):
        return Code.EXPIRED
    if error.status >= 500:
        return Code.UNCERTAIN if posting else Code.UNAVAILABLE
    if error.status == 429:
        return Code.SLOW_DOWN
    return BY_JSON_CODE.get(error.code) or _BY_STATUS.get(error.status, Code.REJECTED)


def _retry_after_s(error: Exception) -> float:
    if isinstance(error, discord.RateLimited):
        return error.retry_after
    headers: Mapping[str, str] = error.response.headers if isinstance(error, discord.HTTPException) else {}
    wait_s = retry_after_to_s(headers.get("Retry-After"), to_date(headers.get("Date", "")))
    return _WAIT_S if wait_s is None else wait_s


def _detail(error: Exception) -> str:
    """The detail in one line, without URLs, which may hold an interaction's token."""
    if isinstance(error, discord.HTTPException):
        return f"Discord answered {error.status}, code {error.code}: {' '.join(error.text.split())}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{type(error).__name__} {error.status}"
    return f"{type(error).__name__}: {error}"
