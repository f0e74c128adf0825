"""Facts: looked up once at a time, and forgotten when they are old or have changed."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import Code, PlatformError
from core.facts import Facts
from tests.fakes.clock import FakeClock

KEPT_S = 100.0


class LookUps:
    """Answers with a number that grows, once `open`. Raises `error` where it is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: PlatformError | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, key: str) -> int:
        self.asked.append(key)
        number = len(self.asked)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def asked() -> LookUps:
    return LookUps()


@pytest.fixture
def facts(asked: LookUps, clock: FakeClock) -> Facts[int]:
    return Facts(asked, clock, kept_s=KEPT_S)


async def test_a_fact_is_kept_for_a_while_and_then_counts_no_more(
    facts: Facts[int], asked: LookUps, clock: FakeClock
) -> None:
    assert [await facts.get("a", 1), await facts.get("a", 1), await facts.get("b", 1)] == [1, 1, 2]
    await clock.advance(KEPT_S)
    asked.error = PlatformError(Code.UNAVAILABLE, retryable=True)
    assert await facts.get("a", 1) is None, "an old one is not better than none"


async def test_many_who_ask_at_once_share_one_call(facts: Facts[int], asked: LookUps) -> None:
    assert await asyncio.gather(*(facts.get("a", 1) for _ in range(5))) == [1] * 5
    assert asked.asked == ["a"]


async def test_one_that_comes_late_is_unknown_and_there_for_the_next_one(
    facts: Facts[int], asked: LookUps
) -> None:
    asked.open.clear()
    assert await facts.get("a", 0) is None
    asked.open.set()
    assert await facts.get("a", 1) == 1
    assert asked.asked == ["a"]


async def test_a_fact_is_as_old_as_the_beginning_of_its_look_up(
    facts: Facts[int], asked: LookUps, clock: FakeClock
) -> None:
    asked.open.clear()
    assert await facts.get("a", 0) is None
    await clock.advance(KEPT_S - 1)
    asked.open.set()
    assert await facts.get("a", 1) == 1
    await clock.advance(1)
    assert await facts.get("a", 1) == 2


async def test_a_look_up_that_began_before_a_change_does_not_count(facts: Facts[int], asked: LookUps) -> None:
    asked.open.clear()
    before = asyncio.create_task(facts.get("a", 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    facts.drop("a")
    after = asyncio.create_task(facts.get("a", 1))
    await asyncio.sleep(0)
    asked.open.set()
    assert await after == 2
    assert await before in (None, 2), "not the one of before"
    assert await facts.get("a", 1) == 2


async def test_a_failure_is_remembered_for_seconds_and_a_refusal_for_longer(
    facts: Facts[int], asked: LookUps, clock: FakeClock
) -> None:
    for error, waits_s in (
        (PlatformError(Code.UNAVAILABLE, retryable=True), 3),
        (PlatformError(Code.NOT_ALLOWED), KEPT_S),
    ):
        asked.error = error
        assert await facts.get("a", 1) is None
        asked.error = None
        await clock.advance(waits_s - 1)
        assert await facts.get("a", 1) is None
        await clock.advance(1)
        assert await facts.get("a", 1) is not None
        facts.drop("a")


async def test_while_the_platform_takes_no_calls_none_is_made(
    facts: Facts[int], asked: LookUps, clock: FakeClock
) -> None:
    asked.error = PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=30)
    assert await facts.get("a", 1) is None
    asked.error = None
    assert await facts.get("b", 1) is None
    assert asked.asked == ["a"]
    await clock.advance(30)
    assert await facts.get("b", 1) == 2


async def test_closed_it_forgets_everything(facts: Facts[int], asked: LookUps) -> None:
    assert await facts.get("a", 1) == 1
    asked.open.clear()
    assert await facts.get("b", 0) is None
    await asyncio.sleep(0)
    await facts.close()
    asked.open.set()
    assert await facts.get("a", 1) == 3
