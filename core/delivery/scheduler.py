"""The scheduler, one a platform: gives each free call of the rate limits to the answer that needs it most.

An answer is a candidate in one queue for each kind of call that could show its next words. A queue belongs to the
widest rate limit of those calls; the narrower ones (of a channel, say) delay the candidate. New words of an answer
that waits are only stored: the text of a call is chosen when the call is made.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from core.clock import Clock
from core.delivery.answer import AnswerDelivery, OnPost
from core.delivery.next_call import FindMessage, NextCall
from core.delivery.rate_limits import Limiter, LimitState, Rank, Reservation, limiter
from core.errors import Code, PlatformError
from core.platform_calls import PlatformCalls
from core.ports.connector import ReportsRateLimits
from core.values.conversation import Ask
from core.values.outgoing import DeleteMessage, OutgoingCall, PostMessage, StartStream, UploadFile

log = structlog.get_logger()

PATIENCE_S = 2.0
"""Seconds that last words wait for the preferred kind of call before any other is used."""
_LAST_RESORTS = (NextCall.REST, NextCall.REPOST, NextCall.APPEND)
_PREFERENCE_S = 0.02
"""The same for first words."""
_TICK_S = 0.001
_DEFAULT_BREAK_S = 2.0
_NO_DELETION_S = 3600.0
"""Seconds after a lasting refusal to delete a message, as where a workspace keeps them all, for which none is posted
anew."""
_LIMITERS = 500
"""Of more, those are forgotten of which nothing is used."""
_UNREADABLE = (Code.NOT_ALLOWED, Code.APP_SETUP)
"""Lasting refusals to read a place."""


@dataclass(slots=True, eq=False)
class _Candidate:
    """A delivery in a queue, for one kind of call. `limiters`: narrowest first. Stale once the delivery was queued
    again."""

    delivery: AnswerDelivery
    next_call: NextCall
    limiters: list[Limiter]
    version: int

    @property
    def stale(self) -> bool:
        return self.version != self.delivery.queue_version


@dataclass(slots=True, eq=False)
class _Queue:
    """The candidates for `limiter`: those of `later` are delayed by narrower limits (a heap by time)."""

    limiter: Limiter
    later: list[tuple[float, int, _Candidate]] = field(default_factory=list)
    now: list[_Candidate] = field(default_factory=list)
    due: float | None = None


class DeliveryScheduler:
    """Shares one platform's rate limits between all answers. Makes calls only while `run` runs.

    `file_chars`: answers longer than this end as a file, where the platform takes files; 0 for never. `on_shown`
    receives, after each call, the seconds that its words waited.
    """

    def __init__(
        self,
        platform_calls: PlatformCalls,
        clock: Clock,
        *,
        file_chars: int = 0,
        on_shown: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._platform_calls = platform_calls
        installation = self._installation = platform_calls.installation
        self._reports = installation if isinstance(installation, ReportsRateLimits) else None
        self._clock = clock
        self._file_chars = file_chars
        self._on_shown = on_shown
        self._deliveries: set[AnswerDelivery] = set()
        self._limiters: dict[str, Limiter] = {}
        self._most_limiters = _LIMITERS
        self._queues: dict[str, _Queue] = {}
        self._schedule: list[tuple[float, int, _Queue]] = []
        self._number = itertools.count()
        self._no_deletion_until = -math.inf
        self._woken = asyncio.Event()
        self._wakes_at: float | None = None
        self._calls: set[asyncio.Task[None]] = set()

    def delivery(
        self,
        ask: Ask,
        key: str,
        on_post: OnPost,
        posted: tuple[str, ...],
        *,
        look_first: bool,
        turn_id: int | None = None,
    ) -> AnswerDelivery:
        """A new answer, whose calls carry `turn_id`. `look_first`: look for a message of an earlier process before
        posting one."""
        delivery = AnswerDelivery(
            ask,
            key,
            self._installation.limits,
            on_post,
            posted,
            on_change=self._on_change,
            look_first=look_first,
            file_chars=self._file_chars,
            turn_id=turn_id,
        )
        self._deliveries.add(delivery)
        return delivery

    def release(self, delivery: AnswerDelivery) -> None:
        delivery.queue_version += 1
        self._deliveries.discard(delivery)
        if len(self._limiters) > self._most_limiters:
            self._forget_full()

    async def run(self) -> None:
        """Make calls until cancelled. Calls under way are then given 5 s to end."""
        try:
            while True:
                self._woken.clear()
                self._wakes_at = self._serve()
                await self._pause()
        finally:
            if self._calls:
                await asyncio.wait(self._calls, timeout=5.0)

    async def _pause(self) -> None:
        """Sleep until the next queue is due, or an earlier one appears."""
        if self._wakes_at is None:
            await self._woken.wait()
            return
        wait_s = self._wakes_at - self._clock.monotonic()
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
        """Serve every queue that is due; return when the next one will be."""
        now = self._clock.monotonic()
        while self._schedule:
            due, _, queue = self._schedule[0]
            if due != queue.due:
                heapq.heappop(self._schedule)
            elif due > now:
                return due
            else:
                heapq.heappop(self._schedule)
                queue.due = None
                self._serve_queue(queue, now)
        return None

    def _serve_queue(self, queue: _Queue, now: float) -> None:
        while queue.later and (queue.later[0][0] <= now or queue.later[0][2].stale):
            queue.now.append(heapq.heappop(queue.later)[2])
        queue.now = [candidate for candidate in queue.now if not candidate.stale]
        while queue.now:
            best = max(
                queue.now,
                key=lambda candidate: (
                    candidate.delivery.urgency(candidate.next_call, now),
                    -candidate.next_call.value,
                ),
            )
            rank = best.delivery.rank(best.next_call)
            wait_s = queue.limiter.wait_s(now, rank)
            if wait_s > 0:
                self._plan(queue, now + max(wait_s, _TICK_S))
                break
            queue.now.remove(best)
            narrow_s = self._narrow_wait_s(best, now)
            if narrow_s > 0:
                heapq.heappush(queue.later, (now + max(narrow_s, _TICK_S), next(self._number), best))
                continue
            self._take(best, rank, now)
            queue.now = [candidate for candidate in queue.now if not candidate.stale]
        if queue.later:
            self._plan(queue, queue.later[0][0])

    def _plan(self, queue: _Queue, due: float) -> None:
        if queue.due is not None and queue.due <= due:
            return
        queue.due = due
        heapq.heappush(self._schedule, (due, next(self._number), queue))
        if self._wakes_at is None or due < self._wakes_at:
            self._woken.set()

    def _narrow_wait_s(self, candidate: _Candidate, now: float) -> float:
        """Seconds until the narrower limits allow the call."""
        rank = candidate.delivery.rank(candidate.next_call)
        return max((narrow.wait_s(now, rank) for narrow in candidate.limiters[:-1]), default=0.0)

    # Queues.

    def _on_change(self, delivery: AnswerDelivery) -> None:
        if not delivery.busy and delivery in self._deliveries:
            self._enqueue(delivery)

    def _enqueue(self, delivery: AnswerDelivery) -> None:
        """Put a delivery into the queues of its next calls."""
        now = self._clock.monotonic()
        delivery.queue_version += 1
        candidates = [
            _Candidate(
                delivery, next_call, self._limiters_of(delivery.sample(next_call)), delivery.queue_version
            )
            for next_call in self._next_calls(delivery, now)
        ]
        for index, candidate in enumerate(self._preferred(candidates, now)):
            at = max(delivery.not_before, now + self._narrow_wait_s(candidate, now))
            if candidate.next_call is NextCall.REPOST:
                at = max(at, now + self._deletion_wait_s(delivery, now))
            if delivery.rank(candidate.next_call) is Rank.MIDDLE:
                at = max(at, delivery.gap_until)
            if index:  # not the preferred kind of call
                at += (
                    self._patience_s(candidates[0], now)
                    if candidate.next_call in _LAST_RESORTS
                    else _PREFERENCE_S
                )
            wide = candidate.limiters[-1]
            queue = self._queues.get(wide.budget.scope)
            if queue is None:
                queue = self._queues[wide.budget.scope] = _Queue(wide)
            heapq.heappush(queue.later, (at, next(self._number), candidate))
            self._plan(queue, max(at, now + wide.wait_s(now, delivery.rank(candidate.next_call))))

    def _next_calls(self, delivery: AnswerDelivery, now: float) -> tuple[NextCall, ...]:
        """Those of the delivery, with at most one way round an edit that comes too late."""
        next_calls = delivery.next_calls(now)
        delivery.deletes = NextCall.DELETE in next_calls
        if NextCall.REPOST not in next_calls:
            return next_calls
        worse = NextCall.REST
        if now < self._no_deletion_until or (
            NextCall.REST in next_calls and self._deletion_wait_s(delivery, now) > 0
        ):
            worse = NextCall.REPOST
        return tuple(next_call for next_call in next_calls if next_call is not worse)

    def _preferred(self, candidates: list[_Candidate], now: float) -> list[_Candidate]:
        """Sort first words that could be posted or streamed at once: the kind with the higher rate first."""
        if [candidate.next_call for candidate in candidates] != [NextCall.POST, NextCall.START]:
            return candidates
        if any(m.wait_s(now) > 0 for candidate in candidates for m in candidate.limiters):
            return candidates
        delivery = candidates[0].delivery
        live = [other for other in self._deliveries if other is not delivery and not other.ended]
        growing = sum(other.growing or other.preferred is NextCall.START for other in live)
        edited = sum(
            not other.growing and (bool(other.posted) or other.preferred is NextCall.POST) for other in live
        )
        growth = self._limiters_of(delivery.sample(NextCall.APPEND))[-1].rate(now) / (growing + 1)
        edits = self._limiters_of(delivery.sample(NextCall.EDIT))[-1].rate(now) / (edited + 1)
        candidates.sort(key=lambda candidate: (candidate.next_call is NextCall.START) is not (growth >= edits))
        delivery.preferred = candidates[0].next_call
        return candidates

    def _patience_s(self, better: _Candidate, now: float) -> float:
        """Seconds that last words wait for the `better` kind of call: 0 where that would take too long."""
        wide = better.limiters[-1]
        queue = self._queues.get(wide.budget.scope)
        ahead = 0
        if queue is not None:
            waiting = itertools.chain(queue.now, (candidate for _, _, candidate in queue.later))
            others = (
                candidate
                for candidate in waiting
                if candidate.delivery is not better.delivery and not candidate.stale
            )
            ahead = sum(other.delivery.ended and other.next_call is better.next_call for other in others)
        wait_s = max(m.wait_s(now) for m in better.limiters) + ahead / wide.per_s(now)
        return 0.0 if wait_s > PATIENCE_S else PATIENCE_S

    def _deletion_wait_s(self, delivery: AnswerDelivery, now: float) -> float:
        """Seconds until a message that is replaced would be deleted soon after: both can be read meanwhile."""
        deletions = self._limiters_of(delivery.sample(NextCall.DELETE))[-1]
        ahead = sum(other.deletes for other in self._deliveries if other is not delivery)
        return max(0.0, deletions.wait_s(now) + ahead / deletions.rate(now) - PATIENCE_S)

    def limits(self) -> list[LimitState]:
        """The rate limits that calls were made under lately, by their scope."""
        now = self._clock.monotonic()
        return [found.state(now) for _, found in sorted(self._limiters.items())]

    def _limiters_of(self, call: OutgoingCall) -> list[Limiter]:
        limiters = []
        for budget in self._installation.rate_limits(call):
            found = self._limiters.get(budget.scope)
            if found is None:
                found = self._limiters[budget.scope] = limiter(budget)
            elif found.budget != budget:
                found.fit(budget)
            limiters.append(found)
        return limiters

    def _forget_full(self) -> None:
        now = self._clock.monotonic()
        waiting = {
            m.budget.scope for queue in self._queues.values() for _, _, p in queue.later for m in p.limiters
        }
        waiting |= {m.budget.scope for queue in self._queues.values() for p in queue.now for m in p.limiters}
        for scope, found in list(self._limiters.items()):
            if found.full(now) and scope not in waiting:
                del self._limiters[scope]
                self._queues.pop(scope, None)
        self._most_limiters = max(_LIMITERS, 2 * len(self._limiters))

    # Calls.

    def _take(self, candidate: _Candidate, rank: Rank, now: float) -> None:
        delivery, reposts = candidate.delivery, candidate.next_call is NextCall.REPOST
        late = reposts and self._deletion_wait_s(delivery, now) > 0
        call = None if late else delivery.call(candidate.next_call, now)
        if call is None:
            # Others come first.
            delivery.not_before = max(delivery.not_before, now + _TICK_S)
            self._enqueue(delivery)
            return
        delivery.queue_version += 1
        delivery.busy = True
        delivery.deletes = delivery.deletes or reposts
        reservations = [found.take(now, rank) for found in candidate.limiters]
        task = asyncio.create_task(self._perform(delivery, call, reservations), context=delivery.context.copy())
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _perform(
        self, delivery: AnswerDelivery, call: OutgoingCall, reservations: list[Reservation]
    ) -> None:
        try:
            if await self._found(delivery, call) or isinstance(call, FindMessage):
                return
            await delivery.recorded(call)
            message_id = await self._platform_calls.perform(call)
            now = self._clock.monotonic()
            self._on_shown(delivery.behind_s(now))
            delivery.done(call, message_id, now)
            delivery.not_before = now
            delivery.gap_until = now + self._gap_s(delivery, call, now)
        except PlatformError as error:
            now = self._clock.monotonic()
            if error.code is Code.SLOW_DOWN and not isinstance(call, FindMessage):
                self._refused(reservations, error, now)
            if isinstance(call, DeleteMessage) and not error.retryable and error.code is not Code.GONE:
                self._no_deletion_until = now + _NO_DELETION_S
            if not delivery.failed(call, error, now):
                _log_lost(delivery, error)
        finally:
            self._ended(reservations)
            delivery.busy = False
            if delivery in self._deliveries:
                self._enqueue(delivery)

    def _gap_s(self, delivery: AnswerDelivery, call: OutgoingCall, now: float) -> float:
        """Seconds until the next call of the same answer. Half a gap after its first words, which are few."""
        gap_s = self._installation.limits.min_gap_s
        if not isinstance(call, PostMessage | StartStream):
            return gap_s
        next_call = NextCall.APPEND if delivery.growing else NextCall.EDIT
        return max(gap_s, self._limiters_of(delivery.sample(next_call))[0].gap_s(now) / 2)

    async def _found(self, delivery: AnswerDelivery, call: OutgoingCall) -> bool:
        """Look for a message that `call` may have made in an earlier process. A message that is found is edited."""
        if not (delivery.look_first and isinstance(call, PostMessage | StartStream | UploadFile)):
            return False
        message_id = await self._find(call)
        if message_id is None or message_id in delivery.posted:
            # Each picture is looked for: one before it may have been refused where it was posted.
            delivery.look_first = isinstance(call, UploadFile) and bool(call.under) and delivery.more_pictures
            return False
        await delivery.found(call, message_id)
        return True

    async def _find(self, call: OutgoingCall) -> str | None:
        """`PlatformCalls.find`. Where the bot may post but not read, nothing is found: then only a platform that
        takes each key once keeps the message from being posted twice. Raises PlatformError."""
        try:
            return await self._platform_calls.find(call)
        except PlatformError as error:
            if error.code not in _UNREADABLE:
                raise
            log.warning("message_not_looked_up", place=call.place.key, **error.log_keys)
            return None

    # Feedback to the limiters.

    def _ended(self, reservations: list[Reservation]) -> None:
        now = self._clock.monotonic()
        for reservation in reservations:
            reservation.limiter.end(reservation, now)
            scope = reservation.limiter.budget.scope
            status = self._reports.rate_limit_status(scope) if self._reports is not None else None
            if status is not None:
                reservation.limiter.tell(now, status)

    def _refused(self, reservations: list[Reservation], error: PlatformError, now: float) -> None:
        """Block the limiter whose scope the platform names, else the one that was used most."""
        named = [reservation for reservation in reservations if reservation.limiter.budget.scope == error.scope]
        blamed = max(named or reservations, key=lambda reservation: reservation.used)
        blamed.limiter.refuse(blamed, now, error.retry_after_s or _DEFAULT_BREAK_S)


def _log_lost(delivery: AnswerDelivery, error: PlatformError) -> None:
    if error.code is Code.GONE:
        log.info("answer_deleted", place=delivery.ask.place.key)
        return
    log.error("answer_not_shown", place=delivery.ask.place.key, **error.log_keys)
