"""Signed requests that were taken, on every store."""

from __future__ import annotations

from datetime import timedelta

from core.ports.store import Store
from core.ports.store.requests import REQUESTS_KEPT
from tests.contract.stored import NOON


async def test_a_request_is_taken_once(store: Store) -> None:
    assert await store.take_request("one", NOON)
    assert not await store.take_request("one", NOON + REQUESTS_KEPT)
    assert await store.take_request("two", NOON)


async def test_one_that_was_given_back_is_taken_again(store: Store) -> None:
    assert await store.take_request("one", NOON)
    await store.give_back_request("one")
    assert await store.take_request("one", NOON)


async def test_those_whose_time_is_over_are_removed(store: Store) -> None:
    assert await store.take_request("one", NOON)
    assert await store.take_request("two", NOON + REQUESTS_KEPT + timedelta(seconds=1))
    assert await store.take_request("one", NOON)


async def test_one_that_waits_for_a_confirmation_is_used_once_and_in_time(store: Store) -> None:
    assert await store.take_request("one", NOON)
    assert not await store.use_request("one", NOON + timedelta(seconds=1))
    assert not await store.use_request("two", NOON)
    assert await store.use_request("one", NOON)
    assert not await store.use_request("one", NOON)
