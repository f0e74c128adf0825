"""Turns on every store: accepted or held, begun, retried, finished."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select, text

from core.clock import SystemClock
from core.errors import Code, StoreError
from core.ports.store import Store
from core.ports.store.threads import PROCESS
from core.values.conversation import Ask, Turn, TurnState, announcement
from core.values.deltas import Usage
from core.values.events import Deleted, Edited
from core.values.places import Person, Place
from core.values.tasks import (
    ANSWER,
    Alert,
    ContinueAnswer,
    RemoveQuote,
    ReportScope,
    ReportUsage,
    Summarize,
    Task,
)
from core.values.turn_ends import AnswerFooter, Finish
from core.values.ui import Button
from core.values.usage import UsageTotals
from storage import DatabaseSettings, SqlStore, open_store, turns
from storage.engine import Database
from storage.tables import MESSAGES, THREADS, TURNS
from tests.contract.stored import (
    ANN,
    APPROVED,
    ASKED,
    ATTACHED,
    BEN,
    ELSEWHERE,
    NOON,
    PLACE,
    accepted,
    answered,
    ask,
    texts,
)


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

    async def test_the_last_report_of_a_channel_is_the_newest_of_its_scope_and_length(
        self, store: Store
    ) -> None:
        top, hour = Place("slack", "T1", "C1"), timedelta(hours=1)
        assert await store.last_report(top, ReportScope.ALL, "day") is None
        for id, place, until, scope, period in (
            ("1", top, NOON - 2 * hour, ReportScope.ALL, "day"),
            ("2", top, NOON - 3 * hour, ReportScope.ALL, "day"),
            ("3", top, NOON, ReportScope.CHANNEL, "day"),
            ("4", top, NOON, ReportScope.ALL, "week"),
            ("5", replace(top, channel="C2"), NOON, ReportScope.ALL, "day"),
            ("now", top, NOON + hour, ReportScope.ALL, "day"),
        ):
            task = ReportUsage(NOON - 24 * hour, until, period, scope=scope)
            await accepted(store, replace(ask(f"summary:{id}", place=place), task=task))
        assert await store.last_report(top, ReportScope.ALL, "day") == NOON - 2 * hour
        assert await store.last_report(top, ReportScope.CHANNEL, "day") == NOON
        assert await store.last_report(top, ReportScope.CHANNEL, "week") is None

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
            ReportUsage(NOON - timedelta(days=7), NOON, "week", "Asia/Kathmandu", ReportScope.CHANNEL),
            Alert("account one/a", Code.NO_MONEY, "ABC234", {"host": "one.example"}),
        ],
    )
    async def test_a_task_is_stored_with_its_arguments(self, store: SqlStore, task: Task) -> None:
        turn = await accepted(store, replace(ask(), task=task))
        assert await store.open_turns() == [turn]
        assert turn.ask.task == task


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

    @pytest.mark.parametrize(("asker", "by"), [(True, False), (False, True)])
    async def test_it_reads_what_its_asker_and_the_person_who_wants_it_may_read(
        self, store: Store, asker: bool, by: bool
    ) -> None:
        first = await answered(store, ask(by=replace(ANN, may_read=asker)), "half", "p1")
        again = await store.retry_turn(first.id, ANSWER, replace(ANN, may_read=by))
        assert again is not None
        assert (again.ask.author, again.ask.author.may_read) == (ANN, False)
        assert again.ask.author.may_read is (await store.open_turns())[-1].ask.author.may_read

    async def test_who_wants_it_is_kept_as_its_payer_and_only_where_they_are_not_the_asker(
        self, store: Store
    ) -> None:
        first = await answered(store, ask(), "half", "p1")
        assert (first.payer, first.started_by) == (ANN, None)
        again = await store.retry_turn(first.id, ANSWER, BEN)
        assert again is not None
        assert (again.ask.author, again.payer, again.payer.name) == (ANN, BEN, "Ben")
        assert again.started_at is not None
        await store.finish(Finish(await store.begin(again.id), TurnState.DONE, "so"))
        own = await store.retry_turn(again.id, ANSWER, ANN)
        assert own is not None
        assert (own.payer, own.started_by) == (ANN, None)

    async def test_a_turn_has_the_time_at_which_it_was_asked_for(self, store: Store) -> None:
        later = NOON + timedelta(hours=1)
        turn = await store.accept(ask(), later)
        held = await store.hold(ask("m2"))
        assert turn is not None
        assert held is not None
        admitted = await store.admit(held.id, ANN, later)
        assert admitted is not None
        assert [one.started_at for one in (turn, admitted, *await store.open_turns())] == [later] * 4

    async def test_what_has_not_ended_is_not_asked_again(self, store: Store) -> None:
        turn = await accepted(store, ask())
        assert await store.retry_turn(turn.id, ANSWER) is None
        assert await store.retry_turn(turn.id + 7, ANSWER) is None


async def test_the_answers_that_quote_a_message_are_found_once_they_have_ended(store: Store) -> None:
    def ended(turn: Turn, *quoted: str) -> Finish:
        return Finish(turn, TurnState.DONE, "because", quoted=tuple((message, "F1") for message in quoted))

    async def quoting(message: str, place: Place = PLACE) -> list[int]:
        return [turn.id for turn in await store.quoting_turns(replace(place, thread=""), message)]

    first, second, third = [await accepted(store, ask(f"m{number}")) for number in (1, 2, 3)]
    other = await accepted(store, ask("m1", place=replace(PLACE, channel="C2")))
    await store.finish(ended(first, "m1", "m0"))
    await store.finish(ended(other, "m1"))
    await store.finish(ended(second))
    assert await quoting("m1") == [first.id]
    await store.finish(ended(third, "m1"))
    again = await store.retry_turn(first.id, ANSWER)
    assert again is not None
    await store.finish(ended(again))
    assert await quoting("m1") == [first.id, third.id]
    assert [await quoting(message) for message in ("m0", "m", "m2")] == [[first.id], [], []]
    await store.forget_person("slack", "T1", ANN.id, NOON)
    assert await quoting("m1") == []


async def test_an_answer_quotes_single_clips_and_counts_while_it_waits_for_an_approval(store: Store) -> None:
    async def quoting(*left: str) -> list[int]:
        return [turn.id for turn in await store.quoting_turns(PLACE, "m0", left)]

    asking = await accepted(store, ask("m1"))
    run = await store.begin(asking.id)
    up = (Button("approve", "Approve", asking.id),)
    end = Finish(run, TurnState.ASKING, "", "May I?", up, ("p1",), asked=(0, ASKED))
    clips = (("m0", "F1"), ("m0", "F2"), ("m9", "F3"))
    await store.finish(replace(end, quoted=clips))
    assert [await quoting(*left) for left in ((), ("F1",), ("F1", "F2"))] == [[asking.id], [asking.id], []]
    assert await store.answer_footer(asking.id) == AnswerFooter("p1", "m1", NOON, "May I?", up, quoted=clips)
    await store.resume(asking.id, APPROVED)
    assert (await quoting(), await store.answer_footer(asking.id)) == ([], None), "its next run shows it anew"
    await store.finish(Finish(await store.begin(asking.id), TurnState.DONE, "because", quoted=(("m0", "F2"),)))
    assert [await quoting(*left) for left in ((), ("F1",), ("F2",))] == [[asking.id], [asking.id], []]
    assert await store.answer_footer(asking.id) is None


async def test_the_turn_of_an_ask_is_found_in_its_channel(store: Store) -> None:
    turn = await accepted(store, announcement("budget:1", PLACE, RemoveQuote(1), NOON, "used up", "zh"))
    found = await store.turn_of(replace(PLACE, thread=""), "budget:1")
    assert found is not None
    assert (found.id, found.ask.text, found.ask.author.locale) == (turn.id, "used up", "zh")
    assert await store.turn_of(PLACE, "budget:2") is None
    assert await store.turn_of(replace(PLACE, channel="other"), "budget:1") is None


async def test_a_change_of_an_answer_is_a_turn_but_no_message(store: Store) -> None:
    question = await accepted(store, ask("m1"))
    removal = announcement("unquote-1", PLACE, RemoveQuote(question.id), NOON)
    turn = await accepted(store, removal)
    assert await store.accept(removal) is None
    assert [one.ask.task for one in await store.open_turns()] == [ANSWER, RemoveQuote(question.id)]
    await store.finish(Finish(await store.begin(turn.id), TurnState.DONE))
    assert [one.id for one in await store.open_turns()] == [question.id]
    assert [line.id for line in await store.lines(PLACE)] == ["m1"]


class TestOrder:
    async def test_a_turn_begins_in_order_or_returns_the_one_that_comes_first(self, store: Store) -> None:
        late, early = await accepted(store, ask("m2", after_s=2)), await accepted(store, ask("m1", after_s=1))
        elsewhere = await accepted(store, ask("m3", place=ELSEWHERE))
        assert await store.begin(late.id, in_order=True) == early
        assert (await store.begin(elsewhere.id, in_order=True)).attempt == 1
        begun = await store.begin(early.id, in_order=True)
        await store.finish(Finish(begun, TurnState.DONE, "so"))
        assert (await store.begin(late.id, in_order=True)).attempt == 1

    async def test_only_owned_places_are_recovered(self, store: Store) -> None:
        here, there = await accepted(store, ask("m1")), await accepted(store, ask("m2", place=ELSEWHERE))
        for turn in (here, there):
            await store.begin(turn.id)
        await store.recover(NOON - timedelta(days=1), lambda place: place.key == ELSEWHERE.key)
        states = {turn.id: turn.state for turn in await store.open_turns()}
        assert states == {here.id: TurnState.RUNNING, there.id: TurnState.WAITING}


async def test_the_first_question_of_a_thread_is_stored_as_any_other(
    sql_store: SqlStore, database: Database
) -> None:
    there, at = replace(PLACE, channel="C8", thread="m1"), NOON + timedelta(seconds=1)
    first = replace(ask("m1", place=there), attached=ATTACHED, text="why\0?", replies_to="m0")
    turn = await sql_store.accept(first, at)
    same = replace(first, place=replace(there, channel="C9"))
    assert await database.write(turns.accept, same, at) is not None
    assert turn == Turn(turn.id if turn else 0, first, started_at=at)

    def rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
        where = table.c.channel.in_(("C8", "C9"))
        found = connection.execute(select(table).where(where).order_by(table.c.channel)).mappings()
        return [{key: row[key] for key in row if key not in ("id", "channel")} for row in found]

    for table in (TURNS, THREADS, MESSAGES):
        one, other = await database.read(rows, table)
        assert one == other
    assert await sql_store.accept(first, at) is None  # delivered twice


async def test_a_question_comes_behind_what_its_thread_has_already(sql_store: SqlStore) -> None:
    there = replace(PLACE, thread="m1")
    await sql_store.note(replace(ask("m2", after_s=9, place=there), addressed=False))
    assert await sql_store.accept(ask("m1", place=there)) is not None
    assert await sql_store.joined(there)
    assert [line.id for line in await sql_store.lines(there)] == ["m1", "m2"]
