"""The index of answered questions: what is found of them, on every store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy import text as sql

from core.clock import SystemClock
from core.memory.ranking import LEAST_SHARED
from core.memory.tokens import SCRIPTS, VERSION, tokens
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Usage
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer, SourceScope
from core.values.parts import Quote
from core.values.places import Person, Place
from core.values.tasks import ANSWER, ContinueAnswer, Summarize
from core.values.turn_ends import Finish
from storage import SqlStore, people, source_search
from storage import sources as index
from storage.engine import Database
from tests.contract.stored import ANN, BEN, NOON, accepted, answered, ask, texts

HERE = Place("slack", "T1", "C1", "900.0")
DIRECT = Place("slack", "T1", "D1", "1.0", direct=True)


def place(number: int, channel: str = "C1") -> Place:
    return Place("slack", "T1", channel, f"{number}.0")


def question(number: int, text: str, channel: str = "C1", by: Person = ANN) -> Ask:
    return ask(f"m{number}", text, number, place(number, channel), by)


def scope(*channels: str, but: Place = HERE) -> SourceScope:
    return SourceScope("slack", "T1", frozenset(channels or ("C1",)), but)


async def found(store: Store, text: str, *channels: str, limit: int = 10, but: Place = HERE) -> list[str]:
    """The questions of the sources that are found for a text."""
    answers = await store.earlier_answers(scope(*channels, but=but), tokens(text), limit)
    return [answer.question for answer in answers]


@pytest.fixture(params=(source_search.FEW, -1), ids=("few", "many"))
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scope is taken for one of few sources, and of many."""
    monkeypatch.setattr(source_search, "FEW", request.param)


both_sizes = pytest.mark.usefixtures("size")


@both_sizes
async def test_the_answer_to_the_same_question_comes_first(store: Store) -> None:
    texts = [
        "How do I reset my card's PIN?",
        "Where is the office?",
        "My card was declined",
        "When do we ship?",
    ]
    for number, text in enumerate(texts):
        await answered(store, question(number, text), f"answer {number}", f"p{number}")
    (first, second) = await store.earlier_answers(scope(), tokens("resetting the pin of a card"), 10)
    assert (first.question, second.question) == (texts[0], texts[2])
    asker = Person(ANN.id, ANN.name, ANN.locale)
    at = NOON
    assert first == EarlierAnswer(first.turn_id, place(0), "m0", asker, at, texts[0], "answer 0", "p0")
    assert await found(store, "resetting the pin of a card", limit=1) == texts[:1]
    assert await found(store, "nobody said that") == []


@both_sizes
async def test_words_of_the_answer_find_it_behind_words_of_a_question(store: Store) -> None:
    await answered(store, question(1, "How do I get in from home?"), "Install WireGuard first.")
    await answered(store, question(2, "Is WireGuard free?"), "Yes.")
    assert await found(store, "wireguard") == ["Is WireGuard free?", "How do I get in from home?"]


async def test_what_shares_too_little_with_a_question_is_no_answer_to_it(store: Store) -> None:
    things = ("the router", "a badge", "the shop", "a label", "the branch", "the garage", "the plants")
    for number, thing in enumerate(things):
        await answered(store, question(number, f"How do I order {thing}?"), "In the portal.", f"p{number}")
    unrelated = tokens("How does a list of one number look in Python, can you show me?")
    assert len(await store.earlier_answers(scope(), unrelated, 10)) == len(things)
    assert await store.earlier_answers(scope(), unrelated, 10, LEAST_SHARED) == []
    again = await store.earlier_answers(scope(), tokens("can I order a new badge"), 10, LEAST_SHARED)
    assert again[0].question == "How do I order a badge?"


async def test_among_few_sources_the_subject_of_them_all_still_tells(store: Store) -> None:
    for number in range(4):
        await answered(
            store, question(number, f"where is the zebra key {number}?"), "In the safe.", f"p{number}"
        )
    asked = tokens("I lost the zebra key, who could know about it?")
    assert len(await store.earlier_answers(scope(), asked, 10, LEAST_SHARED)) == 4


async def test_chinese_is_found_within_a_sentence(store: Store) -> None:
    await answered(store, question(1, "请问报销流程是什么"), "先填表。")
    await answered(store, question(2, "今天吃什么"), "面条。")
    assert await found(store, "怎么走报销流程") == ["请问报销流程是什么"]


