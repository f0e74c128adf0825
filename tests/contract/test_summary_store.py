"""Summaries of the beginnings of long threads, in every store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.pool import NullPool

from core.ports.store import Store
from core.values.conversation import Ask, History, LinePosition, ThreadMessage, Turn, TurnState, announcement
from core.values.deltas import ChargeKind, Usage
from core.values.events import Deleted, Edited
from core.values.parts import Quote
from core.values.places import Person
from core.values.report import ReportFigures
from core.values.summaries import (
    BEGINNING,
    FoldedSummary,
    StretchSummary,
    SummaryFailure,
    SummaryProgress,
    ThreadSummary,
    covering,
)
from core.values.tasks import ANSWER, SumUpThread
from core.values.turn_ends import Finish
from core.values.usage import Charge, SummaryTotals, UsageField
from storage import DatabaseSettings, SqlStore, summaries, threads
from storage.postgres import postgres_engine
from storage.tables import MESSAGES
from tests.contract.stored import ANN, BEN, ELSEWHERE, NOON, PLACE, answered, ask

LINES = 12
SPENT = Usage(200, 20, cost_micros=40)


async def thread(store: Store, lines: int = LINES) -> None:
    """Messages of Ann and Ben in turn, one a second; the first one is answered."""
    await answered(store, ask("m00", "line 0"), "An answer.", "p1")
    for number in range(1, lines):
        by = (ANN, BEN)[number % 2]
        assert await store.note(ask(f"m{number:02}", f"line {number}", number, by=by))


async def summing(store: Store, name: str = "sum-up:1") -> Turn:
    turn = await store.accept(announcement(name, PLACE, SumUpThread(), NOON))
    assert turn is not None
    return await store.begin(turn.id)


async def summed_up(
    store: Store, count: int, words: str = "They began.", after: Ask | None = None
) -> ThreadSummary:
    """Sum up the next `count` lines: where none are, those behind the message `after`."""
    before = await newest(store)
    begin = LinePosition(after.at, after.id, 0, after.id) if after else BEGINNING
    begin = before.until if before else begin
    stretch = tuple(await store.oldest_lines(PLACE, begin, count))
    summary = ThreadSummary(stretch[-1].position, len(stretch), words, "m", NOON, begin)
    assert await put(store, StretchSummary(summary, stretch), words)
    return summary


async def put(store: Store, new: StretchSummary | FoldedSummary, name: str = "") -> bool:
    turn = await summing(store, f"sum-up:{name}:{new.summary.level}:{new.summary.at}")
    charge = Charge(ChargeKind.SUMMARY, "m", SPENT)
    end = Finish(turn, TurnState.DONE, model="m", usage=SPENT, charges=(charge,))
    return await store.finish_summary(end, new)


async def folded(store: Store, *parts: ThreadSummary, words: str = "All that.") -> ThreadSummary:
    """Fold these summaries into one."""
    lines, level = sum(one.lines for one in parts), max(one.level for one in parts) + 1
    new = ThreadSummary(parts[-1].until, lines, words, "m", NOON, parts[0].after, level)
    assert await put(store, FoldedSummary(new, parts), words)
    return new


async def newest(store: Store) -> ThreadSummary | None:
    known = covering((await store.summary_progress(PLACE)).summaries)
    return known[-1] if known else None


LATER = ask("m99", "And now?", 600)


async def test_a_change_before_the_first_line_of_a_summary_leaves_it_and_the_prompt_has_that_line(
    store: Store,
) -> None:
    await thread(store)
    summary = await summed_up(store, 5, after=ask("m03", after_s=3))
    assert await store.edit(Edited(PLACE, "m02", "line two"))
    assert await store.note(ask("m01b", "line 1b", 1.5))
    context = await store.context(LATER, "m")
    assert context.summaries == (summary,)
    assert [line.text for line in context.lines][2:6] == ["line 1", "line 1b", "line two", "line 3"]


async def test_a_prompt_has_the_summary_and_the_lines_behind_it(store: Store) -> None:
    await thread(store)
    assert (await store.context(LATER, "m")).summaries == ()
    summary = await summed_up(store, 5)
    context = await store.context(LATER, "m")
    assert context.summaries == (summary,)
    assert [line.text for line in context.lines] == [f"line {number}" for number in range(4, LINES)]
    short = await store.context(LATER, "m", limit=3)
    assert [line.text for line in short.lines] == ["line 9", "line 10", "line 11"]


async def test_the_next_summary_is_of_its_own_lines(store: Store) -> None:
    await thread(store)
    first = await summed_up(store, 5)
    second = await summed_up(store, 3, "They went on.")
    context = await store.context(LATER, "m")
    assert context.summaries == (first, second)
    assert [line.text for line in context.lines] == ["line 7", "line 8", "line 9", "line 10", "line 11"]


async def test_summaries_are_folded_into_one_and_kept(store: Store) -> None:
    await thread(store)
    first, second = await summed_up(store, 3), await summed_up(store, 3, "They went on.")
    third = await summed_up(store, 3, "They ended.")
    both = await folded(store, first, second)
    assert (await store.context(LATER, "m")).summaries == (both, third)
    whole = await folded(store, both, third, words="Everything.")
    assert (await store.context(LATER, "m")).summaries == (whole,)
    assert (whole.level, whole.lines) == (2, 9)
    assert set((await store.summary_progress(PLACE)).summaries) == {first, second, third, both, whole}
    earlier = await store.context(ask("m07", "line 7", 7), "m")
    assert earlier.summaries == (both,), "a question amid it has the parts before"


async def test_a_change_voids_its_own_stretch_and_what_is_made_of_it(store: Store) -> None:
    await thread(store)
    first, second = await summed_up(store, 3), await summed_up(store, 3, "They went on.")
    third, fourth = await summed_up(store, 3, "They ended."), await summed_up(store, 2, "They left.")
    await folded(store, first, second)
    late = await folded(store, third, fourth, words="The end.")
    await folded(store, *covering((await store.summary_progress(PLACE)).summaries), words="Everything.")
    await store.edit(edited("m01"))
    context = await store.context(LATER, "m")
    assert context.summaries == (second, late)
    assert [line.text for line in context.lines] == ["line 0", "An answer.", "another", "line 10", "line 11"]
    short = await store.context(LATER, "m", limit=3)
    assert [line.text for line in short.lines] == ["line 0", "An answer.", "another", "line 10", "line 11"]
    shorter = await store.context(LATER, "m", limit=1)
    assert [line.text for line in shorter.lines] == ["another", "line 11"]
    progress = await store.summary_progress(PLACE)
    assert [(one.span, one.at, one.times) for one in progress.voids] == [(first.span, first.at, 1)]
    assert set(progress.summaries) == {second, third, fourth, late}


async def test_a_void_stretch_is_summed_up_again_on_its_own(store: Store) -> None:
    await thread(store)
    first, second = await summed_up(store, 5), await summed_up(store, 3, "They went on.")
    await store.edit(edited("m01"))
    stretch = tuple(await store.oldest_lines(PLACE, BEGINNING, 9, first.until))
    assert [line.text for line in stretch] == ["line 0", "An answer.", "another", "line 2", "line 3"]
    again = replace(first, text="They began anew.", times=2, at=NOON + timedelta(hours=1))
    assert await put(store, StretchSummary(again, stretch), "again")
    progress = await store.summary_progress(PLACE)
    assert (progress.summaries, progress.voids) == ((again, second), ())
    assert not await put(store, StretchSummary(again, stretch), "twice")


async def test_of_a_void_stretch_the_rest_stays_void(store: Store) -> None:
    await thread(store)
    first = await summed_up(store, 8)
    await store.edit(edited("m01"))
    part = tuple(await store.oldest_lines(PLACE, BEGINNING, 4))
    again = replace(first, until=part[-1].position, lines=4, times=2)
    assert await put(store, StretchSummary(again, part), "again")
    (void,) = (await store.summary_progress(PLACE)).voids
    assert (void.span.after, void.span.until) == (again.until, first.until)


async def test_a_summary_of_parts_that_are_void_is_not_stored(store: Store) -> None:
    await thread(store)
    first, second = await summed_up(store, 5), await summed_up(store, 3, "They went on.")
    await store.edit(edited("m01"))
    new = ThreadSummary(second.until, 8, "All that.", "m", NOON, BEGINNING, 1)
    assert not await put(store, FoldedSummary(new, (first, second)))
    assert (await store.summary_progress(PLACE)).summaries == (second,)


async def test_a_question_has_no_summary_of_what_was_said_after_it(store: Store) -> None:
    await thread(store)
    first = await summed_up(store, 5)
    await summed_up(store, 5, "They went on.")
    earlier = ask("m06", "line 6", 6)
    context = await store.context(earlier, "m")
    assert context.summaries == (first,)
    assert [line.text for line in context.lines] == ["line 4", "line 5", "line 6"]
    assert (await store.context(ask("m03", "line 3", 3), "m")).summaries == ()


async def test_a_person_who_may_not_read_older_messages_has_no_summary_of_them(store: Store) -> None:
    await thread(store)
    await summed_up(store, 5)
    asker = replace(ANN, may_read=False)
    context = await store.context(replace(LATER, author=asker), "m")
    assert context.summaries == ()
    assert len(context.lines) == LINES + 1


async def test_another_thread_has_no_summary(store: Store) -> None:
    await thread(store)
    await summed_up(store, 5)
    await answered(store, ask("x1", "elsewhere", place=ELSEWHERE))
    assert (await store.context(ask("x2", "so?", 9, place=ELSEWHERE), "m")).summaries == ()
    assert await store.summary_progress(ELSEWHERE) == SummaryProgress()


def edited(message: str, words: str = "another") -> Edited:
    return Edited(PLACE, message, words)


async def answer_again(store: Store) -> object:
    turn = await store.turn_of(PLACE, "m00")
    assert turn is not None
    again = await store.retry_turn(turn.id, ANSWER)
    assert again is not None
    return await store.finish(Finish(await store.begin(again.id), TurnState.DONE, "Better.", posted=("p2",)))


OLD = ThreadMessage("m00b", BEN, "forgotten till now", NOON + timedelta(seconds=0.5))
CHANGES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "an edit": lambda store: store.edit(edited("m01")),
    "a deletion": lambda store: store.delete(Deleted(PLACE, "m01")),
    "another part": lambda store: store.add_attached(PLACE, "m01", (Quote("words", "Eve", author_id="U5"),)),
    "a late message": lambda store: store.note(ask("m01b", "late", 1.5)),
    "a late question": lambda store: store.accept(ask("m01b", "late", 1.5)),
    "an old message of the platform": lambda store: store.import_history(PLACE, History((OLD,))),
    "another answer": answer_again,
    "a reset": lambda store: store.reset(PLACE, NOON + timedelta(seconds=2)),
    "a forgotten thread": lambda store: store.forget_thread(PLACE, NOON + timedelta(seconds=90)),
    "a forgotten person": lambda store: store.forget_person("slack", "T1", "U2", NOON),
    "a person whose question was answered": lambda store: store.forget_person("slack", "", "U1", NOON),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_its_lines_voids_a_summary(store: Store, change: str) -> None:
    await thread(store)
    await summed_up(store, 5)
    await CHANGES[change](store)
    assert await newest(store) is None
    assert (await store.context(LATER, "m")).summaries == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.edit(edited("m09")),
        lambda store: store.delete(Deleted(PLACE, "m09")),
        lambda store: store.note(ask("m09b", "late", 9.5)),
        lambda store: store.edit(edited("m01", "line 1")),
        lambda store: store.note(ask("m01", "line 1", 1, by=BEN)),
        lambda store: store.import_history(PLACE, History((ThreadMessage("m01", BEN, "line 1", NOON),))),
        lambda store: store.forget_person("slack", "T1", "U9", NOON),
        lambda store: store.reset(ELSEWHERE, NOON + timedelta(seconds=2)),
    ],
)
async def test_a_change_of_other_lines_leaves_it(
    store: Store, change: Callable[[Store], Awaitable[object]]
) -> None:
    await thread(store)
    summary = await summed_up(store, 5)
    await change(store)
    assert await newest(store) == summary


async def test_a_change_behind_an_earlier_summary_leaves_that(store: Store) -> None:
    await thread(store)
    first = await summed_up(store, 5)
    await summed_up(store, 5, "They went on.")
    await store.edit(edited("m05"))
    assert await newest(store) == first
    assert [line.text for line in (await store.context(LATER, "m")).lines][:2] == ["line 4", "another"]


async def test_a_late_answer_to_a_question_that_is_summed_up_voids_it(store: Store) -> None:
    await thread(store)
    turn = await store.accept(ask("m50", "May I?", 50))
    assert turn is not None
    assert await store.note(ask("m51", "well", 51, by=BEN))
    await summed_up(store, LINES + 2)
    assert [line.text for line in (await store.context(LATER, "m")).lines] == ["well"]
    await store.finish(Finish(await store.begin(turn.id), TurnState.DONE, "You may.", posted=("p50",)))
    assert await newest(store) is None
    assert "You may." in [line.text for line in (await store.context(LATER, "m")).lines]


async def test_the_quote_of_a_forgotten_person_voids_it(store: Store) -> None:
    await thread(store)
    await store.note(ask("m11b", "look", 11.5))
    await store.add_attached(PLACE, "m11b", (Quote("a secret", "Eve", author_id="U5"),))
    await summed_up(store, LINES + 2)
    await store.forget_person("slack", "T1", "U5", NOON)
    assert await newest(store) is None


async def test_a_summary_of_lines_that_changed_meanwhile_is_not_stored(store: Store) -> None:
    await thread(store)
    stretch = tuple(await store.oldest_lines(PLACE, BEGINNING, 5))
    summary = ThreadSummary(stretch[-1].position, 5, "They began.", "m", NOON)
    for number, change in enumerate(("an edit", "a deletion", "a late message", "a forgotten thread")):
        turn = await summing(store, f"sum-up:{number}")
        await CHANGES[change](store)
        new = StretchSummary(summary, stretch)
        assert not await store.finish_summary(Finish(turn, TurnState.DONE, model="m", usage=SPENT), new)
        assert await newest(store) is None
    totals = await store.summary_totals(NOON - timedelta(days=900), NOON + timedelta(days=900))
    assert totals.number == 4, "each was paid for"


async def test_failures_are_kept_until_a_summary_is_stored(store: Store) -> None:
    await thread(store)
    (last,) = await store.lines(PLACE, limit=1)
    failures = [
        SummaryFailure(last.position, error, NOON + timedelta(hours=number), number + 1)
        for number, error in enumerate(("stalled", ""))
    ]
    for number, failure in enumerate(failures):
        turn = await summing(store, f"sum-up:f{number}")
        assert not await store.finish_summary(Finish(turn, TurnState.FAILED, error=failure.error), failure)
    # Of two attempts at the same line the later one counts.
    assert (await store.summary_progress(PLACE)).failures[-1] == failures[-1]
    await store.edit(edited("m01"))
    assert (await store.summary_progress(PLACE)).failures[-1] == failures[-1]
    await summed_up(store, 5)
    assert (await store.summary_progress(PLACE)).failures == ()


async def test_a_summary_costs_and_is_no_question(store: Store) -> None:
    await thread(store)
    await summed_up(store, 5)
    since, until = NOON - timedelta(days=900), NOON + timedelta(days=900)
    totals = await store.usage_totals(since, until, replace(PLACE, thread=""))
    assert (totals.questions, totals.people, totals.errors) == (1, 1, 0)
    assert (totals.prompt_tokens, totals.completion_tokens, totals.cost_micros) == (200, 20, 40)
    assert (await store.usage_totals(since, until, None, "U1")).cost_micros == 0
    for scope in (None, replace(PLACE, channel="", thread=""), replace(PLACE, thread="")):
        assert await store.summary_totals(since, until, scope) == SummaryTotals(1, 40, 0)
    assert await store.summary_totals(since, until, replace(ELSEWHERE, channel="C9")) == SummaryTotals()
    figures: ReportFigures = await store.report_figures(
        [(since, until)], (since - (until - since), since), None
    )
    assert figures.summaries == SummaryTotals(1, 40, 0)
    assert [(one.questions, one.message_id) for one in figures.threads] == [(1, "m00")]
    assert not figures.open_counts
    assert [one.totals.cost_micros for one in figures.models] == [40]
    groups = await store.usage_groups(since, until, [UsageField.PERSON], names=True)
    assert [(one.person, one.name, one.answers, one.cost_micros) for one in groups] == [
        ("", "", 0, 40),
        ("U1", "Ann", 1, 0),
    ]
    assert await store.charges(2) == [Charge(ChargeKind.SUMMARY, "m", SPENT)]
    assert [one.question for one in await store.answer_footers(PLACE)] == []


async def test_a_failed_summary_is_no_failed_question(store: Store) -> None:
    await thread(store)
    (last,) = await store.lines(PLACE, limit=1)
    turn = await summing(store)
    end = Finish(turn, TurnState.FAILED, model="m", usage=SPENT, error="stalled")
    await store.finish_summary(end, SummaryFailure(last.position, "stalled", NOON))
    since, until = NOON - timedelta(days=900), NOON + timedelta(days=900)
    figures = await store.report_figures([(since, until)], (since - (until - since), since), None)
    assert (figures.errors, figures.now.errors, figures.open_counts) == ((), 0, {})
    assert (await store.operation_figures(since, until)).errors == ()
    assert await store.open_turns() == []


async def test_it_is_a_turn_that_is_found_again_after_a_sudden_end(store: Store) -> None:
    await thread(store)
    turn = await summing(store)
    await store.recover(NOON)
    (left,) = await store.open_turns()
    assert (left.id, left.ask.task, left.state) == (turn.id, SumUpThread(), TurnState.WAITING)
    assert left.ask.in_background
    assert await store.lines(PLACE) == await store.lines(PLACE, LATER), "it is no message"


async def test_a_forgotten_thread_stops_it(store: Store) -> None:
    await thread(store)
    stretch = tuple(await store.oldest_lines(PLACE, BEGINNING, 5))
    turn = await summing(store)
    await store.forget_thread(PLACE, NOON + timedelta(seconds=90))
    summary = ThreadSummary(stretch[-1].position, 5, "They began.", "m", NOON)
    assert not await store.finish_summary(Finish(turn, TurnState.DONE), StretchSummary(summary, stretch))
    assert await store.summary_progress(PLACE) == SummaryProgress()


async def test_the_oldest_lines_begin_at_the_last_reset(store: Store) -> None:
    await thread(store)
    await store.reset(PLACE, NOON + timedelta(seconds=4))
    texts = [line.text for line in await store.oldest_lines(PLACE, BEGINNING, 3)]
    assert texts == ["line 4", "line 5", "line 6"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_line_that_another_transaction_removes_is_in_no_summary(
    sql_store: SqlStore, database_url: str
) -> None:
    """The deletion is not committed yet: the summary does not wait for it, and is not stored."""
    await thread(sql_store)
    stretch = tuple(await sql_store.oldest_lines(PLACE, BEGINNING, 5))
    new = StretchSummary(ThreadSummary(stretch[-1].position, 5, "They began.", "m", NOON), stretch)
    turn = await summing(sql_store)
    engine = postgres_engine(DatabaseSettings(database_url=database_url).url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(delete(MESSAGES).where(MESSAGES.c.message == "m01"))
        assert not await sql_store.finish_summary(Finish(turn, TurnState.DONE), new)
    assert await newest(sql_store) is None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("late", [lambda store, said: store.note(said), lambda store, said: store.accept(said)])
async def test_a_late_line_waits_for_the_summary_that_it_voids(
    sql_store: SqlStore, database_url: str, late: Callable[[Store, Ask], Coroutine[Any, Any, object]]
) -> None:
    await thread(sql_store)
    (last,) = await sql_store.lines(PLACE, limit=1)
    summary = ThreadSummary(last.position, LINES + 1, "They began.", "m", NOON)
    engine = postgres_engine(DatabaseSettings(database_url=database_url).url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(threads.hold, PLACE)
        coming = asyncio.create_task(late(sql_store, ask("m01b", "late", 1.5)))
        done, _ = await asyncio.wait({coming}, timeout=0.2)
        assert not done, "it waits for the thread"
        await connection.run_sync(summaries.put, PLACE, summary)
    await coming
    assert await newest(sql_store) is None


def test_parley_asks_for_it_itself() -> None:
    made: Ask = announcement("sum-up:1", PLACE, SumUpThread(), NOON)
    assert made.announces
    assert made.author == Person("parley", "Parley", bot=True)
