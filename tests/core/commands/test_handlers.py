"""Every command over a store in memory: done, refused, in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from babel.dates import format_datetime
from babel.numbers import format_decimal

from core.child_processes import ChildError
from core.commands import ACCOUNT, COMMANDS, HISTORY, choices, spec_on
from core.commands.handlers import CommandHandlers
from core.commands.parser import command_of, options_of, values_of
from core.i18n import LANGUAGES, LOCALES, SPOKEN, name_list, phrase, variant
from core.ports.model import ModelLookup
from core.ports.store.settings import Change
from core.settings.channel import Listen, settings_on
from core.settings.environment import CoreSettings
from core.spend.chart_renderer import Charts
from core.spend.charts import Chart
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Usage
from core.values.events import Command
from core.values.parts import File, Quote
from core.values.places import Person, Place
from core.values.platform import Feature
from core.values.tasks import Summarize
from core.values.turn_ends import Finish
from core.values.ui import ImmediateReply
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import TRAITS

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
THREAD = Place("slack", "T1", "C1", "1.0")
CHANNEL = Place("slack", "T1", "C1")
ADA, BEN = Person("U1", "Ada", "en-GB"), Person("U2", "Ben")
MANAGER = Person("U1", "Ada", manager=True)
ADMIN = Person("U1", "Ada", admin=True)


class Office:
    def __init__(self, *models: str, charts: Charts | None = None, **settings: Any) -> None:
        self.store = MemoryStore()
        core = CoreSettings(_env_file=None, openai_model="first", **settings)
        self.interrupted: list[Callable[[Turn], bool]] = []
        self.absent: tuple[str, ...] = ()
        self.lookup, self.looked_up = ModelLookup(True), list[str]()
        self.handlers = CommandHandlers(
            self.store,
            core,
            FakeClock(NOON),
            models,
            traits=TRAITS,
            interrupt=self.interrupted.append,
            absent_servers=lambda place, settings: self.absent if settings.on else (),
            charts=charts,
            find_model=self.find_model,
        )

    async def find_model(self, name: str) -> ModelLookup:
        self.looked_up.append(name)
        return self.lookup

    async def do(
        self,
        name: str,
        argument: str = "",
        by: Person = ADA,
        place: Place = THREAD,
        options: dict[str, str] | None = None,
    ) -> Ask | ImmediateReply:
        return await self.handlers.do(
            Command(
                name, place, by, NOON, argument, options or {}, id="c1", opens="1.5" if not place.thread else ""
            )
        )

    async def replied(self, name: str, argument: str = "", place: Place = THREAD) -> ImmediateReply:
        reply = await self.do(name, argument, place=place)
        assert isinstance(reply, ImmediateReply)
        return reply

    async def told(self, name: str, argument: str = "", by: Person = ADA, place: Place = THREAD) -> str:
        told = await self.do(name, argument, by, place)
        assert isinstance(told, ImmediateReply)
        return told.text

    async def asked(self, name: str, argument: str = "", place: Place = THREAD, **options: str) -> Ask:
        ask = await self.do(name, argument, place=place, options=options)
        assert isinstance(ask, Ask), ask
        return ask

    async def answered(
        self,
        id: str,
        by: Person = ADA,
        place: Place = THREAD,
        text: str = "why?",
        cost_micros: int | None = 1_500_000,
    ) -> None:
        turn = await self.store.accept(Ask(id, place, by, text, NOON - timedelta(hours=1), addressed=True))
        assert turn is not None
        turn = await self.store.begin(turn.id)
        usage = Usage(1000, 234, cost_micros=cost_micros)
        await self.store.finish(
            Finish(turn, TurnState.DONE, "because", posted=(f"a{id}",), model="m", usage=usage)
        )


async def test_ask_becomes_a_question_in_the_thread_or_in_one_that_it_opens() -> None:
    office = Office()
    assert await office.asked("ask", "why: so?") == Ask("c1", THREAD, ADA, "why: so?", NOON, addressed=True)
    assert (await office.asked("ask", "why?", CHANNEL)).place == replace(CHANNEL, thread="1.5")


async def test_ask_about_a_message_quotes_it() -> None:
    office = Office()
    assert (await office.asked("ask", about="one\ntwo", question="why?")).text == "> one\n> two\n\nwhy?"
    assert (await office.asked("ask", about="one")).text == f"> one\n\n{phrase('about_default', 'en')}"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "What does this mean?"),
        ({"question": "Who?"}, "Who?"),
        ({"about": "one"}, "> one\n\nWhat does this mean?"),
    ],
)
async def test_ask_takes_files_and_quotes_with_a_question_or_without(
    options: dict[str, str], text: str
) -> None:
    attached = (Quote("look", "Bo"), File("a.txt", source="F1"))
    command = Command("ask", THREAD, ADA, NOON, options=options, id="c1", attached=attached)
    ask = await Office().handlers.do(command)
    assert isinstance(ask, Ask)
    assert (ask.text, ask.attached) == (text, attached)


@pytest.mark.parametrize(
    ("place", "typed", "text"),
    [
        (THREAD, "", "/summarize of:thread"),
        (THREAD, "channel 20", "/summarize last:20 of:channel"),
        (CHANNEL, "3 hours", "/summarize hours:3.0 of:channel"),
        (Place("discord", "900", "D1", direct=True), "", "/summarize of:channel"),
    ],
)
async def test_summarize_becomes_a_turn_that_says_what_of(place: Place, typed: str, text: str) -> None:
    ask = await Office().asked("summarize", typed, place)
    assert isinstance(ask.task, Summarize)
    assert (ask.task.channel, ask.text) == ("of:channel" in text, text)


async def test_settings_tell_every_value_and_whose_it_is() -> None:
    office = Office()
    await office.store.change(Place("slack", "T1", ""), {"language": "en"}, ADA, NOON)
    await office.store.change(CHANNEL, {"model": "mine", "prompt": "Be\n`brief`."}, ADA, NOON)
    text = await office.told("settings")
    assert "- Model: `mine` · from this channel" in text
    assert "- Language: English · from the workspace" in text
    assert "- Instructions: `Be 'brief'.` · from this channel" in text
    assert "- Temperature: not set · default" in text
    assert text.count("\n- ") == len(settings_on(TRAITS["slack"]))


@pytest.mark.parametrize(
    ("by", "typed", "changed"),
    [
        (MANAGER, "model second", True),
        (MANAGER, "scope:workspace model second", False),
        (MANAGER, "budget 5", False),
        (ADMIN, "workspace model second", True),
        (ADMIN, "budget 5", True),
        (BEN, "model second", False),
        (Person("U9"), "workspace rate 3", True),
    ],
)
async def test_only_those_who_may_change_a_setting(by: Person, typed: str, changed: bool) -> None:
    office = Office(parley_admins="slack:U9")
    text = await office.told("settings", typed, by)
    audit = await office.store.audit(CHANNEL)
    assert bool(audit) is changed, text
    assert ("Done" in text) is changed
    assert changed or "can change this" in text
    assert all(change.by.id == by.id and change.at == NOON for change in audit)


async def test_a_change_counts_at_once_and_can_be_taken_back() -> None:
    office = Office()
    assert "from this channel" in await office.told("model", "second", MANAGER)
    assert (await office.handlers.settings(THREAD, ADA)).model == "second"
    assert "already" in await office.told("model", "second", MANAGER)
    assert "`first` · default" in await office.told("model", "default", MANAGER)
    assert (await office.handlers.settings(THREAD, ADA)).model == "first"
    assert [(one.old, one.new) for one in await office.store.audit(THREAD)] == [
        ("second", None),
        (None, "second"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_settings_name_the_tool_servers_that_are_away(language: str) -> None:
    office, admin = Office(), replace(ADMIN, locale=language)
    away = phrase("tools_away", language, servers=name_list(("jira", "wiki"), language))
    assert away not in await office.told("settings", by=admin)
    office.absent = ("jira", "wiki")
    assert away in await office.told("settings", by=admin)
    await office.told("settings", "tools off", ADMIN)
    assert away not in await office.told("settings", by=admin)


async def test_a_value_of_the_workspace_says_what_goes_before_it_in_the_channel() -> None:
    office = Office()
    await office.told("model", "mine", ADMIN)
    text = await office.told("model", "scope:workspace theirs", ADMIN)
    assert "- Model: `theirs` · from the workspace. In this channel its own value counts: `mine`" in text
    assert "own value" not in await office.told("settings", "workspace temperature 1", ADMIN)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_history_tells_who_changed_what_and_when(language: str) -> None:
    office = Office()
    admin = replace(ADMIN, locale=language)
    assert await office.told("settings", "history", admin) == phrase("history_none", language)
    await office.told("settings", "temperature 0.5", MANAGER)
    await office.told("settings", "workspace listen all", replace(ADMIN, name="Eve"))
    await office.told("settings", "temperature default", admin)
    title, *lines = (await office.told("设置", phrase("choice_history", language), admin)).splitlines()
    assert title == phrase("history_title", language)
    day = format_datetime(NOON, phrase("format_time", language), UTC, LOCALES[language])
    default, half = phrase("origin_default", language), format_decimal(0.5, locale=LOCALES[language])
    for line, who, name, old, new, where in zip(
        lines,
        ("Ada", "Eve", "Ada"),
        ("temperature", "listen", "temperature"),
        (half, default, default),
        (default, phrase("choice_all", language), half),
        ("channel", "workspace", "channel"),
        strict=True,
    ):
        label, origin = phrase(f"setting_{name}", language), phrase(f"origin_{where}", language)
        told = phrase("history_line", language, at=day, who=who, label=label, old=old, new=new, origin=origin)
        assert line == f"- {told}"


async def test_the_history_is_for_those_who_may_change_what_it_tells() -> None:
    office = Office()
    for number in range(12):
        await office.told("model", f"m{number}", MANAGER)
    await office.told("settings", "workspace model theirs", ADMIN)
    assert await office.told("settings", "history", BEN) == phrase("settings_by_manager", "en")
    of_manager = await office.told("settings", "history", MANAGER)
    assert "theirs" not in of_manager, "the workspace is its admins' business"
    assert of_manager.count("\n- ") == 10, "the newest are enough"
    assert "`m10` → `m11`" in of_manager
    home = Place("slack", "T1", "", direct=True)
    assert "theirs" in await office.told("settings", "history", ADMIN, home)
    assert await office.told("settings", "history", BEN, home) == phrase("settings_by_admin", "en")


async def test_the_hint_under_the_settings_is_for_whoever_may_follow_it() -> None:
    office = Office()
    home = Place("slack", "T1", "", direct=True)
    assert "`/settings language zh`" in await office.told("settings", by=MANAGER)
    assert "`/settings workspace language zh`" in await office.told("settings", by=ADMIN, place=home)
    assert (await office.told("settings", by=BEN)).endswith(phrase("settings_by_manager", "en"))
    assert (await office.told("settings", by=MANAGER, place=home)).endswith(phrase("settings_by_admin", "en"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("platform", TRAITS)
async def test_every_choice_that_a_platform_has_is_offered_and_can_be_written_as_it_is_shown(
    platform: str, language: str
) -> None:
    office, there = Office(), Place(platform, "1", "2")
    by = Person("U1", "Ada", language, admin=True)
    told = await office.do("settings", "listen", by, there)
    assert isinstance(told, ImmediateReply)
    there_are = settings_on(TRAITS[platform])["listen"].choices
    labels = [phrase(f"choice_{choice}", variant(language, platform)) for choice in there_are]
    assert " | ".join(labels) in told.text
    form = await office.do("settings", "", by, there)
    assert isinstance(form, ImmediateReply)
    assert form.form
    offered = next(field.choices for field in form.form.fields if field.name == "set_listen")
    assert [choice.label for choice in offered] == labels
    for choice, label in reversed(list(zip(there_are, labels, strict=True))):
        await office.told("settings", f"listen {label}", by, there)
        assert (await office.handlers.settings(there, by)).listen is choice


@pytest.mark.parametrize("platform", TRAITS)
async def test_the_page_alone_speaks_of_no_channel_and_no_workspace(platform: str) -> None:
    office = Office(parley_system_prompt="Be kind.")
    there, speaks = (
        Place(platform, "1", "2", direct=True),
        re.compile("channel|workspace|server|频道|工作区|服务器"),
    )
    for language in LANGUAGES:
        by = Person("U1", "Ada", language, admin=True)
        for name in ("help", "settings", "usage", "budget", "model", "prompt"):
            text = await office.told(name, by=by, place=there)
            if platform == "web":
                assert not speaks.search(text), text
        form = await office.do("settings", by=by, place=there)
        assert isinstance(form, ImmediateReply)
        assert form.form
        shown = " ".join([form.form.title, *(f"{field.label} {field.hint}" for field in form.form.fields)])
        assert bool(speaks.search(shown)) is (platform != "web")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_that_a_sentence_shows_can_be_written_like_that(language: str) -> None:
    shown = re.compile(r"`(?:\{prefix\}|\{typed\}|/)(?!\{)([^`]+)`")
    for spoken in (one for one in SPOKEN if one.partition("-")[0] == language):
        for key, entry in SPOKEN[spoken].items():
            for written in shown.findall(str(entry)):
                found = command_of("/" + written.replace("{scope}", ""))
                assert found or key in ("slack_invite",), (key, written)
                if found and "name value" not in written and "名称 值" not in written:
                    spec = COMMANDS[found[0]]
                    values_of(spec, options_of(spec, found[1]) | {"question": "?"})


async def test_a_forum_is_no_choice_where_there_are_none() -> None:
    office = Office()
    assert "doesn't fit" in await office.told("settings", "listen forum", MANAGER)
    assert await office.store.audit(CHANNEL) == []


async def test_a_value_that_does_not_fit_is_told_and_not_kept() -> None:
    office = Office("first", "second")
    assert "from 0 to 2" in await office.told("settings", "temperature 3", MANAGER)
    assert "Available: `first`, `second`" in await office.told("model", "third", MANAGER)
    assert "scope:workspace" in await office.told("settings", "strangers on", ADMIN)
    assert "new value" in await office.told("settings", "listen", MANAGER)
    sent = await office.do("settings", by=MANAGER, options={"scope": "channel", "set_temperature": "hot"})
    assert isinstance(sent, ImmediateReply)
    assert (sent.refused, sent.about) == (True, "set_temperature")
    assert await office.store.audit(CHANNEL) == []


async def test_choices_are_kept_by_their_names_in_any_language() -> None:
    office = Office()
    await office.told("设置", "回应范围 每条消息", MANAGER)
    assert (await office.store.stored_settings(CHANNEL)).channel == {"listen": "all"}


@pytest.mark.parametrize(
    ("typed", "channel", "workspace"),
    [
        ("memory workspace", {"memory": "workspace"}, {}),
        ("memory channel", {"memory": "channel"}, {}),
        ("workspace memory channel", {}, {"memory": "channel"}),
        ("memory workspace channel", {}, {"memory": "channel"}),
        ("memory workspace workspace", {}, {"memory": "workspace"}),
        ("scope:workspace memory workspace", {}, {"memory": "workspace"}),
    ],
)
async def test_a_value_may_be_the_name_of_a_scope(
    typed: str, channel: dict[str, str], workspace: dict[str, str]
) -> None:
    office = Office()
    await office.told("settings", typed, ADMIN)
    stored = await office.store.stored_settings(CHANNEL)
    assert (stored.channel, stored.workspace) == (channel, workspace)


async def test_memory_that_the_operator_has_switched_off_is_not_switched_on() -> None:
    office = Office(parley_memory="off")
    told = await office.do("settings", "memory workspace", MANAGER)
    assert isinstance(told, ImmediateReply)
    assert told.refused
    assert told.text == phrase("settings_off_here", "en", label=phrase("setting_memory", "en"))
    assert await office.store.audit(CHANNEL) == []
    await office.told("settings", "memory off", MANAGER)
    assert (await office.store.stored_settings(CHANNEL)).channel == {"memory": "off"}


@pytest.mark.parametrize("platform", ["discord", "web"])
@pytest.mark.parametrize("typed", ["workspace guests on", "name:strangers value:on", "strangers", "colour red"])
async def test_a_setting_that_there_is_not_is_refused_with_those_that_there_are(
    typed: str, platform: str
) -> None:
    office = Office()
    there = Place(platform, "1", "2")
    told = await office.do("settings", typed, ADMIN, there)
    assert isinstance(told, ImmediateReply)
    assert told.refused
    labels = [phrase(f"setting_{name}", variant("en", platform)) for name in settings_on(TRAITS[platform])]
    account = ["account"] if Feature.CHANNELS in TRAITS[platform].features else []
    options = " | ".join([*labels, "history", *account])
    assert told.text == phrase("misread_choice", "en", option="name", options=options)
    assert await office.store.audit(there) == []


async def test_what_is_about_nobody_there_is_neither_shown_nor_set() -> None:
    office = Office()
    there = Place("discord", "1", "2")
    told = await office.do("settings", "workspace", ADMIN, there)
    assert isinstance(told, ImmediateReply)
    assert told.form is not None
    fields = {field.name for field in told.form.fields}
    assert fields & {"set_rate", "set_guests", "set_strangers"} == {"set_rate"}
    assert phrase("setting_rate", "en") in told.text
    assert not any(phrase(f"setting_{name}", "en") in told.text for name in ("guests", "strangers"))
    await office.do("settings", "", ADMIN, there, {"scope": "workspace", "set_guests": "off", "set_rate": "3"})
    assert (await office.store.stored_settings(there)).workspace == {"rate": "3"}


async def test_the_operators_lists_are_told_for_the_readers_platform_alone() -> None:
    office = Office(parley_allow="slack:T1", parley_deny="discord:12")
    text = await office.told("settings")
    assert "- Who may ask: `T1` · default\n- Who may not ask: not set · default" in text
    other = await office.told("settings", place=Place("discord", "1", "2"))
    assert "- Who may ask: nobody · default" in other


async def test_beyond_the_operators_organisation_nobody_is_told_of_other_workspaces() -> None:
    office = Office(parley_allow="slack:T1 slack:T2", parley_deny="slack:U9", parley_budget="10 a month")
    away = replace(TRAITS["slack"], distributed=True)
    office.handlers = CommandHandlers(
        office.store, office.handlers.core, FakeClock(NOON), traits_at=lambda _place: away
    )
    await office.told("budget", "4 a day", ADMIN)
    await office.answered("1")
    text = await office.told("settings", by=ADMIN)
    assert (
        "- Who may ask: a list of the operator's · default\n- Who may not ask: a list of the operator's" in text
    )
    form = (await office.replied("settings", place=CHANNEL)).form
    said = (text, await office.told("settings", "allow"), await office.told("settings", "deny"), str(form))
    spent = (await office.told("budget"), await office.told("usage"))
    assert not [one for one in (*said, *spent) if "T2" in one or "U9" in one]
    assert not [one for one in spent if "everybody" in one]


async def test_the_form_holds_what_its_reader_may_change_and_comes_back_as_a_command() -> None:
    office = Office("first", "second")
    await office.told("settings", "language zh", MANAGER)
    told = await office.do("settings", by=replace(MANAGER, locale="en"))
    assert isinstance(told, ImmediateReply)
    form = told.form
    assert form is not None
    names = [field.name for field in form.fields]
    assert "set_model" in names
    assert "set_budget" not in names
    assert "set_rate" not in names
    values = {field.name: field.value for field in form.fields}
    assert values["set_language"] == "zh"
    assert [choice.value for choice in form.fields[0].choices] == ["first", "second"]
    sent = values | {"set_language": "", "set_model": "second"}
    await office.do(form.command, by=MANAGER, options={**form.fixed, **sent})
    assert (await office.store.stored_settings(CHANNEL)).channel == {"model": "second"}
    nobody = await office.do("settings", by=BEN)
    assert isinstance(nobody, ImmediateReply)
    assert nobody.form is None


async def test_a_form_tells_what_counts_where_there_is_no_value_of_its_own() -> None:
    office = Office()
    await office.told("model", "mine", ADMIN)
    await office.told("settings", "temperature 0.5", ADMIN)
    await office.told("settings", "workspace temperature 1", ADMIN)
    hints = {}
    for scope in ("channel", "workspace"):
        told = await office.do("settings", scope, ADMIN)
        assert isinstance(told, ImmediateReply)
        assert told.form is not None
        hints[scope] = {field.name: (field.value, field.hint) for field in told.form.fields}
        assert ("mine" in told.text) is (scope == "channel")
    assert hints["channel"]["set_model"] == ("mine", "first · default")
    assert hints["channel"]["set_temperature"] == ("0.5", "1 · from the workspace")
    assert hints["workspace"]["set_temperature"] == ("1", "not set · default")


async def test_where_there_is_no_channel_settings_are_the_workspaces() -> None:
    office = Office()
    home = Place("slack", "T1", "", direct=True)
    assert "from the workspace" in await office.told("model", "second", ADMIN, home)
    assert "admins" in await office.told("model", "third", BEN, home)


async def test_the_model_and_the_prompt_are_told() -> None:
    office = Office("first", "second", parley_system_prompt="Be kind.\nAlways.")
    text = await office.told("model")
    assert "**first** · default" in text
    assert "`second`" in text
    assert (await office.told("prompt")).endswith("> Be kind.\n> Always.")
    await office.told("prompt", "Be brief.", MANAGER)
    assert (await office.handlers.settings(THREAD, ADA)).prompt == "Be brief."


async def test_usage_is_mine_the_channels_or_for_admins_the_workspaces() -> None:
    office = Office()
    await office.answered("1")
    await office.answered("2", BEN)
    await office.answered("3", BEN, Place("slack", "T1", "C2", "9"))
    assert "1 question\n" in await office.told("usage")
    assert "2 questions by 2 people" in await office.told("usage", "channel week")
    assert "Workspace admins" in await office.told("usage", "workspace")
    text = await office.told("usage", "workspace", ADMIN)
    assert "3 questions by 2 people" in text
    assert "3,000 input tokens, 702 output tokens" in text
    assert "cost: US$4.50\n" in f"{text}\n"
    await office.answered("4", cost_micros=None)
    assert "at least US$1.50 (price of 1 answer unknown)" in await office.told("usage")
    assert phrase("usage_quiet_me", "en") in await office.told("usage", by=Person("U8"))
    await office.told("settings", "budget 10 a month", ADMIN)
    await office.told("settings", "person_budget scope:workspace 2000 tokens a day", ADMIN)
    text = await office.told("usage", "channel day")
    assert "- Your budget: 123% of 2,000 tokens a day is spent\n" in text
    assert text.endswith("- The budget of this channel: at least 30% of US$10.00 a month is spent")


async def test_usage_shows_all_limits_that_hold_and_those_of_a_lifted_limit_as_it_is_allowed_now() -> None:
    office = Office(parley_budget="10 a month")
    await office.told("budget", "4 a day", ADMIN)
    await office.answered("1")
    here = await office.handlers.settings(THREAD, ADA)
    (budget, _), _ = await office.handlers.budgets.balances(THREAD, ADA.id, here)
    change = Change(CHANNEL, "lift:channel", None, None, ADMIN, NOON)
    assert await office.store.lift(budget, 0, change)
    for words in ("", "channel"):
        text = await office.told("usage", words)
        assert "- The budget of this channel: 18% of US$8.00 a day is spent\n" in text
        assert "- The budget of everybody who uses Parley: 15% of US$10.00 a month is spent" in text


async def test_an_unknown_cost_is_no_zero_in_the_limits() -> None:
    office = Office()
    await office.told("budget", "person 2 a day", ADMIN)
    await office.answered("1", cost_micros=None)
    assert "Your budget: US$2.00 a day. Spent: not known. It renews" in await office.told("budget")
    assert "- Your budget: US$2.00 a day. What is spent of it isn't known" in await office.told("usage")
    await office.answered("2")
    assert "Spent: at least US$1.50 (75%). It renews" in await office.told("budget")
    assert "- Your budget: at least 75% of US$2.00 a day is spent" in await office.told("usage")
    assert "Spent: US$0.00 (0%). It renews" in await office.told("budget", by=BEN), "his own are known"


class DrawnCharts:
    """Charts that are their numbers, or fail."""

    def __init__(self, error: ChildError | None = None) -> None:
        self.error = error

    async def png(self, chart: Chart) -> bytes:
        if self.error is not None:
            raise self.error
        return repr((sum(chart.questions), len(chart.labels))).encode()


async def test_usage_comes_with_its_picture_of_the_days_or_hours() -> None:
    office = Office(charts=DrawnCharts())
    assert (await office.replied("usage")).picture is None, "nothing was asked"
    await office.answered("1")
    await office.answered("2", BEN)
    for words, content in (("", b"(1, 31)"), ("channel week", b"(2, 7)"), ("channel day", b"(2, 24)")):
        reply = await office.replied("usage", words)
        assert reply.picture is not None
        assert reply.picture.content == content
        assert "Questions: " in reply.picture.title
        assert (await office.replied("usage", words, replace(CHANNEL, channel=""))).picture is None, (
            "no channel"
        )
        assert (
            reply.captioned
            == f"{reply.text}\n\n_Picture: cost in USD (blue), questions (brown). Grey: still to come._"
        )


async def test_usage_without_its_picture_says_so_in_one_line() -> None:
    office = Office(charts=DrawnCharts(ChildError("over 30 s")))
    await office.answered("1")
    reply = await office.replied("usage")
    assert reply.picture is None
    assert reply.text.endswith(phrase("chart_failed", "en"))


async def test_a_channels_report_is_scheduled_by_those_who_manage_it_and_a_workspaces_by_admins() -> None:
    office = Office()

    async def report() -> tuple[str, str, str]:
        settings = await office.handlers.settings(THREAD, ADA)
        return settings.report, settings.report_at, settings.report_scope

    assert "Channel managers" in await office.told("usage", "schedule weekly")
    none = "No report is scheduled in this channel. To schedule one: `/usage schedule weekly at 9:00`."
    assert await office.told("usage", "schedule") == none
    posts = "I post a report in this channel every Monday at 07:30 (UTC), about the week before."
    assert await office.told("usage", "schedule weekly at 7:30", MANAGER) == f"Done. {posts}"
    assert await office.told("usage", "schedule") == posts
    assert await report() == ("weekly", "07:30", "channel")
    assert "admins" in await office.told("usage", "workspace schedule monthly", MANAGER)
    assert await office.told("usage", "workspace schedule monthly", ADMIN) == (
        "Done. I post a report on the whole workspace in this channel on the first day of every month at 07:30 (UTC), "
        "about the month before."
    )
    assert await report() == ("monthly", "07:30", "workspace")
    assert "such as 9:00" in await office.told("usage", "at 25:00", MANAGER)
    assert await office.told("usage", "schedule off", MANAGER) == "Done. I post no more reports here."
    assert await report() == ("off", "07:30", "workspace")
    chinese = replace(MANAGER, locale="zh")
    assert await office.told("用量", "定时 每天 8:15 范围：频道", replace(ADMIN, locale="zh")) == (
        "已保存。我会在每天 08:15（UTC）在这个频道发布前一天的报告。"
    )
    assert await office.told("用量", "定时 关", chinese) == "已保存。我不再在这里发布报告。"


@pytest.mark.parametrize("words", ["schedule", "schedule weekly", "schedule off", "at 9:00"])
async def test_where_reports_are_not_scheduled_it_says_so(words: str) -> None:
    page = Place("web", "", "web")
    assert (await Office().told("usage", words, ADMIN, page)).startswith("There are no schedules on this page.")


@pytest.mark.parametrize("scope", ["", "workspace ", "channel ", "person "])
async def test_the_page_of_one_person_has_one_budget_whatever_scope_is_typed(scope: str) -> None:
    office, page = Office(), Place("web", "", "web")
    await office.told("budget", "10 tokens a day", ADMIN, page)
    told = await office.told("budget", f"{scope}20 tokens a day", ADMIN, page)
    assert told == "Done. The budget of this page is 20 tokens a day now."
    (change, _) = await office.store.audit(page)
    assert (change.name, change.place.channel) == ("budget", "web")


@pytest.mark.parametrize("words", ["daily", "weekly", "monthly", "每周"])
async def test_a_lone_period_shows_usage_and_changes_nothing(words: str) -> None:
    office = Office()
    assert "Your usage" in await office.told("usage", words, ADMIN)
    assert await office.store.audit(CHANNEL) == []


async def test_a_limit_that_changes_says_whose_it_is_and_in_which_currency() -> None:
    office = Office(parley_currency="EUR", parley_budget="5 a day")
    assert await office.told("budget", "500000 a day", ADMIN) == (
        "Done. The budget of this channel is €500,000.00 a day now.\n"
        + phrase("budget_unpriced_note", "en", model="first")
    )
    await office.told("budget", "workspace 200 a month", ADMIN)
    history = await office.told("settings", "history", ADMIN)
    assert "Budget: no limit → €200.00 a month · from the workspace" in history
    settings = await office.told("settings", "", ADMIN)
    assert (
        "- Budget: €5.00 a day · for everybody who uses Parley\n"
        "- Budget: €200.00 a month · for the whole workspace\n"
        "- Budget: €500,000.00 a day · for this channel\n"
    ) in settings
    form = await office.do("settings", "", ADMIN)
    assert isinstance(form, ImmediateReply)
    assert form.form is not None
    hint = next(field.hint for field in form.form.fields if field.name == "set_budget")
    assert hint == (
        "Such as 2 a day, 20 a month. Still in force: the budget of this workspace, €200.00 a month; the budget of "
        "everybody who uses Parley, €5.00 a day."
    )
    assert await office.told("budget", "unlimited", ADMIN) == (
        "Done. This channel has no budget of its own any more. Still in force: the budget of this workspace, €200.00 a "
        "month; the budget of everybody who uses Parley, €5.00 a day."
    )
    assert (
        await office.told("budget", "0", ADMIN) == "Done. Nothing may be spent here: I refuse every question."
    )


@pytest.mark.parametrize(
    ("typed", "language", "words"),
    [
        ("20 EUR a month", "en", "Write the amount without a currency: limits are in USD."),
        ("每月 20 元", "zh", "金额不要带货币单位：限额以 USD 计。"),
        ("20 a week", "en", "A limit is for a day or a month."),
        ("每周 20", "zh", "限额只能按天或按月。"),
        ("0.0000001 a day", "en", "The smallest amount is 0.000001."),
    ],
)
async def test_a_limit_that_can_not_be_read_is_refused_with_the_reason(
    typed: str, language: str, words: str
) -> None:
    office = Office()
    by = replace(ADMIN, locale=language)
    for name, argument in (("budget", typed), ("settings", f"budget {typed}")):
        reply = await office.do(name, argument, by)
        assert isinstance(reply, ImmediateReply)
        assert (reply.refused, reply.about) == (True, "set_budget")
        assert reply.text == phrase("settings_bad_why", language, value=typed, why=words)
    assert await office.store.audit(CHANNEL) == []


async def test_the_same_limit_in_other_words_is_no_change() -> None:
    office = Office()
    await office.told("budget", "20", ADMIN)
    assert phrase("settings_same", "en") in await office.told("budget", "$20.00 a month", ADMIN)
    assert len(await office.store.audit(CHANNEL)) == 1


async def test_the_budget_tells_what_was_spent_this_month() -> None:
    office = Office()
    await office.answered("1")
    assert await office.told("budget") == ("Spent here in March 2026: US$1.50\nNo budget is set.")
    await office.told("settings", "budget 20", ADMIN)
    assert "US$20.00 a month" in await office.told("budget")
    unpriced = Office()
    await unpriced.answered("1", cost_micros=None)
    assert "1,234 tokens" in await unpriced.told("budget")


async def test_reset_is_for_threads_and_told_to_all() -> None:
    office = Office()
    await office.answered("1")
    told = await office.do("reset")
    assert isinstance(told, ImmediateReply)
    assert not told.whisper
    later = Ask("9", THREAD, ADA, "new", NOON + timedelta(seconds=1))
    assert await office.store.lines(THREAD, later) == []
    assert len(await office.store.lines(THREAD)) == 2


@pytest.mark.parametrize("platform", ["slack", "discord", "web"])
@pytest.mark.parametrize("typed", ["reset", "forget thread", "export", "export thread"])
async def test_what_is_for_threads_says_what_to_write_in_one(typed: str, platform: str) -> None:
    office = Office()
    name, _, argument = typed.partition(" ")
    there = replace(CHANNEL, platform=platform)
    text = await office.told(name, argument, place=there)
    assert text == phrase("thread_only", variant("en", platform), typed=TRAITS[platform].typed_prefix + typed)
    written = command_of(text.partition("`")[2].partition("`")[0].removeprefix("@Parley "))
    assert written is not None
    inside = await office.told(*written, place=replace(there, thread="1.0"))
    assert inside != text
    assert "missing" not in inside


async def test_forget_a_thread_is_for_its_only_author_or_a_manager() -> None:
    office = Office()
    await office.answered("1")
    await office.answered("2", BEN)
    assert "channel manager" in await office.told("forget", "thread", BEN)
    assert len(await office.store.lines(THREAD)) == 4
    assert "(4)" in await office.told("forget", "thread", MANAGER)
    assert await office.store.lines(THREAD) == []
    alone = replace(THREAD, thread="2.0")
    await office.answered("3", BEN, alone)
    assert "(2)" in await office.told("forget", "thread", BEN, alone)


@pytest.mark.parametrize("what", ["thread", "me"])
async def test_an_answer_to_what_is_forgotten_is_interrupted(what: str) -> None:
    office = Office()
    elsewhere, others = replace(THREAD, thread="2.0"), replace(THREAD, thread="3.0")
    turns = []
    for number, (place, by) in enumerate([(THREAD, MANAGER), (elsewhere, MANAGER), (others, BEN)]):
        turn = await office.store.accept(Ask(f"{number}", place, by, "why?", NOON))
        assert turn is not None
        turns.append(turn)
    await office.told("forget", f"{what} confirm", BEN, CHANNEL)
    await office.told("forget", f"{what} confirm", MANAGER)
    assert [turn.id for turn in turns if any(which(turn) for which in office.interrupted)] == (
        [turns[0].id] if what == "thread" else [turn.id for turn in turns]
    )


async def test_forget_me_removes_what_is_mine_and_nothing_else() -> None:
    office = Office()
    await office.answered("1")
    await office.answered("2", BEN)
    asked = await office.told("forget", "me")
    assert "delete your messages (1)" in asked
    assert "`/forget me confirm`" in asked
    assert len(await office.store.lines(THREAD)) == 4, "nothing has gone yet"
    assert "Done. Your messages (1)" in await office.told("forget", "me confirm")
    assert {line.author.id for line in await office.store.lines(THREAD)} == {"U2", ""}
    assert "`/forget thread|me`" in await office.told("forget")


async def test_export_hands_over_a_thread_or_what_is_mine() -> None:
    office = Office()
    assert await office.told("export") == phrase("export_nothing", "en")
    await office.answered("1", text="why, 为什么?")
    await office.answered("2", BEN)
    told = await office.do("export")
    assert isinstance(told, ImmediateReply)
    assert told.file is not None
    assert told.whisper
    text = told.file.content.decode()
    assert told.file.name == "thread.md"
    assert "**Ada** · 15 Mar 2026 11:00\n\n> why, 为什么?" in text
    assert text.count("**Parley**") == 2
    mine = await office.do("export", "me")
    assert isinstance(mine, ImmediateReply)
    assert mine.file is not None
    data = json.loads(mine.file.content)
    assert [line["text"] for line in data["lines"]] == ["why, 为什么?", "because"]
    assert data["usage"]["questions"] == 1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_help_lists_every_command_as_it_is_written_there(language: str) -> None:
    office = Office()
    by = Person("U1", locale=language)
    told = await office.handlers.do(Command("help", CHANNEL, by, NOON, prefix="/parley "))
    assert isinstance(told, ImmediateReply)
    for name, spec in COMMANDS.items():
        prefix = "@Parley /" if name in ("reset", "forget", "export") else "/parley "
        called = f"- `{prefix}{phrase(spec.key, language)}"
        line = next(line for line in told.text.splitlines() if line.startswith(called))
        assert line.endswith(f"` {phrase(f'{spec.key}_about', language)}")
    for sentence in (told.text, phrase("page_readable", language)):
        for kind in ("PDF", "Word", "Excel", "PowerPoint", "CSV"):
            assert kind in sentence, "which files can be read"
    for name in ("", "nonsense"):
        other = await office.told(name, by=by)
        assert phrase("help_title", language) in other
        assert (phrase("help_unknown", language) in other) is bool(name)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [name for name, spec in COMMANDS.items() if not spec.turn])
async def test_every_command_tells_in_the_language_of_who_gave_it(name: str, language: str) -> None:
    office = Office(parley_language="zh" if language == "en" else "en", parley_system_prompt="Be kind.")
    await office.answered("1")
    argument = "me" if name in ("forget", "export") else ""
    text = await office.told(name, argument, Person("U1", "Ada", language))
    chinese = any("\u4e00" <= char <= "\u9fff" for char in text)
    assert chinese is (language == "zh"), text


async def test_the_channels_language_goes_before_the_persons() -> None:
    office = Office()
    await office.told("settings", "language zh", MANAGER)
    assert phrase("help_title", "zh") in await office.told("help", by=ADA)


async def test_who_may_not_ask_gets_no_command_done_but_can_have_what_is_theirs() -> None:
    office = Office(parley_deny="slack:U1")
    for name in COMMANDS:
        told = await office.do(name, "x" if name == "ask" else "me" if name in ("forget", "export") else "")
        refused = isinstance(told, ImmediateReply) and told.text == phrase("refused_denied", "en")
        assert refused is (name not in ("help", "settings", "forget", "export")), name
    assert "Done" in await office.told("settings", "model second", ADMIN), "nobody can lock themselves out"


async def test_suggestions_begin_with_what_was_typed() -> None:
    office = Office("gpt-5", "gpt-5-mini", "glm-5")

    async def suggested(command_name: str, option: str, **options: str) -> list[str]:
        command = Command(command_name, THREAD, ADA, NOON, options=options)
        return [choice.value for choice in await office.handlers.suggest(command, option)]

    assert await suggested("model", "name") == ["first", "gpt-5", "gpt-5-mini", "glm-5", "default"]
    assert await suggested("model", "name", name="gpt") == ["gpt-5", "gpt-5-mini"]
    assert await suggested("settings", "value", name="listen", value="o") == [
        "mentions",
        "mentions_only",
        "off",
    ]
    assert await suggested("settings", "value", name="temperature") == ["default"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_setting_is_suggested_by_its_name_and_its_label_and_both_are_understood(
    language: str,
) -> None:
    office, speaker, place = Office(), replace(ADA, locale=language), replace(GUILD, channel="C1")
    spec = spec_on("settings", TRAITS["discord"])
    [name] = [option for option in spec.options if option.name == "name"]
    assert {*settings_on(TRAITS["discord"]), HISTORY, ACCOUNT} == set(name.choices)
    for one in choices(name, variant(language, "discord")):
        for typed in (one.value, one.label, one.label[:-1]):
            command = Command("settings", place, speaker, NOON, options={"name": typed})
            found = await office.handlers.suggest(command, "name")
            assert one in found, typed
            assert len(found) <= 25, "as many as Discord shows"
        for written in (one.value, one.label):
            assert values_of(spec, {"name": written})["name"] == one.value


GUILD = Place("discord", "G1", "")
ALONE = Place("discord", "900", "D1", direct=True)


@pytest.mark.parametrize("name", ["ask", "summarize", "model", "usage"])
async def test_whom_a_server_denies_is_refused_in_direct_messages_too(name: str) -> None:
    office = Office()
    await office.store.change(GUILD, {"deny": "U1, U7"}, ADMIN, NOON)
    await office.store.change(replace(GUILD, team="G2"), {"deny": "U8"}, ADMIN, NOON)
    assert await office.do(name, "why?", ADA, ALONE) == ImmediateReply(
        phrase("refused_denied", "en"), refused=True
    )
    bens = await office.do(name, "", BEN, ALONE, {"question": "why?"} if name == "ask" else {})
    assert not (isinstance(bens, ImmediateReply) and bens.refused), "who is on no list is answered"
    assert "help" in (await office.told("help", "", ADA, ALONE)), "what is theirs stays theirs"


async def test_another_platforms_deny_list_is_not_about_this_one() -> None:
    office = Office()
    await office.store.change(replace(GUILD, platform="slack"), {"deny": "U1"}, ADMIN, NOON)
    assert isinstance(await office.do("ask", "why?", ADA, ALONE), Ask)


@pytest.mark.parametrize("place", [THREAD, Place("slack", "T1", "D1", direct=True)])
async def test_nobody_sets_more_tokens_or_another_model_than_the_operator_allows(place: Place) -> None:
    office = Office("first", "second", parley_models="second", parley_max_tokens_cap=500)
    by = MANAGER
    for text in ("1000000", "501"):
        told = await office.told("settings", f"max_tokens {text}", by, place)
        assert told == phrase("settings_capped", "en", n=500, label=phrase("setting_max_tokens", "en"))
    assert "Done." in await office.told("settings", "max_tokens 500", by, place)
    assert "isn't offered here" in await office.told("model", "third", by, place)
    assert "Done." in await office.told("model", "second", by, place)


@pytest.mark.parametrize("by", [replace(ADMIN, locale="en"), replace(ADMIN, locale="zh")], ids=["en", "zh"])
async def test_who_opens_the_memory_of_a_channel_is_told_that_it_works_both_ways(by: Person) -> None:
    office, words = Office(), phrase("memory_widened", by.locale)
    assert words in await office.told("settings", "memory workspace", by, THREAD)
    assert words in await office.told("settings", "workspace memory workspace", by, THREAD)
    assert words not in await office.told("settings", "memory channel", by, THREAD)
    assert words not in await office.told("settings", "rate 5", by, THREAD)


async def test_a_channel_keeps_messages_no_longer_than_its_workspace_and_that_no_longer_than_the_operator() -> (
    None
):
    office, label = Office(parley_keep_days=365), phrase("setting_keep_days", "en")

    async def told(line: str, by: Person = ADMIN) -> str:
        return await office.told("settings", line, by, THREAD)

    assert await told("workspace keep_days 366") == phrase("settings_capped", "en", n=365, label=label)
    done = await told("workspace keep_days 90")
    assert "90" in done
    assert phrase("keep_days_changed", "en") in done
    assert await told("keep_days 30", MANAGER) == phrase("settings_by_admin", "en")
    assert await told("keep_days 91") == phrase("settings_capped", "en", n=90, label=label)
    assert "30" in await told("keep_days 30")
    assert (await office.handlers.settings(THREAD, ADA)).keep_days == 30
    await told("keep_days -")
    assert (await office.handlers.settings(THREAD, ADA)).keep_days == 90
    for wrong in ("0", "-5", "1.5", "forever", "40000"):
        assert wrong in await told(f"keep_days {wrong}")
        assert (await office.handlers.settings(THREAD, ADA)).keep_days == 90


async def test_listening_to_mentions_only_is_set_by_its_words() -> None:
    for typed in ("listen mentions only", "listen mentions_only", "listen 仅提到我的消息"):
        office = Office()
        assert "mentions only" in await office.told("settings", typed, MANAGER)
        assert (await office.handlers.settings(THREAD, ADA)).listen is Listen.MENTIONS_ONLY


@pytest.mark.parametrize("name", ["export", "usage", "settings", "model"])
@pytest.mark.parametrize(
    "words", ["x\n" + "~" * 2_100, "`" * 9_000, "y" * 100_000, "a b " * 30_000, "\u2028x" * 5_000]
)
async def test_what_is_told_back_of_somebodys_words_is_one_short_line(name: str, words: str) -> None:
    office = Office("first", parley_deny="slack:U1")
    for by in (ADA, BEN, MANAGER):
        told = await office.told(name, words, by)
        assert len(told) < 1_500
        assert words[:100] not in told
        assert "\u2028" not in told


async def test_export_usage_is_mine_or_for_those_who_manage_the_channel_or_the_workspace() -> None:
    office = Office()
    assert await office.told("export", "usage") == phrase("export_nothing", "en")
    await office.answered("1")
    await office.answered("2", BEN, cost_micros=None)

    async def exported(argument: str, by: Person = ADA) -> tuple[str, str]:
        told = await office.do("export", argument, by)
        assert isinstance(told, ImmediateReply)
        assert told.file is not None
        assert told.whisper
        return told.file.name, told.file.content.decode()

    name, mine = await exported("usage")
    assert name == "usage-2026-03-01.csv"
    assert [line.split(",")[0] for line in mine.splitlines()] == ["day", "2026-03-15"]
    assert "person" not in mine
    assert "those who manage" in (await office.told("export", "usage channel")).lower()
    assert "Workspace admins" in await office.told("export", "usage workspace")
    name, data = await exported("usage channel week json", MANAGER)
    assert name == "usage-2026-03-09.json"
    (row,) = json.loads(data)
    assert (row["channel"], row["questions"], row["cost"], row["unpriced_answers"]) == ("C1", 2, 1.5, 1)
    await office.told("settings", "report_names scope:workspace on", ADMIN)
    people = json.loads((await exported("usage workspace json", ADMIN))[1])
    assert [(row["person"], row["name"]) for row in people] == [("U1", "Ada"), ("U2", "Ben")]


class TestUnknownModels:
    """A name that the endpoint may not have, where any may be chosen."""

    @pytest.mark.parametrize(("name", "argument"), [("model", "gpt-9"), ("settings", "model gpt-9")])
    async def test_one_that_it_does_not_have_is_refused_with_those_that_are_alike(
        self, name: str, argument: str
    ) -> None:
        office = Office()
        office.lookup = ModelLookup(False, ("gpt-5", "gpt-4o"))
        told = await office.told(name, argument, MANAGER)
        assert told == "The AI service has no model “gpt-9”. Similar ones: `gpt-5`, `gpt-4o`"
        assert (await office.store.stored_settings(CHANNEL)).channel == {}
        office.lookup = ModelLookup(False)
        assert "nor one with a similar name" in await office.told(name, argument, MANAGER)

    async def test_the_form_says_it_at_the_field_of_the_model(self) -> None:
        office = Office()
        office.lookup = ModelLookup(False, ("gpt-5",))
        reply = await office.do(
            "settings", by=MANAGER, options={"set_model": "gpt-9", "set_prompt": "Be brief"}
        )
        assert isinstance(reply, ImmediateReply)
        assert reply.about == "set_model"
        assert (await office.store.stored_settings(CHANNEL)).channel == {}

    async def test_where_it_can_not_be_looked_up_it_is_taken_with_a_word(self) -> None:
        office = Office()
        office.lookup = ModelLookup(None)
        told = await office.told("model", "gpt-9", MANAGER)
        assert "Done." in told
        assert told.endswith(phrase("model_unchecked", "en"))
        assert (await office.store.stored_settings(CHANNEL)).channel == {"model": "gpt-9"}

    async def test_nothing_is_looked_up_of_what_the_operator_offers_or_sets(self) -> None:
        listed = Office("first", "second")
        await listed.told("model", "second", MANAGER)
        await listed.told("model", "third", MANAGER)
        free = Office()
        await free.told("model", "first", MANAGER)
        await free.told("model", "default", MANAGER)
        await free.told("prompt", "Be brief", MANAGER)
        assert listed.looked_up == free.looked_up == []

    async def test_who_may_not_change_it_starts_no_request(self) -> None:
        office = Office()
        await office.told("model", "gpt-9", BEN)
        assert office.looked_up == []
