"""Posts of a forum that nobody answered, in the report of a week. The real program against the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.i18n import phrase, variant
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_recovery import make_a_day_older, midnight
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    CHEN,
    FORUM,
    GENERAL,
    GUILD,
    OTHER_BOT,
    RANDOM,
    ChannelType,
    FakeDiscord,
)

WEEK_S = 7 * 86_400
NOW = ("summary", "--now", "--period", "week")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            "**Left open**\n"
            "- forum posts of this server without an answer: 2\n"
            "- [Why does it \\*hang\\*?]({new}) in <#300>: no answer yet\n"
            "- [How do I reset it?]({archived}) in <#300>: no answer yet",
        ),
        (
            "zh",
            "**尚未解决**\n"
            "- 这个服务器中无人回复的论坛帖子：2\n"
            "- [Why does it \\*hang\\*?]({new})（<#300>）：尚无人回复\n"
            "- [How do I reset it?]({archived})（<#300>）：尚无人回复",
        ),
    ],
)
async def test_the_report_of_a_week_lists_the_posts_that_nobody_answered(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, language: str, expected: str
) -> None:
    discord.clock.advance(-8 * 86_400)
    await discord.open_thread(BO, FORUM, None, "of the week before")
    await discord.archive(await discord.open_thread(BO, FORUM, None, "of the week before, archived"))
    discord.clock.advance(8 * 86_400)
    archived = await discord.open_thread(BO, FORUM, None, "How do I reset it?")
    await discord.archive(archived)
    new = await discord.open_thread(CHEN, FORUM, None, "Why does it *hang*?", "Since Monday.")
    await discord.open_thread(OTHER_BOT, FORUM, None, "news")
    await discord.pin(await discord.open_thread(ADA, FORUM, None, "read me first"))
    said = await discord.open_thread(BO, FORUM, None, "answered")
    await discord.say(CHEN, said, "so")
    hidden = await discord.add_channel("staff", kind=ChannelType.FORUM)
    await discord.hide(hidden, await discord.grant(BO, role="staff"))
    await discord.open_thread(BO, hidden, None, "a raise?")
    settings = discord_settings(discord) | model_settings(endpoint) | {"PARLEY_LANGUAGE": language}
    settings |= {"PARLEY_SUMMARY_CHANNELS": f"discord:{GENERAL}"}
    async with Program(tmp_path, **settings) as running:
        await discord.say(ADA, said, f"{AT} what is a loom?")
        await answered(discord, said, "what is a loom?")
        beside = settings | {"PARLEY_HTTP_PORT": str(running.port)}
        await _summary(tmp_path, beside, *NOW)
        text = discord.from_bot(GENERAL)[0].text
        links = {
            name: f"https://discord.com/channels/{GUILD}/{post}/{post}"
            for name, post in (("new", new), ("archived", archived))
        }
        assert f"\n\n{expected.format(**links)}\n\n" in text

        discord.fail("GET", "/guilds/*/threads/active", None, retry_after=300.0, scope="shared")
        await _summary(tmp_path, beside, *NOW)
        without = discord.from_bot(GENERAL)[1].text
        unread = phrase("report_posts_unread", variant(language, "discord"))
        assert f"\n- {unread}\n\n" in without
        assert without.splitlines()[1] == text.splitlines()[1], "it is complete otherwise"
        dry = await _summary(tmp_path, beside, "summary", "--dry-run", "--period", "week")
        assert f"- {unread}\n" in dry


async def test_the_report_of_last_week_that_is_posted_by_itself_has_the_posts_of_that_week(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    discord.clock.advance(-WEEK_S)
    archived = await discord.open_thread(BO, FORUM, None, "How do I reset it?")
    later = await discord.open_thread(CHEN, FORUM, None, "answered a week later")
    for post in (archived, later):
        await discord.archive(post)
    discord.clock.advance(WEEK_S)
    await discord.say(ADA, later, "so")
    await discord.open_thread(CHEN, FORUM, None, "of this week")
    settings = discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        asked = await discord.say(ADA, RANDOM, f"{AT} what is a loom?")
        await answered(discord, asked, "what is a loom?")
    for _ in range(7):
        make_a_day_older(tmp_path)
    settings |= {"PARLEY_SUMMARY_CHANNELS": f"discord:{GENERAL}", "PARLEY_SUMMARY_PERIOD": "weekly"}
    settings |= {"PARLEY_SUMMARY_AT": midnight()}
    async with Program(tmp_path, **settings):
        await discord.wait_for(lambda: discord.from_bot(GENERAL))
    (report,) = discord.from_bot(GENERAL)
    link = f"https://discord.com/channels/{GUILD}/{archived}/{archived}"
    assert report.text.split("\n\n")[-2].splitlines() == [
        "**Left open**",
        "- forum posts of this server without an answer: 1",
        f"- [How do I reset it?]({link}) in <#{FORUM}>: no answer yet",
    ]


async def test_a_report_for_a_forum_is_a_post_in_it(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    post = await discord.open_thread(BO, FORUM, None, "How do I reset it?")
    settings = discord_settings(discord) | model_settings(endpoint)
    settings |= {"PARLEY_SUMMARY_CHANNELS": f"discord:{FORUM}"}
    async with Program(tmp_path, **settings):
        said = await discord.open_thread(BO, FORUM, None, "looms")
        await discord.say(ADA, said, f"{AT} what is a loom?")
        await answered(discord, said, "what is a loom?")
    for number in (1, 2):
        await _summary(tmp_path, settings, *NOW)
        reports = [thread for thread in discord.threads(FORUM) if thread.owner_id == BOT]
        assert len(reports) == number
        assert reports[-1].name.startswith("Usage everywhere, ")
        (report,) = reports[-1].listed
        link = f"https://discord.com/channels/{GUILD}/{post}/{post}"
        assert f"- [How do I reset it?]({link}) in <#{FORUM}>: no answer yet" in report.text
        assert "without an answer: 1\n" in report.text, "its own posts are not counted"
        assert len(report.attachments) == 1


async def _summary(folder: Path, settings: dict[str, str], *arguments: str) -> str:
    """The output of the command."""
    command = Program(folder, **settings)
    await command.start(*arguments)
    assert await command.end() == 0, command.output
    return command.output
