"""Earlier answers for a question: of which channels, how many, how long they may take, and what stays of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from core.memory.audience import Audience
from core.memory.citations import citation_tag, mark
from core.memory.recall import Offered, Recall
from core.platform_calls import PlatformCalls
from core.ports.embeddings import NO_MEANING
from core.settings.environment import CoreSettings
from core.values.conversation import Ask, Turn, TurnState
from core.values.memory import EarlierAnswer, SourceScope
from core.values.outgoing import NO_SOURCES
from core.values.places import Person, Place
from core.values.tasks import ContinueAnswer, Summarize, Task
from core.values.turn_ends import Finish
from tests.core.memory.rig import ADA, AT, BEN, OTHER, PLACE, Workspace, answered, embeddings
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

LATER = AT + timedelta(days=9)
WHOLE = Audience(PLACE, (ADA,), alone=False)

WAIT_S = CoreSettings(_env_file=None).parley_memory_wait_s


class SlowStore(MemoryStore):
    """Its search takes for ever, where `slow`."""

    slow = False

    async def earlier_answers(
        self, scope: SourceScope, words: Sequence[str], limit: int, least: float = 0.0
    ) -> list[EarlierAnswer]:
        if self.slow:
            await asyncio.Event().wait()
        return await super().earlier_answers(scope, words, limit, least)


class Team:
    """A recall over a store and a platform in memory."""

    def __init__(self, platform: Workspace | None = None, **settings: Any) -> None:
        self.clock = FakeClock(LATER)
        self.store, self.platform = SlowStore(self.clock), platform or Workspace()
        calls = PlatformCalls(self.platform)
        core = CoreSettings(_env_file=None, **settings)
        self.recall = Recall(self.store, core, self.clock, lambda place: calls)

    async def turn(self, text: str = "Where is the key?", task: Task | None = None, by: Person = ADA) -> Turn:
        ask = Ask("q0", PLACE, by, text, LATER, addressed=True)
        turn = await self.store.accept(ask if task is None else replace(ask, task=task))
        assert turn is not None
        return await self.store.begin(turn.id)

    async def offered(self, text: str = "Where is the key?", task: Task | None = None) -> Offered:
        turn = await self.turn(text, task)
        return await self.recall.offer(turn, text)

    async def set_memory(self, value: str, channel: str) -> None:
        place = replace(PLACE, channel=channel, thread="")
        await self.store.change(place, {"memory": value}, ADA, LATER)


def questions(offered: Offered) -> list[str]:
    if offered.material is None:
        return []
    return [json.loads(line)["question"] for line in offered.material.text.splitlines()[1:]]


async def test_answers_of_the_channel_are_offered_under_numbers() -> None:
    team = Team()
    source = await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    offered = await team.offered("I lost the key")
    assert (offered.sources, list(offered.numbers)) == ((source,), [1])
    assert questions(offered) == ["Where is the key?"]


async def test_nothing_is_offered_where_nothing_fits() -> None:
    team = Team()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    assert await team.offered("zebras") == Offered()


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"C1": "channel", "C2": "workspace"}, []),
        ({"C1": "workspace", "C2": "channel"}, []),
        ({"C1": "workspace", "C2": "off"}, []),
        ({"C1": "off", "C2": "workspace"}, []),
        ({"C1": "workspace"}, []),
        ({"C1": "workspace", "C2": "workspace"}, ["Where is the key?"]),
        ({"": "workspace"}, ["Where is the key?"]),
        ({"": "workspace", "C2": "off"}, []),
    ],
)
async def test_another_channel_is_a_source_where_both_permit_it(
    settings: dict[str, str], found: list[str]
) -> None:
    team = Team()
    team.platform.open = {"C1", "C2"}
    await answered(team.store, "Where is the key?", "In the safe.", thread="1", channel=OTHER)
    for channel, value in settings.items():
        await team.set_memory(value, channel)
    assert questions(await team.offered()) == found


async def test_a_channel_that_its_readers_may_not_read_is_never_looked_into() -> None:
    team = Team(parley_memory="workspace")
    await answered(team.store, "Where is the key?", "In the safe.", thread="1", channel=OTHER)
    assert await team.offered() == Offered()


async def test_off_is_off_for_the_channel_itself() -> None:
    team = Team(parley_memory="off")
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    assert await team.offered() == Offered()


async def test_a_source_that_is_not_readable_once_it_is_used_is_left_out() -> None:
    team = Team()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    await answered(team.store, "Where is the old key?", "Thrown away.", thread="2")
    team.platform.closed_later = {"1"}
    assert questions(await team.offered()) == ["Where is the old key?"]


async def test_who_may_not_read_what_was_said_before_is_offered_nothing() -> None:
    team = Team()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    turn = await team.turn(by=replace(ADA, may_read=False))
    assert await team.recall.offer(turn, turn.ask.text) == Offered()


async def test_both_the_asker_and_who_has_it_answered_anew_have_to_be_able_to_read_it() -> None:
    team = Team()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    turn = replace(await team.turn(), started_by=BEN)
    await team.recall.offer(turn, turn.ask.text)
    assert [reader for reader, _ in team.platform.asked] == ["U1", "U2"]


@pytest.mark.parametrize("task", [Summarize(channel=False, last=9), ContinueAnswer()])
async def test_other_tasks_than_a_question_look_for_nothing(task: Task) -> None:
    team = Team()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    assert await team.offered(task=task) == Offered()


async def test_an_answer_that_goes_on_has_the_numbers_of_the_one_before() -> None:
    team = Team()
    source = await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    turn = await team.turn()
    first = await team.recall.offer(turn, "key")
    assert await team.store.finish(Finish(turn, TurnState.DONE, "See [1]", posted=("p1",)))
    again = await team.store.retry_turn(turn.id, ContinueAnswer())
    assert again is not None
    assert await team.recall.offer(again, "key") == replace(first, sources=(source,))


async def test_a_later_process_keeps_the_numbers_though_a_source_is_gone() -> None:
    team = Team()
    for thread in "12":
        await answered(team.store, f"Where is key {thread}?", f"In the safe {thread}.", thread=thread)
    turn = await team.turn()
    first = await team.recall.offer(turn, "Where is the key?")
    assert len(first.sources) == 2
    gone = next(iter(questions(first)))
    await team.store.forget_thread(replace(PLACE, thread=gone.split()[3].strip("?")), LATER)
    second = await team.recall.offer(await team.store.begin(turn.id), "Where is the key?")
    assert second.sources == first.sources
    assert second.material is not None
    assert json.loads(second.material.text.splitlines()[1])["cite"] == mark(citation_tag(turn.ask), 2)


@pytest.mark.parametrize("begun", [True, False])
async def test_a_later_process_looks_for_nothing_behind_the_first_words_of_an_answer(begun: bool) -> None:
    team = Team()
    turn = await team.turn()
    assert await team.recall.offer(turn, "Where is the key?") == Offered()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    await team.store.checkpoint([(turn.id, "It" if begun else "", ())])
    again = await team.recall.offer(await team.store.begin(turn.id), "Where is the key?")
    assert (again == Offered()) is begun


async def test_a_search_that_takes_long_is_not_waited_for() -> None:
    team = Team()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    turn = await team.turn()
    team.store.slow = True
    looking = asyncio.create_task(team.recall.offer(turn, "key"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not looking.done()
    await team.clock.advance(WAIT_S)
    assert await looking == Offered()


class LateWorkspace(Workspace):
    """It never tells of other channels, nor of the `late` threads."""

    late: str = ""

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        if set(channels) - {place.channel}:
            await asyncio.Event().wait()
        return await super().eligible_channels(place, reader, alone=alone, channels=channels)

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        if source.thread == self.late:
            await asyncio.Event().wait()
        return await super().may_cite(place, reader, source, alone=alone)


async def test_the_channel_itself_is_looked_in_though_the_platform_is_late_with_others() -> None:
    platform = LateWorkspace()
    platform.open.add("C2")
    team = Team(platform, parley_memory="workspace")
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    await answered(team.store, "Where is the other key?", "In the desk.", thread="2", channel=OTHER)
    looking = asyncio.create_task(team.recall.offer(await team.turn(), "key"))
    for _ in range(10):
        await team.clock.advance(WAIT_S / 12)
    assert questions(await looking) == ["Where is the key?"]


async def test_a_source_of_which_the_platform_is_late_to_tell_keeps_none_of_the_others_out() -> None:
    platform = LateWorkspace()
    platform.late = "1"
    team = Team(platform)
    for thread, text in (("1", "Where is the key?"), ("2", "Where is the key of the desk?")):
        await answered(team.store, text, f"In the safe {thread}.", thread=thread)
    looking = asyncio.create_task(team.recall.offer(await team.turn(), "key"))
    for _ in range(11):
        await team.clock.advance(WAIT_S / 12)
    assert questions(await looking) == ["Where is the key of the desk?"]


async def test_a_question_that_one_person_repeats_leaves_room_for_the_answers_to_others() -> None:
    team = Team()
    await answered(team.store, "Where is the key?", "In the safe.", thread="1", by=ADA)
    for thread in range(2, 20):
        await answered(team.store, "Where is the key?", "Ask Ben.", thread=f"{thread}", by=BEN)
    offered = await team.offered("Where is the key?")
    assert len(offered.sources) == 2
    assert 1 in offered.sources


async def test_a_source_that_is_wrong_for_a_question_is_offered_for_others() -> None:
    team = Team()
    source = await answered(team.store, "Where is the key of the workshop?", "In the safe.", thread="1")
    citing = await answered(team.store, "I lost the workshop key", "See there.", thread="2")
    await team.store.rate_sources(citing, [source], "U7", -1, AT)
    for words, there in (("I lost the workshop key!", False), ("Where is the key?", True)):
        found = await team.recall.find(WHOLE, words, 8)
        assert (source in [one.turn_id for one in found]) is there, words


async def test_a_database_that_is_away_costs_the_material_and_not_the_answer() -> None:
    team = Team()
    turn = await team.turn()
    team.store.failing = True
    assert await team.recall.offer(turn, "key") == Offered()


async def test_cited_sources_are_links_with_title_date_channel_and_asker() -> None:
    team = Team(parley_memory="workspace", parley_memory_days=30)
    team.platform.open = {"C1", "C2"}
    here = await answered(team.store, "Where is the\nkey?", "In the safe.", thread="1")
    old = AT - timedelta(days=60)
    there = await answered(team.store, "Who has it?", "Ben.", thread="2", channel=OTHER, at=old)
    sources = await team.recall.cited(WHOLE, [(3, there), (1, here)], "en", UTC)
    assert sources.lines(str, lambda title, url: f"[{title}]({url})") == [
        "Asked before:",
        "[1] [Where is the key?](https://chat.example/C1/q1) · 1 Nov 2026 · Ben",
        "[3] 2 Sept 2026: [Who has it?](https://chat.example/C2/q2) · <#C2> · Ben",
    ]
    sources = await team.recall.cited(WHOLE, [(1, here)], "zh", UTC)
    assert sources.lines(str, lambda title, url: title) == [
        "以前问过：",
        "[1] Where is the key? · 2026年11月1日 · Ben",
    ]


async def test_a_cited_source_that_is_gone_meanwhile_is_no_link() -> None:
    team = Team()
    here = await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    team.platform.closed_later = {"1"}
    assert await team.recall.cited(WHOLE, [(1, here)], "en", UTC) == NO_SOURCES
    team.platform.closed_later = set()
    await team.store.forget_person("slack", "T1", BEN.id, LATER)
    assert await team.recall.cited(WHOLE, [(1, here)], "en", UTC) == NO_SOURCES
    team.store.failing = True
    assert await team.recall.cited(WHOLE, [(1, here)], "en", UTC) == NO_SOURCES


class NoWorkspace(Workspace):
    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        raise RuntimeError("a mistake of ours")


async def test_a_platform_that_fails_makes_nothing_eligible() -> None:
    team = Team()
    calls = PlatformCalls(NoWorkspace())
    recall = Recall(team.store, CoreSettings(_env_file=None), team.clock, lambda place: calls)
    await answered(team.store, "Where is the key?", "In the safe.", thread="1")
    turn = await team.turn()
    assert await recall.offer(turn, "key") == Offered()


async def test_a_paraphrase_is_found_by_its_meaning_and_the_answer_has_the_charge_and_the_vector() -> None:
    team = Team()
    async with embeddings(team.store, team.clock) as vectors:
        core, calls = CoreSettings(_env_file=None), PlatformCalls(team.platform)
        team.recall = Recall(team.store, core, team.clock, lambda place: calls, vectors.of_questions)
        source = await answered(team.store, "How to reset the password?", "Ask Ben.", thread="1")
        await vectors.embed(source, "How to reset the password?")
        turn = await team.turn("I forgot my login")
        offered = await team.recall.offer(turn, turn.ask.text)
        assert questions(offered) == ["How to reset the password?"]
        assert offered.meaning.vector is not None
        assert offered.meaning.vector.question == "I forgot my login"
        assert offered.meaning.charge is not None
        again = replace(turn, ask=replace(turn.ask, task=ContinueAnswer()))
        assert (await team.recall.offer(again, "What now?")).meaning == NO_MEANING
        assert vectors.fake.embedded == ["I forgot my login"]


async def test_ten_are_looked_at_by_their_meaning_and_five_by_their_words() -> None:
    team = Team()
    async with embeddings(team.store, team.clock) as vectors:
        core, calls = CoreSettings(_env_file=None), PlatformCalls(team.platform)
        recall = Recall(team.store, core, team.clock, lambda place: calls, vectors.of_questions)
        for number in range(12):
            by, paraphrase = Person(f"P{number}"), f"Reset the password on box{number}"
            source = await answered(team.store, paraphrase, f"So{number}.", thread=f"m{number}", by=by)
            await vectors.embed(source, paraphrase)
            named = f"Feed zebra{number} beside the zebra"
            await answered(team.store, named, f"Thus{number}.", thread=f"w{number}", by=by)
        found = await recall.search(WHOLE, ADA.id, "I forgot my login to the zebra", 99)
    kinds = [one.place.thread[0] for one in found]
    assert (kinds.count("m"), kinds.count("w")) == (10, 5)
    assert kinds[:6] == list("mmwmmw")


class Servers(Workspace):
    """A platform with direct conversations of no team, in the team `bot`; the account is a member of `T1` and `T2`."""

    def has_team(self, place: Place) -> bool:
        return place.team in ("T1", "T2")

    async def roles_in(self, person: str, teams: Sequence[str]) -> dict[str, tuple[str, ...]]:
        raise NotImplementedError


DIRECT = Place("slack", "bot", "D1", direct=True)
SECOND = Place("slack", "T2", "C5")


def in_servers(**settings: Any) -> Team:
    team = Team(**settings)
    team.platform = Servers()
    calls = PlatformCalls(team.platform)
    core = CoreSettings(_env_file=None, **settings)
    team.recall = Recall(team.store, core, team.clock, lambda place: calls)
    team.platform.open = {"C1", "C2", "C5", "C9", "D1"}
    return team


async def found_in(team: Team, place: Place, *, alone: bool = True, words: str = "key") -> list[str]:
    audience = Audience(place, (ADA,), alone=alone)
    return [one.question for one in await team.recall.find(audience, words, 8)]


async def test_a_direct_conversation_of_no_team_looks_in_each_team_that_is_shared() -> None:
    team = in_servers(parley_memory="workspace")
    await answered(team.store, "Where is the key?", "Safe.", thread="1")
    await answered(team.store, "The key of the shed?", "Hook.", thread="2", channel=SECOND)
    await answered(team.store, "The key of the van?", "Here.", thread="3", channel=Place("slack", "T3", "C9"))
    await answered(team.store, "My key?", "With you.", thread="4", channel=replace(DIRECT, channel="D2"))
    assert sorted(await found_in(team, DIRECT)) == ["The key of the shed?", "Where is the key?"]
    team.platform.open.remove("C5")
    assert await found_in(team, DIRECT) == ["Where is the key?"]


async def test_a_place_of_a_team_looks_in_no_other_one() -> None:
    team = in_servers(parley_memory="workspace")
    await answered(team.store, "The key of the shed?", "Hook.", thread="2", channel=SECOND)
    assert await found_in(team, PLACE) == []
    assert await found_in(team, replace(DIRECT, direct=False), alone=False) == [], "others read the answer"
    assert await found_in(team, replace(DIRECT, direct=False)) == ["The key of the shed?"]


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, []),
        ({("bot", "D1"): "workspace"}, []),
        ({("T2", "C5"): "workspace"}, []),
        ({("bot", "D1"): "workspace", ("T2", "C5"): "workspace"}, ["The key of the shed?"]),
        ({("bot", "D1"): "workspace", ("T2", ""): "workspace"}, ["The key of the shed?"]),
        ({("bot", "D1"): "workspace", ("T2", ""): "workspace", ("T2", "C5"): "off"}, []),
        ({("bot", "D1"): "off", ("T2", ""): "workspace"}, []),
    ],
)
async def test_a_direct_conversation_looks_where_its_own_setting_and_the_channels_permit_it(
    settings: dict[tuple[str, str], str], found: list[str]
) -> None:
    team = in_servers()
    await answered(team.store, "The key of the shed?", "Hook.", thread="2", channel=SECOND)
    for (id_, channel), value in settings.items():
        await team.store.change(Place("slack", id_, channel), {"memory": value}, ADA, LATER)
    assert await found_in(team, DIRECT) == found


async def test_what_has_more_of_the_words_comes_first_whichever_team_it_is_of() -> None:
    team = in_servers(parley_memory="workspace")
    await answered(team.store, "Where is the key?", "Safe.", thread="1")
    await answered(team.store, "The key of the shed?", "Hook.", thread="2", channel=SECOND)
    assert await found_in(team, DIRECT, words="key shed") == ["The key of the shed?", "Where is the key?"]


async def test_an_answer_of_another_team_is_cited_while_it_may_be_read() -> None:
    team = in_servers(parley_memory="workspace")
    source = await answered(team.store, "The key of the shed?", "Hook.", thread="2", channel=SECOND)
    audience = Audience(DIRECT, (ADA,), alone=True)
    shown = await team.recall.cited(audience, [(1, source)], "en", UTC)
    assert [one.title for one in shown.links] == ["The key of the shed?"]
    team.platform.closed_later = {"2"}
    assert await team.recall.cited(audience, [(1, source)], "en", UTC) == NO_SOURCES
