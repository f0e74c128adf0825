"""The earlier answers that a turn is offered and cites, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.memory.citations import MOST_NUMBERS
from core.ports.store import Store
from core.values.conversation import Turn, TurnState
from core.values.memory import SourceOpinion
from core.values.places import Person
from core.values.tasks import ANSWER, ContinueAnswer, RelateThreads, RemoveSources
from core.values.turn_ends import Finish
from core.values.ui import Button
from tests.contract.stored import ANN, BEN, ELSEWHERE, NOON, PLACE, accepted, ask

CAY = Person("U3", "Cay")


async def test_each_source_has_one_number_however_often_it_is_found(store: Store) -> None:
    turn = await store.begin((await accepted(store, ask("m1"))).id)
    assert await store.offered_sources(turn.id) == []
    assert await store.offer_sources(turn.id, [7, 5]) == [7, 5]
    assert await store.offer_sources(turn.id, [5, 9, 9]) == [7, 5, 9]
    assert await store.offered_sources(turn.id) == [7, 5, 9]


async def test_there_are_as_many_numbers_as_can_be_cited(store: Store) -> None:
    turn = await store.begin((await accepted(store, ask("m1"))).id)
    assert await store.offer_sources(turn.id, range(1, 200)) == list(range(1, MOST_NUMBERS + 1))


async def test_an_answer_that_begins_anew_was_offered_nothing(store: Store) -> None:
    turn = await store.begin((await accepted(store, ask("m1"))).id)
    await store.offer_sources(turn.id, [7])
    await store.withdraw_sources(turn.id)
    assert await store.offered_sources(turn.id) == []


async def test_what_has_ended_is_offered_nothing_more(store: Store) -> None:
    turn = await store.begin((await accepted(store, ask("m1"))).id)
    await store.offer_sources(turn.id, [7])
    await store.finish(Finish(turn, TurnState.DONE, "See [1]", posted=("p1",)))
    assert await store.offer_sources(turn.id, [8]) == [7]
    await store.withdraw_sources(turn.id)
    assert await store.offered_sources(turn.id) == [7]
    assert await store.offer_sources(404, [8]) == []


async def test_the_footer_of_an_answer_knows_what_it_cites_until_it_is_forgotten(store: Store) -> None:
    turn = await store.begin((await accepted(store, ask("m1"))).id)
    await store.offer_sources(turn.id, [7, 5])
    up = (Button("up", "Up", turn.id),)
    await store.finish(Finish(turn, TurnState.DONE, "See [2]", buttons=up, posted=("p1",), cited=((2, 5),)))
    footer = await store.answer_footer(turn.id)
    assert footer is not None
    assert footer.cited == ((2, 5),)
    assert [one.cited for one in await store.answer_footers(PLACE)] == [((2, 5),)]
    await store.forget_person(PLACE.platform, PLACE.team, ANN.id, NOON)
    assert await store.offered_sources(turn.id) == []
    assert await store.answer_footer(turn.id) is None


OPINIONS = (Button("up", "Up", 0), Button("cited_up", "Source helped", 0), Button("cited_down", "No", 0))
LATER = NOON + timedelta(hours=1)


async def cited_twice(store: Store) -> tuple[Turn, Turn, Turn]:
    """Two answered questions, of Ann and of Ben, and an answer elsewhere that cites both."""
    found = []
    for number, by in enumerate((ANN, BEN)):
        where = replace(PLACE, thread=f"{number}.0")
        turn = await store.begin((await accepted(store, ask(f"m{number}", "plan", number, where, by))).id)
        await store.finish(Finish(turn, TurnState.DONE, "so", posted=(f"p{number}",)))
        found.append(turn)
    one, two = found
    turn = await store.begin((await accepted(store, ask("m9", place=ELSEWHERE, by=CAY))).id)
    cited = ((1, one.id), (2, two.id))
    end = Finish(turn, TurnState.DONE, "See [1] [2]", buttons=OPINIONS, posted=("p9",), cited=cited)
    assert await store.finish(end)
    return one, two, turn


async def shown(store: Store, turn: Turn) -> tuple[tuple[int, ...], list[str]]:
    footer = await store.answer_footer(turn.id)
    assert footer is not None
    return tuple(number for number, _ in footer.cited), [button.action for button in footer.buttons]


@pytest.mark.parametrize("message", ["m0", "p0"])
async def test_a_source_whose_question_or_answer_is_deleted_is_cited_no_more(
    store: Store, message: str
) -> None:
    one, _, citing = await cited_twice(store)
    assert await store.uncite_message(ELSEWHERE, "m9", LATER) == []
    [anew] = await store.uncite_message(replace(one.ask.place, thread=""), message, LATER)
    assert (anew.ask.task, anew.ask.place) == (RemoveSources(citing.id), ELSEWHERE)
    assert await shown(store, citing) == ((2,), ["up", "cited_up", "cited_down"])
    assert [turn.id for turn in await store.open_turns()] == [anew.id], "it is shown after a crash, too"
    assert await store.uncite_message(replace(one.ask.place, thread=""), message, LATER) == []


async def test_without_a_source_there_is_nothing_to_have_an_opinion_of(store: Store) -> None:
    one, two, citing = await cited_twice(store)
    for number, turn in enumerate((one, two)):
        assert len(await store.uncite_thread(turn.ask.place, LATER + timedelta(seconds=number))) == 1
    assert await shown(store, citing) == ((), ["up"])


async def test_a_source_of_a_person_who_is_forgotten_is_cited_no_more(store: Store) -> None:
    _, _, citing = await cited_twice(store)
    assert await store.uncite_person("discord", "", BEN.id, LATER) == []
    assert await store.uncite_person("slack", "T2", BEN.id, LATER) == []
    [anew] = await store.uncite_person("slack", "T1", BEN.id, LATER)
    assert anew.ask.task == RemoveSources(citing.id)
    assert (await shown(store, citing))[0] == (1,)


async def test_an_answer_that_goes_on_keeps_the_numbers_and_one_that_is_made_anew_does_not(
    store: Store,
) -> None:
    for task, offered in ((ContinueAnswer(), [7]), (ANSWER, [])):
        turn = await store.begin((await accepted(store, ask(f"m{task}"))).id)
        await store.offer_sources(turn.id, [7])
        await store.finish(Finish(turn, TurnState.DONE, "See [1]", posted=(f"p{task}",), cited=((1, 7),)))
        again = await store.retry_turn(turn.id, task)
        assert again is not None
        assert await store.offered_sources(again.id) == offered
        assert await store.answer_footer(again.id) is None


async def test_the_words_of_a_post_are_kept_until_its_related_threads_are_found(store: Store) -> None:
    said = ask("related:m1", "why does it creak?")
    turn = await store.begin((await accepted(store, replace(said, task=RelateThreads()))).id)
    assert turn.ask.text == "why does it creak?"
    assert not await store.joined(PLACE)
    await store.finish(Finish(turn, TurnState.DONE, posted=("p1",)))
    ended = await store.turn(turn.id)
    assert ended is not None
    assert (ended.ask.text, ended.posted) == ("", ("p1",))
    assert await store.lines(PLACE) == []
    assert await store.accept(replace(said, task=RelateThreads())) is None, "once a post"


async def test_an_opinion_of_sources_is_one_a_person_and_the_same_again_takes_it_back(store: Store) -> None:
    source = (await accepted(store, ask("m7", "source 7", 7))).id
    other = (await accepted(store, ask("m8", "source 8", 8))).id
    turn = await store.begin((await accepted(store, ask("m9", "where is it?", 9))).id)
    assert await store.rate_sources(turn.id, [source, other], ANN.id, -1, NOON) == -1
    assert await store.rate_sources(turn.id, [source, other], ANN.id, 1, NOON) == 1
    assert await store.rate_sources(turn.id, [source], BEN.id, -1, NOON) == -1
    given = [
        SourceOpinion(source, ANN.id, 1, "where is it?"),
        SourceOpinion(source, BEN.id, -1, "where is it?"),
    ]
    assert await store.opinions_of([source]) == given
    assert await store.opinions_of([]) == []
    assert await store.rate_sources(turn.id, [source, other], ANN.id, 1, NOON) == 0
    assert await store.opinions_of([source, other]) == given[1:]
    assert await store.feedback(source) == []


@pytest.mark.parametrize("what", ["person", "thread"])
async def test_opinions_of_sources_are_forgotten(store: Store, what: str) -> None:
    source = (await accepted(store, ask("m1", "the source", 1))).id
    turn = await store.begin((await accepted(store, ask("m2", "where is it?", 2, ELSEWHERE))).id)
    await store.rate_sources(turn.id, [source], CAY.id, -1, NOON)
    assert len(await store.opinions_of([source])) == 1
    if what == "person":
        await store.forget_person("slack", "T1", CAY.id, NOON + timedelta(days=1))
    else:
        await store.forget_thread(PLACE, NOON + timedelta(days=1))
    assert await store.opinions_of([source]) == []
