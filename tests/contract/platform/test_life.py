"""`run` and `ready`: start, loss of the connection, end, and refused credentials."""

from __future__ import annotations

import asyncio
import contextvars
from contextvars import ContextVar
from typing import Any

import pytest

from core.errors import Code
from core.values.outgoing import PostMessage
from core.values.places import Place
from tests.contract.platform.boundary import FULL, holds, refusal
from tests.contract.rigs.rig import Rig
from tests.waiting import AT_ONCE_S, HANG_S, timer_waits, until


@holds("run", "ready")
async def test_it_is_ready_while_it_runs(idle: Rig) -> None:
    assert not idle.platform.ready()
    await idle.start()
    assert idle.platform.ready()
    await idle.stop()
    assert not idle.platform.ready()


@holds("ready")
async def test_it_is_not_ready_while_it_hears_nothing(rig: Rig) -> None:
    await rig.lose()
    await until(lambda: not rig.platform.ready())
    assert rig.running is not None
    assert not rig.running.done()


@holds("run")
@pytest.mark.parametrize("line", ["busy", "dead", "gone"])
async def test_it_ends_at_once_and_leaves_no_task(idle: Rig, line: str) -> None:
    made = tasks_made_by(idle)
    await idle.start()
    if line == "dead":
        await idle.hang()
    elif line == "gone":
        await idle.vanish()
        place = Place(idle.platform.name, "1", idle.channel())
        await refusal(idle, idle.installation.perform(PostMessage(place, FULL, "digest/1")))  # by when it knows
    else:
        await idle.say("one last thing?")
    assert idle.running is not None
    idle.running.cancel()
    waited_s = timer_waits()
    await asyncio.wait([idle.running])
    assert waited_s() < AT_ONCE_S
    assert idle.running.cancelled()
    assert idle.running in made
    assert [task for task in made if not task.done()] == []


def tasks_made_by(rig: Rig) -> list[asyncio.Task[Any]]:
    """Every task that comes from `rig.running`, the task itself too, and none of the other side's."""
    made: list[asyncio.Task[Any]] = []
    inside: ContextVar[bool] = ContextVar("inside", default=False)

    def make(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **more)
        if more.get("context", contextvars.copy_context()).get(inside):
            made.append(task)
        return task

    asyncio.get_running_loop().set_task_factory(make)
    rig.context = contextvars.copy_context()
    rig.context.run(inside.set, True)
    return made


@holds("run")
async def test_credentials_that_are_refused_end_it_and_are_named(idle: Rig) -> None:
    for variable, platform in idle.refused():
        async with asyncio.timeout(HANG_S):
            error = await refusal(idle, platform.run(idle.inbox))
        assert (error.code, error.retryable) == (Code.BAD_TOKEN, False)
        assert variable in error.detail
