"""Many at once on Discord: every call but those of interactions counts to the bot's 50 a second, wherever it begins."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, BOT, CHEN, FakeDiscord, Message

AT = f"<@{BOT}>"
ROOMS = 80
"""Channels with news: more than the calls of a second."""


def text(words: int) -> str:
    return " ".join(f"w{number:03d}" for number in range(words))


def whole(discord: FakeDiscord, question: int, answer: str) -> bool:
    """Is the answer there, in the question's own thread, and ended?"""
    thread = discord.thread_of(question)
    return thread is not None and ended(discord.from_bot(thread.id), answer)


def ended(shown: Sequence[Message], answer: str) -> bool:
    """Is it one message with the whole answer, and without Stop?"""
    return len(shown) == 1 and answer in shown[0].text and "Stop" not in [b.label for b in shown[0].buttons]


async def channels(discord: FakeDiscord, count: int) -> list[int]:
    return [await discord.add_channel(f"crowd-{number}") for number in range(count)]


async def test_forty_mentions_at_once_each_open_a_thread_and_no_call_is_refused(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    rooms = await channels(discord, 40)
    endpoint.default = Words(text(60), per_s=20)
    discord.limits.enabled = True
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        asked = [await discord.say(ADA, room, f"{AT} what is new?") for room in rooms]
        await discord.wait_for(lambda: all(whole(discord, question, text(60)) for question in asked), 60.0)
    assert discord.limits.refused == Counter()


async def test_forty_mentions_at_once_in_threads_that_are_read_first_meet_no_refusal(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    asked = []
    for number, room in enumerate(await channels(discord, 40)):
        root = await discord.say(BO, room, "The build is red.")
        asked.append((discord.add_person(f"Person {number}"), await discord.open_thread(BO, room, root, "red")))
    endpoint.default = Words(text(30), per_s=20)
    discord.limits.enabled = True
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        for person, thread in asked:
            await discord.say(person, thread, f"{AT} since when?")
        await discord.wait_for(lambda: all(ended(discord.from_bot(one), text(30)) for _, one in asked), 60.0)
    assert all("The build is red." in str(request.body) for request in endpoint.requests)
    assert discord.limits.refused == Counter()


async def test_back_after_downtime_with_news_everywhere_nobody_is_looked_up_twice_and_nothing_is_refused(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    rooms = await channels(discord, ROOMS)
    discord.limits.enabled = True
    settings = discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        first = await discord.say(ADA, rooms[1], f"{AT} are you there?")
        await discord.wait_for(lambda: whole(discord, first, "are you there?"), 60.0)
        await asyncio.sleep(1.0)  # it is written down until when everything was heard
    for number, room in enumerate(rooms):
        await discord.say(discord.add_person(f"Person {number}"), room, "news")
        await discord.say(BO, room, "more news")
    missed = await discord.say(BO, rooms[ROOMS // 2], f"{AT} who is there?")
    before, reads = len(discord.calls), {f"/channels/{room}/messages" for room in rooms}
    async with Program(tmp_path, **settings):
        live = await discord.say(CHEN, rooms[0], f"{AT} and now?")
        await discord.wait_for(lambda: whole(discord, live, "and now?"), 60.0)
        assert not reads <= {call.path for call in discord.calls[before:]}, "it waited until all was read"
        await discord.wait_for(lambda: whole(discord, missed, "who is there?"), 60.0)
        await discord.wait_for(lambda: {call.path for call in discord.calls[before:]} >= reads, 60.0)
    looked_up = Counter(call.path for call in discord.calls[before:] if "/members/" in call.path)
    assert set(looked_up.values()) == {1}
    assert len(looked_up) <= 3, "only who mentioned the bot"
    assert discord.limits.refused == Counter()


@pytest.mark.parametrize(("status", "as_date"), [(429, False), (403, True)])
async def test_a_ban_while_answers_grow_is_met_by_hardly_a_call_and_every_answer_is_whole(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, status: int, as_date: bool
) -> None:
    rooms = await channels(discord, 6)
    endpoint.default = Words(text(40), per_s=20)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        asked = [await discord.say(ADA, room, f"{AT} what is new?") for room in rooms[:3]]
        await discord.slash(ADA, rooms[5], "ask", question="what is new?")
        await discord.wait_for(lambda: all(discord.thread_of(question) for question in asked))
        await discord.wait_for(lambda: "w0" in "".join(shown.text for shown in discord.from_bot(rooms[5])))
        discord.ban(4.0, status=status, as_date=as_date)
        began, before = time.monotonic(), len(discord.calls)
        asked += [await discord.say(BO, room, f"{AT} and here?") for room in rooms[3:5]]
        await discord.wait_for(lambda: all(whole(discord, question, text(40)) for question in asked), 60.0)
        await discord.wait_for(lambda: ended(discord.from_bot(rooms[5]), text(40)), 60.0)
    during = [str(call) for call in discord.calls[before:] if call.at < began + 3.0]
    assert len(during) <= 5, during
