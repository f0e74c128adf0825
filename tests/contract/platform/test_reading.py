"""`history`, `recent`, `missed` and `channels`."""

from __future__ import annotations

import pytest

from core.errors import Code
from core.values.conversation import Ask, History
from core.values.outgoing import Page, PostMessage
from tests.contract.platform.boundary import FULL, holds, refusal
from tests.contract.rigs.rig import Rig, post


@holds("history")
async def test_history_is_what_was_said_before_the_question_in_its_order(rig: Rig) -> None:
    first = await rig.ask("what is a loom?")
    posted = await rig.installation.perform(post(first, FULL))
    await rig.follow_up(first, "who made it?")
    await rig.follow_up(first, "and when?")
    last = await rig.inbox.ask("and when?")
    await rig.follow_up(first, "too late")
    await rig.inbox.ask("too late")
    history = await rig.installation.history(last.place, last)
    if not rig.calls():
        assert history.entries == ()
        rig.cannot("all history is in the store")
    assert history.complete
    assert [entry.text for entry in history.entries] == ["what is a loom?", FULL.text, "who made it?"]
    assert [(entry.id, entry.mine) for entry in history.entries][:2] == [(first.id, False), (posted, True)]
    assert [entry.author.bot for entry in history.entries] == [False, True, False]
    assert history.entries[0].at == first.at
    assert history.entries[0].author.id == first.author.id


@holds("history")
async def test_there_is_nothing_before_the_first_question_and_nobody_is_asked(rig: Rig) -> None:
    ask = await rig.ask()
    calls = rig.calls()
    history = await rig.installation.history(ask.place, ask)
    assert (history.entries, history.complete, rig.calls()) == ((), True, calls)


@holds("history", "missed")
@pytest.mark.parametrize("read", ["history", "missed"])
async def test_a_read_that_is_refused_for_a_while_says_for_how_long(rig: Rig, read: str) -> None:
    ask = await rig.ask()
    await rig.installation.perform(post(ask, FULL))
    await rig.follow_up(ask, "who made it?")
    later = await rig.inbox.ask("who made it?")
    wait_s = rig.read_slowly()
    call = (
        rig.installation.history(later.place, later)
        if read == "history"
        else rig.installation.missed(ask.place, ask.at)
    )
    error = await refusal(rig, call)
    assert (error.code, error.retryable, error.retry_after_s) == (Code.SLOW_DOWN, True, wait_s)


@holds("recent", "channel")
async def test_the_most_recent_lines_are_read_oldest_first(rig: Rig) -> None:
    ask = await rig.ask("what is a loom?")
    posted = await rig.installation.perform(post(ask, FULL))
    later = [f"and {n}?" for n in range(13)]
    for text in later:
        await rig.follow_up(ask, text)
        await rig.inbox.ask(text)
    whole = await rig.installation.recent(ask.place, 100)
    assert [line.text for line in whole.entries if not line.mine] == ["what is a loom?", *later]
    assert whole.entries[0].id == ask.id
    ours = [(posted, FULL.text)] if rig.keeps_posts else []
    assert [(line.id, line.text) for line in whole.entries if line.mine] == ours
    assert whole.complete
    newest = await rig.installation.recent(ask.place, 2)
    assert (newest.entries, newest.complete) == (whole.entries[-2:], False)
    assert await rig.installation.recent(ask.place, 100, whole.entries[-3].at) == History(whole.entries[-3:])


@holds("recent", "channel")
async def test_of_a_channel_its_top_level_is_read_with_what_the_bot_posted_there(rig: Rig) -> None:
    ask = await rig.ask("what is a loom?")
    await rig.installation.perform(post(ask, FULL))
    await rig.follow_up(ask, "who made it?")
    await rig.inbox.ask("who made it?")
    channel = await rig.installation.channel(rig.channel())
    posted = await rig.installation.perform(PostMessage(channel, Page("12 questions"), "digest/1"))
    top = (await rig.installation.recent(channel, 100)).entries
    in_threads = ["who made it?"] if rig.only_threads_stand_in_the_channel else []
    assert [line.text for line in top if not line.mine] == ["what is a loom?", *in_threads]
    ours = [(posted, "12 questions")] if rig.keeps_posts else []
    assert [(line.id, line.text) for line in top if line.mine] == ours


@holds("channels")
async def test_channels_are_told_without_a_call(idle: Rig) -> None:
    assert idle.installation.channels() == []
    await idle.start()
    calls, channels = idle.calls(), idle.installation.channels()
    assert idle.calls() == calls
    assert len({place.key for place in channels}) == len(channels)
    assert all(place.platform == idle.platform.name for place in channels)
    assert not channels or idle.channel() in [place.channel for place in channels]


@holds("missed")
async def test_what_was_missed_in_a_thread_comes_as_it_would_have_come(rig: Rig) -> None:
    ask = await rig.ask()
    await rig.installation.perform(post(ask, FULL))
    for text in ("who made it?", "and when?", "and why?"):
        await rig.follow_up(ask, text)
        await rig.inbox.ask(text)
    calls, heard = rig.calls(), [event for event in rig.inbox.of(Ask) if event.place == ask.place]
    missed = await rig.installation.missed(ask.place, ask.at)
    if rig.calls() == calls:
        assert missed == []
        rig.cannot("nothing can be missed")
    assert missed == [event for event in heard if event.id != ask.id]
    assert await rig.installation.missed(ask.place, missed[1].at) == missed[2:]
    assert await rig.installation.missed(ask.place, missed[2].at) == []


@holds("missed")
async def test_what_was_missed_in_a_channel_is_what_was_said_in_the_channel_itself(rig: Rig) -> None:
    first = await rig.ask("one?")
    await rig.follow_up(first, "in its thread")
    second = await rig.ask("two?")
    calls = rig.calls()
    missed = await rig.installation.missed(await rig.installation.channel(rig.channel()), first.at)
    if rig.calls() == calls:
        assert missed == []
        rig.cannot("nothing can be missed")
    assert missed == [second]
