"""What every `Store` must do, on every database."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event, text

from core.clock import SystemClock
from core.errors import Code, StoreError
from core.ports.files import FileContent
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.ports.store.settings import Change
from core.ports.store.threads import PROCESS
from core.values.conversation import Ask, History, ThreadMessage, Turn, TurnState
from core.values.deltas import EndReason, Usage
from core.values.events import Deleted, Edited
from core.values.parts import File, FileProblem, Quote, Text, ToolCall, ToolResult, Unread
from core.values.places import Person, Place
from core.values.steps import ApprovalAnswered, ApprovalAsked, ModelRound, ToolResults
from core.values.tasks import ANSWER, Alert, ContinueAnswer, ReportUsage, Summarize, Task
from core.values.tools import ToolGrant
from core.values.turn_ends import Finish
from core.values.usage import LastUsage, UsageTotals
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ANN = Person("U1", "Ann", "en-GB")
BEN = Person("U2", "Ben")
PLACE = Place("slack", "T1", "C1", "100.1")
ELSEWHERE = Place("slack", "T1", "C1", "200.2")
QUOTE = Quote("ship it", "Eve", "#releases", "U5")
FILE = File("loom.pdf", "application/pdf", size=12, source="F1")
ATTACHED = (
    QUOTE,
    FILE,
    Text("a | b"),
    Unread("list"),
    File("x.zip", problem=FileProblem.UNKNOWN_TYPE, source="F2"),
)


def ask(id: str = "m1", text: str = "why?", after_s: float = 0, place: Place = PLACE, by: Person = ANN) -> Ask:
    return Ask(id, place, by, text, NOON + timedelta(seconds=after_s), addressed=True)


async def accepted(store: Store, question: Ask) -> Turn:
    turn = await store.accept(question)
    assert turn is not None
    return turn


async def answered(store: Store, question: Ask, text: str = "because", *posted: str) -> Turn:
    turn = await store.begin((await accepted(store, question)).id)
    await store.finish(Finish(turn, TurnState.DONE, text, posted=posted, model="m"))
    return turn


async def texts(store: Store, until: Ask | None = None, place: Place = PLACE) -> list[str]:
    return [line.text for line in await store.lines(place, until)]


@pytest_asyncio.fixture
async def database(sql_store: SqlStore, database_url: str) -> AsyncIterator[Database]:
    """The same database, past the store."""
    beside = Database(DatabaseSettings(database_url=database_url).url)
    yield beside
    await beside.close()


class TestAccept:
    async def test_everything_about_an_ask_comes_back(self, store: Store) -> None:
        question = Ask(
            id="m1",
            place=Place("discord", "G1", "C1", "", direct=True),
            author=Person("U1", "Ann", "zh-CN"),
            text="猫? 🐈\n'; DROP TABLE turns; --",
            at=NOON,
            addressed=True,
            to_others=True,
            replies_to="m0",
            interaction_token="a-ticket",
        )
        turn = await accepted(store, question)
        assert turn == Turn(turn.id, question)
        assert await store.turn(turn.id) == turn

    async def test_it_is_on_disk_when_accept_returns(self, sql_store: SqlStore, database_url: str) -> None:
        turn = await accepted(sql_store, ask())
        other = await open_store(DatabaseSettings(database_url=database_url), SystemClock())
        assert await other.open_turns() == [turn]
        await other.close()

    async def test_a_redelivered_ask_is_none_also_after_it_was_answered(self, store: Store) -> None:
        await answered(store, ask())
        assert await store.accept(ask()) is None
        assert await store.open_turns() == []
        assert await texts(store) == ["why?", "because"]

    async def test_of_many_deliveries_at_once_one_becomes_a_turn(self, store: Store) -> None:
        turns = await asyncio.gather(*(store.accept(ask()) for _ in range(20)))
        assert len([turn for turn in turns if turn]) == 1
        assert len(await store.open_turns()) == 1

    async def test_the_same_id_in_another_team_or_channel_is_another_ask(self, store: Store) -> None:
        for place in (
            PLACE,
            replace(PLACE, team="T2"),
            replace(PLACE, channel="C2"),
            replace(PLACE, platform="x"),
        ):
            assert await store.accept(ask(place=place)) is not None

    async def test_a_line_that_was_noted_first_is_not_doubled(self, store: Store) -> None:
        await store.note(ask())
        assert await store.accept(ask()) is not None
        assert await texts(store) == ["why?"]

    async def test_what_no_database_takes_is_left_out_of_texts(self, store: Store) -> None:
        turn = await accepted(store, ask(text="a\0b \ud83d c"))
        await store.finish(Finish(turn, TurnState.DONE, "x\0y \udc00", model="m"))
        assert await texts(store) == ["ab ? c", "xy ?"]


class TestHold:
    async def test_what_is_held_is_no_line_and_no_open_turn_and_joins_nothing(self, store: Store) -> None:
        held = await store.hold(ask())
        assert held is not None
        assert await store.hold(ask()) == replace(held, ask=held.ask), "redelivered while it is held"
        assert await store.accept(ask()) is None
        assert [turn.id for turn in await store.held_turns()] == [held.id]
        assert (await store.open_turns(), await texts(store), await store.joined(PLACE)) == ([], [], False)
        author = (await store.held_turns())[0].ask.author
        assert (author.guest, author.external) == (None, None)

    async def test_what_is_admitted_is_as_if_it_had_been_accepted(self, store: Store) -> None:
        held = await store.hold(ask(by=Person("U1", "U1")))
        assert held is not None
        admitted = await store.admit(held.id, ANN)
        assert admitted == Turn(held.id, ask())
        assert (await store.open_turns(), await texts(store), await store.joined(PLACE)) == (
            [admitted],
            ["why?"],
            True,
        )
        assert await store.hold(ask()) is None
        assert await store.admit(held.id, ANN) is None
        await store.discard(held.id)
        assert await store.open_turns() == [admitted], "only what is held is discarded"

    async def test_nothing_is_left_of_what_is_discarded_or_deleted(
        self, sql_store: SqlStore, database: Database
    ) -> None:
        first, second = await sql_store.hold(ask("m1")), await sql_store.hold(ask("m2"))
        assert first is not None
        assert second is not None
        await sql_store.discard(first.id)
        assert await sql_store.delete(Deleted(PLACE, "m2"))
        assert not await sql_store.delete(Deleted(PLACE, "m2"))
        assert await sql_store.held_turns() == []
        left = await database.read(lambda connection: connection.scalar(text("SELECT count(*) FROM turns")))
        assert left == 0
        again = await sql_store.hold(ask("m1"))
        assert again is not None
        assert again.id > second.id

    async def test_an_edit_changes_what_is_held_and_forgetting_ends_it(self, store: Store) -> None:
        held, other = await store.hold(ask()), await store.hold(ask("m2", by=BEN))
        assert held is not None
        assert other is not None
        assert await store.edit(Edited(PLACE, "m1", "how?"))
        await store.forget_person("slack", "T1", BEN.id, NOON)
        assert [turn.ask.text for turn in await store.held_turns()] == ["how?"]
        assert await store.admit(other.id, BEN) is None
        await store.recover(NOON)
        assert await store.open_turns() == []


class TestAttached:
    """What a message holds beside the words that its author typed."""

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

    async def test_a_file_that_is_gone_leaves_its_name_and_nothing_of_its_content(self, store: Store) -> None:
        await store.note(replace(ask(), attached=(FILE,)))
        await store.put_file(PLACE, "m1", replace(FILE, text="Loom, in words"))
        gone = File("", problem=FileProblem.NOT_FOUND, source=FILE.source)
        await store.edit(Edited(PLACE, "m1", "new", (gone,)))
        assert (await store.lines(PLACE))[0].attached == (replace(gone, name=FILE.name),)

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


class TestUploads:
    """Small copies of the pictures of messages."""

    PICTURE = FileContent("cat.jpg", "image/jpeg", b"\xff\xd8\x00")

    async def uploaded(self, store: Store, question: Ask, *sources: str) -> None:
        content = dict.fromkeys(sources, self.PICTURE)
        await store.put_uploads(question.place, question.id, question.at, content)
        await store.accept(question)

    async def sources(self, store: Store, message: str, place: Place = PLACE) -> list[str]:
        return [source for source in "abc" if await store.upload(place, message, source)]

    async def test_a_picture_comes_back_as_it_was_stored_first(self, store: Store) -> None:
        await self.uploaded(store, ask(), "a")
        await store.put_uploads(
            PLACE, "m1", NOON, {"a": replace(self.PICTURE, data=b"other"), "b": self.PICTURE}
        )
        await store.put_uploads(PLACE, "m2", NOON, {})
        assert await store.upload(PLACE, "m1", "a") == self.PICTURE
        assert await store.upload(replace(PLACE, thread=""), "m1", "b") == self.PICTURE
        assert await self.sources(store, "m2") == []
        assert await self.sources(store, "m1", replace(PLACE, channel="C2")) == []

    async def test_it_goes_with_its_message(self, store: Store) -> None:
        for message in ("m1", "m2"):
            await self.uploaded(store, ask(message), "a", "b")
        await store.delete(Deleted(PLACE, "m1"))
        assert await self.sources(store, "m1") == []
        assert await self.sources(store, "m2") == ["a", "b"]

    async def test_it_is_discarded_only_where_its_message_was_not_taken(self, store: Store) -> None:
        await self.uploaded(store, ask("m1"), "a")
        await store.put_uploads(PLACE, "m2", NOON, {"a": self.PICTURE})
        for message in ("m1", "m2"):
            await store.discard_uploads(PLACE, message)
        assert [await self.sources(store, message) for message in ("m1", "m2")] == [["a"], []]

    async def test_forgetting_a_thread_or_a_person_removes_theirs_alone(self, store: Store) -> None:
        await self.uploaded(store, ask("m1"), "a")
        await self.uploaded(store, ask("m2", place=ELSEWHERE), "a")
        await self.uploaded(store, ask("m3", place=ELSEWHERE, by=BEN), "a")
        await self.uploaded(store, ask("m4", place=replace(PLACE, team="T2")), "a")
        await store.forget_thread(PLACE, NOON)
        assert [await self.sources(store, message) for message in ("m1", "m2")] == [[], ["a"]]
        await store.forget_person("slack", "T1", ANN.id, NOON)
        assert [await self.sources(store, message) for message in ("m2", "m3")] == [[], ["a"]]
        assert await self.sources(store, "m4", replace(PLACE, team="T2")) == ["a"]

    async def test_a_reset_keeps_it_for_its_readers(self, store: Store) -> None:
        await self.uploaded(store, ask(), "a")
        await store.reset(PLACE, NOON + timedelta(seconds=1))
        assert await self.sources(store, "m1") == ["a"]

    async def test_old_ones_expire(self, store: Store) -> None:
        await self.uploaded(store, ask("m1"), "a", "b")
        await self.uploaded(store, ask("m2", after_s=60), "c")
        assert await store.expire_uploads(NOON + timedelta(seconds=60)) == 2
        assert [await self.sources(store, message) for message in ("m1", "m2")] == [[], ["c"]]
        assert await store.expire_uploads(NOON + timedelta(seconds=60)) == 0

    async def test_a_name_that_no_database_takes_is_stored_without_that(self, store: Store) -> None:
        await store.put_uploads(PLACE, "m1", NOON, {"a": replace(self.PICTURE, name="a\0b\ud800")})
        found = await store.upload(PLACE, "m1", "a")
        assert found is not None
        assert found.name == "ab?"


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


class TestTurns:
    async def test_open_turns_come_in_order_and_only_after_an_id(self, store: Store) -> None:
        turns = [await accepted(store, ask(f"m{n}", after_s=-n)) for n in range(4)]
        assert await store.open_turns() == turns
        assert await store.open_turns(after_id=turns[1].id) == turns[2:]
        assert await store.open_turns(after_id=turns[3].id) == []
        running = await store.begin(turns[0].id)
        for turn, state in zip(turns[1:], (TurnState.DONE, TurnState.FAILED, TurnState.STOPPED), strict=True):
            await store.finish(Finish(turn, state))
        assert await store.open_turns() == [running]

    async def test_ids_grow(self, store: Store) -> None:
        ids = [(await accepted(store, ask(f"m{n}"))).id for n in range(3)]
        assert ids == sorted(set(ids))

    async def test_begin_counts_each_process_that_took_a_turn_up(self, store: Store) -> None:
        turn = await accepted(store, replace(ask(), interaction_token="t1"))
        assert await store.begin(turn.id) == replace(turn, state=TurnState.RUNNING, attempt=1)
        assert (await store.begin(turn.id)).attempt == 2
        assert (await store.turn(turn.id)) == replace(turn, state=TurnState.RUNNING, attempt=2)

    async def test_a_turn_that_ended_or_never_was_does_not_begin(self, store: Store) -> None:
        turn = await answered(store, ask())
        for turn_id in (turn.id, turn.id + 1):
            with pytest.raises(StoreError) as raised:
                await store.begin(turn_id)
            assert not raised.value.retryable
        assert await store.turn(turn.id + 1) is None

    async def test_the_only_open_turn_at_a_sudden_end_is_suspected_of_it(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        await store.recover(NOON - timedelta(hours=1))
        assert await store.open_turns() == [replace(turn, state=TurnState.WAITING, deaths=1)]

    async def test_of_several_open_turns_none_is_suspected_unless_the_process_stood_still(
        self, store: Store
    ) -> None:
        await store.advance_watermark("slack", "T1", NOON - timedelta(days=1))
        await store.advance_watermark(PROCESS, "", NOON)
        first, second, behind = [
            await store.begin((await accepted(store, ask(f"m{n}", after_s=n, place=place))).id)
            for n, place in enumerate((PLACE, ELSEWHERE, PLACE))
        ]
        await store.recover(NOON - timedelta(minutes=1))
        assert [turn.deaths for turn in await store.open_turns()] == [0, 0, 0]
        await store.begin(first.id)
        await store.recover(NOON - timedelta(minutes=1))
        assert [turn.deaths for turn in await store.open_turns()] == [0, 0, 0], "two others waited"
        for turn in (first, second, behind):
            await store.begin(turn.id)
        await store.recover(NOON + timedelta(minutes=1))
        assert [turn.deaths for turn in await store.open_turns()] == [1, 1, 0], "the last one only waited there"

    async def test_what_is_given_back_at_an_orderly_end_is_suspected_of_nothing(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        await store.give_back()
        await store.recover(NOON + timedelta(hours=1))
        assert await store.open_turns() == [replace(turn, state=TurnState.WAITING)]

    async def test_a_question_asked_again_begins_without_suspicion(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        await store.recover(NOON)
        await store.finish(Finish(turn, TurnState.FAILED))
        again = await store.retry_turn(turn.id, ANSWER)
        assert again is not None
        assert again.deaths == 0

    async def test_a_checkpoint_keeps_the_texts_and_ids_of_all_live_answers(self, store: Store) -> None:
        turns = [await store.begin((await accepted(store, ask(f"m{n}"))).id) for n in range(3)]
        await store.checkpoint([(turns[0].id, "par", ("p0",)), (turns[1].id, "tial", ("p1", "p2"))])
        await store.checkpoint([(turns[0].id, "partial", ("p0", "p3"))])
        assert await store.open_turns() == [
            replace(turns[0], text="partial", posted=("p0", "p3")),
            replace(turns[1], text="tial", posted=("p1", "p2")),
            turns[2],
        ]
        assert await texts(store) == ["why?", "why?", "why?"]

    async def test_checkpoints_of_the_same_turns_do_not_wait_for_each_other_for_ever(
        self, store: Store
    ) -> None:
        turns = [await accepted(store, ask(f"m{n}")) for n in range(20)]
        noted = [(turn.id, "partial", (f"p{turn.id}",)) for turn in turns]
        await asyncio.gather(*(store.checkpoint(noted if n % 2 else noted[::-1]) for n in range(10)))
        assert {turn.text for turn in await store.open_turns()} == {"partial"}

    async def test_an_empty_checkpoint_is_fine(self, store: Store) -> None:
        await store.checkpoint([])

    async def test_a_checkpoint_that_comes_late_changes_nothing(self, store: Store) -> None:
        turn = await answered(store, ask(), "whole", "p1")
        before = await store.turn(turn.id)
        await store.checkpoint([(turn.id, "who", ("p1",))])
        assert await store.turn(turn.id) == before

    async def test_the_message_of_a_page_leads_to_its_conversation(self, store: Store) -> None:
        place = Place("discord", "G1", "C1", "interaction-1")
        turn = await accepted(store, ask(place=place))
        await store.checkpoint([(turn.id, "x", ("p1",))])
        channel = Place("discord", "G1", "C1")
        assert await store.place_of_post(channel, "p1") == place
        await store.checkpoint([(turn.id, "x", ("p2",))])
        await store.finish(Finish(turn, TurnState.DONE, "xy", posted=("p2", "p3")))
        for message in ("p1", "p2", "p3"):
            assert await store.place_of_post(channel, message) == place
        assert await store.place_of_post(channel, "m1") is None
        assert await store.place_of_post(replace(channel, team="G2"), "p1") is None
        assert await store.place_of_post(replace(channel, channel="C2"), "p1") is None

    @pytest.mark.parametrize("may_read", [True, False])
    async def test_what_the_asker_may_read_stays_with_the_turn_and_with_those_after_it(
        self, store: Store, may_read: bool
    ) -> None:
        turn = await answered(store, ask(by=replace(ANN, may_read=may_read)))
        assert turn.ask.author.may_read is may_read
        again = await store.retry_turn(turn.id, ANSWER)
        assert again is not None
        assert again.ask.author.may_read is may_read

    async def test_a_direct_place_comes_back_direct(self, store: Store) -> None:
        place = Place("slack", "T1", "D1", "1.1", direct=True)
        await answered(store, ask(place=place), "yes", "p1")
        found = await store.place_of_post(Place("slack", "T1", "D1"), "p1")
        assert found is not None
        assert found.direct


class TestFinish:
    async def test_doing_it_twice_changes_nothing(self, store: Store) -> None:
        turn = await accepted(store, ask())
        end = Finish(
            turn, TurnState.DONE, "because", posted=("p1",), model="m", usage=Usage(10, 5, cost_micros=7)
        )
        await store.finish(end)
        ended = await store.turn(turn.id)
        await store.finish(end)
        await store.finish(replace(end, state=TurnState.FAILED, text="other", posted=("p9",), error="cut"))
        assert (
            await store.turn(turn.id)
            == ended
            == replace(turn, state=TurnState.DONE, text="because", posted=("p1",))
        )
        assert await texts(store) == ["why?", "because"]
        assert await store.place_of_post(PLACE, "p9") is None
        assert await store.usage_totals(NOON, NOON + timedelta(days=1)) == UsageTotals(1, 1, 10, 5, 7, 0)

    async def test_the_line_is_the_text_without_the_notice(self, store: Store) -> None:
        turn = await accepted(store, ask())
        await store.finish(
            Finish(turn, TurnState.FAILED, "half", notice="It broke.", error="cut", ref="ABC234")
        )
        (_, line) = await store.lines(PLACE)
        assert (line.id, line.text, line.mine, line.anchor) == (f"turn-{turn.id}", "half", True, "m1")

    @pytest.mark.parametrize("nothing", ["", " \n"])
    async def test_an_answer_of_nothing_is_no_line(self, store: Store, nothing: str) -> None:
        turn = await accepted(store, ask())
        await store.finish(Finish(turn, TurnState.FAILED, nothing, notice="Sorry.", posted=("p1",)))
        assert await texts(store) == ["why?"]
        assert await store.place_of_post(PLACE, "p1") == PLACE

    async def test_a_ticket_lives_as_long_as_its_turn(self, store: Store) -> None:
        turn = await accepted(store, replace(ask(), interaction_token="key"))
        assert (await store.open_turns())[0].ask.interaction_token == "key"
        await store.finish(Finish(turn, TurnState.DONE, "yes"))
        ended = await store.turn(turn.id)
        assert ended is not None
        assert ended.ask.interaction_token == ""

    async def test_a_usage_report_is_a_turn_and_nothing_else(self, store: Store) -> None:
        top = Place("slack", "T1", "C1")
        report = replace(ask("summary:2026-03-01", place=top), task=ReportUsage(NOON, NOON))
        turn = await accepted(store, report)
        assert await store.accept(report) is None
        assert await store.open_turns() == [turn]
        await store.begin(turn.id)
        await store.checkpoint([(turn.id, "", ("p1",))])
        await store.finish(Finish(turn, TurnState.DONE, "3 questions", posted=("p1",), usage=Usage(9, 9)))
        assert not await store.joined(top)
        assert await store.lines(top) == []
        assert await store.threads("slack", "T1") == []
        assert await store.place_of_post(top, "p1") is None
        assert await store.usage_totals(NOON, NOON + timedelta(days=1)) == UsageTotals()
        ended = await store.turn(turn.id)
        assert ended is not None
        assert (ended.state, ended.posted) == (TurnState.DONE, ("p1",))

    async def test_the_alerts_of_a_channel_are_those_that_were_posted(self, store: Store) -> None:
        top = Place("slack", "T1", "C1")

        async def raised(number: int, state: TurnState = TurnState.DONE, place: Place = top) -> Alert:
            alert = Alert(
                "model m", Code.NO_MONEY, f"REF{number}", {"host": "a.example"}, "ConnectError", over=True
            )
            question = replace(ask(f"alert:{number}", place=place, after_s=number), task=alert)
            turn = await accepted(store, question)
            if state is not TurnState.WAITING:
                await store.finish(Finish(turn, state, "posted"))
            return alert

        await raised(0)
        await raised(1, TurnState.FAILED)
        second, third = await raised(2), await raised(3)
        report = replace(ask("summary:1", place=top, after_s=4), task=ReportUsage(NOON, NOON))
        await store.finish(Finish(await accepted(store, report), TurnState.DONE, "posted"))
        await raised(5, TurnState.WAITING)
        await raised(6, place=replace(top, channel="C2"))
        posted = await store.alerts(top, NOON + timedelta(seconds=1))
        assert posted == [(second, NOON + timedelta(seconds=2)), (third, NOON + timedelta(seconds=3))]
        anywhere = replace(top, team="")
        assert await store.alerts(anywhere, NOON + timedelta(seconds=1)) == []
        await store.advance_watermark(top.platform, top.team, NOON)
        assert await store.alerts(anywhere, NOON + timedelta(seconds=1)) == posted

    @pytest.mark.parametrize(
        "task",
        [
            ContinueAnswer(),
            Summarize(True, 20),
            Summarize(False, 500, NOON - timedelta(hours=3)),
            ReportUsage(NOON - timedelta(days=1), NOON),
            Alert("account one/a", Code.NO_MONEY, "ABC234", {"host": "one.example"}),
        ],
    )
    async def test_a_task_is_stored_with_its_arguments(self, store: SqlStore, task: Task) -> None:
        turn = await accepted(store, replace(ask(), task=task))
        assert await store.open_turns() == [turn]
        assert turn.ask.task == task


CALL = ToolCall("call_1", "search", '{"query": "猫"}')
ROUND = ModelRound((Text("Let me look."), CALL), EndReason.TOOLS, Usage(10, 5, cost_micros=7), "m")
RESULTS = ToolResults((ToolResult("call_1", "Nothing."),))
ASKED, APPROVED = ApprovalAsked((CALL,)), ApprovalAnswered(("call_1",))


async def asking(store: Store, question: Ask) -> Turn:
    """A turn whose run ended with `ASKED`, its second step."""
    turn = await store.begin((await accepted(store, question)).id)
    await store.put_steps(turn.id, 0, [ROUND])
    await store.finish(Finish(turn, TurnState.ASKING, "Let me look.", posted=("p1",), asked=(1, ASKED)))
    return turn


async def used(store: Store) -> UsageTotals:
    return await store.usage_totals(NOON - timedelta(days=1), NOON + timedelta(days=1))


class TestSteps:
    async def test_steps_come_back_as_they_were_in_their_order(self, store: Store) -> None:
        turn, other = [await store.begin((await accepted(store, ask(id))).id) for id in ("m1", "m2")]
        assert await store.steps(turn.id) == []
        await store.put_steps(turn.id, 0, [ROUND])
        await store.put_steps(turn.id, 1, [RESULTS])
        await store.put_steps(other.id, 0, [ROUND])
        assert await store.steps(turn.id) == [ROUND, RESULTS]

    async def test_a_step_that_is_stored_twice_is_there_once(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        for _ in range(2):
            await store.put_steps(turn.id, 0, [ROUND])
        assert await store.steps(turn.id) == [ROUND]
        await store.put_steps(turn.id, 0, [])
        assert await store.steps(turn.id) == []

    async def test_a_turn_that_ended_in_one_round_has_that_round(self, store: Store) -> None:
        turn = await answered(store, ask(), "because")
        assert await store.steps(turn.id) == [ModelRound((Text("because"),))]

    async def test_text_that_no_database_takes_is_stored_without_it(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        await store.put_steps(turn.id, 0, [ToolResults((ToolResult("call_1", "a\0b\ud800c"),))])
        (step,) = await store.steps(turn.id)
        assert step == ToolResults((ToolResult("call_1", "ab?c"),))

    async def test_a_turn_that_asks_is_not_open_and_has_used_nothing_yet(self, store: Store) -> None:
        turn = await asking(store, replace(ask(), interaction_token="a-token"))
        assert await store.open_turns() == []
        assert await store.steps(turn.id) == [ROUND, ASKED]
        assert await texts(store) == ["why?"]
        assert (await used(store)).questions == 0
        assert await store.retry_turn(turn.id, ANSWER) is None
        with pytest.raises(StoreError):
            await store.begin(turn.id)
        found = await store.turn(turn.id)
        assert found is not None
        assert (found.state, found.text, found.posted) == (TurnState.ASKING, "Let me look.", ("p1",))
        assert found.ask.interaction_token == "a-token"

    async def test_an_answered_turn_waits_for_its_next_run_and_then_ends_like_others(
        self, store: Store
    ) -> None:
        turn = await asking(store, ask())
        resumed = await store.resume(turn.id, APPROVED)
        assert resumed is not None
        assert [resumed] == await store.open_turns()
        assert await store.steps(turn.id) == [ROUND, ASKED, APPROVED]
        assert await store.resume(turn.id, APPROVED) is None, "it does not ask any more"
        again = await store.begin(turn.id)
        assert (again.attempt, again.text, again.posted) == (2, "Let me look.", ("p1",))
        await store.put_steps(turn.id, 3, [RESULTS])
        whole = Finish(again, TurnState.DONE, "Let me look.\n\nNo.", posted=("p1",), usage=Usage(30, 9))
        await store.finish(whole)
        assert await texts(store) == ["why?", "Let me look.\n\nNo."]
        assert await store.steps(turn.id) == [ROUND, ASKED, APPROVED, RESULTS]
        assert (await used(store)).prompt_tokens == 30

    async def test_the_end_of_a_run_that_is_stored_twice_does_not_ask_twice(self, store: Store) -> None:
        turn = await asking(store, ask())
        end = Finish(turn, TurnState.ASKING, "Let me look.", usage=Usage(1, 1), asked=(1, ASKED))
        await store.finish(end)
        assert await store.resume(turn.id, APPROVED) is not None
        await store.finish(end)
        assert await store.steps(turn.id) == [ROUND, ASKED, APPROVED]
        assert (await used(store)).prompt_tokens == 0
        assert len(await store.open_turns()) == 1

    @pytest.mark.parametrize("what", ["person", "thread"])
    @pytest.mark.parametrize("asks", [True, False])
    async def test_forgetting_removes_steps_and_stores_no_more(
        self, store: Store, what: str, asks: bool
    ) -> None:
        if asks:
            turn = await asking(store, ask())
        else:
            turn = await store.begin((await accepted(store, ask())).id)
            await store.put_steps(turn.id, 0, [ROUND])
        if what == "person":
            await store.forget_person("slack", "T1", "U1", NOON)
        else:
            await store.forget_thread(PLACE, NOON)
        await store.put_steps(turn.id, 1, [RESULTS])
        await store.finish(Finish(turn, TurnState.ASKING, "Let me look.", asked=(1, ASKED)))
        assert await store.resume(turn.id, APPROVED) is None
        assert await store.steps(turn.id) == []
        found = await store.turn(turn.id)
        assert found is not None
        assert (found.state, found.text) == (TurnState.STOPPED, "")


class TestUsage:
    async def spend(
        self,
        store: Store,
        question: Ask,
        usage: Usage | None,
        state: TurnState = TurnState.DONE,
        model: str = "m",
        estimate_tokens: int | None = None,
    ) -> None:
        turn = await accepted(store, question)
        await store.finish(
            Finish(turn, state, model=model, usage=usage, estimate_tokens=estimate_tokens, latency_ms=9)
        )

    async def test_the_last_count_of_a_place_and_model(self, store: Store) -> None:
        assert await store.last_usage(PLACE, "m") is None
        await self.spend(store, ask("m1"), Usage(100, 10), estimate_tokens=90)
        await self.spend(store, ask("m2"), Usage(200, 70, reasoning_tokens=50), estimate_tokens=190)
        await self.spend(store, ask("m3"), Usage(7, 7), model="other")
        await self.spend(store, ask("m4", place=ELSEWHERE), Usage(8, 8))
        assert await store.last_usage(PLACE, "m") == LastUsage("m2", 200, 20, 190)

    async def test_a_guess_or_no_count_is_nothing_to_reckon_from(self, store: Store) -> None:
        await self.spend(store, ask("m1"), Usage(100, 10), estimate_tokens=90)
        await self.spend(store, ask("m2"), Usage(300, 30, estimated=True))
        await self.spend(store, ask("m3"), None, TurnState.FAILED)
        await self.spend(store, ask("m4"), Usage(400, 40), estimate_tokens=None)  # several tries, summed up
        spent = await store.last_usage(PLACE, "m")
        assert spent is not None
        assert spent.anchor == "m1"

    async def test_a_tally_counts_what_was_asked_in_its_period(self, store: Store) -> None:
        since, until = NOON, NOON + timedelta(hours=1)
        other = Place("discord", "G1", "C9")
        await self.spend(store, ask("m1"), Usage(100, 10, cost_micros=3))
        await self.spend(store, ask("m2", by=BEN), Usage(1, 2, estimated=True, cost_micros=4), TurnState.FAILED)
        await self.spend(store, ask("m3", after_s=3599), None, TurnState.FAILED)
        await self.spend(store, ask("m4", after_s=5), Usage(20, 5, cost_micros=1), TurnState.STOPPED)
        await self.spend(store, ask("m5", after_s=-0.001), Usage(1000, 1000))
        await self.spend(store, ask("m6", after_s=3600), Usage(1000, 1000))
        await self.spend(store, ask("m7", place=other), Usage(10_000, 0))
        await store.accept(ask("m8"))
        assert await store.usage_totals(since, until, PLACE) == UsageTotals(3, 2, 121, 17, 8, 2)
        assert await store.usage_totals(since, until) == UsageTotals(4, 3, 10_121, 17, 8, 2)
        assert await store.usage_totals(since, until, replace(other, team="G2")) == UsageTotals()


Call = Callable[[Store], Awaitable[object]]
A_TURN = Turn(1, ask())
CALLS: dict[str, Call] = {
    "accept": lambda store: store.accept(ask()),
    "hold": lambda store: store.hold(ask()),
    "admit": lambda store: store.admit(1, ANN),
    "discard": lambda store: store.discard(1),
    "held_turns": lambda store: store.held_turns(),
    "note": lambda store: store.note(ask()),
    "joined": lambda store: store.joined(PLACE),
    "place_of_post": lambda store: store.place_of_post(PLACE, "p1"),
    "edit": lambda store: store.edit(Edited(PLACE, "m1", "new")),
    "delete": lambda store: store.delete(Deleted(PLACE, "m1")),
    "import_history": lambda store: store.import_history(
        PLACE, History((ThreadMessage("h1", BEN, "hi", NOON, mine=True),))
    ),
    "filled": lambda store: store.filled(PLACE),
    "lines": lambda store: store.lines(PLACE, ask()),
    "context": lambda store: store.context(ask(), "m"),
    "active_threads": lambda store: store.active_threads("slack", "T1", NOON),
    "watermark": lambda store: store.watermark("slack", "T1"),
    "advance_watermark": lambda store: store.advance_watermark("slack", "T1", NOON),
    "adopt": lambda store: store.adopt("slack", "T1", ("",)),
    "threads": lambda store: store.threads("slack", "T1"),
    "open_turns": lambda store: store.open_turns(7),
    "alerts": lambda store: store.alerts(PLACE, NOON),
    "turn": lambda store: store.turn(1),
    "retry_turn": lambda store: store.retry_turn(1, ANSWER),
    "begin": lambda store: store.begin(1),
    "recover": lambda store: store.recover(NOON),
    "give_back": lambda store: store.give_back(),
    "checkpoint": lambda store: store.checkpoint([(1, "x", ("p1",))]),
    "finish": lambda store: store.finish(Finish(A_TURN, TurnState.DONE, "yes", posted=("p1",))),
    "steps": lambda store: store.steps(1),
    "add_attached": lambda store: store.add_attached(PLACE, "m1", ATTACHED),
    "put_file": lambda store: store.put_file(PLACE, "m1", FILE),
    "put_uploads": lambda store: store.put_uploads(PLACE, "m1", NOON, {"a": TestUploads.PICTURE}),
    "upload": lambda store: store.upload(PLACE, "m1", "a"),
    "discard_uploads": lambda store: store.discard_uploads(PLACE, "m1"),
    "expire_uploads": lambda store: store.expire_uploads(NOON),
    "put_steps": lambda store: store.put_steps(1, 0, [ROUND]),
    "resume": lambda store: store.resume(1, APPROVED),
    "search": lambda store: store.search(PLACE, ("why",)),
    "asking_turns": lambda store: store.asking_turns(),
    "tool_grants": lambda store: store.tool_grants(PLACE),
    "grant_tool": lambda store: store.grant_tool(PLACE, ToolGrant("t", "", "U1"), NOON),
    "record": lambda store: store.record(Change(PLACE, "tool:t", None, "approved", ANN, NOON)),
    "answer_footers": lambda store: store.answer_footers(PLACE),
    "last_usage": lambda store: store.last_usage(PLACE, "m"),
    "usage_totals": lambda store: store.usage_totals(NOON, NOON + timedelta(days=1)),
    "stored_settings": lambda store: store.stored_settings(PLACE),
    "workspaces": lambda store: store.workspaces("slack"),
    "change": lambda store: store.change(PLACE, {"model": "m"}, ANN, NOON),
    "overrides": lambda store: store.overrides("slack", "T1", "listen"),
    "audit": lambda store: store.audit(PLACE),
    "mark_once": lambda store: store.mark_once("key"),
    "rate": lambda store: store.rate(1, Feedback("U1", 1, "", NOON)),
    "feedback": lambda store: store.feedback(1),
    "reset": lambda store: store.reset(PLACE, NOON),
    "forget_thread": lambda store: store.forget_thread(PLACE, NOON),
    "forget_person": lambda store: store.forget_person("slack", "T1", "U1", NOON),
    "messages_by_person": lambda store: store.messages_by_person("slack", "T1", "U1"),
}
SELDOM = ("forget_person", "messages_by_person", "search")
"""May read whole tables: no index by person is kept for what one asks for once in a year. A search reads its own
subqueries, which are bounded."""


def test_every_method_of_the_port_is_among_the_calls() -> None:
    assert {name for port in Store.__mro__ for name in vars(port) if not name.startswith("_")} - {
        "close"
    } == set(CALLS)


class TestAgain:
    async def test_an_ended_question_can_be_answered_anew_once(self, store: Store) -> None:
        first = await answered(store, ask(), "half", "p1")
        again = await store.retry_turn(first.id, ANSWER)
        assert again is not None
        assert (again.ask.id, again.ask.text, again.again_of) == ("m1", "why?", first.id)
        assert again in await store.open_turns()
        assert await store.retry_turn(first.id, ANSWER) is None, "pressed twice is once"
        turn = await store.begin(again.id)
        await store.finish(Finish(turn, TurnState.DONE, "whole", posted=("p2",), model="m"))
        assert await texts(store) == ["why?", "whole"], "the half answer leaves the thread's memory"
        assert await store.place_of_post(PLACE, "p2") == PLACE

    async def test_a_continued_answer_is_a_line_of_its_own(self, store: Store) -> None:
        first = await answered(store, ask(), "one", "p1")
        more = await store.retry_turn(first.id, ContinueAnswer())
        assert more is not None
        assert more.ask.task == ContinueAnswer()
        await store.finish(Finish(await store.begin(more.id), TurnState.DONE, "two", posted=("p2",), model="m"))
        assert await texts(store) == ["why?", "one", "two"]

    async def test_what_has_not_ended_is_not_asked_again(self, store: Store) -> None:
        turn = await accepted(store, ask())
        assert await store.retry_turn(turn.id, ANSWER) is None
        assert await store.retry_turn(turn.id + 7, ANSWER) is None


async def test_each_method_says_store_error_when_the_database_fails_and_no_more(
    sql_store: SqlStore, database: Database
) -> None:
    def break_it(connection: Connection) -> None:
        for table in (
            *("posts", "usage", "feedback", "steps", "messages", "threads", "turns", "heard"),
            *("settings", "audit", "notices", "uploads", "tool_grants", "forgotten"),
        ):
            connection.execute(text(f"DROP TABLE {table}"))

    await database.write(break_it)
    for name, call in CALLS.items():
        with pytest.raises(StoreError) as raised:
            await call(sql_store)
        assert "SELECT" not in str(raised.value), name
        assert "why?" not in str(raised.value), name
        assert raised.value.__suppress_context__, name


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_method_reads_a_whole_table(sql_store: SqlStore, database: Database) -> None:
    seen: list[tuple[str, str, object]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        seen.append((current, statement, parameters))

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        for current, call in CALLS.items():  # noqa: B007 (read by `remember`)
            await call(sql_store)
        current = "tally of a channel"
        await sql_store.usage_totals(NOON, NOON + timedelta(days=1), PLACE)
    finally:
        event.remove(Engine, "before_cursor_execute", remember)

    def plan(connection: Connection, statement: str, parameters: object) -> list[str]:
        one = parameters[0] if isinstance(parameters, list) else parameters
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one).all()  # type: ignore[arg-type]
        return [row.detail for row in rows]

    explained = dict.fromkeys(CALLS, 0)
    for name, statement, parameters in seen:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            explained[name.split(" of ")[0]] = 1
            if name in SELDOM:
                continue
            details = await database.read(plan, statement, parameters)
            assert not [line for line in details if line.startswith("SCAN") and "CONSTANT" not in line], (
                name,
                details,
            )
            assert not [line for line in details if "TEMP B-TREE FOR ORDER BY" in line], (name, details)
    assert all(explained.values())
