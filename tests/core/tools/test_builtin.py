"""The built-in tools: the time, and what was said before, as far as the asker may read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import Code, PlatformError
from core.i18n import LANGUAGES, tool_label
from core.memory.citations import citation_tag, mark
from core.memory.recall import Recall
from core.platform_calls import PlatformCalls
from core.ports.embeddings import Meanings
from core.ports.tools import DecidesByCall, ToolError
from core.settings.environment import CoreSettings
from core.tools.builtin import READ_EARLIER, BuiltinTools
from core.tools.earlier import (
    EARLIER_UNREAD,
    IN_PROMPT,
    NOT_FOUND,
    PAGE,
    EarlierMessages,
)
from core.tools.find_tool import FIND_TOOL
from core.tools.links import LinkReader
from core.tools.words import count_words, query_words
from core.values.conversation import Ask, History, ThreadMessage, Turn
from core.values.places import Person, Place
from core.values.tools import Tool, ToolRule, ToolSettings
from tests.core.memory.rig import answered, embeddings
from tests.core.tools.rig import ADA, AT, PLACE
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform

BEN = Person("U2", "Ben")


class Archive(MemoryPlatform):
    """A platform with older messages of a thread (`older`)."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = False
        self.older: list[ThreadMessage] = []

    def message_link(self, place: Place, message_id: str) -> str:
        return f"https://chat.example/{place.thread}/{message_id}"

    def channel_mention(self, place: Place) -> str:
        return ""

    async def history(self, place: Place, before: Ask) -> History:
        if self.failing:
            raise PlatformError(Code.UNAVAILABLE)
        return History(tuple(line for line in self.older if line.at < before.at))


class Library:
    """The built-in tools on a store and a platform in memory."""

    def __init__(self) -> None:
        self.store, self.platform, self.clock = MemoryStore(), Archive(), FakeClock()
        self.finds_by(None)
        self.turn: Turn | None = None
        self.ask = Ask("q1", PLACE, ADA, "why?", AT + timedelta(days=300), addressed=True)

    def finds_by(self, meanings: Meanings | None) -> None:
        calls, core = PlatformCalls(self.platform), CoreSettings(_env_file=None)
        recall = Recall(self.store, core, self.clock, lambda place: calls, meanings)
        earlier = EarlierMessages(self.store, lambda place: calls, recall)
        links = LinkReader(["docs.example.com"])
        self.source = BuiltinTools(self.clock, ZoneInfo("Europe/Berlin"), earlier, links)

    def tool(self, name: str, settings: ToolSettings | None = None) -> Tool:
        offered = self.source.tools(PLACE, settings or ToolSettings(builtin=True))
        return next(tool for tool in offered if tool.title == name)

    async def call(self, name: str, **arguments: Any) -> str:
        return (await self.source.call(self.turn or Turn(1, self.ask), self.tool(name), arguments)).text

    async def found(self, query: str) -> list[dict[str, object]]:
        text = await self.call("search_earlier_threads", query=query)
        return [json.loads(line) for line in text.splitlines()] if text.startswith("{") else []

    async def read(self, **arguments: Any) -> list[str]:
        text = await self.call("read_earlier_messages", **arguments)
        return [json.loads(line)["text"] for line in text.splitlines()] if text.startswith("{") else []

    async def say(self, text: str, thread: str = "0.5", at: datetime = AT, by: Person = BEN) -> None:
        where = replace(PLACE, thread=thread)
        assert await self.store.note(Ask(f"m{at:%d%H%M%S}-{thread}-{len(text)}", where, by, text, at))


def lines(number: int) -> list[ThreadMessage]:
    return [ThreadMessage(f"m{n}", BEN, f"line {n}", AT + timedelta(minutes=n)) for n in range(number)]


async def test_nothing_is_offered_where_they_are_off() -> None:
    assert Library().source.tools(PLACE, ToolSettings()) == ()


async def test_all_of_them_read_only_and_run_unasked() -> None:
    tools = Library().source.tools(PLACE, ToolSettings(builtin=True))
    assert len(tools) == 3
    assert {(tool.rule, tool.writes) for tool in tools} == {(ToolRule.READ, False)}
    assert json.loads(READ_EARLIER.parameters)["required"] == []


