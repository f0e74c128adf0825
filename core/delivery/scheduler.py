"""The scheduler: one a platform. It gives each next slot of the edit budgets to the answer that needs it most.

An answer waits in a line for each way in which it could be painted next; a line is kept for the widest budget
of that way, and its narrower ones (a channel's) say when the answer may step forward. New words cost nothing
but their storing while an answer waits or is painted: it is looked at when its slot comes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from core.clock import Clock
from core.delivery.answer import AnswerDelivery, Posted
from core.delivery.next_call import FindMessage, NextCall
from core.delivery.rate_limits import Limiter, Rank, Reservation, limiter
from core.errors import Code, PlatformError
from core.platform_calls import PlatformCalls
from core.ports.connector import ReportsRateLimits
from core.values.conversation import Ask
from core.values.outgoing import OutgoingCall, PostMessage, StartStream, UploadFile

log = structlog.get_logger()

PATIENCE_S = 2.0
"""How long last words wait for the better way before any way will do."""
_LAST_RESORTS = (NextCall.REST, NextCall.APPEND)
_LEAN_S = 0.02
"""How long first words wait for the better way."""
_TICK_S = 0.001
_DEFAULT_BREAK_S = 2.0
_IDLE_METERS = 2_000


@dataclass(slots=True, eq=False)
class _Place:
    """A delivery in a line. Void once the delivery was queued anew."""

    delivery: AnswerDelivery
    next_call: NextCall
    limiters: list[Limiter]
    entry: int

    @property
    def void(self) -> bool:
        return self.entry != self.delivery.entry


@dataclass(slots=True, eq=False)
class _Line:
    """Who waits for the budget of `limiter`: `later`, by the time of stepping forward, or now."""

    limiter: Limiter
    later: list[tuple[float, int, _Place]] = field(default_factory=list)
    now: list[_Place] = field(default_factory=list)
    due: float | None = None


class DeliveryScheduler:
    """Shares one platform's budgets between all live answers. `run` must be running for anything to show.

    `file_chars`: answers longer than this end as a file, where the platform takes files; 0 for never. `on_shown`
    gets the seconds that words of an answer waited, whenever a call has shown them.
    """

    def __init__(
        self,
        platform_calls: PlatformCalls,
        clock: Clock,
        *,
        file_chars: int = 0,
        on_shown: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._gate = platform_calls
        self._platform = platform_calls.platform
        self._telling = (
            platform_calls.platform if isinstance(platform_calls.platform, ReportsRateLimits) else None
        )
        self._clock = clock
        self._file_chars = file_chars
        self._on_shown = on_shown
        self._canvases: set[AnswerDelivery] = set()
        self._meters: dict[str, Limiter] = {}
        self._lines: dict[str, _Line] = {}
        self._agenda: list[tuple[float, int, _Line]] = []
        self._number = itertools.count()
        self._woken = asyncio.Event()
        self._asleep_until: float | None = None
        self._calls: set[asyncio.Task[None]] = set()

    def delivery(
        self,
        ask: Ask,
        key: str,
        on_post: Posted,
        posted: tuple[str, ...],
        *,
        look_first: bool,
        turn_id: int | None = None,
    ) -> AnswerDelivery:
        """A new answer. `look_first`: an earlier process may have posted it, so look before posting. Every call of
        the answer carries `turn_id`."""
        delivery = AnswerDelivery(
            ask,
            key,
            self._platform.limits,
            on_post,
            posted,
            changed=self._changed,
            look_first=look_first,
            file_chars=self._file_chars,
            turn_id=turn_id,
        )
        self._canvases.add(delivery)
        return delivery

    def release(self, delivery: AnswerDelivery) -> None:
        delivery.entry += 1
        self._canvases.discard(delivery)

    async def run(self) -> None:
        """Paint until cancelled; calls under way are then finished."""
        try:
            while True:
                self._woken.clear()
                self._asleep_until = self._serve()
                await self._pause()
        finally:
            if self._calls:
                await asyncio.wait(self._calls, timeout=5.0)

    async def _pause(self) -> None:
        """Until the next line is due, or something earlier has come up."""
        if self._asleep_until is None:
            await self._woken.wait()
            return
        wait_s = self._asleep_until - self._clock.monotonic()
        if wait_s <= 0:
            await asyncio.sleep(0)
            return
        waits = (
            asyncio.ensure_future(self._clock.sleep(wait_s)),
            asyncio.ensure_future(self._woken.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _serve(self) -> float | None:
        """Serve every line that is due; return when the next one will be."""
        now = self._clock.monotonic()
        while self._agenda:
            due, _, line = self._agenda[0]
            if due != line.due:
                heapq.heappop(self._agenda)
            elif due > now:
                return due
            else:
                heapq.heappop(self._agenda)
                line.due = None
                self._serve_line(line, now)
        return None

    def _serve_line(self, line: _Line, now: float) -> None:
        while line.later and (line.later[0][0] <= now or line.later[0][2].void):
            line.now.append(heapq.heappop(line.later)[2])
        line.now = [place for place in line.now if not place.void]
        while line.now:
            best = max(
                line.now,
                key=lambda place: (place.delivery.urgency(place.next_call, now), -place.next_call.value),
            )
            rank = best.delivery.rank(best.next_call)
            wait_s = line.limiter.wait_s(now, rank)
            if wait_s > 0:
                self._plan(line, now + max(wait_s, _TICK_S))
                break
            line.now.remove(best)
            step_s = self._step_s(best, now)
            if step_s > 0:
                heapq.heappush(line.later, (now + max(step_s, _TICK_S), next(self._number), best))
                continue
            self._take(best, rank, now)
            line.now = [place for place in line.now if not place.void]
        if line.later:
            self._plan(line, line.later[0][0])

    def _plan(self, line: _Line, due: float) -> None:
        if line.due is not None and line.due <= due:
            return
        line.due = due
        heapq.heappush(self._agenda, (due, next(self._number), line))
        if self._asleep_until is None or due < self._asleep_until:
            self._woken.set()

    def _step_s(self, place: _Place, now: float) -> float:
        """How long until the narrower budgets let a delivery step forward."""
        rank = place.delivery.rank(place.next_call)
        return max((narrow.wait_s(now, rank) for narrow in place.limiters[:-1]), default=0.0)

    # Queueing.

    def _changed(self, delivery: AnswerDelivery) -> None:
        if not delivery.busy and delivery in self._canvases:
            self._queue(delivery)

    def _queue(self, delivery: AnswerDelivery) -> None:
        """Put a delivery in the lines for what it wants next."""
        now = self._clock.monotonic()
        delivery.entry += 1
        places = [
            _Place(delivery, next_call, self._meters_of(delivery.sample(next_call)), delivery.entry)
            for next_call in delivery.next_calls(now)
        ]
        for index, place in enumerate(self._preferred(places, now)):
            at = max(delivery.not_before, now + self._step_s(place, now))
            if delivery.rank(place.next_call) is Rank.MIDDLE:
                at = max(at, delivery.gap_until)
            if index:  # the second-best way
                at += self._patience_s(places[0], now) if place.next_call in _LAST_RESORTS else _LEAN_S
            wide = place.limiters[-1]
            line = self._lines.get(wide.budget.scope)
            if line is None:
                line = self._lines[wide.budget.scope] = _Line(wide)
            heapq.heappush(line.later, (at, next(self._number), place))
            self._plan(line, max(at, now + wide.wait_s(now, delivery.rank(place.next_call))))

    def _preferred(self, places: list[_Place], now: float) -> list[_Place]:
        """Where first words could go either way at once: into the family of calls that has more to give."""
        if [place.next_call for place in places] != [NextCall.POST, NextCall.START]:
            return places
        if any(m.wait_s(now) > 0 for place in places for m in place.limiters):
            return places
        delivery = places[0].delivery
        live = [other for other in self._canvases if other is not delivery and not other.ended]
        growing = sum(other.growing or other.preferred is NextCall.START for other in live)
        edited = sum(
            not other.growing and (bool(other.posted) or other.preferred is NextCall.POST) for other in live
        )
        growth = self._meters_of(delivery.sample(NextCall.APPEND))[-1].rate(now) / (growing + 1)
        edits = self._meters_of(delivery.sample(NextCall.EDIT))[-1].rate(now) / (edited + 1)
        places.sort(key=lambda place: (place.next_call is NextCall.START) is not (growth >= edits))
        delivery.preferred = places[0].next_call
        return places

    def _patience_s(self, better: _Place, now: float) -> float:
        """How long the second-best way of showing last words is left unused: not at all where the best one is
        taken for long."""
        wide = better.limiters[-1]
        line = self._lines.get(wide.budget.scope)
        ahead = 0
        if line is not None:
            waiting = itertools.chain(line.now, (place for _, _, place in line.later))
            others = (place for place in waiting if place.delivery is not better.delivery and not place.void)
            ahead = sum(other.delivery.ended and other.next_call is better.next_call for other in others)
        wait_s = max(m.wait_s(now) for m in better.limiters) + ahead / wide.per_s(now)
        return 0.0 if wait_s > PATIENCE_S else PATIENCE_S

    def _meters_of(self, call: OutgoingCall) -> list[Limiter]:
        if len(self._meters) > _IDLE_METERS:
            self._forget_full()
        limiters = []
        for budget in self._platform.rate_limits(call):
            found = self._meters.get(budget.scope)
            if found is None:
                found = self._meters[budget.scope] = limiter(budget)
            limiters.append(found)
        return limiters

    def _forget_full(self) -> None:
        now = self._clock.monotonic()
        waiting = {
            m.budget.scope for line in self._lines.values() for _, _, p in line.later for m in p.limiters
        }
        waiting |= {m.budget.scope for line in self._lines.values() for p in line.now for m in p.limiters}
        for scope, found in list(self._meters.items()):
            if found.full(now) and scope not in waiting:
                del self._meters[scope]
                self._lines.pop(scope, None)

    # Painting.

    def _take(self, place: _Place, rank: Rank, now: float) -> None:
        delivery = place.delivery
        call = delivery.call(place.next_call, now)
        if call is None:
            delivery.not_before = max(
                delivery.not_before, now + _TICK_S
            )  # its next call comes after those of others
            self._queue(delivery)
            return
        delivery.entry += 1
        delivery.busy = True
        draws = [found.take(now, rank) for found in place.limiters]
        task = asyncio.create_task(self._paint(delivery, call, draws))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _paint(self, delivery: AnswerDelivery, call: OutgoingCall, draws: list[Reservation]) -> None:
        try:
            if await self._found(delivery, call) or isinstance(call, FindMessage):
                return
            await delivery.recorded(call)
            message_id = await self._gate.perform(call)
            now = self._clock.monotonic()
            self._on_shown(delivery.behind_s(now))
            delivery.done(call, message_id, now)
            delivery.not_before = now
            delivery.gap_until = now + self._gap_s(delivery, call, now)
        except PlatformError as error:
            now = self._clock.monotonic()
            if error.code is Code.SLOW_DOWN and not isinstance(call, FindMessage):
                self._refused(draws, error, now)
            if not delivery.failed(call, error, now):
                _log_lost(delivery, error)
        finally:
            self._ended(draws)
            delivery.busy = False
            if delivery in self._canvases:
                self._queue(delivery)

    def _gap_s(self, delivery: AnswerDelivery, call: OutgoingCall, now: float) -> float:
        """How soon the next words of the same answer may follow. After the first ones half a gap is enough, so
        that they don't stand alone for long."""
        gap_s = self._platform.limits.min_gap_s
        if not isinstance(call, PostMessage | StartStream):
            return gap_s
        next_call = NextCall.APPEND if delivery.growing else NextCall.EDIT
        return max(gap_s, self._meters_of(delivery.sample(next_call))[0].gap_s(now) / 2)

    async def _found(self, delivery: AnswerDelivery, call: OutgoingCall) -> bool:
        """Before posting what may have been posted already: look. What is found is then edited instead."""
        if not (delivery.look_first and isinstance(call, PostMessage | StartStream | UploadFile)):
            return False
        message_id = await self._gate.find(call)
        if message_id is None or message_id in delivery.posted:
            delivery.look_first = False
            return False
        await delivery.found(call, message_id)
        return True

    # Learning.

    def _ended(self, draws: list[Reservation]) -> None:
        now = self._clock.monotonic()
        for drawn in draws:
            drawn.limiter.end(drawn, now)
            left = self._telling.told(drawn.limiter.budget.scope) if self._telling is not None else None
            if left is not None:
                drawn.limiter.tell(now, left)

    def _refused(self, draws: list[Reservation], error: PlatformError, now: float) -> None:
        """Block the scope that a refusal belongs to: where the platform does not say which, the one of which most
        was used."""
        named = [drawn for drawn in draws if drawn.limiter.budget.scope == error.scope]
        blamed = max(named or draws, key=lambda drawn: drawn.used)
        blamed.limiter.refuse(blamed, now, error.retry_after_s or _DEFAULT_BREAK_S)


def _log_lost(delivery: AnswerDelivery, error: PlatformError) -> None:
    if error.code is Code.GONE:
        log.info("answer_deleted", place=delivery.ask.place.key)
        return
    log.error("answer_not_shown", place=delivery.ask.place.key, **error.log_keys)
