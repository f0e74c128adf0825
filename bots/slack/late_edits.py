"""Edits of messages that are not stored yet: of several processes another one may have heard of the message, and look
its author up before it stores it. An edit that comes first is taken again until the message is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from cachetools import TTLCache

from bots.slack.background import BackgroundTasks
from bots.slack.incoming import Payload, happened_at, ts_to_time
from core.clock import Clock
from core.errors import BotError
from core.values.events import Deleted, Edited

log = structlog.get_logger(platform="slack")

PAUSES_S = (0.5, 1.0, 2.0, 4.0)
"""A message is stored within 3 s after it was sent, or Slack sends its event again."""
_YOUNG = timedelta(seconds=10)
"""A message that is older when it is edited has been stored, or is none of those that are."""
_REMEMBERED, _REMEMBERED_S = 5_000, 60.0


class LateEdits:
    """`tasks` runs what waits."""

    def __init__(self, clock: Clock, tasks: BackgroundTasks) -> None:
        self._clock = clock
        self._tasks = tasks
        self._newest: TTLCache[tuple[str, str], str] = TTLCache(_REMEMBERED, _REMEMBERED_S, clock.monotonic)
        """The time of the last edit of each message, by its channel and its id."""

    def heard(self, event: Edited | Deleted, payload: Payload) -> None:
        """An edit or a deletion has come: earlier edits of its message count no more."""
        self._newest[_key(event)] = happened_at(payload)

    def hold(self, edited: Edited, payload: Payload, take: Callable[[], Awaitable[bool]]) -> None:
        """Take an edit later, if its message is so young that it may be stored then. `take`: true when it was."""
        at = happened_at(payload)
        if at and ts_to_time(at) - ts_to_time(edited.message_id) < _YOUNG:
            self._tasks.start(self._take_later(edited, at, take))

    async def _take_later(self, edited: Edited, at: str, take: Callable[[], Awaitable[bool]]) -> None:
        for pause_s in PAUSES_S:
            await self._clock.sleep(pause_s)
            if self._newest.get(_key(edited), at) != at:
                return
            try:
                if await take():
                    return
            except BotError as error:
                log.warning("edit_not_taken", **error.log_keys)


def _key(event: Edited | Deleted) -> tuple[str, str]:
    return event.place.channel, event.message_id
