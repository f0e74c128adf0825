"""Usage reports from the store: their language, their links, and the words that they quote."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import Code, PlatformError
from core.i18n import phrase
from core.platform_calls import PlatformCalls
from core.ports.store.settings import Change
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budgets import budgets_of, payer_of
from core.spend.periods import Period, PeriodName, period_at
from core.spend.usage_report import StoredUsage, report_ask
from core.values.conversation import Ask, TurnState
from core.values.deltas import Usage
from core.values.places import Person, Place
from core.values.report import UnansweredPost, UnansweredPosts
from core.values.tasks import ReportScope, ReportUsage
from core.values.turn_ends import Finish
from tests.fakes.clock import skip_waits
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import TRAITS, MemoryPlatform

AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
DAY = period_at(PeriodName.DAY, AT, UTC)
CHANNEL = Place("slack", "T1", "C1")
OPEN, PRIVATE = replace(CHANNEL, thread="open"), replace(CHANNEL, thread="private")
ADMIN = Person("U9", admin=True)


FORUM_POST = Place("discord", "G1", "300", "7")


class WithForum(MemoryPlatform):
    """A platform with a forum. `asked`: the scope, reader and times of each look-up."""

    name, id = "discord", "G1"
    traits = TRAITS["discord"]

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Place, Place, datetime, datetime]] = []
        self.hangs = False

    async def unanswered_posts(
        self, scope: Place, reader: Place, since: datetime, until: datetime
    ) -> UnansweredPosts:
        self.asked.append((scope, reader, since, until))
        if self.refusals:
            raise self.refusals.popleft()
        if self.hangs:
            await asyncio.Event().wait()
        return UnansweredPosts((UnansweredPost(FORUM_POST, "7", "How do I *reset* it?", AT),))


class Readable(MemoryPlatform):
    """A platform with links, where one thread is private and another can't be looked up."""

    async def is_open(self, place: Place) -> bool:
        if place.thread == "gone":
            raise PlatformError(Code.UNAVAILABLE)
        return place.thread == "open"

    def message_link(self, place: Place, message_id: str) -> str:
        return f"https://chat.example/{message_id}"

    def channel_mention(self, place: Place) -> str:
        return f"<#{place.channel}>"


class OnePage(MemoryPlatform):
    """A page, which has no channels, and addresses of its own alone."""

    traits = TRAITS["web"]

    def message_link(self, place: Place, message_id: str) -> str:
        return f"/#{place.thread}"

    def channel_mention(self, place: Place) -> str:
        return ""


class Reporter:
    def __init__(self) -> None:
        self.store = MemoryStore()
        calls = {"slack": PlatformCalls(Readable()), "web": PlatformCalls(OnePage())}
        self.usage = StoredUsage(
            self.store,
            CoreSettings(_env_file=None),
            UTC,
            lambda place: calls.get(place.platform),
        )

    async def ask(self, id: str, place: Place, text: str, cost_micros: int | None = 1_500_000) -> None:
        turn = await self.store.accept(Ask(id, place, Person("U1", "Ada"), text, AT))
        assert turn is not None
        spent = Usage(1_000, 100, cost_micros=cost_micros)
        await self.store.finish(Finish(turn, TurnState.DONE, "an answer", model="m", usage=spent))

    async def text(self, scope: Place | None, reader: Place = CHANNEL, period: Period = DAY) -> str:
        return (await self.usage.write(await self.usage.read(period, scope), reader)).text


async def test_only_threads_that_all_readers_may_read_are_quoted() -> None:
    reporter = Reporter()
    for id, thread in (("m1", "open"), ("m2", "private"), ("m3", "gone")):
        await reporter.ask(f"{id}0", replace(CHANNEL, thread=thread), f"words of {thread}")
        await reporter.ask(id, replace(CHANNEL, thread=thread), f"words of {thread}")
    text = await reporter.text(CHANNEL)
    assert "- [words of open](https://chat.example/m1): 2 questions" in text
    assert "- [a thread](https://chat.example/m2): 2 questions" in text
    assert "private" not in text
    assert "gone" not in text
    elsewhere = await reporter.text(CHANNEL, replace(CHANNEL, channel="C2"))
    assert "words of" not in elsewhere


