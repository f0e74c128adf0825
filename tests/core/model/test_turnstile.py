from __future__ import annotations

import asyncio

import pytest

from core.model.turnstile import REGROWTH_S, Limit, Turnstile
from tests.waiting import HANG_S


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_refusal_halves_what_was_under_way_and_a_minute_gives_one_back() -> None:
    limit = Limit(100)
    limit.halve(10, began_at=9, under_way=40)
    assert limit.at(10) == 20
    assert limit.at(10 + REGROWTH_S * 2.5) == 22
    assert limit.at(10 + REGROWTH_S * 1000) == 100


def test_a_burst_of_refusals_is_one() -> None:
    limit = Limit(100)
    for _ in range(40):
        limit.halve(10, began_at=9, under_way=40)
    assert limit.at(10) == 20
    limit.halve(12, began_at=11, under_way=20)
    assert limit.at(12) == 10


def test_one_is_always_let_through() -> None:
    limit = Limit(3)
    for now in range(5):
        limit.halve(now, began_at=now, under_way=2)
    assert limit.at(5) == 1


def test_who_is_refused_alone_is_no_sign_of_too_many() -> None:
    limit = Limit(100)
    limit.halve(10, began_at=9, under_way=1)
    assert limit.at(10) == 100


async def test_places_take_turns() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("busy", 0)
    order: list[str] = []

    async def ask(place: str, name: str) -> None:
        await turnstile.enter(place, 0)
        order.append(name)

    names = [("busy", "a1"), ("busy", "a2"), ("busy", "a3"), ("calm", "b1"), ("third", "c1"), ("calm", "b2")]
    tasks = [asyncio.create_task(ask(*name)) for name in names]
    await settle()
    assert turnstile.full(0)
    for _ in tasks:
        turnstile.leave(0)
        await settle()
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
    await asyncio.gather(*tasks)
    turnstile.leave(0)
    assert (turnstile.inside, turnstile.full(0)) == (0, False)


async def test_who_gives_up_leaves_the_queue() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("a", 0)
    tired, patient = (asyncio.create_task(turnstile.enter(place, 0)) for place in ("b", "c"))
    await settle()
    tired.cancel()
    await settle()
    turnstile.leave(0)
    await patient
    assert turnstile.inside == 1


async def test_who_gives_up_at_the_moment_of_being_let_in_passes_the_place_on() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("a", 0)
    tired, patient = (asyncio.create_task(turnstile.enter(place, 0)) for place in ("b", "c"))
    await settle()
    turnstile.leave(0)
    tired.cancel()
    await asyncio.wait_for(patient, HANG_S)
    with pytest.raises(asyncio.CancelledError):
        await tired
    assert turnstile.inside == 1


async def test_who_gives_up_as_another_leaves_is_passed_over() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("a", 0)
    tired, patient = (asyncio.create_task(turnstile.enter(place, 0)) for place in ("b", "c"))
    await settle()
    tired.cancel()
    turnstile.leave(0)
    await asyncio.wait_for(patient, HANG_S)
    with pytest.raises(asyncio.CancelledError):
        await tired
    turnstile.leave(0)
    assert (turnstile.inside, turnstile.full(0)) == (0, False)


async def test_who_gives_up_after_a_refusal_leaves_the_queue_moving() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter("a", 0)
    tired, patient = (asyncio.create_task(turnstile.enter(place, 0)) for place in ("b", "c"))
    await settle()
    turnstile.limit.halve(30, began_at=0, under_way=2)
    turnstile.leave(30)
    tired.cancel()
    await asyncio.wait_for(patient, HANG_S)
    assert turnstile.inside == 1


async def test_a_limit_that_has_grown_back_is_used_by_the_next_who_comes() -> None:
    turnstile = Turnstile(2)
    turnstile.limit.halve(0, began_at=0, under_way=2)
    await turnstile.enter("a", 0)
    first, second = (asyncio.create_task(turnstile.enter("a", now)) for now in (0, REGROWTH_S))
    await asyncio.wait_for(first, HANG_S)
    assert not second.done()
    turnstile.leave(REGROWTH_S)
    await asyncio.wait_for(second, HANG_S)


async def test_a_lower_limit_holds_back_and_a_grown_one_lets_in() -> None:
    turnstile = Turnstile(4)
    for _ in range(4):
        await turnstile.enter("a", 0)
    turnstile.limit.halve(0, began_at=0, under_way=4)
    waiting = [asyncio.create_task(turnstile.enter("a", 0)) for _ in range(3)]
    await settle()
    turnstile.leave(0)
    turnstile.leave(0)
    await settle()
    assert turnstile.inside == 2
    turnstile.leave(REGROWTH_S)
    await settle()
    assert turnstile.inside == 3
    turnstile.leave(REGROWTH_S)
    await asyncio.gather(*waiting)
    assert turnstile.inside == 3
