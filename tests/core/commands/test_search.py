"""/search: links to earlier answers that the person may read, for them alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.commands.handlers import CommandHandlers
from core.memory.recall import Recall
from core.platform_calls import PlatformCalls
from core.ports.embeddings import Meanings
from core.settings.environment import CoreSettings
from core.values.events import Command
from core.values.places import Person, Place
from core.values.ui import ImmediateReply
from tests.core.memory.rig import ADA, AT, OTHER, PLACE, Workspace, answered, embeddings
from tests.fakes.clock import FakeClock
from tests.fakes.completions import Status
from tests.fakes.memory import MemoryStore


class Office:
    def __init__(self, **settings: Any) -> None:
        self.store, self.platform, self.clock = MemoryStore(), Workspace(), FakeClock(AT)
        self.core = CoreSettings(_env_file=None, **settings)
        self.finds_by(None)

    def finds_by(self, meanings: Meanings | None) -> None:
        calls = PlatformCalls(self.platform)
        recall = Recall(self.store, self.core, self.clock, lambda place: calls, meanings)
        self.handlers = CommandHandlers(self.store, self.core, self.clock, recall=recall)

    async def search(
        self, words: str, by: Person = ADA, name: str = "search", place: Place = PLACE
    ) -> ImmediateReply:
        reply = await self.handlers.do(Command(name, place, by, AT, words))
        assert isinstance(reply, ImmediateReply)
        return reply


def titles(reply: ImmediateReply) -> list[str]:
    return [one.title for one in reply.sources.links] if reply.sources else []


async def test_what_was_answered_is_found_for_the_person_alone() -> None:
    office = Office()
    await answered(office.store, "Where is the key?", "In the safe.", thread="1")
    reply = await office.search("key")
    assert titles(reply) == ["Where is the key?"]
    assert (reply.text, reply.whisper, reply.private) == ("Asked before, about “key”:", True, True)
    assert office.platform.asked == [("U1", True)]
    assert titles(await office.search("safe", name="搜索")) == ["Where is the key?"]


async def test_a_conversation_without_threads_finds_its_own_answers() -> None:
    office = Office()
    await answered(office.store, "Where is the key?", "In the safe.", thread="")
    assert titles(await office.search("key", place=replace(PLACE, thread=""))) == ["Where is the key?"]


async def test_what_was_asked_in_other_words_is_found_by_its_meaning() -> None:
    office = Office()
    async with embeddings(office.store, office.clock) as vectors:
        office.finds_by(vectors.of_questions)
        source = await answered(office.store, "How to reset the password?", "Ask Ben.", thread="1")
        await vectors.embed(source, "How to reset the password?")
        assert titles(await office.search("forgot my login")) == ["How to reset the password?"]
        assert vectors.fake.embedded == ["forgot my login"]
        assert (await office.search("?!")).sources is None
        assert len(vectors.fake.embedded) == 1, "without words nothing is looked for"


async def test_without_its_meaning_a_search_goes_by_the_words() -> None:
    office = Office()
    async with embeddings(office.store, office.clock) as vectors:
        office.finds_by(vectors.of_questions)
        source = await answered(office.store, "How to reset the password?", "Ask Ben.", thread="1")
        await vectors.embed(source, "How to reset the password?")
        vectors.fake.embeddings = Status(500, "so")
        assert titles(await office.search("forgot my login")) == []
        assert titles(await office.search("password")) == ["How to reset the password?"]


async def test_at_most_eight_are_found() -> None:
    office = Office()
    for thread in range(12):
        await answered(office.store, f"Where is key {thread}?", "Here.", thread=str(thread))
    assert len(titles(await office.search("key"))) == 8


async def test_other_channels_are_searched_as_the_setting_allows() -> None:
    office = Office()
    office.platform.open = {"C1", "C2"}
    await answered(office.store, "Where is the key?", "In the safe.", thread="1", channel=OTHER)
    assert titles(await office.search("key")) == []
    await office.store.change(replace(PLACE, channel="", thread=""), {"memory": "workspace"}, ADA, AT)
    assert titles(await office.search("key")) == ["Where is the key?"]
    office.platform.closed_later = {"1"}
    assert titles(await office.search("key")) == []


async def test_that_nothing_was_found_is_said_and_no_word_is_markup() -> None:
    reply = await Office().search("*zebra* [x](http://evil.example)")
    assert reply.text.startswith("I found no earlier answer about “\\*zebra\\* \\[x\\](http")
    assert reply.sources is None


async def test_where_earlier_answers_are_off_it_says_so() -> None:
    office = Office(parley_memory="off")
    await answered(office.store, "Where is the key?", "In the safe.", thread="1")
    reply = await office.search("key")
    assert "is off" in reply.text
    assert reply.sources is None


async def test_who_may_not_read_what_was_said_before_is_refused() -> None:
    office = Office()
    reply = await office.search("key", by=replace(ADA, may_read=False))
    assert reply.refused


async def test_without_words_it_says_how_to_search() -> None:
    reply = await Office().search("")
    assert reply.refused
    assert "/search" in reply.text