@both_sizes
async def test_of_equal_ones_the_newest_comes_first_and_each_thread_once(store: Store) -> None:
    for number in (1, 2):
        await answered(store, question(number, "the plan"), "so", f"p{number}")
    again = ask("m3", "the plan", 3, place(1))
    await answered(store, again, "better", "p3")
    answers = await store.earlier_answers(scope(), tokens("plan"), 10)
    assert [(one.place, one.answer) for one in answers] == [(place(1), "better"), (place(2), "so")]


@both_sizes
async def test_only_channels_of_the_scope_are_searched_and_never_the_thread_that_asks(store: Store) -> None:
    places = [
        place(1),
        place(2, "C2"),
        HERE,
        replace(place(4), team="T2"),
        replace(place(5), platform="discord"),
        DIRECT,
        replace(DIRECT, channel="D2"),
    ]
    for number, where in enumerate(places):
        await answered(store, ask(f"m{number}", f"plan {number}", number, where), "so", f"p{number}")
    assert await found(store, "plan") == ["plan 0"]
    assert sorted(await found(store, "plan", "C1", "C2", "D1", "D2")) == ["plan 0", "plan 1"]
    assert await found(store, "plan", "C1", "D1", but=replace(DIRECT, thread="2.0")) == [
        "plan 5",
        "plan 2",
        "plan 0",
    ]
    assert await found(store, "plan", "D1", but=DIRECT) == []
    assert await store.earlier_answers(SourceScope("slack", "T1", frozenset(), HERE), tokens("plan"), 9) == []
    assert sorted(await store.source_channels("slack", "T1")) == ["C1", "C2", "D1", "D2"]
    assert await store.source_channels("slack", "T3") == []
    assert await store.source_teams("slack") == ["T1", "T2"]
    assert await store.source_teams("web") == []


async def test_a_channel_without_threads_does_not_find_itself(store: Store) -> None:
    whole = replace(HERE, channel="C9", thread="")
    await answered(store, ask("m1", "the plan", 1, whole), "so", "p1")
    assert await found(store, "plan", "C9", but=whole) == []
    assert await found(store, "plan", "C9") == ["the plan"]


@pytest.mark.parametrize("state", [TurnState.FAILED, TurnState.STOPPED])
async def test_an_answer_that_did_not_end_well_is_no_source(store: Store, state: TurnState) -> None:
    turn = await store.begin((await accepted(store, question(1, "the plan"))).id)
    await store.finish(Finish(turn, state, "half an ans"))
    assert await found(store, "plan") == []


async def test_what_is_no_answer_to_a_question_of_a_person_is_no_source(store: Store) -> None:
    asks = [
        replace(question(1, "sum up the plan"), task=Summarize(channel=True, last=9)),
        question(2, "the plan of a program", by=Person("B1", "Robot", bot=True)),
    ]
    for one in asks:
        await answered(store, one)
    turn = await store.begin((await accepted(store, question(3, "the plan without an answer"))).id)
    await store.finish(Finish(turn, TurnState.DONE, " "))
    assert await found(store, "plan") == []
    assert await store.source_channels("slack", "T1") == []


async def test_a_thumb_down_counts_at_once_and_until_it_is_taken_back(store: Store) -> None:
    turn = await answered(store, question(1, "the plan"))
    for value, sources in ((1, ["the plan"]), (-1, []), (1, ["the plan"])):
        await store.rate(turn.id, Feedback("U9", value, "", NOON))
        assert await found(store, "plan") == sources
    await store.rate(turn.id, Feedback("U8", -1, "", NOON))
    assert await found(store, "plan") == []
    assert await store.answers_of(scope(), [turn.id]) == []


async def again(store: Store, turn: Turn, text: str, task: ContinueAnswer | None = None, *posted: str) -> Turn:
    retried = await store.retry_turn(turn.id, task or ANSWER)
    assert retried is not None
    begun = await store.begin(retried.id)
    await store.finish(Finish(begun, TurnState.DONE, text, posted=posted))
    return begun


