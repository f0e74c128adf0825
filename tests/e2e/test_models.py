"""Names of models that the endpoint lacks: chosen by people on each platform, and set by the operator."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.discord_people import Discord
from tests.e2e.program import Program
from tests.e2e.test_commands import visiting
from tests.e2e.workspace import ADA, Team
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA as ADA_OF_DISCORD
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.waiting import until

MODELS = ("GPT-5.5", "gpt-5.5-mini")
NEAR = "`gpt-5.5-mini`"


@pytest.fixture(autouse=True)
def models(endpoint: FakeCompletions) -> None:
    endpoint.models = MODELS


def written(program: Program) -> bool:
    """True once the log has the warning."""
    return "model_not_listed" in program.output


def unknown(language: str, name: str = "gpt-5.5-minj") -> str:
    """The beginning of what is said of a model that is not there, and similar to others."""
    return phrase("model_not_served", language, model=name, near="").rstrip()


async def test_slack_says_that_a_model_is_not_there_and_which_are(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, language: str
) -> None:
    team = Team(tmp_path, slack, endpoint, language)
    async with team.working():
        await team.parley(ADA, "C1", "model gpt-5.5-minj", unknown(language), NEAR)
        told = await team.parley(ADA, "C1", "model gpt-5.5-mini", NEAR, phrase("origin_channel", language))
        assert phrase("model_unchecked", language) not in told.visible
        await team.ask(ADA, "C1", "and now?")
        assert endpoint.requests[-1].body["model"] == "gpt-5.5-mini"


async def test_the_page_says_so_too_and_takes_a_name_that_can_not_be_looked_up_with_a_word(
    tmp_path: Path, endpoint: FakeCompletions, language: str
) -> None:
    async with visiting(tmp_path, endpoint, language) as you:
        assert (await you.told("/model gpt-5.5-minj")).startswith(unknown(language))
        assert "gpt-5.5-mini" in await you.told("/model gpt-5.5-mini")
    endpoint.models = ()
    async with visiting(tmp_path, endpoint, language) as you:
        assert (await you.told("/model gpt-9")).endswith(phrase("model_unchecked", language))


async def test_discord_says_so_too(tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        told = await Discord(discord).whispered(ADA_OF_DISCORD, "model", name="gpt-5.5-minj")
        assert told.startswith(unknown("en"))
        assert NEAR in told


async def test_a_model_that_is_set_and_not_listed_is_told_to_the_operators_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    team = Team(tmp_path, slack, endpoint, "en")
    words = phrase("alert_not_listed", "en", name="GPT-6@|", advice="").replace("*", "").partition("|")[0]
    settings = {"OPENAI_MODEL": "GPT-6", "PARLEY_ALERT_CHANNEL": "slack:C2"}
    for _ in range(2):
        async with team.working(**settings) as program:
            await until(partial(written, program))
            await slack.wait_for(lambda: any(words in message.visible for message in slack.messages("C2")))
    assert len([message for message in slack.messages("C2") if words in message.visible]) == 1