async def test_links_are_read_only_where_that_is_on() -> None:
    source = Library().source
    assert [tool.name for tool in source.tools(PLACE, ToolSettings(links=True))] == ["read_link"]
    assert "read_link" not in [tool.name for tool in source.tools(PLACE, ToolSettings(builtin=True))]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_built_in_tool_has_a_name_for_people(language: str) -> None:
    tools = Library().source.tools(PLACE, ToolSettings(builtin=True, links=True))
    for name in (*(tool.name for tool in tools), FIND_TOOL):
        assert "_" not in tool_label(name, language)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://docs.example.com/a", ToolRule.READ),
        ("https://example.com/a", ToolRule.ASK),
        ("https://docs.example.com.evil.example", ToolRule.ASK),
        ("ftp://example.com", ToolRule.READ),
    ],
)
def test_a_link_is_asked_for_unless_its_host_is_listed_or_it_is_refused_in_any_case(
    url: str, rule: ToolRule
) -> None:
    library = Library()
    assert isinstance(library.source, DecidesByCall)
    assert library.source.rule(library.tool("read_link", ToolSettings(links=True)), {"url": url}) is rule


async def test_the_time_is_that_of_the_zone_asked_for_or_of_the_operator() -> None:
    library = Library()
    assert await library.call("current_time") == (
        "Sunday, 22 November 2026, 11:00:00 (UTC+0100), time zone Europe/Berlin"
    )
    assert "18:00:00 (UTC+0800)" in await library.call("current_time", zone="Asia/Shanghai")


@pytest.mark.parametrize(
    "zone", ["Mars/Base", "../../etc/passwd", "/etc/localtime", "\0", "America", "x" * 5_000]
)
async def test_a_zone_that_does_not_exist_is_said(zone: str) -> None:
    with pytest.raises(ToolError, match="no such time zone"):
        await Library().call("current_time", zone=zone)


async def test_earlier_messages_are_those_before_what_a_prompt_holds_and_then_those_before_them() -> None:
    library = Library()
    await library.store.import_history(PLACE, History(tuple(lines(IN_PROMPT + 80))))
    page = await library.read()
    assert (len(page), page[0], page[-1]) == (PAGE, "line 30", "line 79")
    page = await library.read(before=f"{AT + timedelta(minutes=30):%Y-%m-%d %H:%M:%S}")
    assert (len(page), page[0], page[-1]) == (30, "line 0", "line 29")
    assert await library.call("read_earlier_messages", before="2025-01-01") == "There are no earlier messages."


async def test_of_a_short_thread_the_beginning_is_read() -> None:
    library = Library()
    await library.store.import_history(PLACE, History(tuple(lines(60))))
    page = await library.read()
    assert (len(page), page[0]) == (PAGE, "line 0")


async def test_what_the_store_lacks_is_read_from_the_platform() -> None:
    library = Library()
    library.platform.older = lines(10)
    newer = [
        replace(line, id=f"n{n}", at=line.at + timedelta(days=1)) for n, line in enumerate(lines(IN_PROMPT))
    ]
    await library.store.import_history(PLACE, History(tuple(newer), complete=False))
    assert await library.read() == [f"line {n}" for n in range(10)]
    assert not await library.store.filled(PLACE)


async def test_that_the_platform_could_not_be_read_is_said() -> None:
    library = Library()
    library.platform.failing = True
    await library.store.import_history(PLACE, History(tuple(lines(2)), complete=False))
    first, *read = (await library.call("read_earlier_messages")).split("\n")
    assert first == EARLIER_UNREAD
    assert [json.loads(line)["text"] for line in read] == ["line 0", "line 1"]
    assert await library.call("read_earlier_messages", before="2020-01-01") == EARLIER_UNREAD


async def test_what_was_said_before_a_reset_is_not_read() -> None:
    library = Library()
    await library.store.import_history(PLACE, History(tuple(lines(10))))
    await library.store.reset(PLACE, AT + timedelta(minutes=5))
    assert await library.read(before="2026-01-01 00:08") == ["line 5", "line 6", "line 7"]


@pytest.mark.parametrize(
    "before", ["yesterday", "2026-13-01", "9999-12-31T23:59:59-20:00", "0001-01-01T00:00+14:00"]
)
async def test_a_time_that_is_none_is_said(before: str) -> None:
    with pytest.raises(ToolError, match="no date and time"):
        await Library().read(before=before)


