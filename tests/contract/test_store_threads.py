"""Threads, their messages and the watermarks of installations on every store."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ports.store import Store
from core.values.conversation import History, ThreadMessage, TurnState
from core.values.deltas import Usage
from core.values.events import Deleted, Edited
from core.values.parts import File, FileProblem, Text
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from tests.contract.stored import (
    ANN,
    ATTACHED,
    BEN,
    ELSEWHERE,
    FILE,
    NOON,
    PLACE,
    QUOTE,
    accepted,
    answered,
    ask,
    texts,
)


class TestAttached:
    """The parts of a message beside the words that its author typed."""

    async def test_it_is_kept_with_the_message_and_with_the_turn(self, store: Store) -> None:
        turn = await accepted(store, replace(ask(), attached=ATTACHED))
        assert (await store.lines(PLACE))[0].attached == ATTACHED
        assert await store.open_turns() == [turn]
        await store.import_history(PLACE, History((ThreadMessage("h1", BEN, "", NOON, attached=ATTACHED),)))
        assert [line.attached for line in await store.lines(PLACE)] == [ATTACHED, ATTACHED]

    async def test_the_content_of_a_file_outlasts_an_edit_as_long_as_the_file_is_there(
        self, store: Store
    ) -> None:
        await store.note(replace(ask(), attached=ATTACHED))
        read = replace(FILE, text="Loom, in words")
        await store.put_file(PLACE, "m1", read)
        await store.put_file(PLACE, "m9", read)
        await store.put_file(PLACE, "m1", replace(read, source="F9"))
        assert (await store.lines(PLACE))[0].attached == (ATTACHED[0], read, *ATTACHED[2:])
        await store.edit(Edited(PLACE, "m1", "new", (FILE,)))
        assert (await store.lines(PLACE))[0].attached == (read,)
        await store.edit(Edited(PLACE, "m1", "newer"))
        assert (await store.lines(PLACE))[0].attached == ()

    async def test_what_a_second_delivery_has_more_is_added_once(self, store: Store) -> None:
        await store.note(replace(ask(), attached=ATTACHED[:1]))
        assert await store.add_attached(replace(PLACE, thread=""), "m1", ATTACHED)
        assert (await store.lines(PLACE))[0].attached == ATTACHED
        assert not await store.add_attached(PLACE, "m1", ATTACHED)
        assert not await store.add_attached(PLACE, "m1", [replace(FILE, name="other")])
        assert not await store.add_attached(PLACE, "m9", ATTACHED)

    async def test_what_a_second_delivery_of_a_held_question_has_more_is_added_once(self, store: Store) -> None:
        await store.hold(replace(ask(), attached=ATTACHED[:1]))
        assert await store.add_attached(replace(PLACE, thread=""), "m1", ATTACHED)
        assert not await store.add_attached(PLACE, "m1", [replace(FILE, name="other")])
        assert [turn.ask.attached for turn in await store.held_turns()] == [ATTACHED]

    async def test_a_file_that_is_gone_leaves_its_name_and_nothing_of_its_content(self, store: Store) -> None:
        await store.note(replace(ask(), attached=(FILE,)))
        await store.put_file(PLACE, "m1", replace(FILE, text="Loom, in words"))
        gone = File("", problem=FileProblem.NOT_FOUND, source=FILE.source)
        await store.edit(Edited(PLACE, "m1", "new", (gone,)))
        assert (await store.lines(PLACE))[0].attached == (replace(gone, name=FILE.name),)

    async def test_a_file_that_is_removed_while_it_is_read_keeps_nothing_of_its_content(
        self, store: Store
    ) -> None:
        await store.note(replace(ask(), attached=(FILE,)))
        gone = replace(FILE, problem=FileProblem.NOT_FOUND)
        await store.edit(Edited(PLACE, "m1", "new", (gone,)))
        await store.put_file(PLACE, "m1", replace(FILE, text="Loom, in words"))
        assert (await store.lines(PLACE))[0].attached == (gone,)

    async def test_an_edit_changes_it_in_a_held_turn(self, store: Store) -> None:
        await store.hold(replace(ask(), attached=ATTACHED))
        await store.edit(Edited(PLACE, "m1", "new", ATTACHED[:1]))
        assert [turn.ask.attached for turn in await store.held_turns()] == [ATTACHED[:1]]

    async def test_forgetting_a_person_removes_their_words_where_others_quote_them(self, store: Store) -> None:
        turn = await accepted(store, replace(ask(), attached=ATTACHED))
        elsewhere = await accepted(
            store, replace(ask("m3", place=replace(PLACE, team="T2")), attached=ATTACHED)
        )
        await store.note(replace(ask("m2", by=BEN), attached=(replace(QUOTE, author_id="U5_"), *ATTACHED)))
        await store.forget_person("slack", "T1", QUOTE.author_id, NOON)
        other = replace(QUOTE, author_id="U5_")
        assert [line.attached for line in await store.lines(PLACE)] == [ATTACHED[1:], (other, *ATTACHED[1:])]
        stored = [await store.turn(id_) for id_ in (turn.id, elsewhere.id)]
        assert [one.ask.attached for one in stored if one] == [ATTACHED[1:], ATTACHED]
        await store.forget_person("slack", "T1", ANN.id, NOON)
        again = await store.turn(turn.id)
        assert again is not None
        assert again.ask.attached == ()

    async def test_what_no_database_takes_as_text_is_left_out(self, store: Store) -> None:
        await store.note(replace(ask(), attached=(Text("a\0b\ud800"),)))
        assert (await store.lines(PLACE))[0].attached == (Text("ab?"),)


class TestDeleted:
    async def test_a_deleted_message_does_not_come_back_by_a_late_delivery(self, store: Store) -> None:
        await store.note(ask("m1"))
        for message in ("m1", "m2"):
            await store.delete(Deleted(replace(PLACE, thread=""), message))
            assert not await store.note(ask(message))
            assert (await store.accept(ask(message)), await store.hold(ask(message))) == (None, None)
        assert await texts(store) == []

    async def test_nor_by_a_history_that_was_read_before(self, store: Store) -> None:
        there = replace(PLACE, channel="C2")
        read = [ThreadMessage(f"m{number}", BEN, f"line {number}", NOON) for number in (1, 2)]
        await store.delete(Deleted(PLACE, "m1"))
        for place in (PLACE, there):
            await store.import_history(place, History(tuple(read)))
        assert await texts(store) == ["line 2"]
        assert await texts(store, place=there) == ["line 1", "line 2"]


class TestJoining:
    async def test_a_place_is_joined_by_an_accepted_ask_and_by_nothing_else(self, store: Store) -> None:
        assert not await store.joined(PLACE)
        await store.note(ask("m0"))
        await store.import_history(PLACE, History((ThreadMessage("h1", BEN, "hi", NOON),)))
        assert not await store.joined(PLACE)
        await store.accept(ask("m1"))
        assert await store.joined(PLACE)
        await store.note(ask("m2"))
        assert await store.joined(PLACE)
        assert not await store.joined(ELSEWHERE)

    async def test_it_is_joined_as_of_the_earliest_question(self, store: Store) -> None:
        assert await store.joined_at(PLACE) is None
        await store.note(ask("m0", after_s=-9))
        assert await store.joined_at(PLACE) is None
        for id_, after_s, earliest_s in (("m1", 2, 2), ("m2", 5, 2), ("m3", 1, 1)):
            await store.accept(ask(id_, after_s=after_s))
            assert await store.joined_at(PLACE) == NOON + timedelta(seconds=earliest_s)
        await store.note(ask("m4"))
        assert await store.joined_at(PLACE) == NOON + timedelta(seconds=1)
        assert await store.joined_at(ELSEWHERE) is None

    async def test_direct_is_no_part_of_the_address(self, store: Store) -> None:
        await store.accept(ask())
        assert await store.joined(replace(PLACE, direct=True))


class TestNotes:
    async def test_a_note_is_a_line_and_no_turn(self, store: Store) -> None:
        assert await store.note(ask()) is True
        assert await store.note(ask()) is False
        assert await store.lines(PLACE) == [ThreadMessage("m1", ANN, "why?", NOON)]
        assert await store.open_turns() == []

    async def test_an_edit_changes_the_line_but_not_the_turn(self, store: Store) -> None:
        turn = await accepted(store, ask())
        assert await store.edit(Edited(PLACE, "m1", "why not?"))
        assert await texts(store) == ["why not?"]
        assert await store.turn(turn.id) == turn

    async def test_an_edit_that_changes_nothing_is_false(self, store: Store) -> None:
        await store.note(replace(ask(text="why\0?"), attached=ATTACHED))
        await store.put_file(PLACE, "m1", replace(FILE, text="read"))
        assert not await store.edit(Edited(PLACE, "m1", "why?", ATTACHED))
        assert not await store.edit(Edited(PLACE, "m1", "why\0?", ATTACHED))
        assert await store.edit(Edited(PLACE, "m1", "why?", ATTACHED[:1]))

    async def test_an_edit_finds_its_line_without_knowing_the_thread(self, store: Store) -> None:
        await store.note(ask())
        assert await store.edit(Edited(replace(PLACE, thread=""), "m1", "new"))
        assert await texts(store) == ["new"]

    async def test_edits_and_deletions_of_what_is_unknown_are_false(self, store: Store) -> None:
        await store.note(ask())
        for place in (replace(PLACE, team="T2"), replace(PLACE, channel="C2")):
            assert not await store.edit(Edited(place, "m1", "new"))
            assert not await store.delete(Deleted(place, "m1"))
        assert not await store.edit(Edited(PLACE, "m9", "new"))
        assert not await store.delete(Deleted(PLACE, "m9"))
        assert await texts(store) == ["why?"]

    async def test_an_edit_of_the_bots_own_message_leaves_the_answer_alone(self, store: Store) -> None:
        await answered(store, ask(), "page one, page two", "p1", "p2")
        assert not await store.edit(Edited(PLACE, "p1", "page one"))
        assert await texts(store) == ["why?", "page one, page two"]

    @pytest.mark.parametrize("thread", ["", PLACE.thread])
    async def test_a_deleted_message_leaves_the_thread(self, store: Store, thread: str) -> None:
        turn = await accepted(store, ask())
        assert await store.delete(Deleted(replace(PLACE, thread=thread), "m1"))
        assert not await store.delete(Deleted(replace(PLACE, thread=thread), "m1"))
        assert await store.lines(PLACE) == []
        assert await store.open_turns() == [turn]
        assert await store.accept(ask()) is None


class TestFilling:
    async def test_history_stands_before_the_question_and_tells_everyone_apart(self, store: Store) -> None:
        bot = Person("B1", "Another", bot=True)
        entries = (
            ThreadMessage("h1", BEN, "first", NOON - timedelta(minutes=2)),
            ThreadMessage("h2", bot, "second", NOON - timedelta(minutes=1)),
            ThreadMessage("h3", Person("me"), "mine", NOON - timedelta(seconds=1), mine=True),
        )
        question = ask()
        await store.accept(question)
        await store.import_history(PLACE, History(entries))
        assert await store.lines(PLACE) == [*entries, ThreadMessage("m1", ANN, "why?", NOON)]

    async def test_a_known_line_stays_as_it_is(self, store: Store) -> None:
        await store.note(ask(text="as edited"))
        await store.import_history(PLACE, History((ThreadMessage("m1", BEN, "as it was", NOON),)))
        assert await store.lines(PLACE) == [ThreadMessage("m1", ANN, "as edited", NOON)]

    async def test_only_a_complete_history_fills_a_place_and_for_good(self, store: Store) -> None:
        assert not await store.filled(PLACE)
        await store.import_history(PLACE, History((), complete=False))
        assert not await store.filled(PLACE)
        await store.import_history(PLACE, History())
        assert await store.filled(PLACE)
        await store.import_history(PLACE, History((), complete=False))
        await store.accept(ask())
        assert await store.filled(PLACE)
        assert not await store.filled(ELSEWHERE)

    async def test_pages_of_our_own_answers_are_not_read_back_as_lines(self, store: Store) -> None:
        await answered(store, ask(), "one two", "p1", "p2")
        running = await accepted(store, ask("m2", "and?", after_s=9))
        await store.checkpoint([(running.id, "thr", ("p3",))])
        pages = (
            ThreadMessage(f"p{n}", Person("me"), "a page", NOON + timedelta(seconds=n), mine=True)
            for n in (1, 2, 3)
        )
        await store.import_history(PLACE, History(tuple(pages)))
        await store.finish(Finish(running, TurnState.DONE, "three", posted=("p3",)))
        assert await texts(store) == ["why?", "one two", "and?", "three"]

    async def test_an_answer_stands_in_its_place_though_history_told_of_it_first(self, store: Store) -> None:
        question = ask()
        turn = await accepted(store, question)
        late = ThreadMessage("p1", Person("me"), "beca", NOON + timedelta(seconds=5), mine=True)
        await store.import_history(PLACE, History((late,)))
        await store.finish(Finish(turn, TurnState.DONE, "because", posted=("p1",)))
        assert [(line.text, line.anchor) for line in await store.lines(PLACE)] == [
            ("why?", ""),
            ("because", "m1"),
        ]


class TestLines:
    async def test_an_answer_stands_behind_its_question_whenever_it_was_finished(self, store: Store) -> None:
        first, second = ask("m1", "one?"), ask("m2", "two?", after_s=1)
        one, two = await accepted(store, first), await accepted(store, second)
        await store.note(ask("m3", "by the way", after_s=2, by=BEN))
        await store.finish(Finish(two, TurnState.DONE, "two!", posted=("p2",)))
        await store.finish(Finish(one, TurnState.DONE, "one!", posted=("p1",)))
        lines = await store.lines(PLACE)
        assert [line.text for line in lines] == ["one?", "one!", "two?", "two!", "by the way"]
        assert [(line.id, line.mine, line.anchor) for line in lines if line.mine] == [
            ("p1", True, "m1"),
            ("p2", True, "m2"),
        ]
        assert lines[1].at == first.at

    async def test_until_an_ask_ends_at_its_own_line(self, store: Store) -> None:
        first, second = ask("m1", "one?"), ask("m2", "two?", after_s=1)
        await answered(store, first, "one!")
        await answered(store, second, "two!")
        await store.note(ask("m3", "later", after_s=2))
        assert await texts(store, until=first) == ["one?"]
        assert await texts(store, until=second) == ["one?", "one!", "two?"]

    async def test_until_works_though_the_question_was_deleted(self, store: Store) -> None:
        first, second = ask("m1", "one?"), ask("m2", "two?", after_s=1)
        await answered(store, first, "one!")
        await answered(store, second, "two!")
        await store.delete(Deleted(PLACE, "m2"))
        assert await texts(store, until=second) == ["one?", "one!"]

    async def test_the_limit_keeps_the_newest(self, store: Store) -> None:
        for n in range(5):
            await store.note(ask(f"m{n}", f"{n}", after_s=n))
        assert [line.text for line in await store.lines(PLACE, limit=2)] == ["3", "4"]
        assert [line.text for line in await store.lines(PLACE, ask("m3", after_s=3), 2)] == ["2", "3"]

    async def test_no_line_of_another_place_is_among_them(self, store: Store) -> None:
        await store.note(ask())
        for n, place in enumerate((ELSEWHERE, replace(PLACE, team="T2"), replace(PLACE, channel="C2"))):
            await store.note(ask(f"x{n}", place=place))
        assert [line.id for line in await store.lines(PLACE)] == ["m1"]

    @settings(max_examples=10)
    @given(moments=st.lists(st.tuples(st.integers(0, 2), st.integers()), min_size=1, max_size=5))
    async def test_whatever_the_clocks_say_each_answer_follows_its_question(
        self, store: Store, moments: list[tuple[int, int]]
    ) -> None:
        place = replace(PLACE, thread=secrets.token_hex(8))
        turns = []
        for n, (after_s, finished) in enumerate(moments):
            name = f"{90 - n}-{place.thread}"
            turns.append((finished, await accepted(store, ask(name, name, after_s, place))))
        for _, turn in sorted(turns, key=lambda pair: pair[0]):
            await store.finish(Finish(turn, TurnState.DONE, f"to {turn.ask.id}"))
        lines = await texts(store, place=place)
        assert len(lines) == 2 * len(turns)
        assert all(answer == f"to {question}" for question, answer in zip(lines[::2], lines[1::2], strict=True))


class TestThreads:
    async def test_the_newest_threads_of_a_team_come_first(self, store: Store) -> None:
        direct = replace(ELSEWHERE, direct=True)
        await store.accept(ask("m1", "an  old\nquestion"))
        await store.accept(ask("m2", "new", after_s=60, place=direct))
        await store.accept(ask("m3", "other team", place=replace(PLACE, team="T2")))
        await store.note(ask("m4", "not joined", place=replace(PLACE, thread="300.3")))
        listed = await store.threads("slack", "T1")
        assert [(one.place, one.title, one.at) for one in listed] == [
            (direct, "new", NOON + timedelta(seconds=60)),
            (PLACE, "an old question", NOON),
        ]
        assert listed[0].place.direct
        assert [one.title for one in await store.threads("slack", "T1", limit=1)] == ["new"]

    async def test_a_new_line_moves_its_thread_up_and_an_old_one_does_not_move_it_down(
        self, store: Store
    ) -> None:
        await store.accept(ask("m1", "first"))
        await store.accept(ask("m2", "second", after_s=60, place=ELSEWHERE))
        await store.note(ask("m3", after_s=120))
        await store.import_history(
            PLACE, History((ThreadMessage("h1", BEN, "root", NOON - timedelta(hours=1)),))
        )
        assert [(one.title, one.at) for one in await store.threads("slack", "T1")] == [
            ("root", NOON + timedelta(seconds=120)),
            ("second", NOON + timedelta(seconds=60)),
        ]

    async def test_a_title_is_short_and_follows_edits_and_deletions(self, store: Store) -> None:
        await answered(store, ask(text="word " * 100))
        (listed,) = await store.threads("slack", "T1")
        assert len(listed.title) <= 80
        assert listed.title.startswith("word word")
        assert listed.title.endswith("…")
        await store.edit(Edited(PLACE, "m1", "short"))
        assert (await store.threads("slack", "T1"))[0].title == "short"
        await store.delete(Deleted(PLACE, "m1"))
        assert (await store.threads("slack", "T1"))[0].title == ""

    async def test_a_first_message_of_files_alone_gives_their_names_as_the_title(self, store: Store) -> None:
        await store.accept(replace(ask(text=" "), attached=ATTACHED))
        assert [one.title for one in await store.threads("slack", "T1")] == ["loom.pdf, x.zip"]


class TestCatchingUp:
    async def test_live_places_are_the_joined_ones_with_something_new_newest_first(self, store: Store) -> None:
        direct = Place("slack", "T1", "D1", "400.4", direct=True)
        await accepted(store, ask("m1", after_s=-100))
        await accepted(store, ask("m2", after_s=1, place=ELSEWHERE))
        await accepted(store, ask("m3", after_s=2, place=direct))
        await accepted(store, ask("m4", after_s=3, place=replace(PLACE, platform="discord")))
        await store.note(ask("m5", after_s=4, place=replace(PLACE, thread="500.5")))
        assert await store.active_threads("slack", "T1", NOON) == [direct, ELSEWHERE]
        assert (await store.active_threads("slack", "T1", NOON))[0].direct
        assert await store.active_threads("slack", "T1", NOON - timedelta(seconds=100), limit=2) == [
            direct,
            ELSEWHERE,
        ]
        await store.note(ask("m6", after_s=5))
        assert (await store.active_threads("slack", "T1", NOON))[0] == PLACE

    async def test_what_was_heard_moves_on_and_never_back(self, store: Store) -> None:
        assert await store.watermark("slack", "T1") is None
        for until in (NOON, NOON + timedelta(seconds=5), NOON + timedelta(seconds=1)):
            await store.advance_watermark("slack", "T1", until)
        assert await store.watermark("slack", "T1") == NOON + timedelta(seconds=5)
        assert await store.watermark("discord", "900") is None

    async def test_a_context_is_all_that_a_prompt_needs(self, store: Store) -> None:
        turn = await accepted(store, ask())
        await store.finish(
            Finish(turn, TurnState.DONE, "because", model="m", usage=Usage(7, 3), estimate_tokens=6)
        )
        await store.import_history(PLACE, History())
        question = ask("m2", after_s=1)
        await accepted(store, question)
        context = await store.context(question, "m")
        assert [line.text for line in context.lines] == ["why?", "because", "why?"]
        assert context.filled
        assert context.spent == await store.last_usage(PLACE, "m") is not None
        before = await store.context(ask(), "other", limit=1)
        assert [line.id for line in before.lines] == ["m1"]
        assert before.spent is None
