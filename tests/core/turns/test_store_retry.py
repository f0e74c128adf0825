"""Calls of the store that a turn waits for."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from core.errors import StoreError
from core.turns.store_retry import until_stored
from tests.fakes.clock import FakeClock


class Store:
    """Fails so often, then works."""

    def __init__(self, failures: int, *, retryable: bool = True) -> None:
        self.failures = failures
        self.retryable = retryable

    async def call(self) -> str:
        if self.failures:
            self.failures -= 1
            raise StoreError("away", retryable=self.retryable)
        return "stored"


async def test_a_turn_waits_for_the_database_with_growing_pauses_and_a_line_a_minute() -> None:
    clock = FakeClock(jumps=True)
    with capture_logs() as logged:
        assert await until_stored(clock, Store(50).call) == "stored"
    assert clock.slept_s[:4] == [0.2, 0.3, 0.5, 0.5]
    assert max(clock.slept_s) == 5.0
    assert len(logged) == 3 + 4, "the first three, then one of twelve"


async def test_a_call_that_has_a_bound_is_not_retried_beyond_it() -> None:
    clock = FakeClock(jumps=True)
    with pytest.raises(StoreError):
        await until_stored(clock, Store(50).call, within_s=20.0)
    assert sum(clock.slept_s) == pytest.approx(20.0)


async def test_what_a_later_try_would_not_change_is_raised_at_once() -> None:
    clock = FakeClock(jumps=True)
    with pytest.raises(StoreError):
        await until_stored(clock, Store(1, retryable=False).call)
    assert clock.slept_s == []