async def test_of_an_answer_that_was_made_anew_the_newest_counts(store: Store) -> None:
    turn = await answered(store, question(1, "the plan"), "old", "p1")
    newer = await again(store, turn, "new", None, "p2")
    (answer,) = await store.earlier_answers(scope(), tokens("plan"), 10)
    assert (answer.turn_id, answer.answer) == (newer.id, "new")
    assert await store.answers_of(scope(), [turn.id, newer.id]) == [answer]
    newest = await again(store, newer, "in the same message", None, "p2")
    assert [one.turn_id for one in await store.answers_of(scope(), [newer.id, newest.id])] == [newest.id]


async def test_a_continued_answer_stays_the_one_that_it_continues(store: Store) -> None:
    turn = await answered(store, question(1, "the plan"), "first part", "p1")
    more = await again(store, turn, "second part", ContinueAnswer(), "p2")
    (answer,) = await store.earlier_answers(scope(), tokens("plan"), 10)
    assert (answer.turn_id, answer.answer) == (turn.id, "first part")
    await again(store, more, "all of it", None, "p3")
    (answer,) = await store.earlier_answers(scope(), tokens("plan"), 10)
    assert answer.answer == "all of it"


async def test_an_edited_question_is_no_source_until_it_is_answered_anew(store: Store) -> None:
    turn = await answered(store, question(1, "the plan"), "so", "p1")
    assert await store.edit(Edited(place(1), "m1", "the plan", (Quote("x", "Eve"),)))
    assert await found(store, "plan") == ["the plan"], "its words are the same"
    assert await store.edit(Edited(place(1), "m1", "the budget"))
    assert await found(store, "plan budget") == []
    await again(store, turn, "so much", None, "p2")
    assert await found(store, "plan") == []
    assert await found(store, "budget") == ["the budget"]


async def test_a_question_that_was_edited_while_its_answer_grew_is_found_by_its_new_words(store: Store) -> None:
    turn = await store.begin((await accepted(store, question(1, "the plan"))).id)
    await store.edit(Edited(place(1), "m1", "the budget"))
    await store.finish(Finish(turn, TurnState.DONE, "so", posted=("p1",)))
    assert (await found(store, "plan"), await found(store, "budget")) == ([], ["the budget"])


@pytest.mark.parametrize("message", ["m1", "p1"])
async def test_what_was_deleted_is_no_source(store: Store, message: str) -> None:
    await answered(store, question(1, "the plan"), "so", "p1", "p2")
    await store.delete(Deleted(place(1), "p2"))
    assert await found(store, "plan") == ["the plan"], "its other page is there"
    await store.delete(Deleted(place(1), message))
    assert await found(store, "plan") == []


async def test_a_question_that_was_deleted_while_its_answer_grew_is_no_source(store: Store) -> None:
    turn = await store.begin((await accepted(store, question(1, "the plan"))).id)
    await store.delete(Deleted(place(1), "m1"))
    await store.finish(Finish(turn, TurnState.DONE, "so", posted=("p1",)))
    assert await found(store, "plan") == []


async def test_what_was_asked_before_a_reset_is_no_source(store: Store) -> None:
    await answered(store, question(1, "old plan"), "so", "p1")
    await store.reset(place(1), NOON + timedelta(seconds=5))
    assert await found(store, "plan") == []
    await answered(store, ask("m6", "new plan", 6, place(1)), "so", "p6")
    assert await found(store, "plan") == ["new plan"]


async def test_what_was_forgotten_is_no_source(store: Store) -> None:
    for number, by in enumerate((ANN, BEN, BEN)):
        await answered(store, question(number, f"plan {number}", by=by), "so", f"p{number}")
    await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    assert await found(store, "plan") == ["plan 2", "plan 1"]
    await store.forget_thread(place(1), NOON + timedelta(hours=1))
    assert await found(store, "plan") == ["plan 2"]


