"""The form of a workspace's own model account on Discord, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.discord_people import IN, OTHER, Discord, says, settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_slack_account import KEY, WRONG
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import GENERAL, FakeDiscord, Permission


@pytest.fixture
def people(discord: FakeDiscord) -> Discord:
    return Discord(discord)


async def test_an_admin_sets_and_removes_the_account_in_a_form_and_nobody_reads_the_key(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person, other = IN[language], IN[OTHER[language]]
    endpoint.default = Words("The operator's.")
    async with FakeCompletions(keys=(KEY,)) as own:
        own.default = Words("The workspace's.")
        entered = {"set_account_url": own.base_url, "set_account_models": "large, small"}
        given = {"PARLEY_SECRET_KEY": "cd" * 32, "PARLEY_ACCOUNT_HOSTS": "127.0.0.1"}
        async with Program(tmp_path, **settings(discord, endpoint, **given)) as program:
            refused = await people.whispered(other, "settings", name="account")
            assert says("settings_by_admin", OTHER[language], refused)
            await discord.grant(person, Permission.MANAGE_GUILD)
            shown = await people.slash(person, "settings", name="account")
            assert shown.ephemeral_to == person
            assert says("account_none", language, shown.text)

            async def submit(**fields: str) -> str:
                opened = await people.press(person, shown, str(shown.buttons[0].label))
                await people.modal(opened)
                told = await people.told(await discord.submit_modal(opened, **fields))
                assert told.ephemeral_to == person
                return told.text

            wrong = await submit(**entered, set_account_key=WRONG)
            assert says("account_wrong_key", language, wrong)
            stored = await submit(**entered, set_account_key=KEY)
            assert says("account_stored", language, stored)
            assert phrase("account_key_end", language, end="4321") in stored
            assert says("account_means", language, stored)
            question = await discord.say(other, GENERAL, f"{AT} why?")
            await answered(discord, question, "The workspace's.")
            opened = await people.press(person, shown, str(shown.buttons[0].label))
            form = await people.modal(opened)
            fields = {part["component"]["custom_id"]: part["component"] for part in form["components"]}
            assert fields["set_account_url"]["value"] == own.base_url
            assert "value" not in fields["set_account_key"], "it is never shown again"
            removed = await submit(set_account_url="", set_account_models="", set_account_key="")
            assert says("account_removed", language, removed)
            question = await discord.say(other, GENERAL, f"{AT} and now?")
            await answered(discord, question, "The operator's.")
        assert len(endpoint.requests) == 1
        sent = repr([(call.method, call.path, call.body) for call in discord.calls]) + program.output
        for key in (KEY, WRONG):
            assert key not in sent
            assert key.encode() not in b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())
