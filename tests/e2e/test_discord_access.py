"""The messages that are questions on Discord, and the people who may ask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.i18n import duration, phrase
from tests.e2e.discord_people import IN, OTHER, Discord, for_all, says, settings, told_all
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, FORUM, GENERAL, GUILD, RANDOM, FakeDiscord


@pytest.fixture
def people(discord: FakeDiscord) -> Discord:
    return Discord(discord)


async def reason(people: Discord, person: int, question: str) -> str:
    """The reply to a refused question, which gives its words back, without these."""
    told, words = (await people.whispered(person, "ask", question=question)).split("\n\n", 1)
    assert words.endswith(f"\n> {question}")
    return told


async def test_where_it_listens(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    program, person = settings(discord, endpoint), IN[language]
    other = IN[OTHER[language]]
    async with Program(tmp_path, **program):
        await people.whispered(ADA, "settings", name="language", value=language)
        await discord.open_thread(person, FORUM, None, "Not yet", "Nobody listens.")
        earlier = await discord.open_thread(person, FORUM, None, "Mentions", f"{AT} you do?")
        await answered(discord, earlier, "you do?")
        await people.whispered(ADA, "settings", earlier, name="listen", value="forum")
        await people.whispered(ADA, "settings", name="listen", value="all")
        post = await discord.open_thread(person, FORUM, None, "Why is the loom slow?", "It creaks.")
        assert "It creaks." in (await answered(discord, post, "creaks")).text
        assert "Why is the loom slow?" in str(endpoint.requests[-1].body)
        await discord.say(other, post, "Mine too.")
        await answered(discord, post, "Mine too.", count=2)
        await discord.say(other, post, f"<@{ADA}> and yours?")

        everything = await discord.say(person, GENERAL, "anybody there?")
        await answered(discord, everything, "anybody there?")
        await discord.say(person, GENERAL, f"<@{ADA}> you there?")

        await people.whispered(ADA, "settings", name="listen", value="off")
        assert await reason(people, person, "有人吗？") == phrase("refused_off", language)
        await discord.say(person, GENERAL, f"{AT} anybody?")
        told = await told_all(discord, GENERAL, phrase("refused_off", language), 1)
        assert told.reference is not None
        await people.whispered(ADA, "settings", RANDOM, name="listen", value="off")
        assert await people.whispered(person, "summarize", RANDOM) == phrase("refused_off", language)
        await people.whispered(ADA, "settings", RANDOM, name="listen", value="default")
        again = await discord.say(person, RANDOM, f"{AT} and now?")
        await answered(discord, again, "and now?")
        await discord.say(person, RANDOM, "not to you")
        await discord.say(person, again, "but here")
        await answered(discord, again, "but here", count=2)
    async with Program(tmp_path, **program):
        await discord.say(person, GENERAL, f"{AT} anybody now?")
        await discord.say(person, everything, "nor in its thread?")
        assert await reason(people, person, "有人吗？") == phrase("refused_off", language)
    assert [m.text for m in for_all(discord, GENERAL)] == [phrase("refused_off", language)], "said once"
    asked = [said(request.body)[-1][1].partition(": ")[2] for request in endpoint.requests]
    assert [text.splitlines()[-1] for text in asked] == [
        "you do?",
        "It creaks.",
        "Mine too.",
        "anybody there?",
        "and now?",
        "but here",
    ]


async def test_who_may_ask_is_said_by_server_channel_role_and_person(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    weavers = await discord.grant(person, role="weavers")
    ids = (f"{GUILD}", f"<#{GENERAL}>", f"<@&{weavers}>", f"<@{person}>")
    more = {"PARLEY_ALLOW": f"discord:{GUILD}", "PARLEY_DENY": "discord:77"}
    count = 0
    async with Program(tmp_path, **settings(discord, endpoint, **more)):
        for listed in ids:
            told = await people.whispered(ADA, "settings", name="deny", value=listed)
            assert listed in told
            assert f"`{listed}`" not in told or listed.isdecimal(), "shown as a name"
            assert await reason(people, person, "may I?") == phrase("refused_denied", language)
            for command in ("summarize", "usage"):
                assert await people.whispered(person, command) == phrase("refused_denied", language)
            overview = await people.whispered(person, "settings")
            assert says("settings_title", language, overview), "to see why"
            await people.whispered(ADA, "settings", name="deny", value="default")

            await people.whispered(ADA, "settings", name="allow", value="999")
            assert await reason(people, person, "may I?") == phrase("refused_not_listed", language)
            await people.whispered(ADA, "settings", name="allow", value=f"999, {listed}")
            count += 1
            await discord.slash(person, GENERAL, "ask", question=f"may I by {count}?")
            await answered(discord, GENERAL, f"may I by {count}?", count=count)
            await people.whispered(ADA, "settings", name="allow", value="default")
        assert len(endpoint.requests) == len(ids)
        await people.whispered(ADA, "settings", name="language", value=language)
        await people.whispered(ADA, "settings", name="deny", value=f"<@&{weavers}>")
        for _ in range(2):
            await discord.say(person, GENERAL, f"{AT} may I?")
        asked = await discord.say(ADA, GENERAL, f"{AT} may I?")
        await answered(discord, asked, "may I?")
    told_to_all = [m for m in for_all(discord, GENERAL) if m.text == phrase("refused_denied", language)]
    assert len(told_to_all) == 1, "said once"


async def test_in_a_server_that_is_not_allowed_it_says_why_once_and_is_silent(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    program = settings(discord, endpoint, PARLEY_ALLOW="discord:999", PARLEY_LANGUAGE=language)
    why = phrase("refused_not_listed", language)
    async with Program(tmp_path, **program) as running:
        await discord.say(person, GENERAL, f"{AT} hello?")
        told = await answered(discord, GENERAL, why)
        assert told.reference is not None
        await discord.say(person, GENERAL, f"{AT} hello?")
        assert await reason(people, person, "may I?") == why
        counted = 'parley_refused_questions_total{platform="discord",reason="refused"} 3.0'
        assert counted in await running.page("/metrics")
    async with Program(tmp_path, **program):
        await discord.say(person, GENERAL, f"{AT} hello again?")
        await discord.say(person, GENERAL, f"{AT} /usage")
        assert await people.whispered(person, "usage") == why
        assert says("help_title", language, await people.whispered(person, "help"))
    assert [message.text for message in for_all(discord, GENERAL)] == [why]
    assert discord.threads(GENERAL) == []
    assert endpoint.requests == []


async def test_too_many_questions_get_a_friendly_word(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    async with Program(tmp_path, **settings(discord, endpoint, PARLEY_RATE="1")):
        await people.whispered(ADA, "settings", name="language", value=language)
        await discord.slash(person, GENERAL, "ask", question="one?")
        await answered(discord, GENERAL, "one?")
        limited = await reason(people, person, "two?")
        seconds = int(re.sub(r"\D", "", limited))
        assert 30 < seconds <= 60
        assert limited == phrase("limited", language, wait=duration(seconds, language))
        for _ in range(3):
            await discord.say(person, GENERAL, f"{AT} three?")
        word = phrase("limited", language, wait="60").partition("60")[0]
        await told_all(discord, GENERAL, word, 2)
        await discord.slash(ADA, GENERAL, "ask", question="the next one?")
        await told_all(discord, GENERAL, "the next one?", 3)
        assert says("usage_me", language, await people.whispered(person, "usage")), "commands are free"
    assert len(endpoint.requests) == 2
    assert [word in message.text for message in for_all(discord, GENERAL)] == [False, True, False]
