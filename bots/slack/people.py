"""Who is behind a user id: asked once, remembered for an hour, and never waited for longer than one is told to."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from core.clock import Clock
from core.errors import PlatformError
from core.types import Person

_KEPT = 5_000
_KEPT_S = 3_600.0
_FAILED_KEPT_S = 60.0
_AT_ONCE = 8


def user_to_person(user: Mapping[str, Any], team: str) -> Person:
    """Somebody as users.info shows them to the workspace `team`.

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
        stranger=bool(user.get("is_stranger")) or team not in teams,
    )


class People:
    """A cache over `look_up`, which raises PlatformError for ids that it can't tell anything about."""

    def __init__(self, look_up: Callable[[str], Awaitable[Person]], clock: Clock) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Person | None]] = OrderedDict()  # id -> (good until, who)
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(_AT_ONCE)

    def ask(self, ids: Iterable[str]) -> None:
        """Begin to look up who is not known, so that a later `get` waits less."""
        for id_ in ids:
            until, _ = self._known.get(id_, (0.0, None))
            if id_ not in self._asking and (id_ not in self._known or until <= self._clock.monotonic()):
                self._asking[id_] = asyncio.create_task(self._learn(id_))

    async def get(self, ids: Iterable[str], wait_s: float) -> dict[str, Person]:
        """Those who are known within `wait_s`; a name that has grown old is better than none."""
        ids = set(ids)
        self.ask(ids)
        pending = [task for id_, task in self._asking.items() if id_ in ids]
        if pending and wait_s > 0:
            await asyncio.wait(pending, timeout=wait_s)
        return {id_: who for id_ in ids if (who := self._recall(id_))}

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asking.clear()

    def _recall(self, id_: str) -> Person | None:
        if id_ not in self._known:
            return None
        self._known.move_to_end(id_)
        return self._known[id_][1]

    async def _learn(self, id_: str) -> None:
        who, kept_s = self._recall(id_), _FAILED_KEPT_S
        try:
            async with self._free:
                who, kept_s = await self._look_up(id_), _KEPT_S
        except PlatformError:
            pass  # whoever it is goes by the old name, or the id, and is asked for again in a minute
        finally:
            self._asking.pop(id_, None)
        self._known[id_] = (self._clock.monotonic() + kept_s, who)
        self._known.move_to_end(id_)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
