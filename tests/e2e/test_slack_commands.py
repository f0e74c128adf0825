"""Actions of people in Slack beside questions: commands, shortcuts, buttons, modals, the Home tab; in both
languages, granted and refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bots.slack import TRAITS
from core.commands import COMMANDS
from core.i18n import phrase
from core.settings.channel import settings_on
from tests.e2e.conftest import BOTH_WAYS
from tests.e2e.test_slack import AT, answered
from tests.e2e.workspace import ADA, BO, CLEO, Team, read, system, text_of
from tests.fakes.completions import FakeCompletions, Raw, Words
from tests.fakes.slack import FakeSlack
from tests.waiting import until

OTHER = {"en": "zh", "zh": "en"}


@pytest.fixture
def team(tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, language: str) -> Team:
    return Team(tmp_path, slack, endpoint, language)


@BOTH_WAYS
async def test_a_slash_command_asks_where_all_can_read_it(team: Team, slack: FakeSlack) -> None:
    asked = "what does @bo say to <this>?"
    async with team.working():
        await slack.slash(ADA, "C1", "/ask", "what does <@U2|bo> say to &lt;this&gt;?")
        ts = await team.anchored("C1", team.words("slack_asked", name="ada", question=asked))
        await team.answered("C1", ts, "this", count=2)
        await slack.say(BO, "C1", "really?", thread_ts=ts)
        await team.answered("C1", ts, "really?", count=3)
        assert "** " not in read(team.asked), "the question stands there once, not as the bot repeated it"
        await slack.slash(BO, "D2", "/parley", f"{team.words('command_ask')} 你好")
        ts = await team.anchored("D2", team.words("slack_asked", name="bo", question="你好"))
        await team.answered("D2", ts, "你好", count=2)
        await slack.slash(ADA, "C1", "/ask", "")
        await team.told(
            ADA, "C1", f"`/parley {team.words('command_ask')} {team.words('command_ask_question')}`"
        )
        await slack.slash(ADA, "C9", "/ask", "anyone here?")
        await team.told(ADA, "C9", team.words("slack_invite"))
    assert len(team.endpoint.requests) == 3


async def test_every_command_in_one_visit(team: Team, slack: FakeSlack) -> None:
    words = team.words
    async with team.working(PARLEY_PRICE_INPUT="1"):
        listed = (await team.parley(ADA, "C1", words("command_help"), words("help_title"))).visible
        assert all(words(f"{spec.key}_about") in listed for spec in COMMANDS.values())
        await team.parley(ADA, "C1", "", words("help_title"))
        await team.parley(ADA, "C1", "dance with me", words("help_unknown"), words("help_title"))

        assert (await team.parley(BO, "C1", "usage", words("usage_me"))).visible.endswith(
            words("usage_quiet_me")
        )
        ts = await team.ask(ADA, "C1", "remember seven")
        shown = await team.parley(ADA, "C1", "usage", words("usage_me"), words("usage_month"))
        assert words("usage_questions", n=1) in shown.visible
        assert words("cost_unknown") in shown.visible, "no price of output is set"
        (picture,) = (block for block in shown.blocks if block["type"] == "image")
        assert words("chart_alt_questions", total=1, most=1, at="")[:4] in picture["alt_text"]
        assert shown.ephemeral_to == ADA
        await team.parley(BO, "C1", "usage channel day", words("usage_channel"), words("usage_people", n=1))
        await team.parley(ADA, "C1", "usage workspace week", words("usage_workspace"), words("usage_week"))
        await team.parley(BO, "C1", "usage workspace", words("usage_by_admin", prefix="/parley "))
        await team.parley(
            BO, "C1", "budget", words("budget_none"), {"en": "Spent here in", "zh": "花费"}[team.language]
        )

        await team.parley(BO, "C1", "model", "**GPT-5.5**", words("origin_default"))
        await team.parley(BO, "C1", "model mine", words("settings_by_manager"))
        await team.parley(ADA, "C1", "model mine", "`mine`", words("origin_channel"))
        await team.parley(BO, "C1", "prompt", "> You are Parley")
        await team.parley(BO, "C1", "prompt Be rude.", words("settings_by_manager"))
        await team.parley(ADA, "C1", "prompt Be brief.", words("settings_changed"))
        await team.mention(BO, "C1", ts, "and now?")
        await team.answered("C1", ts, "and now?", count=2)
        await team.stored()
        assert team.asked.body["model"] == "mine"
        assert "Be brief." in system(team.asked)

        for command in ("reset", "export", "forget thread"):
            await team.parley(ADA, "C1", command, words("thread_only", typed=TRAITS.typed_prefix + command))
        await team.mention(ADA, "C1", ts, "/export")
        told = await team.told(ADA, "C1", words("slack_file_sent"))
        assert told.thread_ts == ts
        sent = [m for m in slack.messages("D1") if m.files]
        assert [file["name"] for file in sent[0].files] == ["thread.md"]
        assert sent[0].text == words("export_thread", n=4)
        assert "remember seven" in (slack.space.files[sent[0].files[0]["id"]].content or b"").decode()
        assert not [m for m in slack.messages("C1") if m.files], "a file is for its asker alone"
        await slack.slash(ADA, "D1", "/parley", "export me")
        await slack.wait_for(lambda: len([m for m in slack.messages("D1") if m.files]) == 2)

        await team.mention(ADA, "C1", ts, f"/{words('command_reset')}")
        fresh = await team.answered("C1", ts, words("reset_done"), count=3)
        assert fresh.ephemeral_to is None, "it concerns all who talk there"
        await slack.say(BO, "C1", "what was the number?", thread_ts=ts)
        await team.answered("C1", ts, "what was the number?", count=4)
        await team.stored()
        assert "seven" not in read(team.asked)

        await team.mention(BO, "C1", ts, "/forget thread")
        await team.told(BO, "C1", words("forget_by_manager", prefix=TRAITS.typed_prefix))
        await team.mention(ADA, "C1", ts, "/forget thread")
        await team.told(ADA, "C1", words("forget_thread_done", n=6), words("forget_kept"))
        await team.parley(ADA, "C1", "forget", f"`/parley {team.words('command_forget')} ")
        asked = await team.parley(ADA, "C1", "forget me", words("forget_me_asks", n=0, prefix="/parley "))
        assert asked.buttons == [words("forget_me_sure")]
        before = len(team.whispers(ADA, "C1"))
        await slack.press(ADA, "C1", asked.ts, "parley:forget_me", "0")
        await team.told(ADA, "C1", words("forget_me_done", n=0), after=before)
        await team.parley(ADA, "C1", "usage", words("usage_quiet_me"))
        await slack.slash(ADA, "D1", "/parley", "export me")
        await slack.wait_for(lambda: slack.messages("D1")[-1].visible == words("export_nothing"))


async def test_summaries_of_a_thread_of_messages_and_of_hours(team: Team, slack: FakeSlack) -> None:
    units = {"en": ("2 messages", "3 hours"), "zh": ("2 条消息", "3 个小时")}[team.language]
    answer = [Words("The thread."), Words("Two of it."), Words("All of it."), Words("From there on.")]
    team.endpoint.script(Words("Noted."), *answer)
    hours = 3_600.0
    await slack.say(BO, "C1", "Long ago.", at=time.time() - 5 * hours)
    await slack.say(BO, "C1", "A while ago.", at=time.time() - 2 * hours)
    async with team.working():
        ts = await team.ask(ADA, "C1", "The build is red.", "Noted.")
        await slack.say(BO, "C1", "Elsewhere all is well.")
        await team.mention(BO, "C1", ts, f"/{team.words('command_summarize')}")
        await team.answered("C1", ts, "The thread.", count=2)
        assert "The build is red." in read(team.asked)
        assert "Elsewhere" not in read(team.asked)
        assert {"en": "Write in English", "zh": "Simplified Chinese"}[team.language] in system(team.asked)

        async def summed_up(typed: str, answer: str, count: int) -> str:
            await slack.slash(ADA, "C1", "/parley", f"summarize {typed}")
            anchor = await team.anchored("C1", team.words("slack_asked_summary", name="ada"), count)
            await team.answered("C1", anchor, answer, count=2)
            return read(team.asked)

        newest = await summed_up(units[0], "Two of it.", 1)
        assert "The build is red." in newest
        assert "Elsewhere" in newest
        assert "A while ago." not in newest
        of_hours = await summed_up(units[1], "All of it.", 2)
        assert "A while ago." in of_hours
        assert "Long ago." not in of_hours
        await team.parley(ADA, "C1", "summarize for fun", f"`/parley {team.words('command_summarize')} [")
        await team.parley(ADA, "C1", "summarize 9999", {"en": "from 1 to 500", "zh": "1 到 500"}[team.language])
        await slack.shortcut(BO, "menu_summarize", "C1", ts)
        anchor = await team.anchored("C1", team.words("slack_asked_summary", name="bo"))
        await team.answered("C1", anchor, "From there on.", count=2)
        assert "The build is red." in read(team.asked)
        assert "A while ago." not in read(team.asked)
    assert len(team.endpoint.requests) == 5


@BOTH_WAYS
async def test_a_message_is_asked_about_in_its_thread(team: Team, slack: FakeSlack) -> None:
    async with team.working(PARLEY_GUESTS="false"):
        ts = await slack.say(BO, "C1", "The build of <@U1> is red.")
        await slack.shortcut(ADA, "menu_ask", "C1", ts)
        view = await team.modal(ADA, 1)
        assert view["title"]["text"] == team.words("menu_ask")
        await team.submit(ADA, question="Whose fault?")
        answer = await answered(slack, "C1", ts, "Whose fault?", count=2)
        assert answer.thread_ts == ts
        assert "> The build of @ada is red." in read(team.asked)
        await slack.shortcut(CLEO, "menu_ask", "C1", ts)
        await team.modal(CLEO, 2)
        await team.submit(CLEO, question="And mine?")
        assert team.words("refused_guest") in text_of(team.shown)
        assert "question" in [block["block_id"] for block in team.shown["blocks"]], "what was entered stays"
    assert len(team.endpoint.requests) == 1


async def test_each_setting_counts_and_is_changed_by_those_who_may(team: Team, slack: FakeSlack) -> None:
    words, other = team.words, OTHER[team.language]
    async with team.working(PARLEY_ADMINS=f"slack:{CLEO}"):
        for user, typed, why in (
            (BO, "temperature 0.5", "settings_by_manager"),
            (BO, "workspace temperature 0.5", "settings_by_admin"),
            (BO, "history", "settings_by_manager"),
        ):
            await team.parley(user, "C1", f"settings {typed}", words(why))
        await team.parley(BO, "C2", "settings budget 5", words("settings_by_admin"))
        await team.parley(BO, "C2", "settings temperature 0.5", words("origin_channel"))
        await team.parley(CLEO, "C1", "settings workspace temperature 0.7", words("origin_workspace"))

        shown = await team.parley(BO, "C1", "settings", words("settings_title"), words("settings_by_manager"))
        assert shown.buttons == [], "who may change nothing is offered nothing"
        assert all(words(f"setting_{name}") in shown.visible for name in settings_on(TRAITS))
        shown = await team.parley(ADA, "C1", "settings", f"0.7 · {words('origin_workspace')}")
        assert shown.buttons == [words("slack_change")]
        await slack.press(ADA, "C1", shown.ts, "parley:change")
        form = text_of(await team.modal(ADA, 1))
        assert f"0.7 · {words('origin_workspace')}" in form
        entered = {"set_model": "mine", "set_prompt": "Be kind.", "set_max_tokens": "77", "set_tools": "off"}
        await team.submit(ADA, **entered, set_temperature="hot")
        about = words("setting_temperature_about")
        label = words("setting_temperature")
        assert team.errors == {"set_temperature": words("settings_bad", value="hot", label=label, about=about)}
        await team.submit(
            ADA, **entered, set_temperature="0.1", set_budget="5m tokens a month", set_language=other
        )
        said = text_of(team.shown)
        assert words("settings_changed") in said
        assert all(words(f"setting_{name[4:]}") in said for name in entered)
        assert words("budget_of_channel") in said
        assert "submit" not in team.shown, "it is done"

    def told(key: str) -> str:
        return phrase(key, other)

    async with team.working():  # everything is still so
        for channel in ("C1", "C2", "C3"):
            await team.ask(ADA, channel, "warm?")
        bodies = [request.body for request in team.endpoint.requests]
        assert [body["temperature"] for body in bodies] == [0.1, 0.5, 0.7]
        assert [body["model"] for body in bodies] == ["mine", "GPT-5.5", "GPT-5.5"]
        assert 77 in (bodies[0].get("max_tokens"), bodies[0].get("max_completion_tokens"))
        assert ["Be kind." in system(request) for request in team.endpoint.requests] == [True, False, False]
        await team.parley(BO, "C1", "help", told("help_title"))
        await slack.slash(BO, "C1", "/ask", "which?")
        await team.anchored("C1", phrase("slack_asked", other, name="bo", question="which?"))
        await team.parley(BO, "C1", "budget", told("budget_of_channel"), "5,000,000")
        await team.parley(ADA, "C1", "settings workspace model theirs", "`theirs`", "`mine`")
        history = (await team.parley(ADA, "C1", "settings history", told("history_title"))).visible
        newest = history.splitlines()[1]
        assert f"ada · {phrase('setting_model', other)}" in newest
        assert newest.endswith(f"{told('origin_default')} → `theirs` · {told('origin_workspace')}")
        assert "cleo · " in history
        assert history.count("\n- ") == 9
        await team.parley(ADA, "C1", "settings language default", told("value_person"))
        await team.parley(BO, "C1", "help", words("help_title"))


async def test_where_it_listens(team: Team, slack: FakeSlack) -> None:
    async with team.working():
        await slack.say(ADA, "C1", "nobody in particular")
        ts = await team.ask(ADA, "C1", "you there?")
        await slack.say(BO, "C1", "<@U1> lunch?", thread_ts=ts)
        await team.settled()
        await slack.say(BO, "C1", "and what now?", thread_ts=ts)
        await team.answered("C1", ts, "and what now?", count=2)
        assert "bo: @ada lunch?" in read(team.asked), "what is between people is context"

        await team.parley(ADA, "C1", "settings listen all", team.words("choice_all"))
        to_others = await slack.say(ADA, "C1", "<@U2> lunch?")
        ts = await slack.say(ADA, "C1", "anybody?")
        await answered(slack, "C1", ts, "anybody?")
        await team.parley(ADA, "C1", "settings listen forum", "forum")
        assert team.words("choice_forum") not in team.whispers(ADA, "C1")[-1].visible, "Slack has no forums"

        label = team.words("setting_listen")
        off = team.words("choice_off")
        await team.parley(
            ADA, "C1", f"settings {label.split()[0] if team.language == 'zh' else 'listen'} {off}", off
        )
        await slack.say(BO, "C1", "still there?", thread_ts=ts)
        asked = await slack.say(BO, "C1", f"{AT} hello?")
        await team.told(BO, "C1", team.words("refused_off"))
        again = await slack.say(BO, "C1", f"{AT} hello??")
        await team.settled()
        count = len(team.whispers(BO, "C1"))
        await slack.slash(BO, "C1", "/ask", "hello???")
        await team.told(BO, "C1", team.words("refused_off"), after=count)
        assert len(team.whispers(BO, "C1")) == count + 1, "a mention is told once, a command always"
        assert not any("hello???" in str(m.history) for m in slack.messages("C1") if m.ephemeral_to != BO), (
            "nobody else sees what is refused"
        )
        await team.parley(ADA, "C1", "settings listen default", team.words("choice_mentions"))
        await team.ask(BO, "C1", "back?")
        for silent in (to_others, asked, again):
            assert team.answers("C1", silent) == []
    assert len(team.endpoint.requests) == 4


async def test_who_may_not_ask_is_told_why_and_only_they(team: Team, slack: FakeSlack) -> None:
    slack.space.add_person("U4", "dan", "Dan Away", team="T2", locale=slack.space.people[ADA].locale)
    slack.space.add_channel("C5", "lobby")
    lists = [
        ("deny", "<@U3|cleo>", "refused_denied"),
        ("deny", "<#C1|general>", "refused_denied"),
        ("deny", "T1", "refused_denied"),
        ("allow", "C2", "refused_not_listed"),
        ("guests", "off", "refused_guest"),
    ]
    async with team.working():
        await team.ask(CLEO, "C1", "may guests ask?")
        ts = await slack.say("U4", "C1", f"{AT} and strangers?")
        refusal = await team.told("U4", "C1", team.words("refused_stranger"))
        assert refusal.thread_ts is None, "a thread without answers shows no whisper"
        assert team.answers("C1", ts) == []
        await slack.say("U4", "C1", f"{AT} really not?")
        await team.parley(ADA, "C1", "settings workspace strangers on", team.words("settings_changed"))
        await team.ask("U4", "C1", "and now?")
        assert len(team.whispers("U4", "C1")) == 1, "why is said once"

        for setting, value, phrase in lists:
            await team.parley(
                ADA, "C1", f"settings workspace {setting} {value}", team.words("settings_changed")
            )
            before = len(team.whispers(CLEO, "C1"))
            await slack.slash(CLEO, "C1", "/ask", "me too?")
            await team.told(CLEO, "C1", team.words(phrase), after=before)
            await team.parley(CLEO, "C1", "usage", team.words(phrase))
            await team.parley(CLEO, "C1", "help", team.words("help_title"))
            await team.parley(
                ADA, "C1", f"settings workspace {setting} default", team.words("settings_changed")
            )
        await team.parley(ADA, "C1", "settings deny U3", team.words("settings_changed"))
        await team.ask(CLEO, "C5", "another channel?")
        answer = (await team.answered("C1", await team.ask(BO, "C1", "I may?"), "I may?", 1)).ts
        await slack.press(CLEO, "C1", answer, "parley:up")
        count = len(team.endpoint.requests)

        await team.parley(ADA, "C1", "settings workspace rate 1", team.words("settings_changed"))
        ts = await slack.say(CLEO, "C5", f"{AT} too fast?")
        limited = {"en": "then ask again", "zh": "秒钟再问"}[team.language]
        await team.told(CLEO, "C5", limited)
        await slack.slash(CLEO, "C5", "/ask", "and again?")
        await team.told(CLEO, "C5", limited, after=1)
        assert not any(m.deleted for m in slack.messages("C5")), "nothing was shown before it was refused"
        assert team.answers("C5", ts) == []
    assert len(team.endpoint.requests) == count
    assert slack.called("conversations.leave") == [], "it stays, and is silent"
    assert not [m for m in slack.messages("C1") if m.user == "U_BOT" and "refused" in m.visible]


@pytest.mark.parametrize(
    ("variable", "value", "phrase"),
    [
        ("PARLEY_DENY", "slack:T1", "refused_denied"),
        ("PARLEY_ALLOW", "slack:C2,slack:U2", "refused_not_listed"),
        ("PARLEY_ALLOW", "discord:1", "refused_not_listed"),
    ],
)
async def test_the_operators_lists_count_everywhere(
    team: Team, slack: FakeSlack, variable: str, value: str, phrase: str
) -> None:
    async with team.working(**{variable: value}):
        ts = await slack.say(ADA, "C1", f"{AT} hello?")
        await team.told(ADA, "C1", team.words(phrase))
        await slack.direct(ADA, "hello?")
        await slack.wait_for(lambda: slack.messages("D1")[-1].visible == team.words(phrase))
        if "U2" in value:
            await team.ask(BO, "C1", "I may?")
            await team.ask(ADA, "C2", "here?")
    assert team.answers("C1", ts) == []
    assert len(team.endpoint.requests) == (2 if "U2" in value else 0)


@BOTH_WAYS
async def test_every_button_works_after_a_restart_and_refuses_whom_it_must(
    team: Team, slack: FakeSlack
) -> None:
    words = team.words
    slack.fail("chat.startStream", times=None, error="unknown_method")
    long = Words("word " * 300, per_s=20)
    team.endpoint.script(long, Words("One, two,", finish="length"), Words(" three."), Words("Second."))
    async with team.working():
        ts = await slack.say(ADA, "C1", f"{AT} count")
        answer = await team.answered("C1", ts, "word word", count=1)
        assert answer.buttons == [words("stop")]
        await slack.press(BO, "C1", answer.ts, "parley:stop")
        answer = await team.answered("C1", ts, words("stopped"), count=1)
        assert answer.visible.startswith("word word")
        assert answer.buttons == [words("again")]
    whole = [words("regenerate"), "👍", "👎"]
    async with team.working():
        await slack.press(BO, "C1", answer.ts, "parley:again")
        answer = await team.answered("C1", ts, words("length"), count=2, ended=True)
        assert answer.buttons == [words("continue"), *whole]
    async with team.working():
        await slack.press(BO, "C1", answer.ts, "parley:continue")
        answer = await team.answered("C1", ts, "three.", count=3, ended=True)
        assert answer.buttons == whole
    async with team.working():
        await slack.press(BO, "C1", answer.ts, "parley:regenerate")
        assert (await team.told(BO, "C1", words("not_asker"))).thread_ts == ts
        assert len(team.endpoint.requests) == 3
        await slack.press(ADA, "C1", answer.ts, "parley:regenerate")
        await team.answered("C1", ts, "Second.", count=4)
        await slack.press(ADA, "C1", answer.ts, "parley:regenerate")
        await team.told(ADA, "C1", words("pressed_already"))
    async with team.working(PARLEY_DENY=f"slack:{CLEO}"):
        await slack.press(ADA, "C1", answer.ts, "parley:up")
        await team.told(ADA, "C1", words("thanks"), after=1)
        await slack.press(BO, "C1", answer.ts, "parley:down")
        shown = await team.told(BO, "C1", words("thanks_down"), after=1)
        assert shown.buttons == [words("reason")]
        await slack.press(BO, "C1", shown.ts, "parley:reason")
        assert (await team.modal(BO, 1))["title"]["text"] == words("reason_title")
        await team.submit(BO, text="too short")
        assert words("thanks") in text_of(team.shown)
        first = team.shown_in("C1", ts)[0].ts
        await slack.press(CLEO, "C1", first, "parley:again")
        await team.told(CLEO, "C1", words("refused_denied"))
        await slack.press(BO, "C1", shown.ts, "parley:reason")
        await team.modal(BO, 2)
        await team.mention(ADA, "C1", ts, "/forget thread")
        await team.told(ADA, "C1", words("forget_kept"))
        await team.submit(BO, text="far too short")
        assert words("pressed_late") in text_of(team.shown)
        assert any(block["type"] == "input" for block in team.shown["blocks"]), "what was written stays"
        await slack.press(ADA, "C1", answer.ts, "parley:regenerate")
        await team.told(ADA, "C1", words("pressed_late"))
    assert len(team.endpoint.requests) == 4
    kept = team.rows("SELECT person, value, reason FROM feedback ORDER BY person")
    assert kept == [(ADA, 1, ""), (BO, -1, "too short")]


@BOTH_WAYS
async def test_the_home_tab_shows_settings_usage_and_help_and_prompts_are_suggested(
    team: Team, slack: FakeSlack
) -> None:
    words = team.words
    async with team.working():
        home = await team.home(ADA)
        for key in ("settings_title_workspace", "usage_me", "help_title"):
            assert words(key).strip("*") in home
        assert words("slack_change") in home
        home = await team.home(BO)
        assert words("settings_by_admin") in home
        assert "parley:change" not in home, "who may change nothing is offered nothing"
        await slack.press_home(ADA, "parley:change")
        await team.modal(ADA, 1)
        await team.submit(ADA, set_rate="many")
        assert words("setting_rate_about") in team.errors["set_rate"]
        before = slack.space.homes[ADA].hash
        await team.submit(ADA, set_rate="7")
        assert words("settings_changed") in text_of(team.shown)
        await slack.wait_for(lambda: slack.space.homes[ADA].hash != before)
        assert f"7 · {words('origin_workspace')}" in text_of(slack.space.homes[ADA].body)
        await slack.open_home(ADA, "messages")
        await slack.wait_for(lambda: len(slack.space.prompts) == 1)
        prompts = slack.space.prompts["D1", None]
        assert [prompt["message"] for prompt in prompts] == [words(f"slack_prompt_{n}") for n in (1, 2, 3)]
        ts = await slack.direct(BO, prompts[0]["message"])
        await answered(slack, "D2", ts, prompts[0]["message"])
        await team.stored()
        assert words("usage_questions", n=1) in await team.home(BO)


@pytest.mark.parametrize("what", ["thread", "me"])
async def test_nothing_comes_back_of_what_is_forgotten_while_it_is_answered(
    team: Team, slack: FakeSlack, what: str
) -> None:
    hanging = Raw(Words("word " * 30, per_s=100).on_wire({"stream": True}).steps[:60], end="hang")
    team.endpoint.script(hanging, Words("Nothing before."))
    async with team.working():
        ts = await slack.say(ADA, "C1", f"{AT} my secret")
        await team.answered("C1", ts, "word word", count=1)
        await slack.say(ADA, "C1", "one more secret", thread_ts=ts)
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
        await team.mention(ADA, "C1", ts, f"/forget {what} confirm")
        await team.told(ADA, "C1", team.words("forget_kept"))
        await slack.wait_for(lambda: team.endpoint.requests[0].closed_by_client_at is not None)
        answer = await team.answered("C1", ts, team.words("forgotten"), count=1, ended=True)
        assert answer.buttons == []
    async with team.working():
        await team.mention(BO, "C1", ts, "what was it?")
        await team.answered("C1", ts, "Nothing before.", count=2)
        assert "secret" not in read(team.asked)
        assert "word" not in read(team.asked).replace("Keywords", "")
        await slack.slash(ADA, "D1", "/parley", "export me")
        nothing = team.words("export_nothing")
        await slack.wait_for(lambda: [m.visible for m in slack.messages("D1")] == [nothing])
    assert len(team.endpoint.requests) == 2, "what waited is not answered either"


async def test_a_thread_begun_afresh_while_an_answer_runs_keeps_that_answer_out(
    team: Team, slack: FakeSlack
) -> None:
    team.endpoint.script(Words("seven " * 8, per_s=20), Words("Afresh."))
    async with team.working():
        ts = await slack.say(ADA, "C1", f"{AT} count")
        await team.answered("C1", ts, "seven", count=1)
        await team.mention(ADA, "C1", ts, "/reset")
        await slack.wait_for(lambda: team.words("reset_done") in team.answers("C1", ts))
        await slack.wait_for(lambda: team.answers("C1", ts)[0].split().count("seven") == 8)
        await slack.say(ADA, "C1", "go on", thread_ts=ts)
        await team.answered("C1", ts, "Afresh.", count=3)
    assert "seven" not in read(team.asked)


async def test_slacks_own_stop_button_pressed_by_a_denied_person_leaves_the_answer_to_go_on_by_edits(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    text = " ".join(f"word{number:03d}" for number in range(100))
    endpoint.script(Words(text, per_s=10))
    team = Team(tmp_path, slack, endpoint, "en")
    async with team.working(PARLEY_DENY=f"slack:{BO}"):
        ts = await slack.say(ADA, "C1", f"{AT} at length")
        await slack.wait_for(
            lambda: any(m.streaming and "word003" in m.visible for m in slack.thread("C1", ts))
        )
        assert await slack.stop_session(BO, "C1", ts)
        await slack.wait_for(lambda: any(text in m.visible for m in slack.thread("C1", ts)), 60.0)
    assert not any("Stopped" in m.visible for m in slack.thread("C1", ts))


async def test_slacks_own_stop_button_stops_the_answer_that_grows(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    # After a few words the endpoint says nothing more, so that only the event can tell of the stop.
    endpoint.script(Raw(Words("word " * 30, per_s=100).on_wire({"stream": True}).steps[:60], end="hang"))
    team = Team(tmp_path, slack, endpoint, "en")
    async with team.working():
        ts = await slack.say(ADA, "C1", f"{AT} at length")
        await slack.wait_for(
            lambda: any(m.streaming and m.visible.split() == ["word"] * 30 for m in slack.thread("C1", ts))
        )
        assert await slack.stop_session(ADA, "C1", ts)
        await slack.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
        await answered(slack, "C1", ts, "Stopped.")


async def test_slacks_own_stop_button_before_the_first_word_stops_the_answer(
    team: Team, slack: FakeSlack
) -> None:
    # It thinks for ever, so that only the event can tell of the stop.
    team.endpoint.script(Raw((), end="hang"))
    async with team.working(PARLEY_DENY=f"slack:{BO}"):
        ts = await slack.say(ADA, "C1", f"{AT} at length")
        await until(lambda: bool(team.endpoint.requests) and ("C1", ts) in slack.space.sessions)
        assert await slack.stop_session(BO, "C1", ts) == [], "no message grows yet"
        told = await team.told(BO, "C1", team.words("refused_denied"))
        assert told.thread_ts is None, "a thread without replies shows no whispers"
        assert team.endpoint.requests[0].closed_by_client_at is None
        assert await slack.stop_session(ADA, "C1", ts) == []
        await until(lambda: team.endpoint.requests[0].closed_by_client_at is not None)
        answer = await team.answered("C1", ts, team.words("stopped"), count=1, ended=True)
        assert team.words("again") in answer.buttons
        await slack.wait_for(lambda: slack.space.sessions["C1", ts]["status"] == "active")
