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

from core.clock import Clock
from core.errors import Code, PlatformError, StoreError
from core.intake.rules import decide
from core.paint.gate import Gate
from core.ports import Store
from core.types import Ask, Outcome, Place, Receipt

log = structlog.get_logger()

LIVE = timedelta(days=7)
"""How long after its last words a thread is still looked into."""
OVERLAP = timedelta(minutes=2)
"""A connection can be deaf for a while before anybody notices, and clocks differ."""
_LOOK_S = 0.5
_KEEP_S = 10.0
_READERS = 4
_DEFAULT_BREAK_S = 5.0
HOLD_S = 3.0
"""The longest that turns wait for what was said before them."""


class CatchUp:
    """Of one platform: reads on whenever the platform has become ready, and keeps the moment it has heard until.

    Questions younger than `window_s` are received as if they came now; older ones are listed in the log.
    """

    def __init__(
        self,
        gate: Gate,
        store: Store,
        receive: Callable[[Ask], Awaitable[Receipt]],
        clock: Clock,
        window_s: float,
    ) -> None:
        self._gate = gate
        self._platform = gate.platform
        self._store = store
        self._receive = receive
        self._clock = clock
        self._window = timedelta(seconds=window_s)
        self._read = asyncio.Event()
        self._whole = False
        self.hold_s = HOLD_S
        self._hold_until = clock.monotonic() + HOLD_S

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

    def _hold(self) -> None:
        self._read.clear()
        self._hold_until = self._clock.monotonic() + self.hold_s

    async def run(self) -> None:
        """Until cancelled."""
        kept_at = 0.0
        while True:
            try:
                if not self._platform.ready():
                    self._whole = False
                elif not self._whole:
                    self._whole = True  # unless something is lost meanwhile
                    self._hold()
                    await self._catch_up()
                    if self._whole:
                        self._read.set()
                elif self._clock.monotonic() - kept_at >= _KEEP_S:
                    await self._store.hear(self._platform.name, self._clock.now())
                    kept_at = self._clock.monotonic()
            except* StoreError:
                self._whole = False
                log.warning("catch-up waits for the store", platform=self._platform.name)
            await self._clock.sleep(_LOOK_S)

    async def _catch_up(self) -> None:
        """Read every live place and the channels around them. Raises StoreError."""
        now = self._clock.now()
        heard = await self._store.heard(self._platform.name)
        if heard is not None:
            after = heard - OVERLAP
            live = await self._store.live(self._platform.name, after - LIVE)
            around = [replace(place, thread="") for place in live]
            waiting = deque(
                {place.key: place for place in (*around, *self._platform.channels(), *live)}.values()
            )

            async def read() -> None:
                while waiting:
                    place = waiting.popleft()
                    for ask in await self._missed(place, after):
                        if await self._take(ask) and ask.place.key != place.key:
                            waiting.append(ask.place)  # what was said behind a mention nobody heard

            async with asyncio.TaskGroup() as readers:
                for _ in range(_READERS):
                    readers.create_task(read())
        await self._store.hear(self._platform.name, now)

    async def _missed(self, place: Place, after: datetime) -> list[Ask]:
        """What was said there; a refusal for rate means later."""
        while True:
            try:
                return await self._gate.missed(place, after)
            except PlatformError as error:
                if error.code in (Code.GONE, Code.NOT_ALLOWED) or not error.retryable:
                    return []  # the gate has logged it: nobody can ask there any more
                await self._clock.sleep(error.retry_after_s or _DEFAULT_BREAK_S)

    async def _take(self, ask: Ask) -> bool:
        """Whether it is a new turn."""
        if self._clock.now() - ask.at <= self._window:
            return (await self._receive(ask)).outcome is Outcome.TURN
        joined = ask.addressed or await self._store.joined(ask.place)
        outcome = decide(ask, joined)
        if outcome in (Outcome.TURN, Outcome.NOTED) and await self._store.note(ask) and outcome is Outcome.TURN:
            log.warning("a question is too old to answer", place=ask.place.key, message=ask.id, at=str(ask.at))
        return False
