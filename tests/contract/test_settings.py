"""Settings, feedback, footers of answers and the removal of a person's data, on both databases and in
memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import StoreError
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.ports.store.settings import Change, StoredSettings
from core.values.conversation import Ask, History, ThreadMessage, Turn, TurnState
from core.values.deltas import Usage
from core.values.places import Person, Place
from core.values.tasks import ANSWER, Summarize
from core.values.turn_ends import AnswerFooter, Finish
from core.values.ui import Button

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ANN = Person("U1", "Ann", "en-GB")
BEN = Person("U2", "Ben")
PLACE = Place("slack", "T1", "C1", "100.1")
CHANNEL = Place("slack", "T1", "C1")
WORKSPACE = Place("slack", "T1", "")


def ask(id: str = "m1", text: str = "why?", after_s: float = 0, place: Place = PLACE, by: Person = ANN) -> Ask:
    return Ask(id, place, by, text, NOON + timedelta(seconds=after_s), addressed=True)


async def answered(store: Store, question: Ask, text: str = "because", tokens: int = 5) -> Turn:
    turn = await store.accept(question)
    assert turn is not None
    turn = await store.begin(turn.id)
    usage = Usage(tokens, 2)
    posted = (f"a-{question.id}",)
    await store.finish(Finish(turn, TurnState.DONE, text, posted=posted, model="m", usage=usage))
    return turn


async def texts(store: Store, until: Ask | None = None, place: Place = PLACE) -> list[str]:
    return [line.text for line in await store.lines(place, until)]


async def test_a_setting_of_a_channel_and_of_its_workspace_come_back_apart(store: Store) -> None:
    await store.change(CHANNEL, {"model": "a", "prompt": "Be brief. 🐈"}, ANN, NOON)
    await store.change(WORKSPACE, {"model": "b"}, ANN, NOON)
    await store.change(Place("slack", "T1", "C2"), {"model": "c"}, ANN, NOON)
    await store.change(Place("slack", "T2", "C1"), {"model": "d"}, ANN, NOON)
    assert await store.stored_settings(PLACE) == StoredSettings(
        {"model": "b"}, {"model": "a", "prompt": "Be brief. 🐈"}
    )
    assert await store.stored_settings(WORKSPACE) == StoredSettings({"model": "b"}, {})


async def test_each_change_is_written_down_with_who_when_old_and_new(store: Store) -> None:
    later = NOON + timedelta(hours=1)
    await store.change(CHANNEL, {"model": "a"}, ANN, NOON)
    changed = await store.change(CHANNEL, {"model": "b", "language": None}, BEN, later)
    assert changed == [Change(CHANNEL, "model", "a", "b", BEN, later)]
    await store.change(WORKSPACE, {"rate": "3"}, ANN, later)
    await store.change(CHANNEL, {"model": None}, ANN, later)
    await store.change(Place("slack", "T1", "C2"), {"model": "z"}, ANN, later)
    assert (await store.stored_settings(PLACE)).channel == {}
    told = [(one.place, one.name, one.old, one.new, one.by.id, one.at) for one in await store.audit(PLACE)]
    assert told == [
        (CHANNEL, "model", "b", None, "U1", later),
        (WORKSPACE, "rate", None, "3", "U1", later),
        (CHANNEL, "model", "a", "b", "U2", later),
        (CHANNEL, "model", None, "a", "U1", NOON),
    ]


async def test_channels_with_a_value_of_their_own_are_found_by_the_settings_name(store: Store) -> None:
    other = Place("slack", "T2", "C1")
    await store.change(CHANNEL, {"listen": "all", "model": "m"}, ANN, NOON)
    await store.change(other, {"listen": "forum"}, ANN, NOON)
    await store.change(WORKSPACE, {"listen": "off"}, ANN, NOON)
    await store.change(replace(CHANNEL, platform="discord"), {"listen": "all"}, ANN, NOON)
    await store.change(replace(CHANNEL, channel="C2"), {"model": "m"}, ANN, NOON)
    found = await store.overrides("slack", "", "listen")
    assert await store.overrides("slack", "T1", "listen") == [(CHANNEL, "all")]
    assert sorted(found, key=lambda one: one[0].key) == [(CHANNEL, "all"), (other, "forum")]
    assert len(await store.overrides("slack", "", "listen", 1)) == 1
    await store.change(CHANNEL, {"listen": None}, ANN, NOON)
    assert await store.overrides("slack", "T2", "listen") == [(other, "forum")]


async def test_the_settings_of_a_platforms_workspaces_are_known_by_workspace(store: Store) -> None:
    await store.change(WORKSPACE, {"rate": "2", "deny": "U6"}, ANN, NOON)
    assert await store.workspaces("slack") == {WORKSPACE.team: {"rate": "2", "deny": "U6"}}
    await store.change(replace(WORKSPACE, team="T9"), {"deny": "U7"}, ANN, NOON)
    await store.change(replace(WORKSPACE, platform="discord"), {"deny": "U8"}, ANN, NOON)
    await store.change(CHANNEL, {"deny": "U9"}, ANN, NOON)
    await store.change(WORKSPACE, {"rate": None}, ANN, NOON)
    assert await store.workspaces("slack") == {WORKSPACE.team: {"deny": "U6"}, "T9": {"deny": "U7"}}


async def test_the_same_value_again_is_no_change(store: Store) -> None:
    await store.change(CHANNEL, {"model": "a"}, ANN, NOON)
    assert await store.change(CHANNEL, {"model": "a"}, BEN, NOON) == []
    assert len(await store.audit(CHANNEL)) == 1


async def test_once_is_true_once(store: Store) -> None:
    assert await store.mark_once("refused/C1/U1")
    assert not await store.mark_once("refused/C1/U1")
    assert await store.mark_once("refused/C1/U2")


async def test_a_person_has_one_opinion_of_an_answer_and_keeps_their_reason(store: Store) -> None:
    turn = await answered(store, ask())
    assert await store.rate(turn.id, Feedback("U1", -1, "", NOON))
    assert await store.rate(turn.id, Feedback("U1", -1, "it is wrong", NOON))
    assert await store.rate(turn.id, Feedback("U2", 1, "", NOON + timedelta(seconds=1)))
    assert await store.rate(turn.id, Feedback("U1", -1, "", NOON))
    assert await store.feedback(turn.id) == [
        Feedback("U1", -1, "it is wrong", NOON),
        Feedback("U2", 1, "", NOON + timedelta(seconds=1)),
    ]
    assert not await store.rate(999, Feedback("U1", 1, "", NOON))


async def test_after_a_reset_lines_stay_and_are_no_context_any_more(store: Store) -> None:
    await answered(store, ask("m1", "old"))
    await store.reset(PLACE, NOON + timedelta(seconds=5))
    new = ask("m2", "new", after_s=10)
    await answered(store, new, "fresh")
    assert await texts(store) == ["old", "because", "new", "fresh"]
    assert await texts(store, until=new) == ["new"]
    assert [line.text for line in (await store.context(new, "m")).lines] == ["new"]
    assert await texts(store, until=ask("m1", "old")) == ["old"], "an old question is answered anew as it was"


async def test_a_thread_that_was_reset_before_anything_is_not_read_from_the_platform(store: Store) -> None:
    await store.reset(PLACE, NOON)
    assert await store.filled(PLACE)
    assert not await store.joined(PLACE)


async def test_a_forgotten_thread_has_no_words_left(store: Store) -> None:
    turn = await answered(store, ask())
    await answered(store, ask("m9", "elsewhere", place=replace(PLACE, thread="2")))
    await store.import_history(PLACE, History((ThreadMessage("m0", BEN, "before", NOON - timedelta(hours=1)),)))
    assert await store.forget_thread(PLACE, NOON + timedelta(seconds=5)) == 3
    assert await texts(store) == []
    kept = await store.turn(turn.id)
    assert kept is not None
    assert (kept.ask.text, kept.text, kept.ask.author.id) == ("", "", "U1")
    assert await texts(store, place=replace(PLACE, thread="2")) == ["elsewhere", "because"]
    assert (await store.usage_totals(NOON, NOON + timedelta(hours=1))).questions == 2
    assert await store.accept(ask()) is None, "what was answered is not answered again"


async def test_what_is_heard_late_does_not_come_back_into_a_thread_begun_afresh(store: Store) -> None:
    await store.reset(PLACE, NOON + timedelta(seconds=5))
    assert not await store.note(ask("m1", "heard late"))
    assert await store.note(ask("m2", "said since", after_s=5))
    assert await texts(store) == ["said since"]


async def test_a_forgotten_person_leaves_no_words_and_no_name(store: Store) -> None:
    mine = await answered(store, ask("m1", "my secret"))
    other = await answered(store, ask("m2", "hers", after_s=1, by=BEN), "for Ben")
    await store.note(ask("m3", "an aside", after_s=2))
    await store.rate(other.id, Feedback("U1", -1, "mine too", NOON))
    elsewhere = Place("discord", "G1", "C1", "1")
    await answered(store, ask("m4", "same id, other platform", place=elsewhere))
    assert await store.forget_person("slack", "T1", "U1", NOON) == 2
    assert await texts(store) == ["hers", "for Ben"]
    assert await texts(store, place=elsewhere) == ["same id, other platform", "because"]
    turn = await store.turn(mine.id)
    assert turn is not None
    assert (turn.ask.text, turn.text, turn.ask.author) == ("", "", Person(""))
    assert await store.feedback(other.id) == []
    hour = timedelta(hours=1)
    assert (await store.usage_totals(NOON, NOON + hour, WORKSPACE)).questions == 2, "usage stays, as nobody's"
    assert (await store.usage_totals(NOON, NOON + hour, WORKSPACE, person="U1")).questions == 0
    assert await store.messages_by_person("slack", "T1", "U1") == []


@pytest.mark.parametrize("begun", [True, False], ids=["being answered", "waiting"])
@pytest.mark.parametrize("whose", ["thread", "person"])
async def test_nothing_comes_back_of_what_was_forgotten_before_its_answer(
    store: Store, whose: str, begun: bool
) -> None:
    turn = await store.accept(ask("m1", "still open"))
    assert turn is not None
    if begun:
        turn = await store.begin(turn.id)
        await store.checkpoint([(turn.id, "half", ("p1",))])
    if whose == "thread":
        await store.forget_thread(PLACE, NOON + timedelta(seconds=5))
    else:
        await store.forget_person("slack", "T1", "U1", NOON)
    await store.checkpoint([(turn.id, "half of it", ("p1",))])
    used = Finish(turn, TurnState.DONE, "all of it", posted=("p1",), model="m", usage=Usage(5, 2))
    await store.finish(used)
    await store.finish(used)
    assert await texts(store) == []
    assert await store.answer_footers(PLACE) == []
    until = NOON + timedelta(hours=1)
    assert (await store.usage_totals(NOON, until)).prompt_tokens == 5, "what it took was taken all the same"
    theirs = await store.usage_totals(NOON, until, WORKSPACE, person="U1")
    assert theirs.prompt_tokens == (5 if whose == "thread" else 0)
    kept = await store.turn(turn.id)
    assert kept is not None
    assert (kept.state, kept.ask.text, kept.text) == (TurnState.STOPPED, "", "")
    assert await store.open_turns() == []
    with pytest.raises(StoreError) as refused:
        await store.begin(turn.id)
    assert not refused.value.retryable


async def test_belongings_are_what_a_person_said_and_what_was_answered(store: Store) -> None:
    await answered(store, ask("m1", "mine"))
    await answered(store, ask("m2", "hers", after_s=1, by=BEN), "for Ben")
    await answered(store, ask("m3", "mine too", after_s=2, place=replace(PLACE, thread="7")), "yes")
    found = await store.messages_by_person("slack", "T1", "U1")
    assert [(place.thread, entry.text) for place, entry in found] == [
        ("100.1", "mine"),
        ("100.1", "because"),
        ("7", "mine too"),
        ("7", "yes"),
    ]


async def test_the_same_id_in_another_team_is_another_person_unless_all_teams_are_meant(store: Store) -> None:
    other = replace(PLACE, team="T2")
    for place in (PLACE, other):
        await answered(store, ask("m1", f"in {place.team}", place=place))
    assert [entry.text for _, entry in await store.messages_by_person("slack", "T2", "U1")] == [
        "in T2",
        "because",
    ]
    assert len(await store.messages_by_person("slack", "", "U1")) == 4
    assert await store.forget_person("slack", "T2", "U1", NOON) == 1
    assert await store.lines(other) == []
    assert [line.text for line in await store.lines(PLACE)] == ["in T1", "because"]
    assert await store.forget_person("slack", "", "U1", NOON) == 1
    assert await store.lines(PLACE) == []


async def test_usage_of_a_person_a_channel_and_a_workspace(store: Store) -> None:
    await answered(store, ask("m1"), tokens=1)
    await answered(store, ask("m2", by=BEN), tokens=10)
    await answered(store, ask("m3", place=Place("slack", "T1", "C2", "1")), tokens=100)
    await answered(store, ask("m4", place=Place("slack", "T2", "C1", "1")), tokens=1000)
    until = NOON + timedelta(hours=1)

    async def tokens(place: Place | None, person: str = "") -> int:
        return (await store.usage_totals(NOON, until, place, person)).prompt_tokens

    assert await tokens(None) == 1111
    assert await tokens(WORKSPACE) == 111
    assert await tokens(PLACE) == 11
    assert await tokens(PLACE, "U1") == 1
    assert await tokens(WORKSPACE, "U1") == 101


async def test_a_summary_is_a_line_of_its_thread_and_joins_it(store: Store) -> None:
    question = replace(ask("m1", "/summarize"), task=Summarize(False, 500))
    await answered(store, question, "In short: yes.")
    assert await texts(store) == ["/summarize", "In short: yes."]
    assert await store.joined(PLACE)


async def ended(store: Store, question: Ask, text: str = "because", notice: str = "", *actions: str) -> Turn:
    """A turn that ended with a footer; without words it has no message either."""
    accepted = await store.accept(question)
    assert accepted is not None
    turn = await store.begin(accepted.id)
    buttons = tuple(Button(action, f"label of {action}", turn.id) for action in actions)
    posted = (f"a-{question.id}",) if text else ()
    await store.finish(Finish(turn, TurnState.DONE, text, notice, buttons, posted, model="m"))
    return turn


async def test_what_stands_under_an_answer_comes_back(store: Store) -> None:
    await ended(store, ask("m1"), "one", "", "regenerate", "up")
    await ended(store, ask("m2", after_s=1), "two")
    failed = await ended(store, ask("m3", after_s=2), "", "I can't reach it. 猫", "again")
    await ended(store, ask("m4", place=replace(PLACE, thread="2")), "elsewhere", "", "up")
    await store.accept(ask("m5", after_s=3))
    found = await store.answer_footers(PLACE)
    assert [(one.message_id, one.question, one.notice) for one in found] == [
        ("a-m1", "m1", ""),
        (f"turn-{failed.id}", "m3", "I can't reach it. 猫"),
    ]
    assert found[0].at == NOON
    assert found[1].buttons == (Button("again", "label of again", failed.id),)
    assert [button.action for button in found[0].buttons] == ["regenerate", "up"]
    assert [one.question for one in await store.answer_footers(PLACE, limit=1)] == ["m3"]


async def test_nothing_stands_under_what_was_taken_up_again(store: Store) -> None:
    first = await ended(store, ask(), "half", "Cut.", "again")
    again = await store.retry_turn(first.id, ANSWER)
    assert again is not None
    assert await store.answer_footers(PLACE) == []
    turn = await store.begin(again.id)
    up = (Button("up", "+", turn.id),)
    await store.finish(Finish(turn, TurnState.DONE, "whole", "", up, ("p2",), model="m"))
    assert await store.answer_footers(PLACE) == [AnswerFooter("p2", "m1", NOON, "", up)]


async def test_nothing_stands_under_what_was_forgotten(store: Store) -> None:
    await ended(store, ask("m1"), "one", "Stopped.", "again")
    await store.forget_thread(PLACE, NOON + timedelta(seconds=5))
    assert await store.answer_footers(PLACE) == []
    await ended(store, ask("m2", after_s=9), "two", "Stopped.", "again")
    await store.forget_person("slack", "T1", "U1", NOON)
    assert await store.answer_footers(PLACE) == []