async def test_a_report_has_a_text_that_neither_names_nor_quotes_anybody() -> None:
    reporter = Reporter()
    await reporter.store.change(Place("slack", "T1", ""), {"report_names": "on"}, ADMIN, AT)
    for id in ("m1", "m2"):
        await reporter.ask(id, OPEN, "words of open")
    written = await reporter.usage.write(await reporter.usage.read(DAY, CHANNEL), CHANNEL)
    assert {"Ada", "words"} <= set(re.findall(r"\w+", written.text))
    lines, others = written.text.splitlines(), written.anonymous.splitlines()
    assert [line for line in others if line not in lines] == [
        "- [a thread](https://chat.example/m2): 2 questions"
    ]
    assert "Ada" not in written.anonymous
    assert "words of open" not in written.anonymous


async def test_a_channel_of_another_platform_is_named_as_the_settings_name_it() -> None:
    reporter = Reporter()
    await reporter.ask("m1", OPEN, "here")
    for id in ("m2", "m3"):
        await reporter.ask(id, Place("other", "G1", "200", "7"), "there")
    text = await reporter.text(None)
    assert "- <#C1>: US$1.50 · 1 question" in text
    assert "- other:200: US$3.00 · 2 questions" in text
    assert "- a thread in other:200: 2 questions" in text


async def test_no_words_of_a_report_turn_its_lines_around() -> None:
    reporter = Reporter()
    await reporter.ask("m1", OPEN, "Pay \u202e001 now\u2066")
    await reporter.ask("m2", OPEN, "\u202e")
    text = await reporter.text(CHANNEL)
    assert "Pay 001 now" in text
    assert not {"\u202e", "\u2066"} & set(text)


@pytest.mark.parametrize(
    ("reader", "language", "name"),
    [
        (Place("web", "web", "web"), "en", "- this page: US$3.00 · 2 questions"),
        (Place("web", "web", "web"), "en", "- [there](/#7): 2 questions"),
        (Place("web", "web", "web"), "zh", "- 这个页面：US$3.00 · 2 个问题"),
        (CHANNEL, "en", "- Parley's page: US$3.00 · 2 questions"),
        (CHANNEL, "en", "- a thread in Parley's page: 2 questions"),
        (CHANNEL, "zh", "- Parley 网页：US$3.00 · 2 个问题"),
    ],
)
async def test_a_page_is_a_page_and_no_channel(reader: Place, language: str, name: str) -> None:
    reporter = Reporter()
    await reporter.store.change(reader, {"language": language}, ADMIN, AT)
    for id in ("m1", "m2"):
        await reporter.ask(id, Place("web", "web", "web", "7"), "there")
    assert name in await reporter.text(None, reader)


async def test_it_is_in_the_language_of_its_channel_and_names_people_where_admins_allow_it() -> None:
    reporter = Reporter()
    await reporter.ask("m1", OPEN, "here")
    assert "Ada" not in await reporter.text(CHANNEL)
    await reporter.store.change(CHANNEL, {"language": "zh"}, ADMIN, AT)
    await reporter.store.change(Place("slack", "T1", ""), {"report_names": "on"}, ADMIN, AT)
    text = await reporter.text(CHANNEL)
    assert text.startswith("**这个频道的用量，2026年11月18日**")
    assert "提问最多：Ada (1)" in text


