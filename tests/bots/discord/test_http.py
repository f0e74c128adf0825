"""discord.py's own calls over our wire: long windows, waits, repeats, bans."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import discord
import pytest

from bots.discord.http import calls
from bots.discord.limiter import Limited
from bots.discord.thread_locations import channel_at
from core.clock import SystemClock
from core.errors import Code, PlatformError
from core.values.conversation import Ask
from core.values.outgoing import Page, PostMessage
from core.values.places import Place
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import ADA, BOT, GENERAL, GUILD, LIMITS, FakeDiscord
from tests.waiting import until

HERE = Place("discord", str(GUILD), str(GENERAL))


async def ask(bot: Bot, text: str) -> Ask:
    await bot.fake.say(ADA, GENERAL, f"<@{BOT}> {text}")
    return await bot.inbox.ask(text)


async def answer(bot: Bot, asked: Ask) -> str:
    return await bot.platform.installation.perform(
        PostMessage(asked.place, Page("A machine."), f"{asked.key}#0", answers=asked.id)
    )


def here(bot: Bot) -> discord.PartialMessageable:
    assert bot.platform.shards.client is not None
    return channel_at(bot.platform.shards.client, str(GENERAL), HERE)


async def test_each_of_six_mentions_has_its_own_thread_in_a_window_of_minutes(bot: Bot) -> None:
    bot.fake.limits.enabled = True
    asked = [await ask(bot, f"question {number}?") for number in range(6)]
    for one in asked:
        await answer(bot, one)
    assert [bot.fake.thread_of(int(one.id)) is not None for one in asked] == [True] * 6
    assert bot.fake.limits.refusals == 0


async def test_where_no_thread_is_left_in_a_long_window_the_answer_is_a_reply_and_nothing_waits(
    bot: Bot,
) -> None:
    bot.fake.limits.enabled = True
    bot.fake.limits.table["thread"] = replace(LIMITS["thread"], count=2)
    asked = [await ask(bot, f"question {number}?") for number in range(4)]
    async with asyncio.timeout(5):
        for one in asked:
            await answer(bot, one)
    assert [bot.fake.thread_of(int(one.id)) is not None for one in asked] == [True, True, False, False]
    assert len(bot.fake.from_bot(GENERAL)) == 2
    assert bot.fake.limits.refusals == 0, "what the headers said is known"


async def test_reads_go_on_in_a_window_of_minutes_while_calls_are_left(bot: Bot) -> None:
    bot.fake.limits.enabled = True
    bot.fake.limits.table["other"] = replace(LIMITS["other"], count=4, per_s=300.0)
    said = await bot.fake.say(ADA, GENERAL, "looms think")
    for _ in range(4):
        assert (await here(bot).fetch_message(said)).content == "looms think"
    with pytest.raises(Limited) as refused:
        await here(bot).fetch_message(said)
    assert refused.value.retry_after > 200
    assert bot.fake.limits.refusals == 0


async def test_calls_at_the_same_time_share_what_is_left_of_a_window(bot: Bot) -> None:
    bot.fake.limits.enabled = True
    bot.fake.limits.table["other"] = replace(LIMITS["other"], count=5, per_s=0.5)
    said = await bot.fake.say(ADA, GENERAL, "looms think")
    await here(bot).fetch_message(said)
    await asyncio.gather(*(here(bot).fetch_message(said) for _ in range(12)))
    assert bot.fake.limits.refusals == 0


async def test_a_short_refusal_is_waited_out_and_a_long_one_is_told(bot: Bot) -> None:
    said = await bot.fake.say(ADA, GENERAL, "looms think")
    bot.fake.fail("GET", "/channels/*/messages/*", retry_after=0.2)
    assert (await here(bot).fetch_message(said)).content == "looms think"
    bot.fake.fail("GET", "/channels/*/messages/*", retry_after=0.2)
    with pytest.raises(Limited), calls(patience_s=0.1):
        await here(bot).fetch_message(said)
    bot.fake.fail("GET", "/channels/*/messages/*", retry_after=1e300)
    with pytest.raises(Limited) as refused:
        await here(bot).fetch_message(said)
    assert refused.value.retry_after == 86_400.0, "no wait is longer than a day"


async def test_what_may_be_done_twice_is_tried_again_and_a_post_is_not(bot: Bot) -> None:
    said = await bot.fake.say(ADA, GENERAL, "looms think")
    bot.fake.fail("GET", "/channels/*/messages/*", status=502)
    bot.fake.fail("GET", "/channels/*/messages/*", drop="before")
    assert (await here(bot).fetch_message(said)).content == "looms think"
    bot.fake.fail("POST", "/channels/*/messages", status=502)
    with pytest.raises(discord.DiscordServerError):
        await here(bot).send("hello")
    assert bot.fake.from_bot(GENERAL) == []


# A ban of the address


async def test_a_ban_of_the_address_stops_every_call_until_it_is_over(bot: Bot) -> None:
    said = await bot.fake.say(ADA, GENERAL, "looms think")
    interaction = await bot.fake.slash(ADA, GENERAL, "ask", question="one?")
    await bot.inbox.ask("one?")
    bot.fake.ban(1.5)
    before = len(bot.fake.calls)
    with pytest.raises(Limited), calls(patience_s=0):
        await here(bot).fetch_message(said)
    await bot.platform.installation.typing(HERE)
    await bot.fake.slash(ADA, GENERAL, "ask", question="two?")
    with pytest.raises(Limited):
        bot.platform._wire.limiter.check(by_bot=False)
    assert len(bot.fake.calls) == before + 1
    await until(lambda: not bot.platform._wire.limiter.paused)
    assert (await here(bot).fetch_message(said)).content == "looms think"
    assert interaction


@pytest.mark.parametrize("status", [403, 429])
async def test_an_interaction_that_meets_a_ban_makes_it_known_to_every_other_call(
    bot: Bot, status: int
) -> None:
    await until(bot.platform.ready)
    bot.fake.ban(5.0, status=status)
    before = len(bot.fake.calls)
    await bot.fake.slash(ADA, GENERAL, "help")
    await until(lambda: bot.platform._wire.limiter.paused)
    await bot.platform.installation.typing(HERE)
    assert len(bot.fake.calls) == before + 1


class ShiftedClock(SystemClock):
    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


async def test_a_thread_that_a_ban_keeps_from_being_opened_is_opened_after_it(fake: FakeDiscord) -> None:
    clock = ShiftedClock()
    async with running(fake, clock=clock) as bot:
        asked = await ask(bot, "what is a loom?")
        fake.ban(3600.0)
        with pytest.raises(PlatformError) as refused:
            await answer(bot, asked)
        assert (refused.value.code, refused.value.scope) == (Code.SLOW_DOWN, f"discord/{BOT}/bot")
        assert refused.value.retry_after_s == pytest.approx(3600.0, abs=1.0)
        fake.rest.ban, clock.ahead_s = None, 3601.0
        await answer(bot, asked)
    assert fake.thread_of(int(asked.id)) is not None
