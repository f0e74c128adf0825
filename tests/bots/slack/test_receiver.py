"""An event that comes again while it is taken: once for all its deliveries, whichever connection each came over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bots.slack.addressee import Addressee
from bots.slack.receiver import PayloadReceiver
from core.clock import SystemClock
from core.errors import BotError, StoreError


class Installations:
    """Finds no installation for any event, once `open` is set, or raises `error`."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: BotError | None = None
        self.open = asyncio.Event()
        self.receiver = PayloadReceiver(self._find, SystemClock())

    async def _find(self, addressee: Addressee) -> None:
        self.asked += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error

    def deliver(self, event_id: str = "Ev1") -> asyncio.Task[Any]:
        event = {"type": "message", "channel": "C1", "user": "U1", "text": "hello", "ts": "1.0"}
        body = {"type": "event_callback", "team_id": "T1", "event_id": event_id, "event": event}
        return asyncio.create_task(self.receiver.receive(body))


async def delivered(*tasks: asyncio.Task[Any]) -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)


async def test_deliveries_of_one_event_are_acknowledged_when_the_first_is_stored() -> None:
    found = Installations()
    deliveries = [found.deliver(), found.deliver(), found.deliver("Ev2"), found.deliver()]
    await asyncio.sleep(0)
    assert (found.asked, any(one.done() for one in deliveries)) == (2, False)
    found.open.set()
    assert await delivered(*deliveries) == [None] * 4
    assert found.asked == 2
    await found.deliver()
    assert found.asked == 3, "one that comes later is looked at again: the store knows it"


async def test_deliveries_of_one_event_are_refused_together() -> None:
    found = Installations()
    found.error = StoreError("away")
    deliveries = [found.deliver(), found.deliver()]
    await asyncio.sleep(0)
    found.open.set()
    assert await delivered(*deliveries) == [found.error] * 2
    found.error = None
    assert await delivered(found.deliver()) == [None]


async def test_a_delivery_whose_connection_is_closed_leaves_the_event_to_the_next() -> None:
    found = Installations()
    first, second = found.deliver(), found.deliver()
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    found.open.set()
    assert await delivered(second) == [None]
    assert found.asked == 2
