from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.concurrency import REGROWTH_S, ConcurrencyLimiter, LearnedLimit, share
from tests.waiting import HANG_S


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_refusal_halves_what_was_under_way_and_a_minute_gives_one_back() -> None:
    limit = LearnedLimit(100)
    limit.halve(10, began_at=9, under_way=40)
    assert limit.at(10) == 20
    assert limit.at(10 + REGROWTH_S * 2.5) == 22
    assert limit.at(10 + REGROWTH_S * 1000) == 100


def test_a_burst_of_refusals_is_one() -> None:
    limit = LearnedLimit(100)
    for _ in range(40):
        limit.halve(10, began_at=9, under_way=40)
    assert limit.at(10) == 20
    limit.halve(12, began_at=11, under_way=20)
    assert limit.at(12) == 10


def test_one_is_always_let_through() -> None:
    limit = LearnedLimit(3)
    for now in range(5):
        limit.halve(now, began_at=now, under_way=2)
    assert limit.at(5) == 1


def test_who_is_refused_alone_is_no_sign_of_too_many() -> None:
    limit = LearnedLimit(100)
    limit.halve(10, began_at=9, under_way=1)
    assert limit.at(10) == 100


@pytest.mark.parametrize(
    ("limit", "most"), [(1, 1), (2, 1), (3, 2), (4, 3), (7, 6), (8, 6), (12, 9), (100, 75)]
)
def test_one_person_holds_at_most_three_quarters_of_the_places(limit: int, most: int) -> None:
    assert share(limit) == most


class PlatformCalls:
    """A turnstile with people in it; `order` says who was let in when."""

    def __init__(self, most: int) -> None:
        self.concurrency = ConcurrencyLimiter(most)
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *names: str) -> None:
        """`ada1/x`: Ada's question number 1, asked in x."""
        self.tasks += [asyncio.create_task(self._come(name)) for name in names]
        await settle()

    async def go(self, name: str) -> None:
        self.concurrency.leave(name[:3], 0)
        await settle()

    async def _come(self, name: str) -> None:
        await self.concurrency.enter(name[:3], name.partition("/")[2], 0)
        self.order.append(name)


@pytest.fixture
async def platform_calls(request: pytest.FixtureRequest) -> AsyncIterator[PlatformCalls]:
    platform_calls = PlatformCalls(request.param)
    yield platform_calls
    for task in platform_calls.tasks:
        task.cancel()
    await asyncio.gather(*platform_calls.tasks, return_exceptions=True)


@pytest.mark.parametrize("platform_calls", [8], indirect=True)
async def test_another_persons_first_question_enters_at_once_though_one_asks_forty(
    platform_calls: PlatformCalls,
) -> None:
    await platform_calls.come(*(f"ada{number}/{number}" for number in range(40)))
    assert len(platform_calls.order) == 6
    assert platform_calls.concurrency.full("ada", 0)
    assert not platform_calls.concurrency.full("bob", 0)
    await platform_calls.come("bob1/x")
    assert platform_calls.order[6:] == ["bob1/x"]


@pytest.mark.parametrize("platform_calls", [1], indirect=True)
async def test_with_one_place_people_take_turns_and_then_their_places(platform_calls: PlatformCalls) -> None:
    await platform_calls.come("ada1/x", "ada2/x", "ada3/x", "ada4/y", "bob1/z", "cyd1/x", "bob2/z")
    for _ in range(6):
        await platform_calls.go(platform_calls.order[-1])
    assert platform_calls.order == ["ada1/x", "ada2/x", "bob1/z", "cyd1/x", "ada4/y", "bob2/z", "ada3/x"]


@pytest.mark.parametrize("platform_calls", [4], indirect=True)
async def test_the_next_is_whoever_has_the_fewest_under_way(platform_calls: PlatformCalls) -> None:
    await platform_calls.come("ada1/x", "ada2/x", "ada3/x", "ada4/x", "bob1/x", "bob2/x", "cyd1/x")
    assert platform_calls.order == ["ada1/x", "ada2/x", "ada3/x", "bob1/x"]
    await platform_calls.go("ada1/x")
    assert platform_calls.order[4:] == ["cyd1/x"], "she has none, the others came earlier"
    await platform_calls.go("ada2/x")
    assert platform_calls.order[5:] == ["ada4/x"] or platform_calls.order[5:] == ["bob2/x"]


