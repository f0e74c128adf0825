"""The bot's global limit, against a Discord that counts a call at any moment between its sending and its answer."""

from __future__ import annotations

import asyncio
import random

import pytest

from bots.discord.limiter import CALLS, WINDOW_S, Limited, Priority, RateLimiter
from tests.fakes.clock import FakeClock


class Calls:
    """Calls through one limiter; `counted` is when Discord counted each, and which."""

    def __init__(self, seed: int = 0, latency_s: float = 0.0) -> None:
        self.clock = FakeClock()
        self.limiter = RateLimiter(self.clock)
        self.counted: list[tuple[float, Priority]] = []
        self._random = random.Random(seed)
        self._latency_s = latency_s
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, priority: Priority, count: int = 1) -> list[asyncio.Task[None]]:
        started = [asyncio.create_task(self._call(priority)) for _ in range(count)]
        self._tasks += started
        return started

    async def _call(self, priority: Priority) -> None:
        async with self.limiter.slot(priority):
            await self.clock.sleep(self._random.random() * self._latency_s)
            self.counted.append((self.clock.monotonic(), priority))
            await self.clock.sleep(self._random.random() * self._latency_s)

    async def finish(self) -> None:
        while not all(task.done() for task in self._tasks):
            await self.clock.advance(0.05)

    def of(self, priority: Priority) -> list[float]:
        return [at for at, counted in self.counted if counted is priority]


@pytest.mark.parametrize("seed", range(5))
async def test_no_second_wherever_it_begins_holds_more_calls_than_discord_allows(seed: int) -> None:
    calls, chance = Calls(seed, latency_s=0.7), random.Random(seed)
    for _ in range(40):
        calls.start(chance.choice(list(Priority)), chance.randrange(12))
        await calls.clock.advance(chance.random() * 0.3)
    await calls.finish()
    at = sorted(counted for counted, _ in calls.counted)
    assert len(at) > 3 * CALLS
    assert all(later - earlier >= WINDOW_S for earlier, later in zip(at, at[CALLS:], strict=False))


async def test_the_whole_allowance_is_used() -> None:
    calls = Calls()
    calls.start(Priority.FIRST, 4 * CALLS)
    await calls.finish()
    assert calls.clock.monotonic() < 4.2 * WINDOW_S


async def test_a_question_does_not_wait_behind_what_is_read_on_after_downtime() -> None:
    calls = Calls()
    calls.start(Priority.READ, 250)
    await calls.clock.advance(0.3)
    calls.start(Priority.FIRST, 10)
    await calls.clock.advance(0.0)
    assert len(calls.of(Priority.FIRST)) == 10
    await calls.finish()


async def test_most_slots_are_left_to_edits_while_much_is_read_on_after_downtime() -> None:
    calls = Calls()
    calls.start(Priority.READ, 250)
    await calls.clock.advance(0.0)
    calls.start(Priority.EDIT, 30)
    await calls.clock.advance(0.0)
    assert (len(calls.of(Priority.READ)), len(calls.of(Priority.EDIT))) == (20, 30)
    await calls.finish()


async def test_typing_waits_while_there_are_other_calls_and_never_takes_many_slots() -> None:
    calls = Calls()
    hints = calls.start(Priority.HINT, 40)
    calls.start(Priority.FIRST, 80)
    await calls.clock.advance(0.0)
    assert len(calls.of(Priority.FIRST)) == 40
    assert len(calls.of(Priority.HINT)) == 10
    for hint in hints:
        hint.cancel()
    await calls.finish()
    assert len(calls.of(Priority.HINT)) == 10


async def test_edits_and_reads_go_on_while_first_words_take_everything() -> None:
    calls = Calls()
    calls.start(Priority.FIRST, CALLS)
    calls.start(Priority.EDIT)
    calls.start(Priority.READ)
    for _ in range(80):
        calls.start(Priority.FIRST, 4)
        await calls.clock.advance(0.05)
    assert calls.of(Priority.EDIT)[0] < 2.5
    assert calls.of(Priority.READ)[0] < 3.5
    await calls.finish()


async def test_a_call_that_is_given_up_before_it_is_sent_takes_no_slot() -> None:
    calls = Calls()
    calls.start(Priority.FIRST, CALLS)
    for waiting in calls.start(Priority.FIRST, 100):
        waiting.cancel()
    last = calls.start(Priority.FIRST)
    await calls.clock.advance(WINDOW_S + 0.01)
    assert last[0].done()
    await calls.finish()


@pytest.mark.parametrize("all_calls", [False, True])
async def test_in_a_pause_no_call_is_sent_and_each_says_how_long_it_lasts(all_calls: bool) -> None:
    calls = Calls()
    calls.start(Priority.FIRST, CALLS)
    (waiting,) = calls.start(Priority.READ)
    await calls.clock.advance(0.0)
    calls.limiter.pause(8.0, all_calls=all_calls)
    with pytest.raises(Limited):
        await waiting
    await calls.clock.advance(5.0)
    with pytest.raises(Limited) as refused:
        calls.limiter.check(by_bot=True)
    assert refused.value.retry_after == pytest.approx(3.0)
    assert refused.value.everywhere
    if not all_calls:
        calls.limiter.check(by_bot=False)  # an interaction's endpoints are outside the bot's limit
    await calls.clock.advance(3.0)
    calls.limiter.check(by_bot=True)
    await calls.finish()
