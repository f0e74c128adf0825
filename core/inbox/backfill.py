"""Backfill: reads the messages of a connection that were missed since the last moment up to which all are known.

Platforms lose events while the program is down, when a session can't be resumed, and after a few failed deliveries.
Reading a message twice is harmless: the ledger knows it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from core.clock import Clock
from core.errors import Code, PlatformError, StoreError
from core.inbox.teams import adopt
from core.platform_calls import PlatformCalls
from core.ports.connections import SeveralConnections
from core.ports.connector import Installation
from core.ports.store.settings import SettingsStore
from core.ports.store.threads import OVERLAP, ThreadStore
from core.settings.channel import Listen
from core.values.conversation import Ask
from core.values.events import Outcome, Receipt
from core.values.places import Place

log = structlog.get_logger()

LIVE = timedelta(days=7)
"""The age of its last message up to which a thread is read for missed ones."""
_LOOK_S = 0.5
_LONGEST_PAUSE_S = 5.0
_KEEP_S = 10.0
_READERS = 4
_DEFAULT_BREAK_S = 5.0
_TRIES = 12
_UNREAD_S = 15.0
_CLOCKS = timedelta(seconds=5)
"""The most by which the clocks of two processes differ."""
HOLD_S = 30.0
"""The longest that turns wait: after the start or a loss until it is known which places have to be read on, and then
until theirs has been."""


class BackfillStore(SettingsStore, ThreadStore, Protocol):
    """The part of the store that a backfill reads."""


def watermark_of(installation: Installation, connection: str) -> str:
    """The platform under which the watermark of a connection is kept."""
    return f"{installation.name} {connection}".rstrip()


class Backfill:
    """Reads missed messages of one connection each time it is connected, and keeps its watermark. `connection` is its
    name, of an installation that has several.

    `elsewhere`: True while another process answers for a team, which then reads what was missed; None where there is
    one process, or each connection is held by one.

    An event younger than `window_s` is received as if it came now. `record_expired` decides of an older one
    whether it is a question; those are listed in the log.
    """

    def __init__(
        self,
        platform_calls: PlatformCalls,
        store: BackfillStore,
        receive: Callable[[Ask], Awaitable[Receipt]],
        record_expired: Callable[[Ask], Awaitable[bool]],
        clock: Clock,
        window_s: float,
        connection: str = "",
        elsewhere: Callable[[Place], bool] | None = None,
    ) -> None:
        self._connection = connection
        self._gate = platform_calls
        installation = self._installation = platform_calls.installation
        self._several = installation if isinstance(installation, SeveralConnections) else None
        self._elsewhere = elsewhere if self._several is None else None
        self._connected_at: datetime | None = None
        """The time since when events come in here. None while they do not."""
        self._lost = False
        """An event that came here was not stored: it is read here, also where another process answers."""
        self._store = store
        self._receive = receive
        self._pass_over = record_expired
        self._clock = clock
        self._window = timedelta(seconds=window_s)
        self._whole = False
        self._listed = False
        self.hold_s = HOLD_S
        self._hold_until = clock.monotonic() + HOLD_S
        self._unread: deque[Place] = deque()
        self._held: set[str] = set()
        self._news = asyncio.Event()
        self._kept_at, self._pause_s = 0.0, _LOOK_S
        self.waiting = 0
        """Turns that wait for it."""

    async def caught_up(self, place: Place) -> None:
        """Return when the missed messages of `place` have come in, or when that takes too long: until then a
        turn that is begun may not be the next one there. The place of a waiting question is read first."""
        self.waiting += 1
        try:
            await self._caught_up(place)
        finally:
            self.waiting -= 1

    async def _caught_up(self, place: Place) -> None:
        patience_until = self._clock.monotonic() + self.hold_s
        while self._doubtful(place):
            until = patience_until if self._listed else self._hold_until
            self._read_first(place)
            try:
                # `wait_for` of Python 3.11 loses a cancellation that comes together with news.
                async with asyncio.timeout(until - self._clock.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                return

    def again(self) -> None:
        """Something may have been said that is not stored: read on from before it."""
        self._lost = True
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._whole = False
        self._hold()

    def _doubtful(self, place: Place) -> bool:
        """The place may have unread messages. A thread's first message is in its channel."""
        around = replace(place, thread="")
        return not self._listed or not self._held.isdisjoint({place.key, around.key})

    def _read_first(self, place: Place) -> None:
        for key in (place.key, replace(place, thread="").key):
            for wanted in [unread for unread in self._unread if unread.key == key]:
                self._unread.remove(wanted)
                self._unread.appendleft(wanted)

    def _hold(self, longer_s: float = 0.0) -> None:
        self._listed = False
        self._hold_until = self._clock.monotonic() + longer_s + self.hold_s
        self._tell()

    def _release(self, place: Place) -> None:
        self._held.discard(place.key)
        self._tell()

    def _tell(self) -> None:
        """Wake the waiting turns, which check again."""
        self._news.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            until_s = await self.look() + self._clock.monotonic()
            while (left_s := until_s - self._clock.monotonic()) > _LOOK_S:
                await self._clock.sleep(_LOOK_S)
                self.watch()
            await self._clock.sleep(max(0.0, left_s))

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_S)
            self.watch()

    def watch(self) -> None:
        """Notice that the platform has gone away, also while missed messages are still being read."""
        connected = self._connected()
        if not connected:
            self._connected_at = None
        elif self._connected_at is None:
            self._connected_at = self._clock.now()
        if self._whole and not connected:
            self._begin_anew()

    def wants_look(self, keep_s: float) -> bool:
        """True if `look` has something to read, or a watermark that is older than `keep_s`. Pure."""
        if not self._connected():
            return False
        if self._whole:
            return not self._answers_elsewhere() and self._is_due(keep_s)
        return self._lost or not self._answers_elsewhere() or self._is_due()

    async def look(self) -> float:
        """Read what was missed, if the platform is there and that has not been done; else keep the watermark. Returns
        the seconds until the next look."""
        try:
            self.watch()
            ready = self._connected()
            reads = ready and not self._whole and not await self._is_read_elsewhere()
            if reads:
                watching = asyncio.create_task(self._watch())  # it may take long
                try:
                    await self._read()
                finally:
                    watching.cancel()
            elif ready and self._whole and not self._answers_elsewhere() and self._is_due():
                await self._advance(self._clock.now())
                self._kept_at = self._clock.monotonic()
            self._pause_s = _LOOK_S
        except* StoreError:
            self._whole = False
            if self._pause_s == _LOOK_S:
                log.warning("backfill_delayed", platform=self._installation.name)
            # Each try reads everything from the platform again, although only the store fails.
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            self._hold(self._pause_s)
        return self._pause_s

    async def _read(self) -> None:
        """Read what was missed. Raises StoreError."""
        self._whole, self._lost = True, False  # unless something is lost meanwhile
        self._hold()
        began = self._clock.now()
        unread = await self._catch_up()
        if unread:  # later messages may be missing: read all again, later
            self._whole = False
            if self._is_held():
                await self._clock.sleep(_UNREAD_S)
        elif self._whole:
            await self._advance(began)

    def _is_due(self, keep_s: float = _KEEP_S) -> bool:
        return self._clock.monotonic() - self._kept_at >= max(keep_s, _KEEP_S)

    def _answers_elsewhere(self) -> bool:
        """True also while the team is not known, of several processes."""
        installation = self._installation
        if self._elsewhere is None:
            return False
        return not installation.id or self._elsewhere(Place(installation.name, installation.id, ""))

    async def _is_read_elsewhere(self) -> bool:
        """True if nothing is to be read here: another process answers, and reads. Once it has known all up to a moment
        at which events came in here too, nothing was missed. Raises StoreError."""
        if self._elsewhere is None or self._lost or self._connected_at is None:
            return False
        name = watermark_of(self._installation, self._connection)
        heard = await self._store.watermark(name, self._installation.id) if self._installation.id else None
        if heard is not None and heard - _CLOCKS >= self._connected_at:
            self._whole = self._listed = True
            self._held.clear()
            self._tell()
            return True
        if not self._answers_elsewhere():
            return False
        self._kept_at = self._clock.monotonic()
        return True

    def _connected(self) -> bool:
        if self._several is not None:
            return self._several.is_connected(self._connection)
        return self._installation.ready()

    def _hears(self, place: Place) -> bool:
        return self._several is None or self._several.connection_of(place) == self._connection

    async def _advance(self, until: datetime) -> None:
        name = watermark_of(self._installation, self._connection)
        await self._store.advance_watermark(name, self._installation.id, until)

    async def _catch_up(self) -> int:
        """Read every live place, the channels around them, and those where more than mentions are questions. How many
        could not be read for now. Raises StoreError."""
        await adopt(self._store, self._installation)
        name = watermark_of(self._installation, self._connection)
        heard = await self._store.watermark(name, self._installation.id)
        after = heard - OVERLAP if heard else None
        places = await self._places(after) if after else []
        self._unread = deque({place.key: place for place in places}.values())
        self._held = {place.key for place in self._unread}
        listed = set(self._held)
        self._listed = self._whole  # what was lost meanwhile may be at a place that is not among these
        self._tell()
        unreadable = 0

        async def read(after: datetime) -> None:
            nonlocal unreadable
            while self._unread:
                place = self._unread.popleft()
                missed = await self._missed(place, after)
                unreadable += missed is None
                for ask in missed or ():
                    outcome = await self._take(ask)
                    # Messages behind a mention that was missed, or that came by itself just now.
                    behind = outcome in (Outcome.TURN, Outcome.HELD) or (
                        outcome is Outcome.DUPLICATE and ask.place.key not in listed
                    )
                    if behind and ask.place.key != place.key:
                        listed.add(ask.place.key)
                        self._held.add(ask.place.key)
                        self._unread.append(ask.place)
                if all(unread.key != place.key for unread in self._unread):
                    self._release(place)

        if after:
            async with asyncio.TaskGroup() as readers:
                for _ in range(_READERS):
                    readers.create_task(read(after))
        return unreadable

    async def _places(self, after: datetime) -> list[Place]:
        name, team = (
            self._installation.name,
            "" if self._installation.traits.spans_teams else self._installation.id,
        )
        live = await self._store.active_threads(name, team, after - LIVE)
        around = [replace(place, thread="") for place in live]
        set_so = await self._store.overrides(name, team, "listen")
        listening = [place for place, listen in set_so if listen in (Listen.ALL, Listen.FORUM)]
        known = [*around, *listening, *live, *self._installation.channels()]
        return [place for place in known if self._hears(place)]

    async def _missed(self, place: Place, after: datetime) -> list[Ask] | None:
        """The missed events of a place. A rate limit is waited out, as often as it is met. None where the place
        can't be read for now, so that the others do not wait for it, and where the connection is another process's by
        now, which reads it."""
        failures = 0
        while self._is_held():
            try:
                return await self._gate.missed(place, after)
            except PlatformError as error:
                failures += error.code is not Code.SLOW_DOWN
                if error.code is Code.BAD_TOKEN:
                    return None  # the token may work again
                if error.code in (Code.GONE, Code.NOT_ALLOWED) or not error.retryable:
                    return []  # logged by PlatformCalls; no question can come from there
                if failures > _TRIES:
                    return None
                if failures:
                    self._release(place)  # the wait has no known end
                await self._clock.sleep(error.retry_after_s or _DEFAULT_BREAK_S)
        return None

    def _is_held(self) -> bool:
        return self._several is None or self._several.holds(self._connection)

    async def _take(self, ask: Ask) -> Outcome | None:
        """The outcome of a message; None if it is too old for any."""
        if self._clock.now() - ask.at <= self._window:
            return (await self._receive(ask)).outcome
        if await self._pass_over(ask):
            log.warning("question_too_old", place=ask.place.key, message=ask.id, at=str(ask.at))
        return None
