"""Deleted, refused, blank: the answer stops or says so, on each platform, in the real program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.sides import Discord, Side, Slack
from tests.e2e.test_discord import answered as answered_in_discord
from tests.e2e.test_recovery import started
from tests.e2e.test_slack import AT, answered, answers, said
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S

LONG = Words(" ".join(f"word{number}" for number in range(600)), per_s=20)
LINK = "See https://bad.test/now for more. And so on, to the end."


async def closed(endpoint: FakeCompletions) -> None:
    """Wait until the client has closed its first connection."""
    await asyncio.wait_for(endpoint.requests[0].over.wait(), HANG_S)
    assert endpoint.requests[0].closed_by_client_at is not None, "the answer went on to its end"


@pytest.mark.parametrize("grows", [True, False], ids=["streamed", "edited"])
async def test_an_answer_that_is_deleted_in_slack_stops_and_does_not_come_back(
    grows: bool, tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(LONG, Words("A new answer."))
    if not grows:
        slack.fail("chat.startStream", None, error="unknown_method")
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} tell me a lot")
        answer = await answered(slack, "C1", ts, "word4")
        await slack.delete("U2", "C1", answer.ts)
        await closed(endpoint)
        await slack.say("U1", "C1", "and now?", thread_ts=ts)
        await answered(slack, "C1", ts, "A new answer.", count=2)
    assert [message.visible for message in answers(slack, "C1", ts) if not message.deleted] == ["A new answer."]
    assert "word1" not in str(said(endpoint.requests[1].body)), "nor does the model read it"


async def test_an_answer_that_is_deleted_in_discord_stops_and_does_not_come_back(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    side = Discord(discord, discord_settings(discord))
    endpoint.script(LONG, Words("A new answer."))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("tell me a lot")
        await side.answered("word4")
        await discord.delete(discord.from_bot(side.thread)[0].id)
        await closed(endpoint)
        await side.ask("and now?")
        await side.answered("A new answer.")
    assert [message.text for message in discord.from_bot(side.thread)] == ["A new answer."]


async def test_the_answer_in_a_deleted_thread_stops(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    side = Discord(discord, discord_settings(discord))
    endpoint.script(LONG)
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("tell me a lot")
        await side.answered("word4")
        await discord.delete_channel(side.thread)
        await closed(endpoint)
    assert discord.from_bot(GENERAL) == []


async def test_a_question_that_was_deleted_while_it_was_down_is_not_answered(
    side: Side, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    settings = side.settings | model_settings(endpoint)
    endpoint.script(LONG)
    program = await started(tmp_path, settings)
    await side.ask("first?")
    await side.answered("word4")
    await side.ask("second?")
    await program.kill()
    await side.delete()
    await asyncio.sleep(0.2)
    asked = len(endpoint.requests)
    endpoint.reply_by(lambda _: Words("The whole answer."))
    async with Program(tmp_path, **settings):
        await side.answered("The whole answer.")
        await side.ask("third?")
        await side.answered("The whole answer.", count=2)
    questions = [str(said(request.body)[-1]) for request in endpoint.requests[asked:]]
    assert [("first?" in one, "third?" in one) for one in questions] == [(True, False), (False, True)]
    assert len(side.answers()) == 2


@pytest.mark.parametrize("text", [LINK, f"{' '.join(['before'] * 30)} {LINK}"], ids=["at once", "later"])
async def test_refused_words_end_in_ours_and_no_stop_button(
    text: str, side: Side, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words(text, per_s=25), Words("Another answer."))
    match side:
        case Slack():
            for method in ("chat.postMessage", "chat.update", "chat.startStream", "chat.appendStream"):
                side.slack.fail(method, None, error="restricted_action", containing="bad.test")
            side.slack.fail("chat.stopStream", None, error="restricted_action", containing="bad.test")
        case Discord():
            side.discord.fail(
                "*", "/channels/*/messages**", None, status=400, code=240000, containing="bad.test"
            )
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("a link?")
        left = await side.answered("The platform d")
        assert "bad.test" not in left.text
        assert left.buttons == ("Try again",)
        assert len(side.answers()) == 1
        await side.press("Try again")
        await side.answered("Another answer.")


async def test_words_that_are_refused_to_an_interaction_end_in_ours(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words(f"The first words come. {LINK}", per_s=25))
    discord.fail("*", "/webhooks/**", None, status=400, code=240000, containing="bad.test")
    discord.fail("*", "/channels/*/messages**", None, status=400, code=200000, containing="bad.test")
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.slash(ADA, GENERAL, "ask", question="a link?")
        left = await answered_in_discord(discord, GENERAL, "The platform d")
    assert "bad.test" not in left.text
    assert [button.label for button in left.buttons] == ["Try again"]
    assert len(discord.from_bot(GENERAL)) == 1


@pytest.mark.parametrize("blank", ["\n\n  \n", " \u00a0 \n\u3000", "\u200b\u2060\ufeff"])
async def test_an_answer_that_nobody_can_see_is_said_to_be_empty(
    blank: str, side: Side, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(lambda _: Words(blank))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("anything?")
        left = await side.answered(phrase("empty", "en")[:30])
    assert left.buttons == ("Try again",)


async def test_a_mention_without_words_is_asked_what_is_wanted_and_no_message_is_empty(
    side: Side, tmp_path: Path, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("")
        await side.answered(phrase("wordless", "en"))
        assert endpoint.requests == []
        await side.ask("what is 2+2?")
        await side.answered("what is 2+2?", count=2)
    assert all(message["content"].strip() for message in endpoint.requests[0].body["messages"])
