"""Starts of gateway sessions: never more than Discord allows, and fewer each time it refuses."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import structlog

from bots.discord import create
from bots.discord.connector import DiscordConnector
from bots.discord.sessions import REFUSALS, SessionStarts
from core.clock import Clock
from core.errors import Code, PlatformError
from tests.bots.discord.conftest import Recorder, settings
from tests.bots.discord.test_http import ShiftedClock
from tests.fakes.clock import FakeClock
from tests.fakes.discord import FakeDiscord
from tests.waiting import until


class PatientClock(ShiftedClock):
    """A clock whose sleepers wake within 0.02 s; the test sets the time. `waited_s`: the seconds that each
    asked for."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        await asyncio.sleep(min(seconds, 0.02))


def made(fake: FakeDiscord, clock: Clock | None = None, token: str | None = None) -> DiscordConnector:
    platform = create(settings(fake, token), clock or ShiftedClock())
    assert platform is not None
    return platform


async def down(platform: DiscordConnector) -> PlatformError:
    """The error that ends its run."""
    with pytest.raises(PlatformError) as raised:
        await platform.run(Recorder())
    return raised.value


@asynccontextmanager
async def up(platform: DiscordConnector) -> AsyncIterator[None]:
    run = asyncio.create_task(platform.run(Recorder()))
    try:
        await until(platform.ready)
        yield
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


# Refused for good


@pytest.mark.parametrize("code", sorted(REFUSALS))
async def test_a_code_that_refuses_every_start_is_named_and_tried_twice_before_a_long_pause(
    fake: FakeDiscord, code: int
) -> None:
    fake.gateway.refuses = code
    clock = PatientClock()
    platform = made(fake, clock)
    with structlog.testing.capture_logs() as logs:
        errors = [await down(platform)]
        while errors[-1].retry_after_s is not None and errors[-1].retry_after_s < 60:
            clock.ahead_s += errors[-1].retry_after_s
            errors.append(await down(platform))
    assert len(fake.gateway.starts) == 2
    assert str(code) in errors[-1].detail
    assert errors[-1].code is (Code.BAD_TOKEN if code == 4004 else Code.APP_SETUP)
    named = [line for line in logs if line["event"] == "gateway_refused"]
    assert [(line["close_code"], line["todo"]) for line in named] == [(code, REFUSALS[code].todo)] * 2
    # Asked again too early, it says the same, without a call.
    calls = len(fake.calls)
    assert (await down(platform)).detail == errors[-1].detail
    assert len(fake.calls) == calls


async def test_the_pauses_between_refused_starts_grow(fake: FakeDiscord) -> None:
    fake.gateway.refuses = 4011
    clock = PatientClock()
    platform = made(fake, clock)
    pauses = []
    for _ in range(7):
        pauses.append((await down(platform)).retry_after_s or 0.0)
        clock.ahead_s += pauses[-1]
    assert [round(pause) for pause in pauses] == [5, 300, 600, 1200, 2400, 3600, 3600]


@pytest.mark.parametrize("code", [4004, 4011, 4014])
async def test_it_comes_back_by_itself_when_discord_takes_it_again(fake: FakeDiscord, code: int) -> None:
    clock = PatientClock()
    platform = made(fake, clock)
    run = asyncio.create_task(platform.run(Recorder()))
    await until(platform.ready)
    fake.gateway.refuses = code
    clock.ahead_s += 10
    await fake.gateway.hang_up(code)
    with pytest.raises(PlatformError):
        await run
    assert not platform.ready()
    fake.gateway.refuses = 0
    clock.ahead_s += 3601
    async with up(platform):
        assert platform.ready()


async def test_a_token_that_is_refused_by_a_call_costs_no_start(fake: FakeDiscord) -> None:
    platform = made(fake, token="wrong-test-token")
    for _ in range(3):
        assert (await down(platform)).code is Code.BAD_TOKEN
    assert fake.gateway.starts == []


# The allowance


