"""Killed, stopped, away: every question is answered once all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.conftest import BOTH_WAYS, discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT as DISCORD_AT
from tests.e2e.test_discord import answered as answered_in_discord
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words, echo
from tests.fakes.discord import ADA, BO, FORUM, GENERAL, RANDOM, FakeDiscord
from tests.fakes.slack import FakeSlack

POSTS = ("chat.postMessage", "chat.startStream")


async def started(folder: Path, settings: dict[str, str]) -> Program:
    program = Program(folder, **settings)
    await program.start()
    await program.ready()
    return program


async def test_killed_between_posting_and_storing_the_post_is_found_again(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    program = await started(tmp_path, settings)
    for method in POSTS:
        slack.fail(method, delay_s=30)
    discord.fail("POST", "/channels/*/messages", delay_s=30, status=0)
    ts = await slack.say("U1", "C1", f"{AT} slack?")
    question = await discord.say(ADA, GENERAL, f"{DISCORD_AT} discord?")
    await slack.wait_for(lambda: answers(slack, "C1", ts))
    await discord.wait_for(lambda: discord.thread_of(question) and discord.from_bot(question))
    await program.kill()
    for method in POSTS:
        slack.mend(method)
    async with Program(tmp_path, **settings):
        await answered(slack, "C1", ts, "You said: ada: slack?")
        await answered_in_discord(discord, question, "You said: Ada Byron: discord?")
    assert len(answers(slack, "C1", ts)) == 1
    assert len(discord.from_bot(question)) == 1


@BOTH_WAYS
async def test_killed_between_storing_and_acknowledging_the_redelivery_ends_in_the_same_row(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    program = await started(tmp_path, settings)
    slack.sockets.lose_acks, slack.sockets.ack_timeout_s = True, 1.0
    slack.sockets.retry_delays_s = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
    ts = await slack.say("U1", "C1", f"{AT} once?")
    await slack.wait_for(lambda: len(endpoint.requests) == 1)
    await program.kill()
    slack.sockets.lose_acks, slack.sockets.ack_timeout_s = False, 30.0
    async with Program(tmp_path, **settings):
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
        await answered(slack, "C1", ts, "once?")
    assert max(len(envelope.attempts) for envelope in slack.envelopes) > 1
    assert len(answers(slack, "C1", ts)) == 1


async def test_what_was_said_while_it_was_down_is_read_and_answered_in_order(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        ts = await slack.say("U1", "C1", f"{AT} first?")
        hello = await slack.direct("U1", "hello")
        question = await discord.say(ADA, GENERAL, f"{DISCORD_AT} first?")
        await discord.direct(ADA, "hello")
        await answered(slack, "C1", ts, "first?")
        await answered_in_discord(discord, question, "first?")
        await answered_in_discord(discord, discord.dm(ADA), "hello")
        await answered(slack, "D1", hello, "hello")
    slack.space.lose_events = True
    await slack.say("U2", "C1", "second?", thread_ts=ts)
    await slack.say("U1", "C1", "third?", thread_ts=ts)
    root = await slack.say("U2", "C1", f"{AT} a root?")
    direct = await slack.direct("U1", "direct?")
    unheard = await slack.say("U2", "C1", "just chatting")
    slack.space.lose_events = False
    await discord.say(BO, question, "second?")
    await discord.say(ADA, question, "third?")
    other = await discord.say(BO, GENERAL, f"{DISCORD_AT} a root?")
    await discord.direct(ADA, "direct?")
    async with Program(tmp_path, **settings):
        await answered(slack, "C1", ts, "third?", count=3)
        await answered(slack, "C1", root, "a root?")
        await answered(slack, "D1", direct, "direct?")
        await answered_in_discord(discord, question, "third?", count=3)
        await answered_in_discord(discord, other, "a root?")
        await answered_in_discord(discord, discord.dm(ADA), "direct?", count=2)
    assert ["second?" in answer.visible for answer in answers(slack, "C1", ts)] == [False, True, False]
    assert ["second?" in answer.text for answer in discord.from_bot(question)] == [False, True, False]
    assert answers(slack, "C1", unheard) == []
    async with Program(tmp_path, **settings):
        await slack.say("U1", "C1", "fourth?", thread_ts=ts)
        await answered(slack, "C1", ts, "fourth?", count=4)
    assert len(answers(slack, "C1", root)) == 1, "what was caught up is not caught up again"


async def test_what_was_asked_while_it_was_down_where_more_than_mentions_are_questions(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    slack.space.channels["C2"].creator = "U1"
    async with Program(tmp_path, **settings):
        await discord.slash(ADA, FORUM, "settings", name="listen", value="forum")
        await discord.slash(ADA, RANDOM, "settings", name="listen", value="all")
        await slack.say("U1", "C2", f"{AT} /settings listen all")
        hello = await slack.say("U1", "C2", f"{AT} hello")
        await answered(slack, "C2", hello, "hello")
        chat = await discord.open_thread(BO, GENERAL, None, "a chat")
        await discord.say(BO, chat, "between us")
        older = await discord.open_thread(BO, FORUM, None, "An older post", f"{DISCORD_AT} known?")
        await answered_in_discord(discord, older, "known?")
    slack.space.lose_events = True
    said = await slack.say("U2", "C2", "to nobody?")
    slack.space.lose_events = False
    post = await discord.open_thread(BO, FORUM, None, "Why is the loom slow?", "It creaks.")
    await discord.say(ADA, post, "Mine too.")
    put_away = await discord.open_thread(ADA, FORUM, None, "And dusty?", "Very.")
    await discord.archive(put_away)
    await discord.say(ADA, older, "and now?")
    everything = await discord.say(BO, RANDOM, "anybody there?")
    named = await discord.say(ADA, chat, f"{DISCORD_AT} in a thread of ours?")
    unheard = await discord.say(BO, GENERAL, "just chatting")
    async with Program(tmp_path, **settings):
        await answered(slack, "C2", said, "to nobody?")
        await answered_in_discord(discord, post, "Mine too.", count=2)
        await answered_in_discord(discord, put_away, "Very.")
        await answered_in_discord(discord, older, "and now?", count=2)
        await answered_in_discord(discord, everything, "anybody there?")
        await answered_in_discord(discord, chat, "in a thread of ours?")
    assert "It creaks." in discord.from_bot(post)[0].text
    assert "Why is the loom slow?" in str([request.body for request in endpoint.requests])
    assert [len(discord.from_bot(one)) for one in (post, put_away, everything, chat)] == [2, 1, 1, 1]
    assert named
    assert discord.thread_of(unheard) is None


async def test_an_answer_that_the_grace_period_does_not_end_is_left_for_the_next_process(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    done = Words("on and on, and done")
    endpoint.script(Words("on and on " * 200, per_s=20))
    endpoint.default = lambda body: done if "talk" in str(body["messages"][-1]) else echo(body)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_GRACE_S": "0.3"}
    async with Program(tmp_path, **settings | {"PARLEY_GRACE_S": "4"}) as program:
        ts = await slack.say("U1", "C1", f"{AT} talk")
        await answered(slack, "C1", ts, "on and")
        stopping = asyncio.create_task(program.stop())
        await program.until(lambda found: found["stopping"])
        late = await slack.say("U2", "C1", f"{AT} and this?")
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
        assert await stopping == 0
        assert "turns_left_open" in program.output
        assert answers(slack, "C1", late) == [], "nothing new is begun"
    async with Program(tmp_path, **settings):
        answer = await answered(slack, "C1", ts, "and done")
        await answered(slack, "C1", late, "and this?")
    assert [len(answers(slack, "C1", asked)) for asked in (ts, late)] == [1, 1]
    assert answer.visible.startswith("on and on, and done")


async def test_a_second_run_waits_the_grace_period_and_then_leaves_with_one_clear_line(tmp_path: Path) -> None:
    async with Program(tmp_path) as first:
        second = Program(tmp_path, PARLEY_GRACE_S="0.5")
        await second.start()
        assert await second.end() == 2
        assert second.output.splitlines() == [
            "parley: another parley is running on this database (DATABASE_URL); stop it first"
        ]
        third = Program(tmp_path, PARLEY_GRACE_S="15")
        await third.start()
        await asyncio.sleep(1.0)
        assert await first.stop() == 0
        await third.ready()
        assert await third.stop() == 0


def midnight() -> str:
    """The last midnight of a time zone in which it is between 12:00 and 13:00 now: it is 12 hours ago, at any time."""
    return f"00:00 Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def make_a_day_older(folder: Path) -> None:
    """Move the stored usage back by a day."""
    with closing(sqlite3.connect(folder / "data" / "parley.db")) as database:
        for table in ("usage", "usage_sums"):
            database.execute(f"UPDATE {table} SET at_us = at_us - 86400000000")
        database.commit()


async def test_a_summary_is_posted_once_though_its_poster_died_and_the_missed_one_after_downtime(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        ts = await slack.say("U1", "C1", f"{AT} hello")
        await answered(slack, "C1", ts, "hello")
    make_a_day_older(tmp_path)
    settings |= {"PARLEY_SUMMARY_CHANNELS": "slack:C2", "PARLEY_SUMMARY_AT": midnight()}
    slack.fail("chat.postMessage", delay_s=30)
    program = await started(tmp_path, settings)
    await slack.wait_for(lambda: slack.messages("C2"))
    await program.kill()
    for _ in range(2):
        async with Program(tmp_path, **settings):
            await slack.wait_for(lambda: "asked by 1 person" in slack.messages("C2")[0].visible)
            await asyncio.sleep(0.3)
    assert len(slack.messages("C2")) == 1