@pytest.mark.parametrize("name", [PeriodName.WEEK, PeriodName.MONTH])
async def test_a_report_says_no_share_of_a_limit_that_began_anew_within_its_period(name: PeriodName) -> None:
    reporter, period = Reporter(), period_at(name, AT, UTC)
    await reporter.ask("m1", OPEN, "here")
    await reporter.store.change(CHANNEL, {"budget": "1.5 a day"}, ADMIN, AT)
    assert "100% of" in await reporter.text(CHANNEL)
    assert "budget" not in await reporter.text(CHANNEL, period=period)
    await reporter.store.change(CHANNEL, {"budget": "1.5 a day, 15 a month"}, ADMIN, AT)
    assert "10% of" in await reporter.text(CHANNEL, period=period)


async def test_it_says_how_much_of_its_budget_a_channel_spent() -> None:
    reporter = Reporter()
    await reporter.ask("m1", OPEN, "here")
    await reporter.store.change(CHANNEL, {"budget": "3 a day, 100 a month"}, ADMIN, AT)
    assert "- The budget of this channel: 50% of US$3.00 a day is spent\n" in await reporter.text(CHANNEL)
    budget = budgets_of(
        merge(reporter.usage.settings, await reporter.store.stored_settings(CHANNEL), "slack"),
        payer_of(CHANNEL, ""),
        "",
        AT,
        UTC,
    )[0]
    await reporter.store.balances([budget.account], "")
    await reporter.store.lift(budget, 0, Change(CHANNEL, "lift:channel", None, None, ADMIN, AT))
    assert "- The budget of this channel: 25% of US$6.00 a day is spent\n" in await reporter.text(CHANNEL), (
        "of what is allowed"
    )
    await reporter.ask("m2", OPEN, "unpriced", None)
    workspace = await reporter.text(Place("slack", "T1", ""))
    assert "· 2 questions · budget: at least 25% of US$6.00 a day spent\n" in workspace
    await reporter.store.change(CHANNEL, {"language": "zh"}, ADMIN, AT)
    assert "\n- 这个频道的预算：每天 US$6.00，至少已用 25%\n" in await reporter.text(CHANNEL)
    workspace = await reporter.text(Place("slack", "T1", ""))
    assert " · 2 个问题 · 预算：每天 US$6.00，至少已用 25%\n" in workspace


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        (
            CHANNEL,
            ["The budget of this channel: 50% of US$3.00", "this workspace: 30% of US$10.00", "Parley: 20% of"],
        ),
        (
            Place("slack", "T1", ""),
            ["The budget of this workspace: 30% of US$10.00", "Parley: 20% of US$22.50"],
        ),
        (
            None,
            ["The budget of this workspace: 30% of US$10.00", "uses Parley: 20% of US$22.50 a day is spent"],
        ),
    ],
)
async def test_a_report_has_the_limits_of_its_channel_its_workspace_and_everybody(
    scope: Place | None, shown: list[str]
) -> None:
    reporter = Reporter()
    reporter.usage = replace(
        reporter.usage, settings=CoreSettings(_env_file=None, parley_budget="22.5 a day, 90 a month")
    )
    for number, place in enumerate((OPEN, replace(OPEN, channel="C2"), replace(OPEN, team="T2"))):
        await reporter.ask(f"m{number}", place, "why?")
    await reporter.store.change(Place("slack", "T1", ""), {"budget": "10 a day"}, ADMIN, AT)
    await reporter.store.change(CHANNEL, {"budget": "3 a day"}, ADMIN, AT)
    lines = [line for line in (await reporter.text(scope)).splitlines() if line.startswith("- The budget")]
    assert len(lines) == len(shown)
    assert all(words in line for words, line in zip(shown, lines, strict=True))


async def test_a_share_of_a_cost_that_is_not_known_is_left_out() -> None:
    reporter = Reporter()
    await reporter.ask("m1", OPEN, "here", None)
    await reporter.store.change(CHANNEL, {"budget": "3 a day"}, ADMIN, AT)
    assert "budget" not in await reporter.text(CHANNEL)


