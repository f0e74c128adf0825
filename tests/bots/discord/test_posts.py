"""Posts of forums that nobody has answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bots.discord import posts
from core.errors import Code, PlatformError
from core.values.places import Place
from core.values.report import UnansweredPosts
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import (
    ADA,
    BO,
    CHEN,
    FORUM,
    GENERAL,
    GUILD,
    OTHER_BOT,
    RANDOM,
    ChannelType,
    FakeDiscord,
    Limit,
    Permission,
)

SERVER = Place("discord", str(GUILD), "")
READER = Place("discord", str(GUILD), str(GENERAL))
ARCHIVED = "/channels/*/threads/archived/public"
WEEK_S = 7 * 86_400


@pytest.fixture
async def fake() -> AsyncIterator[FakeDiscord]:
    """Its clock is ten days behind, so that posts have time to age."""
    async with FakeDiscord() as fake:
        fake.clock.advance(-10 * 86_400)
        yield fake
        assert fake.spec_problems == []


async def unanswered(
    bot: Bot, scope: Place = SERVER, reader: Place = READER, *, days: int = 9
) -> UnansweredPosts:
    """The posts of the last `days` days of the fake's clock."""
    now = datetime.fromtimestamp(bot.fake.clock.now(), UTC) + timedelta(seconds=1)
    return await bot.platform.installation.unanswered_posts(scope, reader, now - timedelta(days=days), now)


def titles(found: UnansweredPosts) -> list[str]:
    return [post.title for post in found.found]


def reads(fake: FakeDiscord) -> list[str]:
    return [call.path for call in fake.calls if call.method == "GET" and "/threads/" in call.path]


async def settled(bot: Bot, channel: int) -> None:
    """Return once the bot knows of a channel and of its last change."""
    await bot.fake.say(ADA, GENERAL, f"<@900> settled {channel}?")
    await bot.inbox.ask(f"settled {channel}?")


