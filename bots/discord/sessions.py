"""Limits on new gateway sessions (IDENTIFY), and the meaning of Discord's refusals.

Discord allows a bot some 1,000 starts a day, reports how many are left, and resets the token of a bot that goes
on: https://docs.discord.com/developers/events/gateway#session-start-limit
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import discord

from core.clock import Clock
from core.errors import Code, PlatformError

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 900.0
"""Seconds between starts whose session did not last; each pause is twice as long as the one before."""
_LASTED_S = 60.0
_REFUSED_PAUSE_S, _LONGEST_REFUSED_PAUSE_S = 300.0, 3600.0
"""The same from the second refusal by one of `REFUSALS` on: an operator has to change the cause."""
_APART_S = 5.0
"""Discord takes one start in 5 s: https://docs.discord.com/developers/events/gateway#rate-limiting"""


@dataclass(frozen=True, slots=True)
class GatewayRefusal:
    """A close code of the gateway after which the same start is refused again."""

    code: Code
    meaning: str
    todo: str


REFUSALS: dict[int, GatewayRefusal] = {
    # https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
    4004: GatewayRefusal(
        Code.BAD_TOKEN,
        "DISCORD_BOT_TOKEN: Discord does not accept it",
        "developer portal > your application > Bot: reset the token and set DISCORD_BOT_TOKEN to the new one",
    ),
    4010: GatewayRefusal(
        Code.APP_SETUP,
        "invalid shard",
        "Parley uses no shards: look at what stands between it and Discord (DISCORD_GATEWAY_URL)",
    ),
    4011: GatewayRefusal(
        Code.APP_SETUP,
        "sharding is required: the bot is in too many servers for one connection",
        "remove the bot from servers until it is in fewer than 2,500, or run a second application",
    ),
    4012: GatewayRefusal(
        Code.APP_SETUP,
        "invalid version of the gateway",
        "update Parley, and look at DISCORD_GATEWAY_URL if it is set",
    ),
    4013: GatewayRefusal(Code.APP_SETUP, "invalid intents", "update Parley"),
    4014: GatewayRefusal(
        Code.APP_SETUP,
        "disallowed intents: the bot asks for one that is not switched on",
        "developer portal > your application > Bot > Privileged Gateway Intents: switch on Message Content Intent",
    ),
}


def error_to_close_code(error: Exception) -> int:
    """The code with which Discord closed the gateway for good; 0 for any other error."""
    if isinstance(error, discord.PrivilegedIntentsRequired):
        return 4014
    return error.code if isinstance(error, discord.ConnectionClosed) else 0


class SessionStarts:
    """Counts the starts of all sessions of this process. Decides only; the caller makes the calls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = math.inf
        self._resets_at = self._last_at = self._pause_until = -math.inf
        self._ready_at = math.inf
        self._failures = self._refusals = 0
        self._reason = PlatformError(Code.UNAVAILABLE, "Discord keeps no session open")

    def note_limit(self, limit: Mapping[str, Any]) -> None:
        """Store `session_start_limit` of `GET /gateway/bot`: {"remaining": starts, "reset_after": ms}. Within
        one period the fewest counts: the answer may be older than our last start. Raises LookupError, TypeError
        or ValueError for a malformed one."""
        remaining, reset_after_s = int(limit["remaining"]), float(limit["reset_after"]) / 1000
        now = self._clock.monotonic()
        if now >= self._resets_at:
            self._left, self._resets_at = float(remaining), now + reset_after_s
        self._left = min(self._left, remaining)

    def refusal(self) -> PlatformError | None:
        """The error that no session may be begun yet, with `retry_after_s`; None where one may."""
        now = self._clock.monotonic()
        if self._pause_until > now:
            return _later(self._reason, self._pause_until - now)
        if self._left < 1 and self._resets_at > now:
            wait_s = self._resets_at - now
            detail = f"Discord allows no further start of a session for {round(wait_s)} s"
            return _later(PlatformError(Code.UNAVAILABLE, detail), wait_s)
        return None

    def check(self) -> None:
        """Raise `refusal`, if there is one."""
        if error := self.refusal():
            raise error

    @property
    def gap_s(self) -> float:
        """Seconds until the next start may follow the last one."""
        return max(0.0, self._last_at + _APART_S - self._clock.monotonic())

    def begun(self) -> None:
        """A start is being sent. Until its session has lasted, it counts as failed."""
        now = self._clock.monotonic()
        self._left -= 1
        self._failures += 1
        self._last_at, self._ready_at = now, math.inf
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 20))
        self._pause_until = now + pause_s
        self._reason = PlatformError(Code.UNAVAILABLE, "Discord keeps no session open")

    def ready(self) -> None:
        """A session is open."""
        self._ready_at = self._clock.monotonic()

    def lost(self) -> None:
        """The connection of the session is lost. A session that lasted was no failure."""
        if self._clock.monotonic() - self._ready_at >= _LASTED_S:
            self._failures = self._refusals = 0

    def refused(self, close_code: int) -> PlatformError:
        """The last start was refused for good. The error says why, and when the next one may be made."""
        refusal = REFUSALS[close_code]
        self._refusals += 1
        pause_s = _FIRST_PAUSE_S
        if self._refusals > 1:
            growing_s = _REFUSED_PAUSE_S * 2.0 ** min(self._refusals - 2, 20)
            pause_s = min(_LONGEST_REFUSED_PAUSE_S, growing_s)
        self._pause_until = max(self._pause_until, self._clock.monotonic() + pause_s)
        self._reason = PlatformError(refusal.code, f"{refusal.meaning} (close code {close_code})")
        return _later(self._reason, self._pause_until - self._clock.monotonic())

    def without_pause(self) -> None:
        """The next start asks for less than the one that was refused."""
        self._pause_until = -math.inf


def _later(reason: PlatformError, wait_s: float) -> PlatformError:
    return PlatformError(reason.code, reason.detail, retryable=True, retry_after_s=wait_s)