async def test_a_period_that_is_not_over_is_compared_with_an_equal_part_of_the_one_before() -> None:
    reporter, morning = Reporter(), AT.replace(hour=9)
    await reporter.ask("m1", OPEN, "yesterday at noon")
    tomorrow = period_at(PeriodName.DAY, AT + timedelta(days=1), UTC)
    for up_to, asked in ((morning, 0), (AT.replace(hour=13), 1), (None, 1)):
        then = up_to and up_to + timedelta(days=1)
        report = await reporter.usage.read(tomorrow, CHANNEL, then)
        assert report.figures.before.questions == asked
    task = report_ask(CHANNEL, tomorrow, ReportScope.CHANNEL, "now", AT, then := AT + timedelta(days=1)).task
    assert isinstance(task, ReportUsage)
    assert (await reporter.usage.report(task, CHANNEL)).report.up_to == then


GENERAL = Place("discord", "G1", "200")
UNREAD = "- Forum posts without an answer could not be looked up."


def with_forum(platform: WithForum) -> Reporter:
    reporter, calls = Reporter(), PlatformCalls(platform)
    reporter.usage = replace(reporter.usage, calls=lambda place: calls if place.platform == "discord" else None)
    return reporter


@pytest.mark.parametrize(
    ("scope", "looked_up"),
    [
        (None, Place("discord", "G1", "")),
        (Place("discord", "G1", ""),) * 2,
        (replace(FORUM_POST, thread=""),) * 2,
    ],
)
async def test_posts_are_those_of_the_period_in_the_scope_of_the_report_and_everywhere_in_its_workspace(
    scope: Place | None, looked_up: Place
) -> None:
    platform = WithForum()
    reporter = with_forum(platform)
    assert "How do I \\*reset\\* it?" in await reporter.text(scope, GENERAL)
    up_to = AT + timedelta(hours=1)
    await reporter.usage.write(await reporter.usage.read(DAY, scope, up_to), GENERAL)
    whole, part = (DAY.since, DAY.until), (DAY.since, up_to)
    assert platform.asked == [(looked_up, GENERAL, *whole), (looked_up, GENERAL, *part)]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_report_whose_posts_can_not_be_read_says_so_and_is_complete_otherwise(language: str) -> None:
    platform = WithForum()
    reporter = with_forum(platform)
    await reporter.store.change(GENERAL, {"language": language}, ADMIN, AT)
    await reporter.ask("m1", GENERAL, "here")
    whole = await reporter.text(None, GENERAL)
    platform.refusals.append(PlatformError(Code.UNAVAILABLE))
    without = await reporter.text(None, GENERAL)
    assert without.splitlines()[-1] == f"- {phrase('report_posts_unread', language)}"
    assert without.splitlines()[:8] == whole.splitlines()[:8]


async def test_a_report_does_not_wait_for_posts_longer_than_its_bound() -> None:
    platform = WithForum()
    platform.hangs = True
    skip_waits(asyncio.get_running_loop())
    assert UNREAD in await with_forum(platform).text(None, GENERAL)


async def test_a_report_that_is_made_without_a_connection_says_that_it_has_no_posts() -> None:
    reporter = Reporter()
    offline = replace(reporter.usage, calls=lambda place: None, forums=frozenset({"discord"}))
    reporter.usage = offline
    assert UNREAD in await reporter.text(None, GENERAL)
    assert UNREAD not in await reporter.text(None, CHANNEL), "its platform has no forums"


async def test_the_text_that_quotes_nobody_has_no_titles_of_posts() -> None:
    reporter = with_forum(WithForum())
    written = await reporter.usage.write(await reporter.usage.read(DAY, None), GENERAL)
    assert "How do I" in written.text
    assert "How do I" not in written.anonymous
    assert "- a post of 18 Nov 12:00 in discord:300: no answer yet" in written.anonymous


async def test_a_platform_without_forums_has_no_posts() -> None:
    reporter = Reporter()
    await reporter.ask("m1", OPEN, "here")
    assert "post" not in await reporter.text(None)
