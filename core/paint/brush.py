"""The brush: one a platform. It gives each next slot of the edit budgets to the answer that needs it most."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from core.clock import Clock
from core.errors import Code, PlatformError
from core.paint.canvas import Canvas, Posted
from core.paint.gate import Gate
from core.paint.pacing import ENDING_RESERVE, Bucket
from core.types import Ask, Post, Stroke

log = structlog.get_logger()

_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_GIVE_UP_AFTER = 20
"""Failed calls in a row, about five minutes, after which an answer is given up (and kept in the store)."""
_DEFAULT_BREAK_S = 2.0
_IDLE_BUCKETS = 2_000


class Brush:
    """Shares one platform's budgets between all live answers. `run` must be running for anything to show."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._platform = gate.platform
        self._clock = clock
        self._canvases: set[Canvas] = set()
        self._buckets: dict[str, Bucket] = {}
        self._wake = asyncio.Event()
        self._strokes: set[asyncio.Task[None]] = set()

    def canvas(
        self, ask: Ask, key: str, on_post: Posted, posted: tuple[str, ...], *, look_first: bool
    ) -> Canvas:
        """A new answer. `look_first`: an earlier process may have posted it, so look before posting."""
        canvas = Canvas(ask, key, self._platform.limits, on_post, posted)
        canvas.look_first = look_first
        self._canvases.add(canvas)
        return canvas

    def release(self, canvas: Canvas) -> None:
        self._canvases.discard(canvas)

    def wake(self) -> None:
        """Some canvas has something new to show."""
        self._wake.set()

    async def run(self) -> None:
        """Paint until cancelled; strokes under way are then finished."""
        try:
            while True:
                self._wake.clear()
                wait_s = self._start_strokes()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait_s)
        finally:
            if self._strokes:
                await asyncio.wait(self._strokes, timeout=5.0)

    def _start_strokes(self) -> float | None:
        """Start every stroke that may go now, the most urgent first; return when to look again."""
        now = self._clock.monotonic()
        waiting = [canvas for canvas in self._canvases if not canvas.busy and not canvas.up_to_date]
        waiting.sort(key=lambda canvas: canvas.urgency(now), reverse=True)
        again_s: float | None = None
        for canvas in waiting:
            stroke = canvas.stroke()
            if stroke is None:
                continue
            buckets = self._buckets_of(stroke)
            reserve = 0.0 if canvas.ended or isinstance(stroke, Post) else ENDING_RESERVE
            wait_s = max((bucket.wait_s(now, reserve) for bucket in buckets), default=0.0)
            wait_s = max(wait_s, canvas.not_before - now)
            if wait_s > 0:
                again_s = wait_s if again_s is None else min(again_s, wait_s)
                continue
            for bucket in buckets:
                bucket.take(now)
            canvas.busy = True
            task = asyncio.create_task(self._paint(canvas, stroke, buckets))
            self._strokes.add(task)
            task.add_done_callback(self._strokes.discard)
        return again_s

    async def _paint(self, canvas: Canvas, stroke: Stroke, buckets: list[Bucket]) -> None:
        try:
            if await self._found(canvas, stroke):
                return
            message_id = await self._gate.perform(stroke)
            now = self._clock.monotonic()
            await canvas.done(stroke, message_id, now)
            gap_s = max((bucket.gap_s(now) for bucket in buckets), default=0.0)
            canvas.not_before = now + max(gap_s, self._platform.limits.min_gap_s)
            if canvas.ended:
                canvas.not_before = now
        except PlatformError as error:
            self._failed(canvas, error, buckets)
        finally:
            canvas.busy = False
            self._wake.set()

    async def _found(self, canvas: Canvas, stroke: Stroke) -> bool:
        """Before posting what may have been posted already: look. What is found is then edited instead."""
        if not (canvas.look_first and isinstance(stroke, Post)):
            return False
        message_id = await self._gate.find(stroke)
        if message_id is None:
            canvas.look_first = False
            return False
        await canvas.found(message_id)
        return True

    def _failed(self, canvas: Canvas, error: PlatformError, buckets: list[Bucket]) -> None:
        now = self._clock.monotonic()
        canvas.failures += 1
        if error.code is Code.SLOW_DOWN:
            for bucket in buckets:
                bucket.refuse(now, error.retry_after_s or _DEFAULT_BREAK_S)
        elif error.code is Code.EXPIRED and canvas.ticket:
            canvas.ticket = ""
        elif error.retryable and canvas.failures <= _GIVE_UP_AFTER:
            canvas.not_before = now + _BACKOFF_S[min(canvas.failures, len(_BACKOFF_S)) - 1]
            canvas.look_first = canvas.look_first or not error.certain
        else:
            log.error(
                "answer can't be shown",
                platform=self._platform.name,
                place=canvas.ask.place.key,
                code=str(error.code),
                detail=error.detail,
                ref=error.ref,
            )
            canvas.fail(error)

    def _buckets_of(self, stroke: Stroke) -> list[Bucket]:
        if len(self._buckets) > _IDLE_BUCKETS:
            self._forget_full()
        return [
            self._buckets.setdefault(budget.scope, Bucket(budget)) for budget in self._platform.budgets(stroke)
        ]

    def _forget_full(self) -> None:
        now = self._clock.monotonic()
        for scope, bucket in list(self._buckets.items()):
            if bucket.wait_s(now, bucket.budget.burst) <= 0:
                del self._buckets[scope]
