"""Limits on new gateway sessions (IDENTIFY) of each shard, and the meaning of Discord's refusals.

Discord allows a bot some 1,000 starts a day, reports how many are left, and resets the token of a bot that goes
on: https://docs.discord.com/developers/events/gateway#session-start-limit
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import discord

from core.clock import Clock
from core.errors import Code, PlatformError
from core.ports.connections import Turns

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 900.0
"""Seconds between starts whose session did not last; each pause is twice as long as the one before."""
_LASTED_S = 60.0
_REFUSED_PAUSE_S, _LONGEST_REFUSED_PAUSE_S = 300.0, 3600.0
"""The same from the second refusal by one of `REFUSALS` on: an operator has to change the cause."""
APART_S = 5.0
"""Discord takes one start in 5 s of each bucket, `shard % max_concurrency`:
https://docs.discord.com/developers/events/gateway#sharding-max-concurrency"""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` connections, each with the servers that `shard_of` gives it."""

    number: int
    count: int


ALONE = Shard(0, 1)


def shard_of(team: str, count: int) -> int:
    """The number of the shard that gets the events of a server. All others come to the first one. Pure.

    https://docs.discord.com/developers/events/gateway#sharding-sharding-formula
    """
    return (int(team) >> 22) % count if team.isdecimal() else 0


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
        "look at DISCORD_SHARDS, and at what stands between Parley and Discord (DISCORD_GATEWAY_URL)",
    ),
    4011: GatewayRefusal(
        Code.APP_SETUP,
        "sharding is required: the bot is in too many servers for its connections",
        "set DISCORD_SHARDS to at least one for each 1,000 servers that the bot is in",
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


class LocalTurns:
    """The turns of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last_at: defaultdict[int, float] = defaultdict(lambda: -math.inf)

    async def take(self, bucket: int) -> None:
        await self._locks[bucket].acquire()
        try:
            wait_s = self._last_at[bucket] + APART_S - self._clock.monotonic()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
        except asyncio.CancelledError:
            self._locks[bucket].release()
            raise

    def release(self, bucket: int, *, sent: bool) -> None:
        if sent:
            self._last_at[bucket] = self._clock.monotonic()
        self._locks[bucket].release()


class SessionLimit:
    """The starts that Discord leaves the application, over all of its shards. `turns`: the order of starts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left, self._resets_at = math.inf, -math.inf
        self.concurrency = 1
        self.turns: Turns = LocalTurns(clock)

    def note(self, limit: Mapping[str, Any]) -> None:
        """Store `session_start_limit` of `GET /gateway/bot`: {"remaining": starts, "reset_after": ms,
        "max_concurrency": buckets}. Within one period the fewest starts count: the answer may be older than our last
        start. Raises LookupError, TypeError or ValueError for a malformed one."""
        remaining, reset_after_s = int(limit["remaining"]), float(limit["reset_after"]) / 1000
        now = self._clock.monotonic()
        if now >= self._resets_at:
            self._left, self._resets_at = float(remaining), now + reset_after_s
        self._left = min(self._left, remaining)
        self.concurrency = max(1, int(limit.get("max_concurrency", 1)))

    @property
    def reached_s(self) -> float:
        """Seconds for which no start is left; 0 where one is."""
        wait_s = self._resets_at - self._clock.monotonic()
        return wait_s if self._left < 1 and wait_s > 0 else 0.0

    def begun(self) -> None:
        self._left -= 1


class SessionStarts:
    """Counts the starts of the sessions of one shard. Decides only; the caller makes the calls."""

    def __init__(self, clock: Clock, limit: SessionLimit | None = None, shard: int = 0) -> None:
        self._clock = clock
        self.limit = limit or SessionLimit(clock)
        self._shard = shard
        self._turn: int | None = None
        self._pause_until = -math.inf
        self._ready_at = math.inf
        self._failures = self._refusals = 0
        self._reason = PlatformError(Code.UNAVAILABLE, "Discord keeps no session open")

    def refusal(self) -> PlatformError | None:
        """The error that no session may be begun yet, with `retry_after_s`; None where one may."""
        now = self._clock.monotonic()
        if self._pause_until > now:
            return _later(self._reason, self._pause_until - now)
        if wait_s := self.limit.reached_s:
            detail = f"Discord allows no further start of a session for {round(wait_s)} s"
            return _later(PlatformError(Code.UNAVAILABLE, detail), wait_s)
        return None

    def check(self) -> None:
        """Raise `refusal`, if there is one."""
        if error := self.refusal():
            raise error

    async def take_turn(self) -> None:
        """Wait until a start may follow those before it. `begun` or `give_up_turn` ends the turn."""
        self.give_up_turn()
        bucket = self._shard % self.limit.concurrency
        await self.limit.turns.take(bucket)
        self._turn = bucket

    def give_up_turn(self) -> None:
        """No session was begun in the turn that was taken, if any."""
        self._end_turn(sent=False)

    def _end_turn(self, *, sent: bool) -> None:
        if self._turn is not None:
            bucket, self._turn = self._turn, None
            self.limit.turns.release(bucket, sent=sent)

    def begun(self) -> None:
        """A start is being sent. Until its session has lasted, it counts as failed."""
        now = self._clock.monotonic()
        self.limit.begun()
        self._end_turn(sent=True)
        self._failures += 1
        self._ready_at = math.inf
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
