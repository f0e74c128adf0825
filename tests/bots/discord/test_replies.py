"""Immediate replies: names for ids, and files that fit."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from bots.discord.replies import fitted, reply_to_contents
from core.i18n import phrase
from core.values.events import Outcome
from core.values.ui import Attachment, ImmediateReply
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import BO, BOT, CHEN, GENERAL, FakeDiscord, Message
from tests.waiting import until

SOME = random.Random(6)
THREAD = Attachment(
    "thread.md",
    "text/markdown",
    "\n\n---\n\n".join(f"**Ada** · {number}\n\n{SOME.randbytes(600).hex()}" for number in range(40)).encode(),
)
"""48 kB that can be packed into about half."""


def unpacked(message: Message) -> bytes:
    (file,) = message.attachments
    assert file.filename == "thread.zip"
    with zipfile.ZipFile(io.BytesIO(file.data)) as packed:
        return packed.read("thread.md")


async def told(fake: FakeDiscord, interaction: int, words: str) -> Message:
    happened = fake.interaction(interaction)
    return await until(
        lambda: happened.response if happened.response and words in happened.response.text else None
    )


def test_ids_are_shown_as_names_and_code_stays_code() -> None:
    text = "Who may ask: `<@&150>, <@502> <#200>` · from here. Model: `GPT <@1>` `/help`"
    assert reply_to_contents(ImmediateReply(text)) == [
        "Who may ask: <@&150>, <@502> <#200> · from here. Model: `GPT <@1>` `/help`"
    ]


@pytest.mark.parametrize("limit_bytes", [30_000, 10_000, 2_000])
def test_a_paper_that_is_too_large_is_packed_and_cut_until_it_fits(limit_bytes: int) -> None:
    packed, why = fitted(THREAD, limit_bytes)
    assert limit_bytes / 2 < len(packed.content) <= limit_bytes
    assert why == ("export_packed" if limit_bytes == 30_000 else "export_newest")


def test_a_single_line_that_does_not_fit_is_handed_over_for_discord_to_refuse() -> None:
    packed, _ = fitted(Attachment("thread.md", "text/markdown", SOME.randbytes(5_000)), 100)
    assert len(packed.content) > 100


@pytest.mark.parametrize(("language", "person"), [("en", BO), ("zh", CHEN)])
async def test_a_large_export_comes_packed_or_with_its_newest_part_and_says_so(
    bot: Bot, language: str, person: int
) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Here.", file=THREAD), Outcome.TOLD
    for limit_bytes, why in ((30_000, "export_packed"), (10_000, "export_newest")):
        bot.fake.world.file_limit_bytes = limit_bytes
        interaction = await bot.fake.slash(person, GENERAL, "export", what="thread")
        message = await told(bot.fake, interaction, phrase(why, language))
        assert message.ephemeral_to == person
        assert THREAD.content.endswith(unpacked(message))
        assert (unpacked(message) == THREAD.content) is (why == "export_packed")


@pytest.mark.parametrize(("language", "person"), [("en", BO), ("zh", CHEN)])
async def test_a_file_that_discord_does_not_take_is_told_of(bot: Bot, language: str, person: int) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Here.", file=THREAD), Outcome.TOLD
    bot.fake.fail("PATCH", "/webhooks/*/*/messages/@original", status=413, code=40005)
    interaction = await bot.fake.slash(person, GENERAL, "export", what="thread")
    message = await told(bot.fake, interaction, phrase("export_not_sent", language))
    assert (message.ephemeral_to, message.attachments) == (person, [])


async def test_a_large_file_that_a_message_asked_for_comes_packed_too(bot: Bot) -> None:
    paper = Attachment("thread.md", "text/markdown", THREAD.content * 230)
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Here.", file=paper), Outcome.TOLD
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> /export")
    (message,) = await until(lambda: bot.fake.from_bot(bot.fake.dm(BO)))
    assert phrase("export_packed", "en") in message.text or phrase("export_newest", "en") in message.text
    assert unpacked(message)


async def test_a_file_that_discord_does_not_take_from_a_message_is_told_of_there(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Here.", file=THREAD), Outcome.TOLD
    bot.fake.fail("POST", f"/channels/{bot.fake.dm(BO)}/messages", status=413, code=40005)
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> /export")
    (message,) = await until(lambda: bot.fake.from_bot(GENERAL))
    assert message.text == phrase("export_not_sent", "en")
