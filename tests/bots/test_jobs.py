"""A job that one of several replicas does."""

from __future__ import annotations

import asyncio

import pytest

from bots.jobs import while_leading
from tests.fakes.clock import FakeClock
from tests.waiting import until


class Leader:
    """Leads or not, and counts the runs of the job."""

    def __init__(self) -> None:
        self.leads, self.runs, self.ended = False, 0, 0

    async def job(self) -> None:
        self.runs += 1
        try:
            await asyncio.Future()
        finally:
            self.ended += 1


async def test_a_job_runs_while_the_process_leads() -> None:
    leader, clock = Leader(), FakeClock()
    task = asyncio.create_task(while_leading(lambda: leader.leads, clock, leader.job))
    await clock.advance(3)
    assert leader.runs == 0
    leader.leads = True
    await clock.advance(3)
    assert (leader.runs, leader.ended) == (1, 0)
    leader.leads = False
    await clock.advance(3)
    assert (leader.runs, leader.ended) == (1, 1)
    leader.leads = True
    await clock.advance(3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (leader.runs, leader.ended) == (2, 2)


async def test_an_error_of_the_job_ends_it() -> None:
    async def fails() -> None:
        raise ValueError("a mistake")

    clock = FakeClock()
    task = asyncio.create_task(while_leading(lambda: True, clock, fails))
    await clock.advance(3)
    await until(task.done)
    with pytest.raises(ValueError, match="a mistake"):
        task.result()
