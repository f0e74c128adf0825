"""Messages of the bot at the top level of a forum."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import Code, PlatformError
from core.values.outgoing import AnswerPicture, DeleteMessage, EditMessage, Page, PostMessage, UploadFile
from core.values.places import Place
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import BO, FORUM, GUILD, FakeDiscord, Permission

HERE = Place("discord", str(GUILD), str(FORUM))
REPORT = PostMessage(HERE, Page("**Usage, 16–22 Nov 2026**\n12 questions."), "7#0", answers="report:7")


def posts(fake: FakeDiscord) -> list[tuple[str, list[str]]]:
    """The posts of the forum with their messages, oldest first."""
    return [(post.name, [message.content for message in post.listed]) for post in fake.threads(FORUM)]


async def test_a_report_in_a_forum_is_a_post_with_all_its_messages(bot: Bot) -> None:
    installation = bot.platform.installation
    first = await installation.perform(REPORT)
    second = await installation.perform(replace(REPORT, page=Page("The rest."), key="7#1"))
    assert first != second
    await installation.perform(EditMessage(HERE, first, Page("12 questions.")))
    await installation.perform(EditMessage(HERE, second, Page("All of the rest.")))
    await installation.perform(replace(REPORT, page=Page("Of the next week."), key="8#0", answers="report:8"))
    assert posts(bot.fake) == [
        ("Usage, 16–22 Nov 2026", ["12 questions.", "All of the rest."]),
        ("Of the next week.", ["Of the next week."]),
    ]


async def test_messages_that_belong_to_no_answer_are_a_post_each(bot: Bot) -> None:
    for number in range(2):
        alert = PostMessage(HERE, Page(f"Alert {number}"), f"announcement-{number}")
        await bot.platform.installation.perform(alert)
    assert posts(bot.fake) == [("Alert 0", ["Alert 0"]), ("Alert 1", ["Alert 1"])]


async def test_a_post_of_an_earlier_process_is_edited_and_deleted(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        first = await bot.platform.installation.perform(REPORT)
    async with running(fake) as bot:
        await bot.platform.installation.perform(EditMessage(HERE, first, Page("12 questions.")))
        assert posts(fake) == [("Usage, 16–22 Nov 2026", ["12 questions."])]
        await bot.platform.installation.perform(DeleteMessage(HERE, first))
        assert posts(fake) == [("Usage, 16–22 Nov 2026", [])]


async def test_a_report_in_a_forum_has_its_picture(bot: Bot) -> None:
    picture = AnswerPicture("chart.png", "Chart by day", "image/png", b"\x89PNG")
    await bot.platform.installation.perform(replace(REPORT, page=replace(REPORT.page, picture=picture)))
    (post,) = bot.fake.threads(FORUM)
    (file,) = post.listed[0].attachments
    assert (file.filename, file.data, file.description) == ("chart.png", b"\x89PNG", "Chart by day")


async def test_a_file_at_the_top_level_of_a_forum_is_a_post(bot: Bot) -> None:
    file = UploadFile(HERE, "report.md", b"words", answers="report:7", title="The report")
    made = await bot.platform.installation.perform(file)
    assert [post.name for post in bot.fake.threads(FORUM)] == ["The report"]
    assert await bot.platform.installation.find(replace(file, answers="report:8")) == made
    assert await bot.platform.installation.find(replace(file, name="other.md", answers="report:8")) is None


async def test_a_post_whose_making_was_uncertain_is_found(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        installation = bot.platform.installation
        await fake.open_thread(BO, FORUM, None, "of a person", REPORT.page.text)
        assert await installation.find(REPORT) is None
        fake.fail("POST", f"/channels/{FORUM}/threads", status=502, taken=True)
        with pytest.raises(PlatformError) as uncertain:
            await installation.perform(REPORT)
        assert uncertain.value.code is Code.UNCERTAIN
        found = await installation.find(REPORT)
        assert found == str(fake.threads(FORUM)[-1].id)
        await installation.perform(replace(REPORT, page=Page("The rest."), key="7#1"))
        assert posts(fake)[-1] == ("Usage, 16–22 Nov 2026", [REPORT.page.text, "The rest."])


async def test_a_forum_that_asks_for_a_tag_gets_its_first(bot: Bot) -> None:
    forum = bot.fake.world.channels[FORUM]
    forum.tags = [tag | {"moderated": tag["name"] == "open"} for tag in forum.tags]
    await bot.fake.actions.change(forum, requires_tag=True)
    await bot.fake.say(BO, 200, "<@900> ready?")
    await bot.inbox.ask("ready?")
    await bot.platform.installation.perform(REPORT)
    (post,) = bot.fake.threads(FORUM)
    assert post.applied_tags == ["311"], "which everybody may apply"


async def test_a_forum_in_which_the_bot_may_not_post_is_not_allowed(bot: Bot) -> None:
    await bot.fake.deny(FORUM, Permission.SEND_MESSAGES)
    with pytest.raises(PlatformError) as refused:
        await bot.platform.installation.perform(REPORT)
    assert refused.value.code is Code.NOT_ALLOWED
