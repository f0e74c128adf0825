"""The order in which answers begin that wait for a limit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.spend.budget_queue import BudgetQueue
from core.values.budgets import BudgetAccount, LimitPeriod, Payer
from tests.fakes.clock import FakeClock

ADA, BEN = Payer("slack", "T1", "C1", "ada"), Payer("slack", "T1", "C1", "ben")


def accounts(*channels: str) -> frozenset[BudgetAccount]:
    day = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    return frozenset(BudgetAccount(Payer("slack", "T1", one, "*"), LimitPeriod.DAY, *day) for one in channels)


HERE = accounts("C1")


def test_a_person_with_fewer_running_answers_goes_first_and_then_who_came_first() -> None:
    queue = BudgetQueue()
    queue.run(1, ADA, HERE)
    for turn_id in (2, 3):
        queue.wait(turn_id, ADA, HERE)
    assert [queue.may_begin(one, ADA, HERE) for one in (2, 3, 9)] == [True, False, False]
    assert queue.may_begin(4, BEN, HERE), "they wait behind nobody's second answer"
    queue.wait(4, BEN, HERE)
    assert not queue.may_begin(2, ADA, HERE)
    queue.run(4, BEN, HERE)
    assert queue.may_begin(2, ADA, HERE)
    queue.leave(2)
    assert queue.may_begin(3, ADA, HERE)


def test_only_answers_of_which_one_limit_counts_the_other_wait_for_each_other() -> None:
    queue, there = BudgetQueue(), replace(BEN, channel="C2")
    queue.wait(1, ADA, HERE)
    assert queue.may_begin(2, there, accounts("C2"))
    assert not queue.may_begin(2, there, accounts("C2", "C1"))
    assert not queue.may_begin(2, BEN, accounts("C2")), "the limit of the first one counts it"


def test_answers_of_two_days_that_wait_between_rounds_do_not_wait_for_each_other() -> None:
    queue = BudgetQueue()
    next_day = frozenset(replace(one, since=one.until, until=one.until + timedelta(days=1)) for one in HERE)
    queue.run(1, ADA, HERE)
    queue.run(2, BEN, next_day)
    assert queue.rest(1, ADA, HERE)
    assert not queue.rest(2, BEN, next_day)


def test_an_answer_that_was_interrupted_between_two_rounds_keeps_nobody_from_beginning() -> None:
    queue = BudgetQueue()
    queue.run(1, ADA, HERE)
    queue.rest(1, ADA, HERE)
    assert not queue.may_begin(2, BEN, HERE)
    queue.leave(1)
    assert queue.may_begin(2, BEN, HERE)


def test_of_answers_that_all_wait_between_rounds_the_oldest_goes_on_and_the_others_end() -> None:
    queue = BudgetQueue()
    for turn_id in (1, 2, 3):
        queue.run(turn_id, ADA, HERE)
    assert queue.rest(2, ADA, HERE), "another one runs"
    assert not queue.may_begin(9, BEN, HERE), "those that have begun go first"
    assert queue.rest(1, ADA, HERE)
    assert not queue.rest(3, ADA, HERE)
    queue.run(3, ADA, HERE)
    assert queue.rest(2, ADA, HERE)
    queue.end(3)
    assert not queue.rest(2, ADA, HERE)
    queue.end(2)
    assert queue.rest(1, ADA, HERE)


async def test_whoever_waits_looks_again_as_soon_as_an_answer_ends_and_once_a_second() -> None:
    queue, clock = BudgetQueue(), FakeClock()
    queue.run(1, ADA, HERE)
    waits = asyncio.ensure_future(queue.changed(clock))
    await asyncio.sleep(0)
    queue.end(1)
    await waits
    await queue.changed(FakeClock(jumps=True))