async def test_a_post_that_nobody_answered_is_found_with_its_title_and_link(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        post = await fake.open_thread(BO, FORUM, None, "How do I reset it?", "It hangs.")
        found = await unanswered(bot)
        (one,) = found.found
        assert found.complete
        assert one.place == Place("discord", str(GUILD), str(FORUM), str(post))
        assert (one.message_id, one.title) == (str(post), "How do I reset it?")
        assert abs(one.at.timestamp() - fake.clock.now()) < 60
        link = bot.platform.installation.message_link(one.place, one.message_id)
        assert link == f"https://discord.com/channels/{GUILD}/{post}/{post}"


async def test_only_what_asks_for_an_answer_is_found(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        answered = await fake.open_thread(BO, FORUM, None, "answered")
        await fake.say(CHEN, answered, "so")
        taken_back = await fake.open_thread(BO, FORUM, None, "its answer was deleted")
        await fake.delete(await fake.say(CHEN, taken_back, "so"))
        edited = await fake.open_thread(BO, FORUM, None, "edited", "my quesiton")
        await fake.edit(edited, "my question")
        await fake.open_thread(OTHER_BOT, FORUM, None, "news of a bot")
        await fake.pin(await fake.open_thread(ADA, FORUM, None, "read me first"))
        await fake.archive(await fake.open_thread(BO, FORUM, None, "closed"), locked=True)
        await fake.delete(await fake.open_thread(BO, FORUM, None, "its words were deleted"))
        await fake.open_thread(BO, GENERAL, None, "a thread of a channel")
        media = await fake.add_channel("pictures", kind=ChannelType.MEDIA)
        await fake.open_thread(BO, media, None, "my cat")
        await settled(bot, media)
        assert titles(await unanswered(bot)) == ["edited", "its answer was deleted"]


async def test_an_archived_post_is_found_where_it_was_made_in_the_period(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        for title in ("long ago", "long ago, archived"):
            post = await fake.open_thread(BO, FORUM, None, title)
            if title.endswith("archived"):
                await fake.archive(post)
        fake.clock.advance(WEEK_S)
        for title in ("archived", "answered and archived", "active"):
            post = await fake.open_thread(BO, FORUM, None, title)
            if title.startswith("answered"):
                await fake.say(CHEN, post, "so")
            if title.endswith("archived"):
                await fake.archive(post)
        assert titles(await unanswered(bot, days=1)) == ["active", "archived"]
        assert titles(await unanswered(bot))[-2:] == ["long ago, archived", "long ago"]
        now = datetime.fromtimestamp(fake.clock.now(), UTC)
        past = now - timedelta(days=9), now - timedelta(days=1)
        found = await bot.platform.installation.unanswered_posts(SERVER, READER, *past)
        assert titles(found) == ["long ago, archived", "long ago"], "not those after the period"


async def test_a_channels_own_posts_are_those_of_that_forum(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        other = await fake.add_channel("bugs", kind=ChannelType.FORUM)
        await fake.open_thread(BO, FORUM, None, "a question")
        await fake.open_thread(BO, other, None, "a bug")
        await settled(bot, other)
        bugs = Place("discord", str(GUILD), str(other))
        assert titles(await unanswered(bot)) == ["a bug", "a question"]
        assert titles(await unanswered(bot, bugs, bugs)) == ["a bug"]
        calls = len(fake.calls)
        assert await unanswered(bot, READER) == UnansweredPosts(), "a text channel has none"
        assert await unanswered(bot, Place("discord", "7", ""), READER) == UnansweredPosts()
        assert len(fake.calls) == calls


async def test_no_post_is_found_that_the_bot_or_a_reader_may_not_read(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        hidden = await fake.add_channel("staff", kind=ChannelType.FORUM)
        role = await fake.grant(BO, role="staff")
        await fake.hide(hidden, role)
        await fake.open_thread(BO, hidden, None, "a raise?")
        unread = await fake.add_channel("vault", kind=ChannelType.FORUM)
        await fake.open_thread(BO, unread, None, "the code?")
        await fake.deny(unread, Permission.READ_MESSAGE_HISTORY)
        await settled(bot, hidden)
        assert await unanswered(bot) == UnansweredPosts()
        await fake.hide(RANDOM, role)
        await settled(bot, RANDOM)
        assert titles(await unanswered(bot, reader=Place("discord", str(GUILD), str(RANDOM)))) == ["a raise?"]


async def test_a_forum_that_is_hidden_meanwhile_costs_no_other_its_posts(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        other = await fake.add_channel("bugs", kind=ChannelType.FORUM)
        for forum, title in ((FORUM, "a question"), (other, "a bug")):
            await fake.archive(await fake.open_thread(BO, forum, None, title))
        await settled(bot, other)
        fake.fail("GET", f"/channels/{FORUM}/threads/archived/public", status=403, code=50001)
        assert titles(await unanswered(bot)) == ["a bug"]


async def test_where_the_bound_of_requests_is_met_there_may_be_more(
    fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "PAGE", 2)
    monkeypatch.setattr(posts, "PAGES", 3)
    async with running(fake) as bot:
        for number in range(6):
            await fake.archive(await fake.open_thread(BO, FORUM, None, f"post {number}"))
        await settled(bot, FORUM)
        found = await unanswered(bot)
        assert titles(found) == [f"post {number}" for number in range(5, -1, -1)]
        assert not found.complete, "whether there are more would take one more request"
        assert reads(fake) == [
            f"/guilds/{GUILD}/threads/active",
            *[f"/channels/{FORUM}/threads/archived/public"] * 3,
        ]
        monkeypatch.setattr(posts, "PAGES", 4)
        assert (await unanswered(bot)).complete
        monkeypatch.setattr(posts, "AUTHORS", 4)
        found = await unanswered(bot)
        assert (len(found.found), found.complete) == (4, False)


async def test_a_forum_without_a_post_of_the_period_takes_none_of_the_requests(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        await fake.archive(await fake.open_thread(BO, FORUM, None, "long ago"))
        fake.clock.advance(WEEK_S)
        await settled(bot, FORUM)
        assert await unanswered(bot, days=1) == UnansweredPosts()
        assert reads(fake) == [f"/guilds/{GUILD}/threads/active"]


@pytest.mark.parametrize("path", ["/guilds/*/threads/active", ARCHIVED, "/channels/*/messages/*"])
async def test_posts_that_discord_does_not_serve_are_an_error(fake: FakeDiscord, path: str) -> None:
    async with running(fake) as bot:
        await fake.archive(await fake.open_thread(BO, FORUM, None, "a question"))
        await settled(bot, FORUM)
        fake.fail("GET", path, times=None, retry_after=300.0)
        with pytest.raises(PlatformError) as refused:
            await unanswered(bot)
        assert refused.value.code is Code.SLOW_DOWN


async def test_pages_keep_to_the_limit_that_discord_names(
    fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "PAGE", 2)
    fake.limits.table["other"] = Limit(2, 0.3)
    async with running(fake) as bot:
        for number in range(5):
            await fake.archive(await fake.open_thread(BO, FORUM, None, f"post {number}"))
        await settled(bot, FORUM)
        fake.limits.enabled = True
        assert len((await unanswered(bot)).found) == 5
        assert fake.limits.refusals == 0


async def test_posts_of_a_server_that_is_not_there_are_an_error(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        away = Place("discord", "7", "")
        with pytest.raises(PlatformError) as refused:
            await unanswered(bot, away, Place("discord", "7", "8"))
        assert refused.value.code is Code.UNAVAILABLE
