"""The causes of alerts and of commands that failed, on their way to the store."""

from __future__ import annotations

import asyncio

from core.errors import Code, PlatformError, StoreError
from core.operators.alerts import OperatorAlerts
from core.operators.failure_log import AGAIN_S, MOST, FailureLog
from core.values.failures import Failure, error_to_failure
from core.values.places import Place
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

PLACE = Place("slack", "T1", "C1", "1.1")


async def test_the_cause_of_an_alert_is_found_by_its_reference() -> None:
    store, clock = MemoryStore(), FakeClock()
    failures, alerts = FailureLog(store, clock), OperatorAlerts(clock)
    alerts.record = failures.put
    running = asyncio.create_task(failures.run())
    error = PlatformError(Code.BAD_TOKEN, "invalid_auth")
    alerts.report_failure("platform slack", error, {"name": "slack"})
    alerts.report_failure("platform slack", PlatformError(Code.BAD_TOKEN), {"name": "slack"})
    await clock.advance(0)
    [stored] = await store.failures()
    assert stored.failure == error_to_failure(error, "platform slack", {"name": "slack"})
    assert await store.failures_of(error.ref) == [stored]
    running.cancel()


async def test_what_the_database_refuses_is_stored_once_it_works() -> None:
    store, clock = MemoryStore(), FakeClock()
    failures = FailureLog(store, clock)
    running = asyncio.create_task(failures.run())
    store.failing = True
    error, began = StoreError("disk is full"), clock.now()
    failures.failed(error, PLACE)
    await clock.advance(AGAIN_S / 2)
    store.failing = False
    assert await store.failures() == []
    await clock.advance(AGAIN_S)
    [stored] = await store.failures()
    assert (stored.failure.detail, stored.at, stored.place) == (
        "disk is full",
        began,
        Place("slack", "T1", "C1"),
    )
    running.cancel()


async def test_an_error_that_is_noted_where_it_is_raised_and_where_it_is_shown_is_stored_once() -> None:
    store = MemoryStore()
    failures, error = FailureLog(store, FakeClock()), StoreError("disk is full")
    failures.failed(error, PLACE)
    failures.failed(error, PLACE)
    failures.failed(StoreError("disk is full"), PLACE)
    await failures.flush()
    assert len(await store.failures()) == 2


async def test_of_too_many_the_newest_are_kept() -> None:
    store = MemoryStore()
    failures = FailureLog(store, FakeClock())
    for number in range(MOST + 3):
        failures.put(Failure(str(number), Code.STORE))
    await failures.flush()
    assert [one.failure.ref for one in await store.failures(MOST)] == [str(n) for n in range(MOST + 2, 2, -1)]
