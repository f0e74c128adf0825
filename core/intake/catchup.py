"""Catch-up: what was said while nobody listened is read on from the last moment that is known to be whole.

Platforms lose events when the program is down for long, when a Discord session can't be resumed, when Slack has
tried three times. Reading the same message twice costs nothing: the ledger knows it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from core.channel import Listen
from core.clock import Clock
from core.errors import Code, PlatformError, StoreError
from core.paint.gate import Gate
from core.ports import Store
from core.types import Ask, Outcome, Place, Receipt

log = structlog.get_logger()

LIVE = timedelta(days=7)
"""How long after its last words a thread is still looked into."""
OVERLAP = timedelta(minutes=2)
"""A connection can be deaf for a while before anybody notices, and clocks differ."""
_LOOK_S = 0.5
_LONGEST_PAUSE_S = 5.0
_KEEP_S = 10.0
_READERS = 4
_DEFAULT_BREAK_S = 5.0
_TRIES = 12
_UNREAD_S = 15.0
HOLD_S = 3.0
"""The longest that turns wait for what was said before them."""
CONNECT_S = 10.0
"""And at the start, before there is a connection to read by."""


class CatchUp:
    """Of one platform: reads on whenever the platform has become ready, and keeps the moment it has heard until.

    What is younger than `window_s` is received as if it came now. Of what is older, `pass_over` says whether it is a
    question: those are listed in the log.
    """

    def __init__(
        self,
        gate: Gate,
        store: Store,
        receive: Callable[[Ask], Awaitable[Receipt]],
        pass_over: Callable[[Ask], Awaitable[bool]],
        clock: Clock,
        window_s: float,
    ) -> None:
        self._gate = gate
        self._platform = gate.platform
        self._store = store
        self._receive = receive
        self._pass_over = pass_over
        self._clock = clock
        self._window = timedelta(seconds=window_s)
        self._read = asyncio.Event()
        self._whole = False
        self.hold_s = HOLD_S
        self._hold_until = clock.monotonic() + CONNECT_S

    async def caught_up(self) -> None:
        """Return when what was missed has come in, or `hold_s` after that was noticed: until then a turn that is
        begun may not be the next one of its place."""
        left_s = self._hold_until - self._clock.monotonic()
        if left_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._read.wait(), left_s)

    def again(self) -> None:
        """Something that was heard could not be stored: read on from before it."""
        self._whole = False
        self._hold()

    def _hold(self, longer_s: float = 0.0) -> None:
        self._read.clear()
        self._hold_until = self._clock.monotonic() + longer_s + self.hold_s

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._watch())
            both.create_task(self._keep())

    async def _watch(self) -> None:
        """The platform may go away again while what was missed is still being read."""
        while True:
            if not self._platform.ready():
                self._whole = False
            await self._clock.sleep(_LOOK_S)

    async def _keep(self) -> None:
        kept_at, pause_s = 0.0, _LOOK_S
        while True:
            try:
                ready = self._platform.ready()
                if ready and not self._whole:
                    self._whole = True  # unless something is lost meanwhile
                    self._hold()
                    began = self._clock.now()
                    unread = await self._catch_up()
                    if self._whole:
                        self._read.set()
                    if unread:  # nothing after that is known to be whole: all of it again, in a while
                        self._whole = False
                        await self._clock.sleep(_UNREAD_S)
                    elif self._whole:
                        await self._store.hear(self._platform.name, began)
                elif ready and self._clock.monotonic() - kept_at >= _KEEP_S:
                    await self._store.hear(self._platform.name, self._clock.now())
                    kept_at = self._clock.monotonic()
                pause_s = _LOOK_S
            except* StoreError:
                self._whole = False
                if pause_s == _LOOK_S:
                    log.warning("catch-up waits for the store", platform=self._platform.name)
                # Each time everything is asked of the platform again, which is not what is broken.
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                self._hold(pause_s)
            await self._clock.sleep(pause_s)

    async def _catch_up(self) -> int:
        """Read every live place, the channels around them, and those where more than mentions are questions. How many
        could not be read for now. Raises StoreError."""
        unread = 0
        heard = await self._store.heard(self._platform.name)
        if heard is not None:
            after = heard - OVERLAP
            live = await self._store.live(self._platform.name, after - LIVE)
            around = [replace(place, thread="") for place in live]
            set_so = await self._store.overrides(self._platform.name, "listen")
            listening = [place for place, listen in set_so if listen in (Listen.ALL, Listen.FORUM)]
            places = (*around, *listening, *live, *self._platform.channels())
            waiting = deque({place.key: place for place in places}.values())

            async def read() -> None:
                nonlocal unread
                while waiting:
                    place = waiting.popleft()
                    missed = await self._missed(place, after)
                    unread += missed is None
                    for ask in missed or ():
                        if await self._take(ask) and ask.place.key != place.key:
                            waiting.append(ask.place)  # what was said behind a mention nobody heard

            async with asyncio.TaskGroup() as readers:
                for _ in range(_READERS):
                    readers.create_task(read())
        return unread

    async def _missed(self, place: Place, after: datetime) -> list[Ask] | None:
        """What was said there; a refusal for rate means later, however often. None: it can't be read for now, and the
        others are not to wait for it."""
        failures = 0
        while True:
            try:
                return await self._gate.missed(place, after)
            except PlatformError as error:
                failures += error.code is not Code.SLOW_DOWN
                if error.code in (Code.GONE, Code.NOT_ALLOWED) or not error.retryable:
                    return []  # the gate has logged it: nobody can ask there any more
                if failures > _TRIES:
                    return None
                await self._clock.sleep(error.retry_after_s or _DEFAULT_BREAK_S)

    async def _take(self, ask: Ask) -> bool:
        """Whether it is a new turn."""
        if self._clock.now() - ask.at <= self._window:
            return (await self._receive(ask)).outcome is Outcome.TURN
        if await self._pass_over(ask):
            log.warning("a question is too old to answer", place=ask.place.key, message=ask.id, at=str(ask.at))
        return False
