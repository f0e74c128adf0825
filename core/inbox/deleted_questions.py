"""Questions that were deleted while no process ran are not answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from core.clock import Clock, ends_within
from core.errors import PlatformError, StoreError
from core.platform_calls import PlatformCalls
from core.values.conversation import Ask, Turn
from core.values.events import Deleted, Receipt
from core.values.places import Place

log = structlog.get_logger()

_PAUSES_S = (0.5, 2.0, 5.0)
_LONGEST_PAUSE_S = 10.0
BRIEFLY_S = 0.5
"""The longest that an answer waits which people have seen begin."""


class DeletedQuestions:
    """Looks up the question of each turn of an earlier process, before the first turn of its place begins.

    One call a question. A deleted question is passed to `receive` as Deleted. A question that can't be looked up
    after four tries is answered. None is looked up at a place that `was_heard` names: another process has heard of
    every deletion there.
    """

    def __init__(
        self,
        calls_at: Callable[[Place], PlatformCalls | None],
        receive: Callable[[Deleted], Awaitable[Receipt]],
        clock: Clock,
        was_heard: Callable[[Place], bool] = lambda _place: False,
    ) -> None:
        self._was_heard = was_heard
        self._calls_at = calls_at
        self._receive = receive
        self._clock = clock
        self._left: dict[str, list[Ask]] = {}
        self._looks: set[asyncio.Task[None]] = set()

    def expect(self, turn: Turn) -> None:
        """Look up the question of `turn`. A turn that a button asked for is answered without its question too."""
        if turn.again_of is None and not turn.ask.in_background and self._calls_at(turn.ask.place) is not None:
            self._left.setdefault(turn.ask.place.key, []).append(turn.ask)

    async def look(self, place: Place) -> None:
        """Return when every expected question of `place` has been looked up, or can't be."""
        left = self._left.pop(place.key, ())
        if not self._was_heard(place):
            await asyncio.gather(*(self._check(ask) for ask in left))

    async def look_briefly(self, place: Place) -> None:
        """Do as `look`, and return after `BRIEFLY_S` at the latest: an answer that goes on is then stopped where its
        question turns out to be deleted."""
        if place.key not in self._left:
            return
        looking = asyncio.create_task(self.look(place))
        self._looks.add(looking)
        looking.add_done_callback(self._looks.discard)
        # A task of its own: what ends in time is cancelled else, and the look goes on.
        await ends_within(asyncio.ensure_future(asyncio.wait([looking])), BRIEFLY_S, self._clock)

    async def _check(self, ask: Ask) -> None:
        for pause_s in (*_PAUSES_S, None):
            try:
                platform_calls = self._calls_at(ask.place)
                if platform_calls is not None and not await platform_calls.question_exists(ask):
                    log.info("question_deleted", place=ask.place.key, message=ask.id)
                    await self._receive(Deleted(ask.place, ask.id))
                return
            except (PlatformError, StoreError) as error:
                if pause_s is None or not error.retryable:
                    log.warning("question_lookup_failed", place=ask.place.key, **error.log_keys)
                    return
                await self._clock.sleep(min(error.retry_after_s or pause_s, _LONGEST_PAUSE_S))
