"""One event of a channel at a time, the earliest of the waiting first."""

from __future__ import annotations

import asyncio

from bots.slack.event_order import Order
from tests.waiting import HANG_S


async def test_of_those_who_wait_the_earliest_goes_first() -> None:
    order, taken = Order(), []

    async def take(channel: str, ts: str) -> None:
        async with order.turn(channel, ts):
            await asyncio.sleep(0)
            taken.append(ts)

    async with asyncio.TaskGroup() as group:
        for ts in ("3", "5", "4", "1", "2"):
            group.create_task(take("C1", ts))
    assert taken == ["3", "1", "2", "4", "5"]


async def test_channels_do_not_wait_for_each_other_and_leave_nothing_behind() -> None:
    order = Order()
    async with order.turn("C1", "1"), order.turn("C2", "1"):
        pass
    assert order._waiting == {}


async def test_who_gives_up_waiting_holds_nobody_up() -> None:
    order = Order()
    entered = []

    async def take(ts: str) -> None:
        async with order.turn("C1", ts):
            entered.append(ts)

    async with order.turn("C1", "1"):
        given_up, called, last = (asyncio.create_task(take(ts)) for ts in ("2", "3", "4"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
    called.cancel()  # just as it is called
    await asyncio.wait_for(last, HANG_S)
    assert entered == ["4"]
    await asyncio.gather(given_up, called, return_exceptions=True)
    assert order._waiting == {}