@given(st.integers(1, 9), st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_no_place_is_wasted_and_nobody_has_more_than_a_share(most: int, steps: list[tuple[str, bool]]) -> None:
    async def run() -> None:
        concurrency = ConcurrencyLimiter(most)
        waiting: list[tuple[str, asyncio.Task[None]]] = []
        for person, comes in steps:
            entered = [who for who, task in waiting if task.done()]
            if comes:
                waiting.append((person, asyncio.create_task(concurrency.enter(person, "", 0))))
            elif person in entered:
                gone = next(one for one in waiting if one[0] == person and one[1].done())
                waiting.remove(gone)
                concurrency.leave(person, 0)
            await settle()
            inside = Counter(who for who, task in waiting if task.done())
            outside = {who for who, task in waiting if not task.done()}
            assert inside.total() == concurrency.inside <= most
            assert all(count <= share(most) for count in inside.values())
            assert not outside or inside.total() == most or all(inside[who] == share(most) for who in outside)
        for _, task in waiting:
            task.cancel()
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)

    asyncio.run(run())


async def test_who_gives_up_leaves_the_queue() -> None:
    concurrency = ConcurrencyLimiter(1)
    await concurrency.enter("a", "", 0)
    tired, patient = (asyncio.create_task(concurrency.enter(place, "", 0)) for place in ("b", "c"))
    await settle()
    tired.cancel()
    await settle()
    concurrency.leave("a", 0)
    await patient
    assert concurrency.inside == 1


async def test_who_gives_up_at_the_moment_of_being_let_in_passes_the_place_on() -> None:
    concurrency = ConcurrencyLimiter(1)
    await concurrency.enter("a", "", 0)
    tired, patient = (asyncio.create_task(concurrency.enter(place, "", 0)) for place in ("b", "c"))
    await settle()
    concurrency.leave("a", 0)
    tired.cancel()
    await asyncio.wait_for(patient, HANG_S)
    with pytest.raises(asyncio.CancelledError):
        await tired
    assert concurrency.inside == 1


async def test_who_gives_up_as_another_leaves_is_passed_over() -> None:
    concurrency = ConcurrencyLimiter(1)
    await concurrency.enter("a", "", 0)
    tired, patient = (asyncio.create_task(concurrency.enter(place, "", 0)) for place in ("b", "c"))
    await settle()
    tired.cancel()
    concurrency.leave("a", 0)
    await asyncio.wait_for(patient, HANG_S)
    with pytest.raises(asyncio.CancelledError):
        await tired
    concurrency.leave("c", 0)
    assert (concurrency.inside, concurrency.full("a", 0)) == (0, False)


async def test_who_gives_up_after_a_refusal_leaves_the_queue_moving() -> None:
    concurrency = ConcurrencyLimiter(1)
    await concurrency.enter("a", "", 0)
    tired, patient = (asyncio.create_task(concurrency.enter(place, "", 0)) for place in ("b", "c"))
    await settle()
    concurrency.limit.halve(30, began_at=0, under_way=2)
    concurrency.leave("a", 30)
    tired.cancel()
    await asyncio.wait_for(patient, HANG_S)
    assert concurrency.inside == 1


async def test_a_limit_that_has_grown_back_is_used_by_the_next_who_comes() -> None:
    concurrency = ConcurrencyLimiter(2)
    concurrency.limit.halve(0, began_at=0, under_way=2)
    await concurrency.enter("a", "", 0)
    first, second = (
        asyncio.create_task(concurrency.enter(who, "", now)) for who, now in (("b", 0), ("c", REGROWTH_S))
    )
    await asyncio.wait_for(first, HANG_S)
    assert not second.done()
    concurrency.leave("a", REGROWTH_S)
    await asyncio.wait_for(second, HANG_S)


async def test_a_lower_limit_holds_back_and_a_grown_one_lets_in() -> None:
    concurrency = ConcurrencyLimiter(4)
    for who in "abcd":
        await concurrency.enter(who, "", 0)
    concurrency.limit.halve(0, began_at=0, under_way=4)
    waiting = [asyncio.create_task(concurrency.enter(who, "", 0)) for who in "efg"]
    await settle()
    concurrency.leave("a", 0)
    concurrency.leave("b", 0)
    await settle()
    assert concurrency.inside == 2
    concurrency.leave("c", REGROWTH_S)
    await settle()
    assert concurrency.inside == 3
    concurrency.leave("d", REGROWTH_S)
    await asyncio.gather(*waiting)
    assert concurrency.inside == 3
