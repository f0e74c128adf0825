"""Look-ups of names do not hold up others, and a host is looked up once at a time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from core.addresses import NotPublicError, Resolver, public_addresses
from tests.waiting import until

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]


class SlowNames:
    """A name server that answers of slow hosts only once `answers` is set."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = Counter[str]()

    def look_up(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked[host] += 1
        if host.startswith("slow"):
            self.answers.wait(60)
        return FOUND


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNames]:
    names = SlowNames()
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    yield names
    names.answers.set()


async def test_slow_names_hold_up_no_other_thread(names: SlowNames) -> None:
    resolver = Resolver()
    asking = [asyncio.create_task(resolver.resolve(f"slow{number}.example", 443)) for number in range(100)]
    await until(lambda: bool(names.asked))
    async with asyncio.timeout(30):
        await asyncio.to_thread(int)
    assert not any(one.done() for one in asking)
    names.answers.set()
    assert await asyncio.gather(*asking) == [["93.184.215.14"]] * 100


async def test_a_host_is_looked_up_once_at_a_time_also_for_those_who_ask_after_others_gave_up(
    names: SlowNames,
) -> None:
    resolver = Resolver()
    given_up = [asyncio.create_task(resolver.resolve("slow.example", 443)) for _ in range(20)]
    await until(lambda: bool(names.asked))
    for one in given_up:
        one.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    patient = [asyncio.create_task(resolver.resolve("slow.example", 443)) for _ in range(20)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await resolver.resolve("quick.example", 443) == ["93.184.215.14"]
    names.answers.set()
    assert await asyncio.gather(*patient) == [["93.184.215.14"]] * 20
    assert names.asked == {"slow.example": 1, "quick.example": 1}


async def test_one_who_gives_up_takes_the_look_up_from_nobody_else(names: SlowNames) -> None:
    resolver = Resolver()
    hasty, patient = (asyncio.create_task(resolver.resolve("slow.example", 443)) for _ in range(2))
    await until(lambda: bool(names.asked))
    hasty.cancel()
    await asyncio.gather(hasty, return_exceptions=True)
    names.answers.set()
    assert await patient == ["93.184.215.14"]


async def test_look_ups_that_nobody_waits_for_any_more_are_not_begun(names: SlowNames) -> None:
    resolver = Resolver()
    asking = [asyncio.create_task(resolver.resolve(f"slow{number}.example", 443)) for number in range(100)]
    await until(lambda: bool(names.asked))
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    names.answers.set()
    await resolver.resolve("quick.example", 443)
    assert len(names.asked) < 100


async def test_a_name_that_is_found_anew_is_looked_up_anew(names: SlowNames) -> None:
    resolver = Resolver()
    for _ in range(2):
        await resolver.resolve("quick.example", 443)
    assert names.asked["quick.example"] == 2


async def test_a_host_with_a_refused_address_among_others_has_none(names: SlowNames) -> None:
    async def found(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "93.184.215.14", "10.0.0.1"][: port - 441]

    assert await public_addresses("models.example", 443, found) == ["93.184.215.14"]
    with pytest.raises(NotPublicError):
        await public_addresses("models.example", 444, found)
    with pytest.raises(NotPublicError):
        await public_addresses("models.example", 441, found)


async def test_a_host_that_is_no_name_is_not_found() -> None:
    with pytest.raises(OSError, match="no host has such a name"):
        await public_addresses("a" * 70 + ".example", 443, Resolver().resolve)
