"""An interaction whose acknowledgement was taken is ours, though the answer that said so was lost."""

from __future__ import annotations

import pytest

from core.values.events import Command
from core.values.outgoing import Page, PostMessage
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import ADA, GENERAL

CALLBACK = "/interactions/*/*/callback"


async def question(bot: Bot, text: str) -> int:
    return await bot.fake.slash(ADA, GENERAL, "ask", question=text)


@pytest.mark.parametrize("lost", ["502", "cut", "late", "cut twice", "always"])
async def test_an_acknowledgement_whose_answer_was_lost_is_ours_and_asked_once(bot: Bot, lost: str) -> None:
    match lost:
        case "502":
            bot.fake.fail("POST", CALLBACK, status=502, taken=True)
        case "cut":
            bot.fake.fail("POST", CALLBACK, drop="after")
        case "late":
            bot.fake.fail("POST", CALLBACK, status=0, delay_s=5.0)
        case "cut twice":
            bot.fake.fail("POST", CALLBACK, 2, drop="after")
        case "always":
            bot.fake.fail("POST", CALLBACK, None, drop="after")
    interaction = await question(bot, "what is a loom?")
    ask = await bot.inbox.ask("what is a loom?")
    assert len(bot.inbox.of(Command)) == 1
    await bot.platform.installation.perform(
        PostMessage(ask.place, Page("A machine."), "1", answers=ask.id, interaction_token=ask.interaction_token)
    )
    response = bot.fake.interaction(interaction).response
    assert response is not None
    assert (response.content, response.loading) == ("A machine.", False)


@pytest.mark.parametrize("failure", ["503", "cut"])
async def test_an_acknowledgement_that_did_not_arrive_is_sent_again(bot: Bot, failure: str) -> None:
    if failure == "503":
        bot.fake.fail("POST", CALLBACK, status=503)
    else:
        bot.fake.fail("POST", CALLBACK, drop="before")
    interaction = await question(bot, "what is a loom?")
    await bot.inbox.ask("what is a loom?")
    assert bot.fake.interaction(interaction).deferred


@pytest.mark.parametrize("code", [40060, 10062])
async def test_what_another_process_has_acknowledged_or_nobody_in_time_is_not_ours(bot: Bot, code: int) -> None:
    refused = bot.fake.fail("POST", CALLBACK, None, status=400 if code == 40060 else 404, code=code)
    await question(bot, "what is a loom?")
    await bot.fake.wait_for(lambda: refused.hits)
    refused.cancel()
    await question(bot, "and now?")
    await bot.inbox.ask("and now?")
    assert refused.hits == 1
    assert [command.options["question"] for command in bot.inbox.of(Command)] == ["and now?"]
