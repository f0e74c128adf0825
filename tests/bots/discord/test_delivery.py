"""Answers painted by the core's scheduler on the real Discord platform, against a Discord with limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from core.clock import SystemClock
from core.delivery.answer import AnswerDelivery
from core.delivery.scheduler import DeliveryScheduler
from core.errors import PlatformError
from core.platform_calls import PlatformCalls
from core.values.conversation import Ask
from core.values.outgoing import Page, Phase, PostMessage, Reply
from core.values.places import Person, Place
from core.values.ui import Button
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import ADA, BOT, GENERAL, GUILD
from tests.waiting import HANG_S

AGAIN = Button("again", "Again", 7)


@asynccontextmanager
async def delivering(bot: Bot, *, file_chars: int = 0) -> AsyncIterator[DeliveryScheduler]:
    scheduler = DeliveryScheduler(
        PlatformCalls(bot.platform.installation), SystemClock(), file_chars=file_chars
    )
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def delivery(scheduler: DeliveryScheduler, turn: int = 1, posted: tuple[str, ...] = ()) -> AnswerDelivery:
    place = Place("discord", str(GUILD), str(GENERAL))
    ask = Ask("1", place, Person(str(ADA)), "?", datetime.now(UTC))
    return scheduler.delivery(ask, f"turn-{turn}", _nothing, posted, look_first=bool(posted))


async def _nothing(_: tuple[str, ...]) -> None:
    """Nothing is stored here."""


def words(count: int) -> str:
    return " ".join(f"w{number:04d}" for number in range(count))


async def write(delivery: AnswerDelivery, text: str, seconds: float, notice: str = "") -> None:
    clock = SystemClock()
    steps = max(1, int(seconds / 0.02))
    for step in range(1, steps + 1):
        delivery.show(Reply(text[: len(text) * step // steps], Phase.WRITING), clock.monotonic())
        await clock.sleep(0.02)
    delivery.show(Reply(text, Phase.ENDED, notice, (AGAIN,)), clock.monotonic())
    async with asyncio.timeout(HANG_S):
        await delivery.finished()


@pytest.mark.parametrize("scale", [1.0, 0.5])
async def test_an_answer_is_edited_in_place_within_the_limits(bot: Bot, scale: float) -> None:
    bot.fake.limits.enabled, bot.fake.limits.scale = True, scale
    async with delivering(bot) as scheduler:
        await write(delivery(scheduler), words(60), 1.2, "Cut.")
    (answer,) = bot.fake.from_bot(GENERAL)
    assert answer.content == words(60) + "\n-# Cut."
    assert [button.label for button in answer.buttons] == ["Again"]
    assert bot.fake.limits.refusals == 0
    assert len(answer.history) >= 3


async def test_a_post_does_not_wait_for_the_edits_of_its_channel(bot: Bot) -> None:
    """They share a hash in Discord's headers and are counted apart."""
    bot.fake.limits.enabled = True
    place = Place("discord", str(GUILD), str(GENERAL))
    async with delivering(bot) as scheduler:
        await write(delivery(scheduler), words(60), 4.6)
        began = asyncio.get_running_loop().time()
        await bot.platform.installation.perform(PostMessage(place, Page("at once"), "other"))
        assert asyncio.get_running_loop().time() - began < 0.5
    assert bot.fake.limits.refusals == 0


async def test_limits_that_are_hidden_are_learned_and_no_word_is_lost(bot: Bot) -> None:
    bot.fake.limits.enabled, bot.fake.limits.scale, bot.fake.limits.honest = True, 0.4, False
    async with delivering(bot) as scheduler:
        await asyncio.gather(*(write(delivery(scheduler, turn), words(30), 1.0) for turn in range(2)))
    shown = " ".join(message.content for message in bot.fake.from_bot(GENERAL)).split()
    assert sorted(shown) == sorted(2 * words(30).split())


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
async def test_a_refusal_is_laid_to_its_channel_unless_it_was_of_the_whole_bot(bot: Bot, scope: str) -> None:
    bot.fake.fail("POST", "/channels/*/messages", retry_after=1.5, scope=scope)
    place = Place("discord", str(GUILD), str(GENERAL))
    with pytest.raises(PlatformError) as raised:
        await bot.platform.installation.perform(PostMessage(place, Page("one"), "turn-1-0"))
    assert raised.value.scope == (
        f"discord/{BOT}/bot" if scope == "global" else f"discord/{BOT}/post/{GENERAL}"
    )


