"""Settings and their forms on Discord, in both languages, granted and refused, also after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bots.discord import TRAITS
from core.commands.settings_changes import SCHEDULE
from core.commands.settings_view import BUDGETS
from core.i18n import phrase, variant
from core.settings.channel import settings_on
from tests.e2e.discord_people import IN, OTHER, Discord, rows, says, settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, GENERAL, GUILD, RANDOM, FakeDiscord, Permission


@pytest.fixture
def people(discord: FakeDiscord) -> Discord:
    return Discord(discord)


CHANGED = {
    "model": "GLM-5",
    "prompt": "Be brief.",
    "temperature": "0.5",
    "max_tokens": "77",
    "language": "",  # the person's own
    "listen": "all",
    "tools": "off",
    "builtin_tools": "on",
    "read_links": "on",
    "memory": "workspace",
    "summaries": "off",
    "related": "on",
    "budget": "5m tokens a month",
    "person_budget": "2m tokens a day",
    "rate": "30",
    "report": "weekly",
    "report_at": "17:30",
    "report_scope": "workspace",
    "report_names": "on",
    "time_zone": "Asia/Shanghai",
    "allow": f"{GUILD}",
    "deny": "999",
    "keep_days": "90",
}
FOR_ADMINS = ("budget", "read_links", "report_scope", "keep_days")
FOR_A_CHANNEL = ("report", "report_scope")
FOR_THE_SERVER = ("person_budget", "rate", "report_names", "time_zone")


async def test_each_setting_is_changed_only_by_those_who_may_and_stays(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person, operator = IN[language], IN[OTHER[language]]
    program = settings(discord, endpoint, PARLEY_ADMINS=f"discord:{operator}")
    changed = CHANGED | {"language": language}
    assert set(changed) == settings_on(TRAITS).keys()

    def done(name: str) -> str:
        return "saved" if name in (*BUDGETS, *SCHEDULE) else "settings_changed"

    async def change(name: str, **more: Any) -> str:
        return await people.whispered(person, "settings", name=name, value=changed[name], **more)

    async with Program(tmp_path, **program):
        for name in changed:
            why = "settings_by_admin" if name in FOR_ADMINS else "settings_by_manager"
            why = "settings_only_workspace" if name in FOR_THE_SERVER else why
            assert says(why, language, await change(name))
            why = "settings_only_channel" if name in FOR_A_CHANNEL else "settings_by_admin"
            assert says(why, language, await change(name, scope="workspace"))
        await discord.grant(person, Permission.MANAGE_CHANNELS)
        for name in changed:
            if name in FOR_ADMINS:
                assert says("settings_by_admin", language, await change(name))
            elif name not in FOR_THE_SERVER:
                assert says(done(name), language, await change(name)), name
        assert says("settings_same", language, await change("temperature"))
        wrong = await people.whispered(person, "settings", name="temperature", value="3")
        assert says("settings_bad", language, wrong)
        assert says("settings_by_admin", language, await change("rate", scope="workspace"))
        await discord.grant(person, Permission.MANAGE_GUILD, role="stewards")
        for name in FOR_ADMINS:
            assert says(done(name), language, await change(name))
        for name in FOR_THE_SERVER:
            assert says(done(name), language, await change(name, scope="workspace"))
        by_operator = await people.whispered(operator, "prompt", text="Be kind.", scope="workspace")
        assert "Be kind." in by_operator
        with pytest.raises(ValueError, match="strangers"):
            await people.whispered(person, "settings", name="strangers", value="on")
    async with Program(tmp_path, **program):
        overview = (await people.slash(person, "settings")).text
        from_here = len(changed) - len(FOR_THE_SERVER) - 1
        assert overview.count(phrase("origin_channel", language)) == from_here, "the limit says for whom it is"
        assert phrase("budget_for_channel", language) in overview
        assert overview.count(phrase("origin_workspace", variant(language, "discord"))) == len(FOR_THE_SERVER)
        await discord.slash(person, RANDOM, "ask", question="in random?")
        await answered(discord, RANDOM, "in random?")
        await discord.slash(person, GENERAL, "ask", question="in general?")
        await answered(discord, GENERAL, "in general?")
        assert says("settings_changed", language, await people.whispered(person, "prompt", text="default"))
    elsewhere, here = (request.body for request in endpoint.requests)
    assert "Be kind." in str(said(elsewhere)[0])
    assert "(time zone Asia/Shanghai)" in str(said(elsewhere)[0])
    assert "temperature" not in elsewhere
    assert "Be brief." in str(said(here)[0])
    assert (here["model"], here["temperature"]) == ("GLM-5", 0.5)
    assert 77 in (here.get("max_tokens"), here.get("max_completion_tokens"))
    audit = rows(tmp_path, "SELECT name, channel, old, new, person, at_us > 0 FROM audit ORDER BY id")
    assert {row[0] for row in audit} == set(changed)
    assert ("temperature", str(GENERAL), None, "0.5", str(person), 1) in audit
    assert ("rate", "", None, "30", str(person), 1) in audit
    assert ("prompt", "", None, "Be kind.", str(operator), 1) in audit
    assert audit[-1] == ("prompt", str(GENERAL), "Be brief.", None, str(person), 1)


async def test_the_settings_form_opens_by_its_buttons_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person, program = IN[language], settings(discord, endpoint)
    await discord.grant(person, Permission.MANAGE_GUILD)
    temperature = phrase("setting_temperature", language)
    async with Program(tmp_path, **program):
        overview = await people.slash(person, "settings", scope="channel")
    assert len(overview.buttons) >= 2, "five fields a form"
    async with Program(tmp_path, **program):
        opened = await people.press(person, overview, temperature)
        form = await people.modal(opened)
        labels = [part["label"] for part in form["components"]]
        assert labels[:2] == [phrase("setting_model", language), phrase("setting_prompt", language)]
        told = await people.told(
            await discord.submit_modal(opened, set_prompt="请用一句话回答。", set_temperature="0.2")
        )
        assert told.ephemeral_to == person
        assert says("settings_changed", language, told.text)
        assert f"{temperature}" in told.text
        opened = await people.press(person, overview, temperature)
        fields = {
            part["component"]["custom_id"]: part["component"]
            for part in (await people.modal(opened))["components"]
        }
        assert fields["set_temperature"]["value"] == "0.2"
        wrong = await people.told(await discord.submit_modal(opened, set_temperature="hot"))
        assert phrase("setting_temperature_about", language) in wrong.text
        taken = await people.told(await discord.submit_modal(opened, set_temperature=""))
        assert phrase("origin_default", language) in taken.text
        await discord.slash(ADA, GENERAL, "ask", question="hello?")
        await answered(discord, GENERAL, "hello?")
        discord.world.people[person].roles.clear()
        late = await people.told(await discord.submit_modal(opened, set_temperature="1"))
        assert says("settings_by_manager", language, late.text), "no longer a steward"
        closed = await people.press(person, overview, temperature)
        assert (await people.told(closed)).ephemeral_to == person
        assert discord.interaction(closed).modal is None
    assert "请用一句话回答。" in str(said(endpoint.requests[0].body)[0])
    assert "temperature" not in endpoint.requests[0].body


async def test_in_a_direct_conversation_everybody_sets_their_own(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    direct = discord.dm(person)
    async with Program(tmp_path, **settings(discord, endpoint)):
        overview = await people.slash(person, "settings", direct)
        assert overview.buttons
        assert says("settings_title", language, overview.text)
        changed = await people.whispered(person, "settings", direct, name="temperature", value="0.4")
        assert says("settings_changed", language, changed)
        for name, scope in (("budget", "channel"), ("rate", "workspace")):
            refused = await people.whispered(person, "settings", direct, name=name, value="5", scope=scope)
            assert says("settings_by_admin", language, refused)
        await discord.direct(person, "warm?")
        await answered(discord, direct, "warm?")
        spoken = OTHER[language]
        await people.whispered(person, "settings", direct, name="language", value=spoken)
        await discord.direct(person, "/usage")
        await answered(discord, direct, phrase("usage_me", spoken))
        await discord.direct(person, f"/{phrase('command_reset', language)}")
        await answered(discord, direct, phrase("reset_done", spoken))
        exported = await people.slash(person, "export", direct)
        assert "warm?" in exported.attachments[0].data.decode()
        await discord.say(person, GENERAL, f"{AT} cold?")
        await discord.wait_for(lambda: len(endpoint.requests) == 2)
    assert endpoint.requests[0].body["temperature"] == 0.4
    assert "temperature" not in endpoint.requests[1].body
