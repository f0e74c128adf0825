"""A replica that was frozen sends nothing that waited in it while another took its places over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from bots.discord.limiter import CALLS, Priority
from bots.discord.sessions import LocalTurns
from core.errors import PlatformError
from core.platform_calls import PlatformCalls
from core.values.conversation import Ask
from core.values.events import Outcome
from core.values.outgoing import DeleteMessage, OutgoingCall
from core.values.ui import ImmediateReply
from tests.bots.discord.calls import HastyClock, edit, mention, post, shown, slash
from tests.bots.discord.conftest import Bot, running
from tests.fakes.clock import FakeClock
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.lease import Lease
from tests.waiting import until

FROZEN_S = 10.0


class Frozen:
    """A bot whose call waits for the limit of all calls when the process is frozen."""

    def __init__(self, bot: Bot, clock: HastyClock) -> None:
        self.bot, self.clock = bot, clock
        self.lease = Lease(clock)
        self.late: list[OutgoingCall] = []
        self.calls = PlatformCalls(
            bot.platform.installation, owner=self.lease, on_late=lambda call, _: self.late.append(call)
        )

    @property
    def sent(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.bot.fake.calls]

    async def wake_with(self, call: OutgoingCall) -> asyncio.Task[str]:
        """Begin `call`, and return when it has been frozen, has woken, and waits for the lease."""
        limiter = self.bot.platform._wire.limiter
        async with AsyncExitStack() as slots:
            for _ in range(CALLS):
                await slots.enter_async_context(limiter.slot(Priority.FIRST))
            task = asyncio.create_task(self.calls.perform(call))
            await until(lambda: any(limiter._waiting.values()))
            self.clock.ahead_s += FROZEN_S
        await until(lambda: self.lease.waits or task.done())
        return task


@asynccontextmanager
async def freezing(fake: FakeDiscord) -> AsyncIterator[Frozen]:
    clock = HastyClock()
    async with running(fake, clock=clock) as bot:
        yield Frozen(bot, clock)


@pytest.mark.parametrize("kind", ["edit", "delete", "post in its thread", "post for a command"])
async def test_a_call_that_waited_through_a_freeze_is_not_sent_where_another_answers(
    fake: FakeDiscord, kind: str
) -> None:
    async with freezing(fake) as frozen:
        ask = await (slash if kind == "post for a command" else mention)(frozen.bot)
        calls: dict[str, Callable[[str], OutgoingCall]] = {
            "edit": lambda posted: edit(ask, posted, "An engine."),
            "delete": lambda posted: DeleteMessage(ask.place, posted),
            "post in its thread": lambda _: post(ask, "It weaves.", page=1),
            "post for a command": lambda _: post(ask, "It weaves.", page=1, interaction_token=""),
        }
        posted = await frozen.calls.perform(post(ask))
        before = frozen.sent
        task = await frozen.wake_with(calls[kind](posted))
        frozen.lease.lost = True
        with pytest.raises(PlatformError, match="another replica"):
            await task
        assert frozen.sent == before
        assert frozen.late == []


async def test_no_thread_is_opened_after_a_freeze_where_another_answers(fake: FakeDiscord) -> None:
    async with freezing(fake) as frozen:
        ask = await mention(frozen.bot)
        before = frozen.sent
        task = await frozen.wake_with(post(ask))
        frozen.lease.lost = True
        with pytest.raises(PlatformError, match="another replica"):
            await task
        assert frozen.sent == before
        assert shown(frozen.bot, GENERAL) == []


async def test_a_call_that_waited_through_a_freeze_is_sent_once_where_nobody_else_has_answered(
    fake: FakeDiscord,
) -> None:
    async with freezing(fake) as frozen:
        ask = await mention(frozen.bot)
        posted = await frozen.calls.perform(post(ask))
        task = await frozen.wake_with(edit(ask, posted, "An engine."))
        assert not task.done()
        frozen.lease.renew()
        assert await task == posted
        assert sum(one.startswith("PATCH") for one in frozen.sent) == 1
        assert shown(frozen.bot, ask.id) == ["An engine."]


async def test_what_a_freeze_held_back_is_read_for_an_answer_only_where_it_goes_on(fake: FakeDiscord) -> None:
    async with freezing(fake) as frozen:
        ask = await mention(frozen.bot)
        await fake.say(ADA, GENERAL, "more")
        frozen.clock.ahead_s += FROZEN_S
        reading = asyncio.create_task(frozen.calls.history(ask.place, ask))
        await until(lambda: frozen.lease.waits)
        before = frozen.sent
        frozen.lease.lost = True
        with pytest.raises(PlatformError, match="another replica"):
            await reading
        assert frozen.sent == before


async def test_a_message_that_is_heard_after_a_freeze_is_taken_and_replied_to_by_the_process_that_has_the_shard(
    fake: FakeDiscord,
) -> None:
    speaks = True
    async with running(fake, shards=1, ready=False) as bot:
        bot.platform.share(LocalTurns(FakeClock()), lambda _shard: speaks)
        bot.platform.hold(frozenset({0}))
        await until(lambda: bot.platform.shards.is_connected(0))
        bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.REFUSED
        first = await mention(bot, "may I?")
        await until(lambda: len(fake.from_bot(GENERAL)) == 1)
        speaks = False
        await mention(bot, "and now?")
        await until(lambda: len([event for event in bot.inbox.events if isinstance(event, Ask)]) == 2)
        speaks = True
        last = await mention(bot, "and again?")
        await until(lambda: len(fake.from_bot(GENERAL)) > 1)
        replied = [str((message.reference or {})["message_id"]) for message in fake.from_bot(GENERAL)]
        assert replied == [first.id, last.id]
