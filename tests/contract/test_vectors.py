"""The vectors of answered questions: what is found by meaning, on every store."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.clock import SystemClock
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import ChargeKind, Usage
from core.values.events import Deleted, Edited
from core.values.memory import QuestionVector, SourceScope, Vector
from core.values.places import Place
from core.values.turn_ends import Finish
from core.values.usage import Charge, SummaryTotals, UsageField
from storage import SqlStore, kept_vectors, source_vectors
from storage.engine import Database
from tests.contract.stored import ANN, NOON, accepted, ask
from tests.contract.test_sources import DIRECT, HERE, place, question, scope
from tests.waiting import until

MODEL = "small"
CHARGE = Charge(ChargeKind.EMBEDDING, MODEL, Usage(40, cost_micros=2))
EAST = 0.0


def pointing(degrees: float, model: str = MODEL) -> Vector:
    """A vector of two numbers."""
    turned = math.radians(degrees)
    return Vector(model, array("f", (math.cos(turned), math.sin(turned))).tobytes())


async def answered(store: Store, question: Ask, degrees: float, *posted: str) -> Turn:
    """Answer a question whose vector was asked for before."""
    turn = await store.begin((await accepted(store, question)).id)
    meaning = QuestionVector(question.text, pointing(degrees))
    await store.finish(Finish(turn, TurnState.DONE, "so", posted=posted, model="m", meaning=meaning))
    return turn


async def plans(store: Store, *degrees: float, channel: str = "C1") -> list[int]:
    """A thread for each of these vectors."""
    return [
        (await answered(store, question(number, f"plan {number}", channel), one, f"p{channel}{number}")).id
        for number, one in enumerate(degrees)
    ]


async def found(store: Store, *channels: str, limit: int = 10, but: Place = HERE) -> list[str]:
    """The questions of the sources that are the most similar to a vector to the east."""
    answers = await store.similar_answers(scope(*channels, but=but), pointing(EAST), limit)
    return [answer.question for answer in answers]


async def test_the_most_similar_question_comes_first_whatever_its_words(store: Store) -> None:
    await plans(store, 60, 10, 170, -20)
    assert await found(store) == ["plan 1", "plan 3", "plan 0", "plan 2"]
    assert await found(store, limit=2) == ["plan 1", "plan 3"]
    assert await found(store, limit=0) == []


async def test_one_that_is_answered_after_the_first_search_is_found(store: Store) -> None:
    await plans(store, 60)
    assert await found(store) == ["plan 0"]
    await answered(store, question(1, "plan 1"), 5, "p1")
    assert await found(store) == ["plan 1", "plan 0"]


async def test_of_equal_ones_the_newest_comes_first_and_each_thread_once(store: Store) -> None:
    await plans(store, 30, 30)
    await answered(store, ask("m9", "plan 9", 9, place(0)), 10, "p9")
    assert await found(store) == ["plan 9", "plan 1"]


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
        await answered(store, ask(f"m{number}", f"plan {number}", number, where), number, f"p{number}")
    assert await found(store) == ["plan 0"]
    assert await found(store, "C1", "C2", "D1", "D2") == ["plan 0", "plan 1"]
    here = replace(DIRECT, thread="2.0")
    assert await found(store, "C1", "D1", but=here) == ["plan 0", "plan 2", "plan 5"]
    assert await store.similar_answers(SourceScope("slack", "T1", frozenset(), HERE), pointing(0), 9) == []
    assert await store.similar_answers(replace(scope(), team="T3"), pointing(0), 9) == []


async def test_the_best_of_other_channels_hide_none_of_the_scope(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.store.vectors._FIRST_RANKED", 2)
    for number in range(30):
        where = place(number, "C1" if number == 29 else "C2")
        await answered(store, ask(f"m{number}", f"plan {number}", number, where), number, f"p{number}")
    assert await found(store) == ["plan 29"]


async def test_many_answers_of_one_thread_hide_no_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.store.vectors._FIRST_RANKED", 2)
    for number in range(30):
        await answered(store, ask(f"m{number}", f"plan {number}", number, place(1)), number, f"p{number}")
    await answered(store, ask("m99", "plan 99", 99, place(2)), 90, "p99")
    assert await found(store) == ["plan 0", "plan 99"]


async def test_vectors_of_another_model_or_dimension_are_not_compared(store: Store) -> None:
    await plans(store, 10)
    assert await store.similar_answers(scope(), pointing(0, "large"), 9) == []
    assert await store.similar_answers(scope(), Vector(MODEL, array("f", (1, 0, 0)).tobytes()), 9) == []
    assert await store.vector_dimensions(MODEL) == [2]
    assert await store.vector_dimensions("large") == []


async def test_a_vector_of_another_dimension_counts_as_none_and_is_replaced(store: Store) -> None:
    first, second = await plans(store, 10, 20)
    assert await store.unembedded(MODEL, 0, 9, 2) == (0, [])
    assert [one.turn_id for one in (await store.unembedded(MODEL, 0, 9, 3))[1]] == [second, first]
    longer = QuestionVector("plan 1", Vector(MODEL, array("f", (1, 0, 0)).tobytes()))
    assert await store.put_vectors(place(0), {second: longer}, CHARGE) == 1
    assert [one.turn_id for one in (await store.unembedded(MODEL, 0, 9, 3))[1]] == [first]
    assert await store.vector_dimensions(MODEL) == [3, 2]
    assert await store.vector_dimensions(MODEL, 1) == [3]
    assert await found(store) == ["plan 0"]


async def test_a_question_that_was_edited_while_its_answer_grew_has_no_vector(store: Store) -> None:
    turn = await store.begin((await accepted(store, question(1, "plan 1"))).id)
    await store.edit(Edited(place(1), "m1", "another plan"))
    meaning = QuestionVector("plan 1", pointing(0))
    await store.finish(Finish(turn, TurnState.DONE, "so", posted=("p1",), meaning=meaning))
    assert await found(store) == []
    [left] = (await store.unembedded(MODEL, 0, 9))[1]
    assert (left.turn_id, left.question) == (turn.id, "another plan")


@pytest.mark.parametrize("state", [TurnState.FAILED, TurnState.STOPPED])
async def test_an_answer_that_did_not_end_well_has_no_vector(store: Store, state: TurnState) -> None:
    turn = await store.begin((await accepted(store, question(1, "plan 1"))).id)
    meaning = QuestionVector("plan 1", pointing(0))
    await store.finish(Finish(turn, state, "so", posted=("p1",), meaning=meaning))
    assert await found(store) == []


async def forget_thread(store: Store) -> None:
    await store.forget_thread(place(1), NOON + timedelta(minutes=1))


async def forget_person(store: Store) -> None:
    await store.forget_person("slack", "T1", ANN.id, NOON + timedelta(minutes=1))


async def reset(store: Store) -> None:
    await store.reset(place(1), NOON + timedelta(minutes=1))


async def edit(store: Store) -> None:
    await store.edit(Edited(place(1), "m1", "another"))


async def delete(store: Store) -> None:
    await store.delete(Deleted(place(1), "m1"))


async def delete_answer(store: Store) -> None:
    await store.delete(Deleted(place(1), "pC11"))


async def expire(store: Store) -> None:
    while await store.expire_channel(place(1), NOON + timedelta(minutes=1)):
        pass


Removal = Callable[[Store], Coroutine[Any, Any, None]]
REMOVALS = [forget_thread, forget_person, reset, edit, delete, delete_answer, expire]


@pytest.mark.parametrize("remove", REMOVALS)
@pytest.mark.parametrize("searched", [True, False], ids=["searched before", "not searched"])
async def test_what_is_no_source_any_more_is_not_found(store: Store, remove: Removal, searched: bool) -> None:
    await plans(store, 30, 10)
    if searched:
        assert await found(store) == ["plan 1", "plan 0"]
    await remove(store)
    assert "plan 1" not in await found(store)
    assert all(one.question != "plan 1" for one in (await store.unembedded("large", 0, 9))[1])


@pytest.mark.parametrize("remove", REMOVALS)
async def test_its_vector_is_in_no_table_and_not_in_memory(
    sql_store: SqlStore, database: Database, remove: Removal
) -> None:
    first, second = await plans(sql_store, 30, 10)
    await found(sql_store)
    [matrix] = sql_store._vectors._teams.values()
    assert matrix.ids == {first, second}
    await remove(sql_store)
    await until(lambda: second not in matrix.ids)
    assert matrix._rows.shape[0] == len(matrix.ids), "its numbers are gone too"
    key = ("slack", "T1", MODEL, 2)
    assert second not in await database.read(source_vectors.ids, *key)
    rows = await database.read(lambda one: one.exec_driver_sql("SELECT turn_id FROM source_vectors").all())
    assert [row[0] for row in rows] == sorted(matrix.ids)


async def test_a_thumb_down_counts_at_once(store: Store) -> None:
    _, second = await plans(store, 30, 10)
    assert await found(store) == ["plan 1", "plan 0"]
    await store.rate(second, Feedback("U9", -1, "", NOON))
    assert await found(store) == ["plan 0"]


async def test_questions_without_a_vector_of_the_model_are_listed_newest_first_step_by_step(
    store: Store,
) -> None:
    for number in range(3):
        turn = await store.begin((await accepted(store, question(number, f"plan {number}"))).id)
        await store.finish(Finish(turn, TurnState.DONE, "so", posted=(f"p{number}",)))
    await answered(store, question(3, "plan 3"), 10, "p3")
    below, some = await store.unembedded(MODEL, 0, 2)
    assert [one.question for one in some] == ["plan 2", "plan 1"]
    assert some[0].place == place(2)
    below, some = await store.unembedded(MODEL, below, 2)
    assert [one.question for one in some] == ["plan 0"]
    assert await store.unembedded(MODEL, below, 2) == (0, [])
    assert [one.question for one in (await store.unembedded("large", 0, 9))[1]][:2] == ["plan 3", "plan 2"]


async def test_vectors_from_the_background_are_found_and_their_cost_is_nobodys(store: Store) -> None:
    for number in range(2):
        turn = await store.begin((await accepted(store, question(number, f"plan {number}"))).id)
        await store.finish(Finish(turn, TurnState.DONE, "so", posted=(f"p{number}",), usage=Usage(1, 1)))
    assert await found(store) == []
    left = (await store.unembedded(MODEL, 0, 9))[1]
    made = {one.turn_id: QuestionVector(one.question, pointing(10 * one.turn_id)) for one in left}
    made[left[0].turn_id] = replace(made[left[0].turn_id], question="other words")
    channel = replace(place(0), thread="")
    assert await store.put_vectors(channel, made, CHARGE) == 1
    assert await found(store) == ["plan 0"]
    since, until_ = NOON - timedelta(days=900), NOON + timedelta(days=900)
    totals = await store.usage_totals(since, until_, channel)
    assert (totals.questions, totals.prompt_tokens, totals.cost_micros) == (2, 42, 2)
    assert (await store.usage_totals(since, until_, None, "U1")).cost_micros == 0
    assert await store.summary_totals(since, until_, None) == SummaryTotals()
    groups = await store.usage_groups(since, until_, [UsageField.MODEL])
    assert [(one.answers, one.cost_micros) for one in groups if one.model == MODEL] == [(0, 2)]
    assert await store.open_turns() == []
    figures = await store.report_figures([(since, until_)], (since - (until_ - since), since), None)
    assert sorted((one.questions, one.message_id) for one in figures.threads) == [(1, "m0"), (1, "m1")]
    assert await store.answer_footers(channel) == []
    assert await store.charges(max(made) + 1) == [CHARGE]


async def test_a_new_model_takes_the_place_of_the_old_one(store: Store) -> None:
    [only] = await plans(store, 10)
    assert await found(store) == ["plan 0"]
    new = {only: QuestionVector("plan 0", pointing(80, "large"))}
    assert await store.put_vectors(replace(place(0), thread=""), new, CHARGE) == 1
    answers = await store.similar_answers(scope(), pointing(0, "large"), 9)
    assert [one.question for one in answers] == ["plan 0"]
    assert await store.unembedded("large", 0, 9) == (0, [])
    assert [one.turn_id for one in (await store.unembedded(MODEL, 0, 9))[1]] == [only]


async def test_vectors_from_before_a_restart_are_read_again(sql_store: SqlStore, database: Database) -> None:
    await plans(sql_store, 30, 10)
    again = SqlStore(database, SystemClock())
    assert await found(again) == ["plan 1", "plan 0"]


async def test_many_vectors_are_read_beside_the_searches(
    sql_store: SqlStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_vectors, "FEW", 2)
    await plans(sql_store, 30, 10, 20)
    again = SqlStore(database, SystemClock())
    assert await found(again) == []
    await until(lambda: bool(again._vectors._teams))
    assert await found(again) == ["plan 1", "plan 2", "plan 0"]
    await again._vectors.close()


async def test_the_newest_vectors_are_kept_where_there_are_too_many(
    sql_store: SqlStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_vectors, "MOST_VECTORS", 2)
    await plans(sql_store, 10, 20, 30)
    again = SqlStore(database, SystemClock())
    assert await found(again) == ["plan 1", "plan 2"]
    await answered(again, question(3, "plan 3"), 5, "p3")
    assert await found(again) == ["plan 3", "plan 2"]


async def test_the_vectors_of_the_team_that_was_searched_last_stay_in_memory(
    sql_store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_vectors, "MOST_BYTES", 8 * 64 + 1)
    for team in ("T1", "T2"):
        where = replace(place(1), team=team)
        await answered(sql_store, ask("m1", "plan", 1, where), 10, "p1")
    assert await found(sql_store) == ["plan"]
    there = replace(scope(), team="T2", but=replace(HERE, team="T2"))
    assert len(await sql_store.similar_answers(there, pointing(0), 9)) == 1
    assert [key[1] for key in sql_store._vectors._teams] == ["T2"]
    assert await found(sql_store) == ["plan"]


async def test_vectors_from_before_their_team_was_known_move_with_it(sql_store: SqlStore) -> None:
    where = replace(place(1), team="")
    await answered(sql_store, ask("m1", "the plan", 1, where), 10, "p1")
    assert await found(sql_store) == []
    await sql_store.adopt("slack", "T1", [""])
    assert await found(sql_store) == ["the plan"]
