"""People by user id: looked up once, cached for an hour, and waited for no longer than the caller says.

users.info takes about 100 calls a minute (Tier 4, https://docs.slack.dev/reference/methods/users.info). Look-ups of
authors have their own semaphore, so that those of mentioned people can't delay them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from cachetools import LRUCache

from core.clock import Clock
from core.errors import PlatformError
from core.values.places import Person

_KEPT = 5_000
_KEPT_S = 3_600.0
_REFUSED_KEPT_S = 60.0
_FAILED_KEPT_S = 3.0
_AT_ONCE, _MENTIONED_AT_ONCE = 16, 4
_RETRY_S = 0.3
_MENTIONED_PER_MIN = 40.0
MENTIONED_MAX = 20
"""The most people whose names are looked up for one message, beside its author."""


def user_to_person(user: Mapping[str, Any], team: str) -> Person:
    """A person of users.info, seen from the workspace `team`.

    https://docs.slack.dev/reference/objects/user-object: `is_stranger` and another home are Slack Connect's, save
    for members of the same organisation, who say in which of its workspaces they are.
    """
    profile = user.get("profile") or {}
    id_ = str(user["id"])
    name = profile.get("display_name") or profile.get("real_name") or user.get("name") or id_
    teams = {user.get("team_id") or team, *(user.get("enterprise_user") or {}).get("teams", ())}
    return Person(
        id_,
        str(name),
        str(user.get("locale") or ""),
        bool(user.get("is_bot")),
        admin=any(user.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner")),
        guest=any(user.get(flag) for flag in ("is_restricted", "is_ultra_restricted")),
        external=bool(user.get("is_stranger")) or team not in teams,
        roles=tuple(sorted(teams)),
    )


@dataclass(frozen=True, slots=True)
class _Lookups:
    """Look-ups under way, and the semaphore that limits them."""

    free: asyncio.Semaphore
    asking: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class People:
    """A cache of `look_up`, which raises PlatformError for unknown ids."""

    def __init__(self, look_up: Callable[[str], Awaitable[Person]], clock: Clock) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: LRUCache[str, tuple[float, Person | None]] = LRUCache(_KEPT)  # id -> (valid until, person)
        self._authors = _Lookups(asyncio.Semaphore(_AT_ONCE))
        self._mentioned = _Lookups(asyncio.Semaphore(_MENTIONED_AT_ONCE))
        self._mentions_left = float(MENTIONED_MAX)
        self._counted_at = clock.monotonic()

    def ask(self, ids: Iterable[str]) -> None:
        """Start the look-ups of unknown people, so that a later `get` waits less."""
        for id_ in ids:
            if id_ not in self._authors.asking and self._unknown(id_):
                self._begin(id_, self._authors)

    async def get(self, ids: Collection[str], wait_s: float) -> dict[str, Person]:
        """The authors who are known within `wait_s` seconds. An expired entry counts where no newer one comes."""
        self.ask(ids)
        return await self._wait(ids, wait_s)

    async def find(self, id_: str, within_s: float) -> Person | None:
        """An author, looked up again as often as `within_s` seconds allow. None where they stay unknown."""
        until_s = self._clock.monotonic() + within_s
        while (left_s := until_s - self._clock.monotonic()) > 0:
            if (who := (await self.get({id_}, left_s)).get(id_)) is not None:
                return who
            again_s, _ = self._known.get(id_, (until_s, None))
            if again_s >= until_s:
                return None
            await self._clock.sleep(max(again_s - self._clock.monotonic(), _RETRY_S))
        return None

    async def names(self, ids: Collection[str], wait_s: float) -> dict[str, Person]:
        """The names of mentioned people, as `get` returns them. Looks up at most `MENTIONED_MAX` of them."""
        asking = self._authors.asking.keys() | self._mentioned.asking.keys()
        unknown = (id_ for id_ in ids if id_ not in asking and self._unknown(id_))
        for id_ in islice(unknown, MENTIONED_MAX):
            if not self._spare():
                break
            self._begin(id_, self._mentioned)
        return await self._wait(ids, wait_s)

    async def close(self) -> None:
        tasks = [*self._authors.asking.values(), *self._mentioned.asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _unknown(self, id_: str) -> bool:
        until_s, _ = self._known.get(id_, (-math.inf, None))
        return until_s <= self._clock.monotonic()

    def _spare(self) -> bool:
        """True if one more mentioned person may be looked up now."""
        now_s = self._clock.monotonic()
        earned = (now_s - self._counted_at) * _MENTIONED_PER_MIN / 60
        self._mentions_left, self._counted_at = min(MENTIONED_MAX, self._mentions_left + earned), now_s
        if self._mentions_left < 1:
            return False
        self._mentions_left -= 1
        return True

    def _begin(self, id_: str, lookups: _Lookups) -> None:
        lookups.asking[id_] = asyncio.create_task(self._learn(id_, lookups))

    async def _wait(self, ids: Collection[str], wait_s: float) -> dict[str, Person]:
        asking = self._mentioned.asking | self._authors.asking
        pending = [asking[id_] for id_ in set(ids) if id_ in asking]
        if pending and wait_s > 0:
            await asyncio.wait(pending, timeout=wait_s)
        return {id_: who for id_ in ids if (who := self._recall(id_))}

    def _recall(self, id_: str) -> Person | None:
        _, who = self._known.get(id_, (0.0, None))
        return who

    async def _learn(self, id_: str, lookups: _Lookups) -> None:
        who, kept_s = self._recall(id_), _REFUSED_KEPT_S
        try:
            async with lookups.free:
                who, kept_s = await self._told(id_, again=lookups is self._authors), _KEPT_S
        except PlatformError as error:  # the expired entry stays
            if error.retryable:
                kept_s = min(max(error.retry_after_s or 0.0, _FAILED_KEPT_S), _REFUSED_KEPT_S)
        finally:
            lookups.asking.pop(id_, None)
        self._known[id_] = self._clock.monotonic() + kept_s, who

    async def _told(self, id_: str, *, again: bool) -> Person:
        """Look up, a second time after a retryable failure without a `retry_after_s`. Raises PlatformError."""
        try:
            return await self._look_up(id_)
        except PlatformError as error:
            if not again or not error.retryable or error.retry_after_s:
                raise
        await self._clock.sleep(_RETRY_S)
        return await self._look_up(id_)