@both_sizes
async def test_those_that_are_no_sources_any_more_hide_no_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there are more of them than are looked at at once."""
    monkeypatch.setattr(source_search, "CANDIDATES", 4)
    await answered(store, question(0, "the plan with many other words"), "so", "p0")
    for number in range(1, 10):
        turn = await answered(store, question(number, "plan"), "so", f"p{number}")
        await store.rate(turn.id, Feedback("U9", -1, "", NOON))
    assert await found(store, "plan") == ["the plan with many other words"]


@both_sizes
async def test_many_answers_in_one_thread_hide_no_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_search, "CANDIDATES", 4)
    await answered(store, question(0, "the plan with many other words"), "so", "p0")
    for number in range(1, 10):
        await answered(store, ask(f"m{number}", "plan", number, place(1)), "so", f"p{number}")
    assert await found(store, "plan") == ["plan", "the plan with many other words"]


@both_sizes
async def test_the_best_of_many_is_among_those_that_are_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_search, "CANDIDATES", 4)
    for number in range(12):
        text = "the plan of the budget" if number == 5 else "the plan"
        await answered(store, question(number, text), "so", f"p{number}")
    assert await found(store, "what is the budget of the plan", limit=1) == ["the plan of the budget"]


async def test_no_more_are_looked_at_once_one_shares_too_little(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(store, SqlStore):
        pytest.skip("looks at every source")
    rounds: list[int] = []
    candidates = source_search._candidates

    def counted(*args: Any, **options: Any) -> Iterator[Sequence[Sequence[Any]]]:
        for rows in candidates(*args, **options):
            rounds.append(len(rows))
            yield rows

    monkeypatch.setattr(source_search, "CANDIDATES", 2)
    monkeypatch.setattr(source_search, "_candidates", counted)
    for number in range(9):
        text = "budget of the zeppelin" if number < 3 else "budget"
        await answered(store, question(number, text), "so", f"p{number}")
    words = tokens("budget for a zeppelin")
    assert len(await store.earlier_answers(scope(), words, 9, 0.9)) == 3
    assert rounds == [2, 2]


async def test_frequent_words_of_a_large_scope_only_rank_what_the_rare_ones_find(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(store, SqlStore):
        pytest.skip("looks at every source")
    for number, text in enumerate(("plan of the budget", "plan of the zeppelin", "plan", "zeppelin")):
        await answered(store, question(number, text), "so", f"p{number}")
    monkeypatch.setattr(source_search, "MOST_FOUND", 2)
    asked = "the plan for a zeppelin"
    assert sorted(await found(store, asked)) == [
        "plan",
        "plan of the budget",
        "plan of the zeppelin",
        "zeppelin",
    ]
    monkeypatch.setattr(source_search, "FEW", 3)
    assert await found(store, asked) == ["plan of the zeppelin", "zeppelin"]


HOSTILE = [
    '"',
    "a AND",
    "NEAR(a b)",
    "a*",
    "-a",
    "words:a",
    "?plan",
    "'a' | !b & (",
    "a:*",
    "\\",
    "\0",
    "C++",
    "{a}",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_is_a_query_of_its_own(store: Store, text: str) -> None:
    await answered(store, question(1, f"the plan {text}"), f"so {text}", "p1")
    await found(store, text)
    assert len(await found(store, f"plan {text}")) == 1


_WORDS = st.text(st.characters(categories=["L", "M", "N", "Cf", "Pc"]), min_size=1, max_size=6)
_OF_SCRIPT = st.one_of(
    *(
        st.text(st.sampled_from([chr(code) for code in range(ord(first), ord(last) + 1)]), max_size=4)
        for first, last, _ in SCRIPTS
    )
)
"""Characters of which a stemmer drops some."""
_TEXTS = st.text() | st.lists(_WORDS | _OF_SCRIPT | st.sampled_from(["\u0640", "\u200d", "'", "\\"])).map(
    " ".join
)


@given(st.lists(_TEXTS, min_size=1, max_size=3))
async def test_every_text_is_indexed_and_found_by_its_own_words(store: Store, texts: list[str]) -> None:
    for text in texts:
        await _asked_once(store, text)
        there = await store.earlier_answers(scope(), tokens(text), 3)
        assert there or not tokens(text)


async def test_the_end_of_an_answer_is_stored_with_any_word(store: Store) -> None:
    for number, word in enumerate(["\u0640", "\u0640\u0640 \u064b", "\u0903", "\u200d", "\u00ad"]):
        await answered(store, question(number, f"plan {word}"), f"letter {word}", f"p{number}")
        assert len(await found(store, f"plan {word}")) == number + 1
        await found(store, word)


async def test_an_answer_that_cannot_be_indexed_ends_all_the_same(
    sql_store: SqlStore, database: Database
) -> None:
    turn = await sql_store.begin((await accepted(sql_store, question(1, "a plan"))).id)
    end = Finish(turn, TurnState.DONE, "so", posted=("p1",), model="m", usage=Usage(10, 5))
    await answered(sql_store, question(2, "another plan"), "so", "p2")
    async with one_source_at_most(database, "version > 0"):
        assert await sql_store.finish(end)
    assert await texts(sql_store, place=place(1)) == ["a plan", "so"]
    assert await sql_store.open_turns() == []
    assert await found(sql_store, "plan") == ["another plan"]


@asynccontextmanager
async def one_source_at_most(database: Database, condition: str) -> AsyncIterator[None]:
    """The database refuses a second source of that condition."""
    refusing = sql(f"CREATE UNIQUE INDEX refusing ON sources (version) WHERE {condition}")
    await database.write(lambda connection: connection.execute(refusing))
    try:
        yield
    finally:
        await database.write(lambda connection: connection.execute(sql("DROP INDEX refusing")))


_seen: dict[int, set[str]] = {}


async def _asked_once(store: Store, text: str) -> None:
    seen = _seen.setdefault(id(store), set())
    number = len(seen) + 1
    if text not in seen:
        seen.add(text)
        await answered(store, question(number, text), "so", f"p{number}")


async def test_sources_are_read_again_by_their_turns(store: Store) -> None:
    turns = [await answered(store, question(number, f"plan {number}"), "so", f"p{number}") for number in (1, 2)]
    ids = [turn.id for turn in turns]
    assert questions(await store.answers_of(scope(), reversed_ids(ids))) == ["plan 1", "plan 2"]
    await store.edit(Edited(place(1), "m1", "another"))
    assert questions(await store.answers_of(scope(), ids)) == ["plan 2"]
    assert await store.answers_of(scope("C2"), ids) == []
    assert await store.answers_of(scope(), []) == []


def questions(answers: Iterable[EarlierAnswer]) -> list[str]:
    return [answer.question for answer in answers]


def reversed_ids(ids: list[int]) -> list[int]:
    return ids[::-1]


async def indexed_anew(store: Store) -> int:
    """The steps of two turns in which everything that is left is indexed."""
    number = 0
    while await store.index_answers(2):
        number += 1
    return number


@pytest.mark.parametrize("words", ["''", "words"], ids=["never indexed", "another version"])
async def test_turns_from_before_are_indexed_step_by_step(
    sql_store: SqlStore, database: Database, words: str
) -> None:
    for number in range(5):
        await answered(sql_store, question(number, f"plan {number}"), "so", f"p{number}")
    await database.write(
        lambda connection: connection.execute(sql(f"UPDATE sources SET version = 0, words = {words}"))
    )
    if words == "''":
        assert await found(sql_store, "plan") == []
    assert await sql_store.index_answers(2)
    assert set(await found(sql_store, "plan")) >= {"plan 4", "plan 3"}
    again = SqlStore(database, SystemClock())  # as after a crash
    assert await indexed_anew(again) == 2
    assert await found(again, "plan") == [f"plan {number}" for number in (4, 3, 2, 1, 0)]
    assert await indexed_anew(again) == 0


async def test_turns_from_before_whose_lines_are_gone_leave_the_index(
    sql_store: SqlStore, database: Database
) -> None:
    for number in range(3):
        await answered(sql_store, question(number, f"plan {number}"), "so", f"p{number}")

    def older(connection: Connection) -> None:
        connection.execute(sql("UPDATE sources SET version = 0, words = ''"))
        connection.execute(sql("DELETE FROM messages WHERE message IN ('m0', 'p1')"))

    await database.write(older)
    await indexed_anew(sql_store)
    left = await database.read(lambda connection: connection.scalars(sql("SELECT turn_id FROM sources")).all())
    assert len(left) == 1
    assert await found(sql_store, "plan") == ["plan 2"]


async def test_words_that_the_database_refuses_keep_no_others_out_of_the_index(
    sql_store: SqlStore, database: Database
) -> None:
    for number in range(4):
        await answered(sql_store, question(number, f"plan {number}"), "so", f"p{number}")
    await database.write(lambda connection: connection.execute(sql("UPDATE sources SET version = 0")))
    async with one_source_at_most(database, f"version = {VERSION}"):
        assert await indexed_anew(sql_store) == 2
    assert await found(sql_store, "plan") == ["plan 3"]
    assert await indexed_anew(sql_store) == 0


async def test_a_turn_that_left_the_index_while_its_words_were_made_stays_out(
    sql_store: SqlStore, database: Database
) -> None:
    turn = await answered(sql_store, question(1, "plan"), "so", "p1")
    await database.write(index.remove, [turn.id])
    await database.write(index.renew, [turn.id], {turn.id: ["?plan"]})
    assert await found(sql_store, "plan") == []
    assert await sql_store.source_channels("slack", "T1") == []


async def test_an_index_from_before_its_team_was_known_moves_with_it(sql_store: SqlStore) -> None:
    where = replace(place(1), team="")
    await answered(sql_store, ask("m1", "the plan", 1, where), "so", "p1")
    await sql_store.adopt("slack", "T1", [""])
    assert await found(sql_store, "plan") == ["the plan"]
    assert await sql_store.source_channels("slack", "T1") == ["C1"]


async def test_words_are_counted_again_when_there_are_more_sources(sql_store: SqlStore) -> None:
    """A word that all have tells less than one that few have, also of sources that came since the first search."""
    await answered(sql_store, question(0, "budget"), "so", "p0")
    assert await found(sql_store, "plan") == []
    for number in range(1, 9):
        await answered(
            sql_store, question(number, "plan budget" if number == 1 else "plan"), "so", f"p{number}"
        )
    assert (await found(sql_store, "plan budget"))[:2] == ["plan budget", "budget"]


async def test_both_databases_and_memory_rank_alike(store: Store) -> None:
    words = ("card", "pin", "bank", "limit", "fee", "app", "code", "account")
    for number in range(40):
        said = " ".join(word for bit, word in enumerate(words) if (number * 37 + 11) >> bit & 1)
        await answered(store, question(number, said), " ".join(words[: number % 8]), f"p{number}")
    answers = await store.earlier_answers(scope(), ["card", "fee", "code"], 6)
    assert [int(answer.question_id[1:]) for answer in answers] == [2, 34, 10, 33, 9, 30]


async def test_the_index_is_rid_of_forgotten_words_while_others_are_kept(
    sql_store: SqlStore, database: Database
) -> None:
    for number, by in enumerate((ANN, BEN)):
        await answered(sql_store, question(number, f"plan {number}", by=by), "so", f"p{number}")
    await sql_store.forget_person("slack", "T1", ANN.id, NOON + timedelta(hours=1))
    await database.purge(people.PURGED)
    assert await found(sql_store, "plan") == ["plan 1"]


async def test_an_answer_that_may_be_no_source_is_not_indexed(store: Store) -> None:
    turn = await store.begin((await accepted(store, question(1, "the plan"))).id)
    assert await store.finish(Finish(turn, TurnState.DONE, "so", posted=("p1",), indexed=False))
    assert await found(store, "plan") == []
    assert await store.source_channels("slack", "T1") == []


async def test_the_sources_of_a_platform_leave_the_index_step_by_step(store: Store) -> None:
    for number in range(3):
        await answered(store, question(number, f"plan {number}"), "so", f"p{number}")
    assert not await store.remove_sources("discord", 2)
    assert len(await found(store, "plan")) == 3
    assert await store.remove_sources("slack", 2)
    assert len(await found(store, "plan")) == 1
    assert await store.remove_sources("slack", 2)
    assert not await store.remove_sources("slack", 2)
    assert await found(store, "plan") == []


async def test_a_deleted_thread_or_channel_has_no_sources(store: Store) -> None:
    for number in (1, 2):
        await answered(store, question(number, f"Where is the key {number}?"), "Here.", f"p{number}")
    for number in (3, 4):
        await answered(store, question(number, f"Where is the key {number}?", "C2"), "Here.", f"p{number}")
    await store.remove_sources_of(place(1))
    assert sorted(await found(store, "the key", "C1", "C2")) == [f"Where is the key {n}?" for n in (2, 3, 4)]
    await store.remove_sources_of(Place("slack", "T2", "C2"))
    await store.remove_sources_of(Place("slack", "T1", "C2"))
    assert await found(store, "the key", "C1", "C2") == ["Where is the key 2?"]
