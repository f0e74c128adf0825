"""Discord, whole: the real discord.py in the real program, against the wire."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, BOT, GENERAL, FakeDiscord, Message, Permission

AT = f"<@{BOT}>"


def answers(discord: FakeDiscord, channel: int) -> list[Message]:
    """The bot's messages in a channel, or in a thread that may not be open yet."""
    try:
        return discord.from_bot(channel)
    except KeyError:
        return []


async def answered(discord: FakeDiscord, channel: int, words: str, count: int = 1) -> Message:
    """Wait until the bot has `count` messages there and the last says `words`."""
    await discord.wait_for(lambda: len(found := answers(discord, channel)) >= count and words in found[-1].text)
    return answers(discord, channel)[-1]


async def test_ask_is_deferred_at_once_and_answered_in_place(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("It is four, I think.", per_s=10, first_after_s=0.3), Words("Eight."))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        interaction = await discord.slash(ADA, GENERAL, "ask", question="two and two?")
        await discord.wait_for(lambda: discord.interaction(interaction).deferred, 3.0)
        answer = await answered(discord, GENERAL, "It is four, I think.")
        assert len(answer.history) > 1, "it did not grow"
        assert answer.content == "> two and two?\nIt is four, I think."
        assert all(content.startswith("> two and two?\n") for _, content in answer.history if content)
        await discord.say(BO, GENERAL, "and twice?", reply_to=answer.id)
        await answered(discord, GENERAL, "Eight.", count=2)
    assert len(discord.from_bot(GENERAL)) == 2
    assert said(endpoint.requests[1].body)[1:] == [
        ("user", "Ada Byron: two and two?"),
        ("assistant", "It is four, I think."),
        ("user", "This replies to what Parley wrote:\n> It is four, I think.\n\nBo Larsen: and twice?"),
    ]


async def test_a_mention_opens_a_thread_and_follow_ups_need_none(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        question = await discord.say(ADA, GENERAL, f"{AT} what is new?")
        await answered(discord, question, "what is new?")
        assert discord.thread_of(question) is not None
        await discord.say(BO, question, "and what is old?")
        await answered(discord, question, "and what is old?", count=2)
    assert discord.from_bot(GENERAL) == []
    assert [content for _, content in said(endpoint.requests[1].body)[1:]][::2] == [
        "Ada Byron: what is new?",
        "Bo Larsen: and what is old?",
    ]


async def test_a_thread_is_read_before_it_is_joined(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        root = await discord.say(ADA, GENERAL, "The build is red.")
        thread = await discord.open_thread(ADA, GENERAL, root, "The build")
        await discord.say(BO, thread, "Since this morning.")
        await discord.say(ADA, thread, f"{AT} since when?")
        await answered(discord, thread, "since when?")
    assert [content for _, content in said(endpoint.requests[0].body)[1:]] == [
        "Ada Byron: The build is red.",
        "Bo Larsen: Since this morning.",
        "Ada Byron: since when?",
    ]


async def test_a_direct_message_needs_no_mention_and_is_one_place(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.direct(ADA, "hello")
        await answered(discord, discord.dm(ADA), "hello")
        await discord.direct(ADA, "more")
        await answered(discord, discord.dm(ADA), "more", count=2)
    assert len(said(endpoint.requests[1].body)) == 4


async def test_a_direct_conversation_of_an_earlier_version_goes_on(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    """Earlier versions stored direct messages under `@me`, and one watermark for the platform."""
    settings = discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings) as program:
        await discord.direct(ADA, "hello")
        await answered(discord, discord.dm(ADA), "hello")
        await discord.direct(ADA, "/reset")
        await discord.wait_for(lambda: len(answers(discord, discord.dm(ADA))) == 2)
        await discord.direct(ADA, "hello again")
        await answered(discord, discord.dm(ADA), "hello again", count=3)
    with closing(sqlite3.connect(program.folder / "data" / "parley.db")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = {column[1] for column in database.execute(f"PRAGMA table_info({table})")}
            if "team" in columns:
                before = "" if table == "heard" else "@me"
                database.execute(f"UPDATE {table} SET team = ? WHERE team = ?", (before, str(BOT)))
        database.commit()
        assert database.execute("SELECT count(*) FROM threads WHERE team = '@me'").fetchone() == (1,)
    await discord.direct(ADA, "said while it was down")
    async with Program(tmp_path, **settings):
        await answered(discord, discord.dm(ADA), "said while it was down", count=4)
        await discord.direct(ADA, "and now?")
        await answered(discord, discord.dm(ADA), "and now?", count=5)
    lines = [content for _, content in said(endpoint.requests[-1].body)[1:]]
    assert [lines[0], lines[-1]] == ["hello again", "and now?"], "from the reset on"


async def test_what_is_not_for_the_bot_is_no_turn(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.say(ADA, GENERAL, "just chatting, @everyone")
        await discord.join()
        await discord.bot_says(GENERAL, f"{AT} let us talk for ever")
        question = await discord.say(ADA, GENERAL, f"{AT} you?")
        await answered(discord, question, "you?")
    assert len(endpoint.requests) == 1


async def test_where_it_may_not_write_whoever_asked_is_told_directly(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    await discord.deny(GENERAL, Permission.SEND_MESSAGES, Permission.CREATE_PUBLIC_THREADS)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.say(ADA, GENERAL, f"{AT} anybody?")
        told = await answered(discord, discord.dm(ADA), f"I'm not allowed to write in <#{GENERAL}>")
        await discord.deny(GENERAL)
        question = await discord.say(ADA, GENERAL, f"{AT} and now?")
        await answered(discord, question, "and now?")
    assert len(discord.from_bot(told.channel_id)) == 1


async def test_edits_and_deletions_change_the_context(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        question = await discord.say(ADA, GENERAL, f"{AT} first")
        await answered(discord, question, "first")
        wrong = await discord.say(BO, question, f"<@{ADA}> it was in 1815")
        gone = await discord.say(BO, question, f"<@{ADA}> never mind")
        await discord.edit(wrong, f"<@{ADA}> it was in 1816")
        await discord.delete(gone)
        await discord.say(ADA, question, "when?")
        await answered(discord, question, "when?", count=2)
    lines = [content for _, content in said(endpoint.requests[-1].body)[1:]]
    assert "Bo Larsen: @Ada Byron it was in 1816" in lines
    assert not any("never mind" in line for line in lines)


async def test_a_long_answer_comes_whole_on_several_pages_with_its_fences_closed(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    code = "\n".join(f"value_{number} = {number} * {number}  # a line of code" for number in range(120))
    endpoint.script(Words(f"Here:\n\n```python\n{code}\n```\n\nDone, @everyone <@{ADA}>.", per_s=3_000))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.slash(ADA, GENERAL, "ask", question="code")
        await answered(discord, GENERAL, "Done", count=3)
    pages = [message.content for message in discord.from_bot(GENERAL)]
    assert all(len(page) <= 2_000 and page.count("```") == 2 for page in pages[:-1])
    whole = "\n".join(pages)
    assert all(f"value_{number} = {number} * {number}  #" in whole for number in range(120))
