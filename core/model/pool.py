"""The one retry loop of a turn: one budget of tries and seconds, whatever goes wrong.

Today there is one account with one model. Further accounts, a chain of models and circuit breakers belong
here: `decide` would name who is asked next beside when. No SDK and no client below retries on its own.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from core.clock import Clock
from core.errors import Code, ModelError
from core.model.client import CompletionsClient
from core.model.faults import ADVICE, fault
from core.ports import Request
from core.types import Delta, Text

MAX_TRIES = 4
_TRIES = {Code.EMPTY: 2, Code.GARBLED: 2}
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0
_BROKE_OFF = frozenset({Code.CUT, Code.STALLED, Code.ERROR_IN_STREAM})

log = structlog.get_logger()


def decide(
    error: ModelError, tries: int, elapsed_s: float, limit_s: float, visible: bool, jitter: float
) -> float | None:
    """Seconds to wait before the same question is sent again, or None: give up and tell the person.

    `tries` have failed, the last one with `error`, `elapsed_s` after the start. Once a word was `visible` there is
    no going back. `jitter` from 0 to 1 keeps many from coming back at once. The endpoint's own word on when to
    come back is kept to; where it lies beyond the limit there is no use in waiting.
    """
    if visible or not error.retryable or tries >= _TRIES.get(error.code, MAX_TRIES):
        return None
    wait_s: float = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (tries - 1)) * (1 - 0.25 * jitter)
    if error.retry_after_s is not None:
        wait_s = max(error.retry_after_s, wait_s / 2) + 0.25 * jitter
    return wait_s if elapsed_s + wait_s <= limit_s else None


class RetryingModel:
    """A `Model` that asks again where that may help, until `limit_s` after the start."""

    def __init__(
        self,
        client: CompletionsClient,
        clock: Clock,
        limit_s: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._clock = clock
        self._limit_s = limit_s
        self._jitter = jitter

    async def close(self) -> None:
        await self._client.close()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        start = self._clock.monotonic()
        tries = 0
        visible = False
        while True:
            tries += 1
            try:
                async with aclosing(self._client.stream(request)) as deltas:
                    async for delta in deltas:
                        visible = visible or isinstance(delta, Text)
                        yield delta
                return
            except ModelError as error:
                elapsed_s = self._clock.monotonic() - start
                wait_s = decide(error, tries, elapsed_s, self._limit_s, visible, self._jitter())
                told = _broken_off(error) if visible else error
                log.warning(
                    "the model did not answer" if wait_s is None else "the model did not answer, asking again",
                    code=str(error.code),
                    status=error.status,
                    request_id=error.request_id,
                    detail=error.detail,
                    advice=ADVICE[error.code],
                    model=request.model,
                    attempt=tries,
                    wait_s=None if wait_s is None else round(wait_s, 2),
                    retry_after_s=error.retry_after_s,
                    ref=told.ref,
                )
                if wait_s is None:
                    raise told from error
            await self._clock.sleep(wait_s)


def _broken_off(error: ModelError) -> ModelError:
    """Under an answer that has begun, why it broke off matters to the operator alone."""
    if error.code in _BROKE_OFF:
        return error
    code = Code.CUT if error.code is Code.GARBLED else Code.ERROR_IN_STREAM
    return fault(code, f"{error.code}: {error.detail}", status=error.status, request_id=error.request_id)