async def test_a_table_stands_as_aligned_code_and_a_deep_heading_in_bold(bot: Bot) -> None:
    table = "#### Prices\n| 名前 | yen |\n|---|--:|\n| 寿司 | 1200 |\n| tea | 3 |\n"
    async with delivering(bot) as scheduler:
        await write(delivery(scheduler), table, 0.1)
    (answer,) = bot.fake.from_bot(GENERAL)
    assert answer.content.strip() == (
        "**Prices**\n```\n名前 |  yen\n-----+-----\n寿司 | 1200\ntea  |    3\n```"
    )


async def test_an_answer_over_the_limit_of_messages_ends_as_a_file(bot: Bot) -> None:
    text = words(2_000)
    async with delivering(bot, file_chars=6_000) as scheduler:
        await write(delivery(scheduler), text, 0.5, "The whole answer is in the file.")
    first, file = bot.fake.from_bot(GENERAL)
    assert text.startswith(first.content.split("\n")[0].strip())
    assert "in the file" in first.content
    (attachment,) = file.attachments
    assert (attachment.filename, attachment.data) == ("turn-1-answer.md", text.encode())


async def test_pages_an_earlier_process_left_over_are_removed(bot: Bot) -> None:
    place = Place("discord", str(GUILD), str(GENERAL))
    left = [
        await bot.platform.installation.perform(PostMessage(place, Page(f"old {n}"), f"turn-1-{n}"))
        for n in range(3)
    ]
    async with delivering(bot) as scheduler:
        await write(delivery(scheduler, posted=tuple(left)), "short", 0.1)
    assert [message.content for message in bot.fake.from_bot(GENERAL)] == ["short"]


async def test_a_refused_edit_goes_on_in_another_message(bot: Bot) -> None:
    bot.fake.fail("PATCH", "/channels/*/messages/*", None, status=400, code=200000)
    async with delivering(bot) as scheduler:
        await write(delivery(scheduler), "one two three four", 0.3)
    begun, rest = [message.content for message in bot.fake.from_bot(GENERAL)]
    assert "one two three four" in (rest, f"{begun} {rest}"), (
        "a word that was shown in part is said again, whole"
    )


@pytest.mark.parametrize("file_chars", [0, 30_000])
async def test_between_people_where_six_messages_are_the_most_a_longer_answer_ends_as_a_file(
    bot: Bot, file_chars: int
) -> None:
    """https://docs.discord.com/developers/interactions/receiving-and-responding#create-followup-message"""
    chat, text = bot.fake.private_chat(ADA), words(2_500)
    interaction = await bot.fake.slash(ADA, chat, "ask", question="?")
    ask = await bot.inbox.ask("?")
    async with delivering(bot, file_chars=file_chars) as scheduler:
        long = scheduler.delivery(ask, "turn-1", _nothing, (), look_first=False)
        await write(long, text, 0.4, "Cut.")
    first, *more = [message for message in bot.fake.seen(chat, ADA) if message.visible]
    assert more == []
    assert bot.fake.interaction(interaction).response is first
    question, beginning, *_ = first.content.split("\n")
    assert question == "> ?"
    assert text.startswith(beginning[:1_000])
    assert [file.data.decode() for file in first.attachments] == [text]


NESTED = "````markdown\n# T\n```bash\n#### build\nmake\n| a | b |\n|---|---|\n| 1 | 2 |\n```\n````\nDone."


async def test_code_in_a_longer_fence_is_shown_as_it_was_written(bot: Bot) -> None:
    async with delivering(bot) as scheduler:
        await write(delivery(scheduler), NESTED, 0.3)
    (answer,) = bot.fake.from_bot(GENERAL)
    assert answer.content == NESTED


@pytest.mark.parametrize("marks", ["~" * 1_799, "`" * 1_900, "```py\nx\n" + "~" * 4_000])
async def test_a_line_of_fence_marks_longer_than_a_message_is_shown_and_others_are_answered(
    bot: Bot, marks: str
) -> None:
    text = f"{marks}\nand then words"
    async with delivering(bot) as scheduler:
        await asyncio.gather(
            write(delivery(scheduler, 1), text, 0.2), write(delivery(scheduler, 2), words(20), 0.2)
        )
    shown = [message.content for message in bot.fake.from_bot(GENERAL)]
    assert words(20) in shown
    assert "".join(shown).count(marks[-1]) >= len(marks) - 10
    assert sum("and then words" in content for content in shown) == 1


async def test_a_spoiler_stays_closed_in_every_view_of_a_growing_answer(bot: Bot) -> None:
    text = "You asked. ||It was the gardener with a candlestick, in the hall.|| Enjoy the film."
    async with delivering(bot) as scheduler:
        await write(delivery(scheduler), text, 1.0)
    (answer,) = bot.fake.from_bot(GENERAL)
    assert answer.content == text
    assert len(answer.history) > 2
    for _, content in answer.history:
        assert content.count("||") % 2 == 0
