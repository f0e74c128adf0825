"""One bot over several gateway shards: each server's events come to one of them, and each replica holds some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bots.discord.limiter import CALLS, Priority, RateLimiter
from bots.discord.sessions import APART_S, LocalTurns, SessionLimit, SessionStarts, shard_of
from core.values.outgoing import EditMessage, Page
from core.values.places import Place
from tests.bots.discord.calls import HastyClock, mention, post, shown
from tests.bots.discord.conftest import Bot, running
from tests.fakes.clock import FakeClock
from tests.fakes.discord import ADA, FakeDiscord
from tests.waiting import timer_waits, until

SHARDS = 3


@pytest.fixture
async def servers(fake: FakeDiscord) -> list[int]:
    """Servers of all shards: the channel of each has its id."""
    fake.gateway.max_concurrency = 16
    return [await fake.add_guild(f"Society {number}") for number in range(1, 2 * SHARDS)]


@pytest.fixture
async def sharded(fake: FakeDiscord, servers: list[int]) -> AsyncIterator[Bot]:
    async with running(fake, shards=SHARDS) as bot:
        yield bot


def connected(fake: FakeDiscord) -> set[tuple[int, int]]:
    """The shards with a connection now."""
    return {session.shard for session in fake.gateway.sessions.values() if session.socket is not None}


async def test_every_server_is_heard_by_its_shard_and_answered(sharded: Bot, servers: list[int]) -> None:
    assert connected(sharded.fake) == {(0, 3), (1, 3), (2, 3)}
    for server in servers:
        ask = await mention(sharded, f"what is {server}?", server)
        assert (ask.place.team, ask.place.channel) == (str(server), str(server))
        posted = await sharded.platform.installation.perform(post(ask))
        await sharded.platform.installation.perform(EditMessage(ask.place, posted, Page("A society.")))
        assert shown(sharded, ask.id) == ["A society."]
    assert {place.team for place in sharded.platform.installation.channels()} >= set(map(str, servers))
    assert len(sharded.inbox.events) == len(servers), "nothing is heard twice"


async def test_a_direct_message_comes_to_the_first_shard_and_is_answered(sharded: Bot) -> None:
    await sharded.fake.direct(ADA, "between us")
    ask = await sharded.inbox.ask("between us")
    await sharded.platform.installation.perform(post(ask))
    assert shown(sharded, sharded.fake.dm(ADA)) == ["A machine."]


async def test_a_person_is_found_in_the_servers_of_all_shards(sharded: Bot, servers: list[int]) -> None:
    found = await sharded.platform.installation.roles_in(str(ADA), [str(server) for server in servers] + ["7"])
    assert set(found) == set(map(str, servers))


async def test_the_commands_are_registered_once_for_all_shards(sharded: Bot) -> None:
    assert [call.method for call in sharded.fake.calls if call.path.endswith("/commands")].count("PUT") == 1


async def test_the_number_follows_what_discord_recommends(fake: FakeDiscord, servers: list[int]) -> None:
    fake.gateway.recommended_shards = 2
    async with running(fake) as bot:
        assert connected(fake) == {(0, 2), (1, 2)}
        for server in servers:
            await mention(bot, f"what is {server}?", server)
    assert fake.gateway.identifies == 2, "no start is spent before the number is known"


async def test_a_number_that_is_set_is_kept_whatever_discord_recommends(
    fake: FakeDiscord, servers: list[int]
) -> None:
    fake.gateway.recommended_shards = 5
    async with running(fake, shards=1):
        assert connected(fake) == {(0, 1)}


async def test_a_bot_that_grows_too_large_for_one_connection_goes_on_with_several(
    fake: FakeDiscord, servers: list[int]
) -> None:
    async with running(fake, clock=HastyClock()) as bot:
        fake.gateway.recommended_shards, fake.gateway.guilds_max = 3, 2
        fake.gateway.lose_sessions()
        await fake.gateway.hang_up(4009)
        await until(lambda: connected(fake) == {(0, 3), (1, 3), (2, 3)} and bot.platform.ready())


async def test_a_process_is_connected_as_the_shards_that_it_holds_alone(
    sharded: Bot, servers: list[int]
) -> None:
    platform, fake = sharded.platform, sharded.fake
    theirs = next(server for server in servers if shard_of(str(server), SHARDS) == 1)
    platform.shards.hold(frozenset({0, 2}))
    await until(lambda: connected(fake) == {(0, 3), (2, 3)})
    await fake.say(ADA, theirs, "<@900> to another process")
    assert platform.ready()
    platform.shards.hold(frozenset())
    await until(lambda: not connected(fake))
    assert platform.ready(), "a process that holds nothing lacks nothing"
    platform.shards.hold(frozenset({1}))
    await until(lambda: connected(fake) == {(1, 3)} and platform.ready())
    ask = await mention(sharded, "to this process", theirs)
    assert [event.text for event in sharded.inbox.events if hasattr(event, "text")] == [ask.text]


async def test_a_shard_that_comes_and_goes_is_connected_each_time_at_once(sharded: Bot) -> None:
    """A session of ours that did not last is no failure: no pause grows."""
    platform, fake = sharded.platform, sharded.fake
    waited_s = timer_waits()
    for _ in range(4):
        platform.shards.hold(frozenset({0, 2}))
        await until(lambda: connected(fake) == {(0, 3), (2, 3)})
        platform.shards.hold(frozenset({0, 1, 2}))
        await until(lambda: connected(fake) == {(0, 3), (1, 3), (2, 3)} and platform.ready())
    assert waited_s() < 4 * APART_S
    assert fake.gateway.identifies == SHARDS + 4


async def test_the_next_owner_of_a_shard_connects_before_the_one_before_leaves_and_nothing_is_missed(
    fake: FakeDiscord, servers: list[int]
) -> None:
    async with running(fake, shards=SHARDS) as old, running(fake, shards=SHARDS, ready=False) as new:
        new.platform.shards.hold(frozenset())
        theirs = next(server for server in servers if shard_of(str(server), SHARDS) == 1)
        new.platform.shards.hold(frozenset({1}))
        await until(new.platform.ready)
        await fake.say(ADA, theirs, "<@900> heard by both")
        asks = [await bot.inbox.ask("heard by both") for bot in (old, new)]
        assert asks[0].key == asks[1].key, "the ledger takes it once"
        old.platform.shards.hold(frozenset({0, 2}))
        await until(lambda: sum(session.socket is not None for session in fake.gateway.sessions.values()) == 3)
        await mention(new, "heard by the next one", theirs)


async def test_starts_of_one_bucket_are_five_seconds_apart_and_those_of_another_at_once() -> None:
    clock = FakeClock()
    limit = SessionLimit(clock)
    limit.note({"remaining": 1000, "reset_after": 86_400_000, "max_concurrency": 2})
    begun: list[tuple[int, float]] = []

    async def begin(shard: int) -> None:
        starts = SessionStarts(clock, limit, shard)
        await starts.take_turn()
        await clock.sleep(0.5)  # to connect
        starts.begun()
        begun.append((shard, clock.monotonic()))

    tasks = [asyncio.create_task(begin(shard)) for shard in range(4)]
    await clock.advance(20.0)
    assert all(task.done() for task in tasks)
    assert begun == [(0, 0.5), (1, 0.5), (2, 0.5 + APART_S + 0.5), (3, 0.5 + APART_S + 0.5)]


async def test_a_turn_that_is_given_up_holds_nobody_up() -> None:
    clock = FakeClock()
    limit = SessionLimit(clock)
    first, second = SessionStarts(clock, limit, 0), SessionStarts(clock, limit, 1)
    await first.take_turn()
    waiting = asyncio.create_task(second.take_turn())
    await clock.advance(1.0)
    assert not waiting.done()
    first.give_up_turn()
    await clock.advance(0.0)
    assert waiting.done()


async def test_one_who_stops_waiting_for_a_turn_leaves_it_to_others() -> None:
    clock = FakeClock()
    turns = LocalTurns(clock)
    await turns.take(0)
    turns.release(0, sent=True)
    waiting = asyncio.create_task(turns.take(0))
    await clock.advance(1.0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    other = asyncio.create_task(turns.take(0))
    await clock.advance(APART_S)
    assert other.done()


async def test_the_part_of_the_bots_limit_is_that_of_its_shards(sharded: Bot, servers: list[int]) -> None:
    ask = await mention(sharded, "how fast?", servers[0])
    installation = sharded.platform.installation
    assert installation.rate_limits(post(ask))[-1].burst == 48
    sharded.platform.shards.hold(frozenset({1}))
    assert installation.rate_limits(post(ask))[-1].burst == 16
    assert not any(limit.shared for limit in installation.rate_limits(post(ask)))
    sharded.platform.shards.shared = True
    assert all(limit.shared for limit in installation.rate_limits(post(ask))), "others may have used them up"


@pytest.mark.parametrize(("part", "most"), [(1.0, CALLS), (0.5, CALLS // 2), (0.0, 2)])
async def test_no_more_calls_are_under_way_than_the_part_of_the_limit(part: float, most: int) -> None:
    limiter = RateLimiter(FakeClock())
    limiter.part = lambda: part
    held = 0

    async def hold() -> None:
        nonlocal held
        async with limiter.slot(Priority.FIRST):
            held += 1
            await asyncio.Future()

    tasks = [asyncio.create_task(hold()) for _ in range(CALLS + 5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert held == most
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_a_server_said_while_its_shard_had_no_owner_is_read_by_the_next_one(
    sharded: Bot, servers: list[int]
) -> None:
    theirs = next(server for server in servers if shard_of(str(server), SHARDS) == 1)
    installation = sharded.platform.installation
    here = Place("discord", str(theirs), str(theirs))
    assert installation.connections() == {"", "1", "2"}
    assert (installation.connection_of(here), installation.is_connected("1")) == ("1", True)
    sharded.platform.shards.hold(frozenset({0, 2}))
    await until(lambda: not installation.is_connected("1"))
    assert [installation.holds(name) for name in ("", "1", "2")] == [True, False, True]
    assert installation.is_connected("")
    away = sharded.platform._clock.now() - timedelta(seconds=1)
    await sharded.fake.say(ADA, theirs, "<@900> anyone?")
    sharded.platform.shards.hold(frozenset({0, 1, 2}))
    await until(lambda: installation.is_connected("1"))
    assert [ask.text for ask in await installation.missed(here, away)] == ["anyone?"]


async def test_a_process_that_shares_the_shards_is_connected_as_none_until_it_holds_some_and_starts_in_turns(
    fake: FakeDiscord, servers: list[int]
) -> None:
    class Recording(LocalTurns):
        def __init__(self) -> None:
            super().__init__(FakeClock(jumps=True))
            self.taken: list[int] = []

        async def take(self, bucket: int) -> None:
            self.taken.append(bucket)
            await super().take(bucket)

    turns = Recording()
    fake.gateway.recommended_shards = 5
    async with running(fake, shards=SHARDS, ready=False) as bot:
        bot.platform.share(turns)
        await until(lambda: bot.platform.ready() and not connected(fake))
        bot.platform.hold(frozenset({2, 1}))
        await until(lambda: connected(fake) == {(1, 3), (2, 3)} and bot.platform.ready())
    assert sorted(turns.taken) == [1, 2]


async def test_a_process_edits_at_once_what_it_has_just_gained_while_it_is_not_connected_yet(
    fake: FakeDiscord, servers: list[int]
) -> None:
    async with running(fake, shards=SHARDS) as old:
        ask = await mention(old, "who goes on?", servers[0])
        posted = await old.platform.installation.perform(post(ask))
    async with running(fake, shards=SHARDS, ready=False) as new:
        new.platform.share(LocalTurns(FakeClock()))
        await until(lambda: new.platform.shards.client is not None)
        await new.platform.installation.perform(EditMessage(ask.place, posted, Page("Another one.")))
        assert not connected(fake)
        assert await new.platform.installation.question_exists(ask)
    assert shown(new, ask.id) == ["Another one."]


async def test_a_process_that_shares_the_shards_goes_on_trying_to_log_in(
    fake: FakeDiscord, servers: list[int]
) -> None:
    refused = fake.fail("GET", "/users/@me", 3, status=503)
    async with running(fake, shards=SHARDS, ready=False, clock=HastyClock()) as bot:
        bot.platform.share(LocalTurns(FakeClock()))
        await until(lambda: bot.platform.shards.client is not None)
    assert refused.hits == 3


async def test_connections_that_begin_together_ask_once_for_the_account_and_the_limit(
    sharded: Bot, servers: list[int]
) -> None:
    paths = [call.path for call in sharded.fake.calls if call.method == "GET"]
    assert [paths.count(path) for path in ("/users/@me", "/oauth2/applications/@me", "/gateway/bot")] == [
        1,
        1,
        1,
    ]