async def test_no_more_sessions_are_begun_than_discord_says_are_left(fake: FakeDiscord) -> None:
    fake.gateway.says_ready, fake.gateway.starts_left = False, 1
    clock = PatientClock()
    platform = made(fake, clock)
    run = asyncio.create_task(down(platform))
    await fake.wait_for(lambda: fake.gateway.starts)
    clock.ahead_s += 61.0
    error = await run
    assert len(fake.gateway.starts) == 1
    assert error.code is Code.UNAVAILABLE
    assert error.retry_after_s is not None
    assert 10_000 < error.retry_after_s <= 14_400
    assert not fake.gateway.token_lost
    fake.gateway.says_ready, fake.gateway.starts_left = True, 1000
    clock.ahead_s += error.retry_after_s
    async with up(platform):
        assert len(fake.gateway.starts) == 2


async def test_the_allowance_holds_for_sessions_that_are_lost_within_a_connection_too(
    fake: FakeDiscord,
) -> None:
    fake.gateway.starts_left = 3
    clock = PatientClock()
    platform = made(fake, clock)
    run = asyncio.create_task(platform.run(Recorder()))
    while not run.done():
        await until(lambda: platform.ready() or run.done())
        await fake.gateway.invalidate()
        await until(lambda: not platform.ready())
        clock.ahead_s += 20.0
    assert isinstance(run.exception(), PlatformError)
    assert not fake.gateway.token_lost
    assert len(fake.gateway.starts) == 3


async def test_where_discord_does_not_say_how_many_are_left_it_connects_all_the_same(fake: FakeDiscord) -> None:
    fake.fail("GET", "/gateway/bot", None, status=404)
    async with up(made(fake)):
        assert len(fake.gateway.starts) == 1


def test_an_answer_that_is_older_than_our_last_start_allows_no_more() -> None:
    starts = SessionStarts(FakeClock())
    for _ in range(2):
        starts.limit.note({"remaining": 1, "reset_after": 14_400_000})
        if starts.refusal() is None:
            starts.begun()
    refusal = starts.refusal()
    assert refusal is not None
    starts.limit.note({"remaining": 1, "reset_after": 14_400_000})
    assert starts.refusal() is not None


async def test_a_day_of_sessions_that_do_not_last_costs_a_tenth_of_the_allowance() -> None:
    clock = FakeClock()
    starts = SessionStarts(clock)
    begun = 0
    while clock.monotonic() < 86_400:
        if (refusal := starts.refusal()) is None:
            starts.begun()
            begun += 1
            starts.ready()
            await clock.advance(1.0)
            starts.lost()
        else:
            await clock.advance(refusal.retry_after_s or 0.0)
    assert 50 < begun < 110


async def test_a_session_that_has_lasted_is_followed_at_once() -> None:
    clock = FakeClock()
    starts = SessionStarts(clock)
    for _ in itertools.repeat(None, 20):
        assert starts.refusal() is None
        starts.begun()
        starts.ready()
        await clock.advance(3600.0)
        starts.lost()


# The log-in


@pytest.mark.parametrize("as_date", [False, True])
async def test_a_log_in_that_meets_a_ban_keeps_the_time_and_says_what_it_is(
    fake: FakeDiscord, as_date: bool
) -> None:
    fake.ban(3600.0, as_date=as_date)
    platform = made(fake)
    with structlog.testing.capture_logs() as logs:
        error = await down(platform)
        again = await down(platform)
    assert len(fake.calls) == 1
    for told in (error, again):
        assert told.retry_after_s == pytest.approx(3600.0, abs=5.0)
        assert told.code is Code.SLOW_DOWN
    assert any("Cloudflare" in str(line) for line in logs)
    assert fake.gateway.starts == []


async def test_a_log_in_that_is_limited_for_a_moment_waits_for_it(fake: FakeDiscord) -> None:
    fake.fail("GET", "/users/@me", retry_after=20.0)
    clock = PatientClock()
    run = asyncio.create_task(made(fake, clock).run(Recorder()))
    await until(lambda: any(wait_s == pytest.approx(20.0, abs=1.0) for wait_s in clock.waited_s))
    assert not fake.gateway.starts
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
