"""Budgets in the real program: the note, the refusal, the alert, and the admin who allows more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from core.i18n import phrase, variant
from tests.e2e.conftest import discord_settings, model_settings, slack_settings, talk_on
from tests.e2e.discord_people import Discord, rows
from tests.e2e.program import Program
from tests.e2e.sides import Talk
from tests.e2e.test_commands import visiting
from tests.e2e.test_discord import answered
from tests.e2e.workspace import ADA, BO, Team
from tests.fakes.completions import FakeCompletions, Raw, Words, call_tools
from tests.fakes.completions.replies import DONE, JSON, chunk, encode, event, usage_chunk
from tests.fakes.discord import ADA as DISCORD_ADA
from tests.fakes.discord import BO as DISCORD_BO
from tests.fakes.discord import BOT, CHEN, GENERAL, RANDOM, FakeDiscord
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.waiting import until

FINE = Raw(
    (
        event(chunk({"role": "assistant", "content": "Here I am."})),
        event(chunk({}, "stop")),
        event(usage_chunk({"prompt_tokens": 60, "completion_tokens": 30, "total_tokens": 90})),
        DONE,
    )
)
COUNTED = "SELECT count(*) FROM usage"
LIMIT = {"PARLEY_BUDGET": "100 tokens a month"}


@pytest.fixture
def team(tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, language: str) -> Team:
    endpoint.default = FINE
    return Team(tmp_path, slack, endpoint, language)


async def test_on_slack_a_budget_warns_refuses_and_is_lifted_by_an_admin(team: Team) -> None:
    slack, limit = team.slack, team.words("limit_month", amount=_tokens(100, team.language))
    alert, whose = (team.words(f"budget_{key}") for key in ("alert_all", "of_all"))
    lift = team.words("budget_lift_month", amount=_tokens(100, team.language))
    async with team.working(**LIMIT, PARLEY_ALERT_CHANNEL="slack:C2", PARLEY_LANGUAGE=team.language):
        await team.ask(BO, "C1", "the first one?", "Here I am.")
        await team.ask(BO, "C1", "the second one?", "Here I am.")
        note = await team.told(BO, "C1", whose, limit, "90")
        await slack.say(BO, "C1", f"<@{BOT_USER}> the third one?")
        refused = await team.told(BO, "C1", whose, limit, after=1)
        assert refused.visible != note.visible
        assert len(team.endpoint.requests) == 2

        def alerts() -> list[str]:
            return [message.ts for message in slack.messages("C2") if alert in message.visible]

        (ts,) = await slack.wait_for(alerts)
        await slack.wait_for(lambda: lift in next(m for m in slack.messages("C2") if m.ts == ts).buttons)
        await slack.press(BO, "C2", ts, "parley:budget_lift")
        await team.told(BO, "C2", team.words("settings_by_admin"))
        await slack.press(ADA, "C2", ts, "parley:budget_lift")
        done = team.words("limit_month", amount=_tokens(200, team.language))
        more, amount = _tokens(100, team.language), _tokens(200, team.language)
        words = re.compile(team.words("budget_lifted", name="ada", more=more, amount=amount, when=r".*"))
        (shown,) = await slack.wait_for(
            lambda: [m for m in slack.messages("C2") if m.ts == ts and words.search(m.visible)]
        )
        assert shown.buttons == []
        assert shown.visible.startswith(alert)
        await slack.wait_for(
            lambda: [m for m in slack.messages("C2") if m.ts != ts and words.fullmatch(m.visible)]
        )
        await team.ask(BO, "C1", "the fourth one?", "Here I am.")
        shown = await team.parley(BO, "C1", "budget", whose, done)
        assert _tokens(270, team.language) in shown.visible
        assert team.words("budget_of_person") not in shown.visible
        history = await team.parley(ADA, "C1", "settings history", team.words("history_title"))
        assert f"ada · {team.words('setting_budget')}" in history.visible


async def test_on_discord_a_person_is_warned_directly_refused_and_helped_by_an_admin(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.default = FINE
    people, whose = Discord(discord), phrase("budget_of_person", "en")
    lift = phrase("budget_lift_day", "en", amount=_tokens(100, "en"))
    settings = discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_ALERT_CHANNEL=f"discord:{RANDOM}"):
        told = await people.whispered(DISCORD_ADA, "budget", of="person", limit="100 tokens a day")
        assert "100 tokens a day" in told
        for number in (1, 2):
            question = await discord.say(DISCORD_BO, GENERAL, f"<@{BOT}> question {number}?")
            await answered(discord, question, "Here I am.")
            await _counted(discord, tmp_path, number)
        direct = await discord.wait_for(lambda: discord.from_bot(discord.dm(DISCORD_BO)))
        assert f"{whose}: 90% of 100 tokens a day" in direct[0].text
        await discord.say(DISCORD_BO, GENERAL, f"<@{BOT}> question 3?")
        refused = await discord.wait_for(lambda: discord.from_bot(discord.dm(DISCORD_BO))[1:])
        assert f"{whose} is used up" in refused[0].text
        assert not [m for m in discord.from_bot(GENERAL) if whose in m.text], "nobody else reads it"
        assert len(endpoint.requests) == 2
        (alert,) = await discord.wait_for(lambda: [m for m in discord.from_bot(RANDOM) if m.buttons])
        assert str(DISCORD_BO) not in alert.text
        assert "admins can change this" in await people.pressed(DISCORD_BO, alert, lift)
        lifted = await people.told(await people.press(DISCORD_ADA, alert, lift))
        assert lifted.ephemeral_to is None
        words = "Ada Byron allowed 100 tokens more. The limit is 200 tokens until "
        assert lifted.text.startswith(words)
        (edited,) = await discord.wait_for(
            lambda: [m for m in discord.from_bot(RANDOM) if m.id == alert.id and words in m.text]
        )
        assert edited.text.startswith("The budget of one person (Discord) was used up: 100 tokens a day. Ada")
        assert edited.buttons == []
        await discord.slash(DISCORD_BO, GENERAL, "ask", question="question 4?")
        await discord.wait_for(lambda: len(endpoint.requests) == 3)


async def test_on_the_page_the_alert_says_what_was_allowed_and_its_button_goes(
    tmp_path: Path, endpoint: FakeCompletions, language: str
) -> None:
    endpoint.default = FINE
    settings = {"PARLEY_ALERT_CHANNEL": "web:web", "PARLEY_LANGUAGE": language}
    async with visiting(tmp_path, endpoint, language, **settings) as you:

        def words(key: str, **values: str) -> str:
            return phrase(key, variant(language, "web"), **values)

        await you.told("/budget 80 tokens a day")
        await you.ask("the first one?")
        you.thread = None
        await you.say("the second one?")
        you.thread = "board"
        (alert,) = await you.answers()
        assert alert["text"].startswith(words("budget_of_channel"))
        told = (await you.press(alert, "budget_lift"))["told"]
        lifted = words("budget_lifted", more=_tokens(80, language), amount=_tokens(160, language), when="|")
        start = lifted.partition("|")[0]
        assert told["text"].startswith(start)
        edited = (await you.answers(words=start, whole=False))[0]
        assert (edited["id"], edited["buttons"]) == (alert["id"], [])


TWO_MODELS = """
models = ["cheap", "dear"]
[endpoints.one]
base_url = "{url}"
accounts = [{{ name = "first", key = "sk-test" }}]
[endpoints.one.models.cheap]
context_tokens = 4000
price_input = 1
price_output = 1
[endpoints.one.models.dear]
context_tokens = 4000
price_input = 100
price_output = 100
"""
GONE = Raw((encode({"error": {"message": "no such model"}}),), 404, JSON, "length", after_s=60)


def dear(text: str, prompt_tokens: int) -> Raw:
    """An answer that comes once the endpoint hurries."""
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 0, "total_tokens": prompt_tokens}
    words = (event(chunk({"role": "assistant", "content": text})), event(chunk({}, "stop")))
    return Raw((*words, event(usage_chunk(usage)), DONE), after_s=60)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("platform", ["slack", "discord", "web"])
async def test_answers_that_go_on_with_a_dearer_model_wait_under_their_words_and_the_last_one_keeps_them(
    tmp_path: Path, endpoint: FakeCompletions, platform: str, language: str
) -> None:
    calls = call_tools([("current_time", {})], remark="Let me look.")
    costs = [dear("It is early.", 100), dear("It is late.", 3_000)]

    def reply(body: dict[str, Any]) -> Words | Raw:
        if body["model"] == "dear":
            return costs.pop(0)
        return GONE if any(message["role"] == "tool" for message in body["messages"]) else calls(body)

    def tries(model: str) -> int:
        """Those of the rounds behind the first one."""
        bodies = [request.body for request in endpoint.requests]
        later = [body for body in bodies if any(message["role"] == "tool" for message in body["messages"])]
        return sum(body["model"] == model for body in later)

    endpoint.reply_by(reply)
    (tmp_path / "parley.toml").write_text(TWO_MODELS.format(url=endpoint.base_url))
    settings = {"PARLEY_BUDGET": "0.3 a day", "PARLEY_BUILTIN_TOOLS": "true", "PARLEY_PATIENCE_S": "0.2"}
    waits, again = phrase("budget_waits_begun", language), phrase("again", language)
    refused = phrase("cut", language), phrase("budget_of_all", language), again
    async with talk_on(platform, language) as talk:
        talks = [talk, talk.elsewhere(), talk.elsewhere()]

        def waiting() -> list[Talk]:
            return [one for one in talks if any(waits in answer.text for answer in one.answers())]

        def shown() -> str:
            return "\n\n".join(f"{answer.text} {answer.buttons}" for one in talks for answer in one.answers())

        async with Program(tmp_path, **talk.settings, **settings):
            for one in talks:
                await one.ask("how late is it?")
            await until(lambda: tries("cheap") == 3)
            endpoint.hurry()
            await until(lambda: tries("dear") == 1 and len(waiting()) == 2)
            endpoint.hurry()
            await until(lambda: tries("dear") == 2 and len(waiting()) == 1)
            endpoint.hurry()
            await until(lambda: not waiting() and all(word in shown() for word in ("early", "late", *refused)))
            await until(lambda: phrase("stop", language) not in shown())
    texts = [one.answers()[-1] for one in talks]
    (last,) = [answer for answer in texts if refused[0] in answer.text]
    assert last.text.startswith("Let me look.")
    assert "early" not in last.text
    assert "late" not in last.text
    assert last.buttons == (again,)
    assert tries("dear") == 2


def _tokens(number: int, language: str) -> str:
    return phrase("amount_tokens", language, n=number)


async def _counted(discord: FakeDiscord, folder: Path, answers: int) -> None:
    await discord.wait_for(lambda: rows(folder, COUNTED) == [(answers,)])


@pytest.mark.parametrize("limit", [{"PARLEY_BUDGET": "170 tokens a month"}, {"PARLEY_RATE": "1"}])
@pytest.mark.parametrize(("language", "asker", "member"), [("en", "U1", DISCORD_BO), ("zh", "U2", CHEN)])
async def test_a_refused_command_comes_with_the_words_that_were_asked(
    tmp_path: Path,
    slack: FakeSlack,
    discord: FakeDiscord,
    endpoint: FakeCompletions,
    language: str,
    asker: str,
    member: int,
    limit: dict[str, str],
) -> None:
    endpoint.default = FINE
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint) | limit
    lead, words = phrase("words_given_back", language), "Why is *every* _third_ here?"
    given_back = f"\n\n{lead}\n> Why is \\*every\\* \\_third\\_ here?"
    async with Program(tmp_path, **settings):
        await slack.say(asker, "C1", f"<@{BOT_USER}> first?")
        question = await discord.say(member, GENERAL, f"<@{BOT}> first?")
        await answered(discord, question, "Here I am.")
        await until(lambda: rows(tmp_path, COUNTED) == [(2,)])

        def public() -> list[str]:
            return [m.ts for m in slack.messages("C1") if not m.ephemeral_to]

        before = public()
        for number in (1, 2):
            await slack.slash(asker, "C1", "/ask", f"{words} {number}")

            def told(end: str = f"{given_back} {number}") -> list[str]:
                whispers = [m.visible for m in slack.messages("C1") if m.ephemeral_to == asker]
                return [text for text in whispers if text.endswith(end) and not text.startswith(end)]

            await slack.wait_for(told)
            reply = await Discord(discord).whispered(member, "ask", question=f"{words} {number}")
            assert reply.endswith(f"{given_back} {number}")
            assert not reply.startswith(given_back), "the reason comes first"
        assert public() == before, "nobody else reads it"