@pytest.mark.parametrize("tool", ["read_earlier_messages", "search_earlier_threads"])
async def test_who_may_not_read_the_channel_reads_nothing(tool: str) -> None:
    library = Library()
    await library.say("the plan")
    library.ask = replace(library.ask, author=replace(ADA, may_read=False))
    with pytest.raises(ToolError, match="may not read"):
        await library.call(tool, query="plan")


async def test_a_search_finds_earlier_answers_with_marks_by_which_they_can_be_cited() -> None:
    library = Library()
    library.ask = replace(library.ask, place=replace(PLACE, team="T1"))
    turn = await library.store.accept(library.ask)
    assert turn is not None
    library.turn = await library.store.begin(turn.id)
    await library.store.offer_sources(turn.id, [77])
    here = replace(PLACE, team="T1", thread="")
    await answered(library.store, "What is the budget?", "It is 5,000.", thread="5", channel=here)
    assert await library.found("budget") == [
        {
            "cite": mark(citation_tag(library.ask), 2),
            "on": "2026-11-01",
            "by": "Ben",
            "question": "What is the budget?",
            "answer": "It is 5,000.",
            "link": "https://chat.example/5/q5",
        }
    ]
    assert len(await library.store.offered_sources(turn.id)) == 2
    assert await library.call("search_earlier_threads", query="zebra") == NOT_FOUND


async def test_a_search_marks_what_may_be_out_of_date() -> None:
    library, here = Library(), replace(PLACE, team="T1", thread="")
    library.ask = replace(library.ask, place=replace(PLACE, team="T1"))
    turn = await library.store.accept(library.ask)
    assert turn is not None
    library.turn = await library.store.begin(turn.id)
    for days in (179, 181):
        at = library.clock.now() - timedelta(days=days)
        words = f"What is the budget of day {days}?"
        await answered(library.store, words, f"It is {days}.", thread=f"{days}", channel=here, at=at)
    found = await library.found("What is the budget?")
    assert {str(one["answer"]): one.get("old", False) for one in found} == {
        "It is 179.": False,
        "It is 181.": True,
    }
    assert "marked `old`" in library.tool("search_earlier_threads").description


async def test_a_search_finds_what_was_asked_in_other_words_and_its_cost_is_the_channels() -> None:
    library, here = Library(), replace(PLACE, team="T1", thread="")
    library.ask = replace(library.ask, place=replace(PLACE, team="T1"))
    turn = await library.store.accept(library.ask)
    assert turn is not None
    library.turn = await library.store.begin(turn.id)
    async with embeddings(library.store, library.clock) as vectors:
        library.finds_by(vectors.of_questions)
        question = "How to reset the password?"
        source = await answered(library.store, question, "Ask Ben.", thread="5", channel=here)
        await vectors.embed(source, question, here)
        assert [one["question"] for one in await library.found("forgot my login")] == [question]
        assert vectors.fake.embedded == ["forgot my login"]
    year = timedelta(days=365)
    used = await library.store.usage_totals(library.clock.now() - year, library.clock.now() + year, here)
    assert (used.prompt_tokens, used.questions) == (5 + 3, 1)


async def test_a_search_without_words_is_refused() -> None:
    with pytest.raises(ToolError, match="words to look for"):
        await Library().call("search_earlier_threads", query="?!")


async def test_a_database_that_is_away_is_said() -> None:
    library = Library()
    library.store.failing = True
    with pytest.raises(ToolError, match="can't be read now"):
        await library.found("plan")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("What did we decide about the Budget?", ["decide", "budget"]),
        ("who are they", ["who", "are", "they"]),
        ("项目预算 Q3", ["项目", "目预", "预算", "q3"]),
        ("ＡＢＣ abc", ["abc"]),
        ("예산은 얼마", ["예산", "산은", "얼마"]),
        ("?!", []),
        ("x " * 10_000, ["x"]),
    ],
)
def test_a_query_is_its_telling_words(query: str, words: Sequence[str]) -> None:
    assert query_words(query) == words


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("repo", "list_repositories"),
        ("jira issues", "searchJiraIssuesUsingJql"),
        ("STRASSE", "Sucht eine Straße"),
        ("サーバー", "サーバーの障害"),
        ("예산은", "예산을 조회합니다"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("हिन्दी", "हिन्दी शब्द"),
        ("abc", "ＡＢＣ"),
    ],
)
def test_a_word_is_found_in_a_tools_text_however_it_is_written(query: str, text: str) -> None:
    assert count_words(query_words(query), text)
